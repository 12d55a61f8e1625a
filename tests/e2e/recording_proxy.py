"""A proxy in front of an AWS account that writes down every request, and can keep or lose an answer.

What it is for: to end a caller exactly between the effect of a call and its result, and to say afterwards which calls
the account saw, and which it saw twice. It knows nothing of Quell.
"""

import contextlib
import dataclasses
import http.client
import http.server
import json
import re
import threading
import time
import urllib.parse

# Longest that a held request waits to be let go; a test that forgot it must not hang for ever.
HOLD_LIMIT = 120.0
FORWARD_LIMIT = 120.0
# Of a connection, not of a message: each side has its own.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection", "te", "upgrade"}
# Members by which a service recognises the repetition of a call.
TOKEN_MEMBERS = {"clienttoken", "clientrequesttoken", "idempotencytoken"}
# Key of the tag by which a caller recognises what a call of its own made.
TOKEN_TAG = "quell:token"
READING = ("Describe", "Get", "List")


@dataclasses.dataclass
class Seen:
    """One request, as it was sent and as it was answered."""

    service: str
    operation: str
    method: str
    path: str
    params: tuple
    at: float
    forwarded: bool = False
    status: int | None = None
    answer: bytes = b""

    @property
    def name(self):
        return f"{self.service}:{self.operation}"

    @property
    def key(self):
        """The same for two requests exactly if they ask for the same with the same token."""
        return (self.name, self.method, self.path, self.params)

    @property
    def tokens(self):
        """What marks this call as this one: idempotency tokens, and tags that say who made a thing."""
        return tuple(value for name, value in self.params if is_token(name, self._lookup))

    @property
    def key_without_token(self):
        params = tuple((n, "token" if is_token(n, self._lookup) else v) for n, v in self.params)
        return (self.name, self.method, self.path, params)

    @property
    def _lookup(self):
        return dict(self.params)

    def reads(self):
        """Whether the call changes nothing; keys that are handed out and forgotten change nothing."""
        return self.service == "sts" or self.operation.startswith(READING)

    def __str__(self):
        params = ", ".join(f"{name}={value}" for name, value in self.params)
        return f"{self.name}({params[:600]})"


def is_token(name, params):
    """Whether a flattened parameter is a token: by its own name, or as the value of the token tag."""
    last = name.rsplit(".", 1)[-1]
    if last.lower() in TOKEN_MEMBERS:
        return True
    return last.lower() == "value" and params.get(f"{name[: -len('value')]}Key") == TOKEN_TAG


def flattened(value, path=""):
    """A JSON value as pairs of path and text."""
    if isinstance(value, dict):
        return [pair for key in sorted(value) for pair in flattened(value[key], f"{path}.{key}" if path else key)]
    if isinstance(value, list):
        return [pair for at, item in enumerate(value, 1) for pair in flattened(item, f"{path}.{at}")]
    return [(path, value if isinstance(value, str) else json.dumps(value))]


def understood(method, path, headers, body):
    """What a request asks for, in whichever of AWS's protocols it was written."""
    scope = re.search(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request", headers.get("Authorization", ""))
    service = scope.group(1) if scope else "unsigned"
    target = headers.get("X-Amz-Target")
    text = body.decode("utf-8", "replace")
    if target:
        operation, params = target.rsplit(".", 1)[-1], flattened(json.loads(text or "{}"))
    else:
        pairs = urllib.parse.parse_qsl(text, keep_blank_values=True)
        operation = dict(pairs).get("Action") or f"{method} {path}"
        params = [pair for pair in pairs if pair[0] not in ("Action", "Version")]
    return Seen(service, operation, method, path, tuple(sorted(params)), time.monotonic())


class Hold:
    """A request to be caught: before it reaches the account, or after, with its answer kept back."""

    def __init__(self, wanted, after):
        self.wanted, self.after = wanted, after
        self.seen = None
        self.caught, self._let_go = threading.Event(), threading.Event()

    def drop(self):
        """Lets the request end without an answer; one caught before the account never gets there."""
        self._let_go.set()

    def catch(self, seen):
        self.seen = seen
        self.caught.set()
        self._let_go.wait(HOLD_LIMIT)


class RecordingProxy:
    """Forwards to `target` (an http address) and records."""

    def __init__(self, target):
        self._host = urllib.parse.urlsplit(target).netloc
        self._lock = threading.Lock()
        self._seen, self._holds, self._loses = [], [], None
        self._instead, self._changes, self._asks = [], [], []
        self._recognised, self._remembered = set(), {}
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self):
                # A caller that was killed leaves half a request or nobody to answer.
                with contextlib.suppress(ConnectionError):
                    return super().handle_one_request()
                self.close_connection = True

            def __getattr__(self, name):
                if name.startswith("do_"):
                    return lambda: proxy._handle(self)
                raise AttributeError(name)

            def log_message(self, *_):
                """The record is the log."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def requests(self):
        """All requests so far, oldest first."""
        with self._lock:
            return list(self._seen)

    def forget(self):
        """Begins a new record; what is held is dropped, and nothing is caught or lost any more."""
        with self._lock:
            holds, self._holds, self._seen, self._loses = self._holds, [], [], None
        for hold in holds:
            hold.drop()

    def hold(self, wanted, after=True):
        """Catches the next request of which `wanted` says true."""
        hold = Hold(wanted, after)
        with self._lock:
            self._holds.append(hold)
        return hold

    def cancel(self, hold):
        """Catches nothing more with it."""
        with self._lock:
            self._holds = [other for other in self._holds if other is not hold]
        hold.drop()

    def lose_answers(self, wanted):
        """Forwards requests of which `wanted` says true, and cuts the connection instead of answering."""
        with self._lock:
            self._loses = wanted

    def answer_instead(self, wanted, answer):
        """Answers requests of which `wanted` says true itself, with the JSON of `answer(seen)`: for what the account lacks."""
        self._instead.append((wanted, answer))

    def change_answers(self, wanted, change):
        """Puts the bytes of the answers to such requests through `change`."""
        self._changes.append((wanted, change))

    def recognise_tokens(self, name):
        """Answers the repeat of such a call with its token as the service does, which moto forgets: with the first answer."""
        self._recognised.add(name)

    def change_requests(self, wanted, change):
        """Puts the bytes of such requests through `change` before the account gets them; the record keeps what was sent."""
        self._asks.append((wanted, change))

    def _handle(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        seen = understood(handler.command, handler.path, handler.headers, body)
        with self._lock:
            # Asked before the request is on record, so that "the first of its kind" can be asked for.
            hold = next((hold for hold in self._holds if hold.wanted(seen)), None)
            if hold:
                self._holds.remove(hold)
            lost = self._loses is not None and self._loses(seen)
            self._seen.append(seen)
        if hold and not hold.after:
            handler.close_connection = True
            return hold.catch(seen)
        status, headers, answer = self._answer(handler, seen, body)
        if hold:
            handler.close_connection = True
            return hold.catch(seen)
        if lost:
            handler.close_connection = True
            return None
        handler.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP:
                handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(answer)
        return None

    def _answer(self, handler, seen, body):
        instead = next((answer for wanted, answer in self._instead if wanted(seen)), None)
        if instead:
            return 200, [("Content-Type", "application/json")], json.dumps(instead(seen)).encode()
        if seen.key in self._remembered:
            seen.forwarded = True
            seen.status, headers, seen.answer = self._remembered[seen.key]
            return seen.status, headers, seen.answer
        for wanted, change in self._asks:
            if wanted(seen):
                body = change(body)
        status, headers, answer = self._forward(handler, seen, body)
        if seen.name in self._recognised and seen.tokens:
            self._remembered[seen.key] = (status, headers, answer)
        for wanted, change in self._changes:
            if wanted(seen):
                answer = change(answer)
        return status, headers, answer

    def _forward(self, handler, seen, body):
        headers = {name: value for name, value in handler.headers.items() if name.lower() not in HOP_BY_HOP}
        headers["Content-Length"] = str(len(body))
        seen.forwarded = True
        connection = http.client.HTTPConnection(self._host, timeout=FORWARD_LIMIT)
        with contextlib.closing(connection):
            connection.request(handler.command, handler.path, body, headers)
            answered = connection.getresponse()
            answer = answered.read()
        seen.status, seen.answer = answered.status, answer
        return answered.status, answered.getheaders(), answer

    def close(self):
        self.forget()
        self._server.shutdown()
        self._server.server_close()
