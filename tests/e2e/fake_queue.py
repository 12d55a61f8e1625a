"""A queue in memory that speaks SQS's JSON protocol, for thousands of messages: what moto does for a few.

Visibility timeouts, receive counts and long polls work as at SQS; signatures are not looked at.
"""

import collections
import hashlib
import http.server
import json
import threading
import time
import uuid


class FakeQueue:
    """One queue behind an address of its own."""

    def __init__(self):
        self._change = threading.Condition()
        self._ready = collections.deque()
        self._hidden = {}
        self._bodies = {}
        self._counts = collections.Counter()
        self._sent = {}
        self.deleted = 0
        handler = type("Handler", (_Handler,), {"queue": self})
        self._server = _Server(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.queue_url = f"{self.url}/123456789012/drain"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def send(self, body):
        with self._change:
            message = str(uuid.uuid4())
            self._bodies[message] = body
            self._sent[message] = int(time.time() * 1000)
            self._ready.append(message)
            self._change.notify_all()
            return message

    def receive(self, most, wait, visibility):
        end = time.monotonic() + wait
        with self._change:
            while True:
                self._wake()
                if self._ready:
                    break
                left = end - time.monotonic()
                if left <= 0:
                    return []
                self._change.wait(min(left, 0.1))
            taken = [self._ready.popleft() for _ in range(min(most, len(self._ready)))]
            for message in taken:
                self._counts[message] += 1
                self._hidden[message] = time.monotonic() + visibility
            return [self._shown(message) for message in taken]

    def _wake(self):
        now = time.monotonic()
        for message in [message for message, until in self._hidden.items() if until <= now]:
            del self._hidden[message]
            self._ready.append(message)

    def _shown(self, message):
        body = self._bodies[message]
        return {
            "MessageId": message,
            "ReceiptHandle": message,
            "Body": body,
            "MD5OfBody": hashlib.md5(body.encode()).hexdigest(),
            "Attributes": {
                "ApproximateReceiveCount": str(self._counts[message]),
                "SentTimestamp": str(self._sent[message]),
            },
        }

    def hide(self, message, seconds):
        with self._change:
            if message in self._hidden:
                self._hidden[message] = time.monotonic() + seconds

    def delete(self, message):
        with self._change:
            self._hidden.pop(message, None)
            if self._bodies.pop(message, None) is not None:
                self.deleted += 1

    def left(self):
        with self._change:
            return len(self._bodies)

    def received(self):
        """How often messages were received, all of them together."""
        with self._change:
            return sum(self._counts.values())

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that is killed breaks its connections: nothing to tell."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    queue = None

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or b"{}")
        operation = self.headers["X-Amz-Target"].rpartition(".")[2]
        answer = json.dumps(getattr(self, f"on_{operation}")(body)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def on_ReceiveMessage(self, body):
        messages = self.queue.receive(
            body.get("MaxNumberOfMessages", 1), body.get("WaitTimeSeconds", 0), body.get("VisibilityTimeout", 30)
        )
        return {"Messages": messages} if messages else {}

    def on_DeleteMessageBatch(self, body):
        for entry in body["Entries"]:
            self.queue.delete(entry["ReceiptHandle"])
        return {"Successful": [{"Id": entry["Id"]} for entry in body["Entries"]], "Failed": []}

    def on_ChangeMessageVisibilityBatch(self, body):
        for entry in body["Entries"]:
            self.queue.hide(entry["ReceiptHandle"], entry["VisibilityTimeout"])
        return {"Successful": [{"Id": entry["Id"]} for entry in body["Entries"]], "Failed": []}

    def on_GetQueueAttributes(self, body):
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.queue.left())}}

    def log_message(self, *arguments):
        pass
