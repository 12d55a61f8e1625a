"""Connections and API destinations: a rule's event reaches a web API with the right authorization, and the secret stays
inside: not in the database, its journal, the log, or any answer.
"""

import base64
import contextlib
import http.server
import json
import os
import secrets
import sqlite3
import subprocess
import threading
import time
import urllib.parse

from quelltest import DEADLINE, QuellTest, binary, wait_until

PASSWORD = "canary-Passw0rd-5f0e9a"
API_KEY = "canary-ApiKey-77c1d2"
CLIENT_SECRET = "canary-ClientSecret-0b44"
HIDDEN = "canary-HiddenHeader-91aa"
TOKEN = "canary-token-"


class Receiver:
    """A web API with a token endpoint; it keeps what it gets and answers by a function of the request."""

    def __init__(self):
        self.requests = []
        self.answer = lambda request: (200, {}, b"thanks")
        self.tokens = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.take(self)

            do_GET = do_PUT = do_PATCH = do_DELETE = do_POST

            def log_message(self, *_):
                """Says nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, handler):
        length = int(handler.headers.get("content-length") or 0)
        body = handler.rfile.read(length).decode()
        request = {"line": f"{handler.command} {handler.path}", "headers": dict(handler.headers.items()), "body": body}
        if handler.path == "/token":
            status, headers, answer = self.grant(request)
        else:
            status, headers, answer = self.answer(request)
            self.requests.append(request)
        # Whoever asked may have been killed meanwhile.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, value)
            handler.send_header("content-length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)

    def grant(self, request):
        form = urllib.parse.parse_qs(request["body"])
        if form.get("client_secret") != [CLIENT_SECRET] or form.get("grant_type") != ["client_credentials"]:
            # It even repeats what it got.
            return 400, {}, request["body"].encode()
        self.tokens += 1
        granted = {"access_token": f"{TOKEN}{self.tokens}", "token_type": "Bearer", "expires_in": 3600}
        return 200, {"content-type": "application/json"}, json.dumps(granted).encode()

    def wait_for(self, mark):
        """The first request whose body names this event."""
        found = wait_until(f"the request of {mark}", lambda: [one for one in list(self.requests) if mark in one["body"]])
        return found[0]

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class ConnectionsTest(QuellTest):
    extra_config = "[webhooks]\nallow_http = true\nallow_private = true\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.close)
        cls.events = cls.quell.client("events")
        cls.answers = []

    def setUp(self):
        self.receiver.answer = lambda request: (200, {}, b"thanks")

    def route(self, name, connection, endpoint, method="POST", **target):
        """A rule for source `name` whose target is a new API destination."""
        destination = self.events.create_api_destination(
            Name=name, ConnectionArn=connection, InvocationEndpoint=self.receiver.url + endpoint, HttpMethod=method
        )
        self.answers.append(destination)
        self.assertEqual(destination["ApiDestinationState"], "ACTIVE")
        self.events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
        targets = [{"Id": "api", "Arn": destination["ApiDestinationArn"], **target}]
        self.assertEqual(self.events.put_targets(Rule=name, Targets=targets)["FailedEntryCount"], 0)

    def send(self, name, mark, **detail):
        entry = {"Source": name, "DetailType": "test", "Detail": json.dumps({"mark": mark, **detail})}
        self.assertEqual(self.events.put_events(Entries=[entry])["FailedEntryCount"], 0)

    def assert_nothing_leaks(self):
        """No secret in any file of the data directory, in the log, or in an answer so far."""
        files = [path for path in self.quell.data.rglob("*") if path.is_file()]
        written = {str(path): path.read_bytes() for path in [*files, self.quell.log]}
        self.assertTrue(any(b"quell1." in content for content in written.values()), "sealed values lie in readable rows")
        written["answers"] = json.dumps(self.answers, default=str).encode()
        basic = base64.b64encode(f"user:{PASSWORD}".encode())
        for canary in (PASSWORD, API_KEY, CLIENT_SECRET, HIDDEN, TOKEN, basic.decode(), "canary-"):
            for place, content in written.items():
                self.assertNotIn(canary.encode(), content, place)

    def test_basic_by_the_command_line(self):
        parameters = {
            "BasicAuthParameters": {"Username": "user", "Password": PASSWORD},
            "InvocationHttpParameters": {
                "HeaderParameters": [{"Key": "X-Hidden", "Value": HIDDEN, "IsValueSecret": True}, {"Key": "X-Open", "Value": "seen"}],
                "BodyParameters": [{"Key": "via", "Value": "connection"}],
            },
        }
        made = self.quell.aws(
            "events", "create-connection", "--name", "by-cli", "--authorization-type", "BASIC",
            "--auth-parameters", json.dumps(parameters),
        )
        self.answers.append(made)
        self.assertEqual(made["ConnectionState"], "AUTHORIZED")
        # As JSON: the CLI would fetch an http:// address that stands as a parameter of its own.
        wanted = {
            "Name": "by-cli",
            "ConnectionArn": made["ConnectionArn"],
            "InvocationEndpoint": f"{self.receiver.url}/tickets/*/notes?source=quell",
            "HttpMethod": "PUT",
        }
        destination = self.quell.aws("events", "create-api-destination", "--cli-input-json", json.dumps(wanted))
        self.quell.aws("events", "put-rule", "--name", "by-cli", "--event-pattern", '{"source":["by-cli"]}')
        target = {
            "Id": "api",
            "Arn": destination["ApiDestinationArn"],
            "InputTransformer": {"InputPathsMap": {"m": "$.detail.mark"}, "InputTemplate": '{"mark": <m>}'},
            "HttpParameters": {
                "PathParameterValues": ["$.detail.ticket"],
                "HeaderParameters": {"X-Kind": "$.detail-type", "X-Open": "overridden"},
                "QueryStringParameters": {"who": "$.detail.who"},
            },
        }
        put = self.quell.aws("events", "put-targets", "--rule", "by-cli", "--targets", json.dumps([target]))
        self.assertEqual(put["FailedEntryCount"], 0)
        self.send("by-cli", "first", ticket="T 1/../2?x", who="a&b=c")
        got = self.receiver.wait_for("first")
        self.assertEqual(got["line"], "PUT /tickets/T%201%2F..%2F2%3Fx/notes?source=quell&who=a%26b%3Dc")
        self.assertEqual(json.loads(got["body"]), {"mark": "first", "via": "connection"})
        expected = "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()
        headers = {name.lower(): value for name, value in got["headers"].items()}
        self.assertEqual(headers["authorization"], expected)
        self.assertEqual((headers["x-hidden"], headers["x-open"], headers["x-kind"]), (HIDDEN, "seen", "test"))
        shown = self.quell.aws("events", "describe-connection", "--name", "by-cli")
        self.answers.append(shown)
        self.assertEqual(shown["AuthParameters"]["BasicAuthParameters"], {"Username": "user"})
        self.answers.append(self.quell.aws("events", "list-connections"))
        self.assert_nothing_leaks()

    def test_a_changed_key_counts_for_the_next_attempt_and_survives_a_crash(self):
        key = {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": "old-" + API_KEY}}
        made = self.events.create_connection(Name="by-key", AuthorizationType="API_KEY", AuthParameters=key)
        self.answers.append(made)
        # The receiver knows the new key only, and says so in passing; it sends back what it got.
        self.receiver.answer = lambda request: (
            (200, {}, b"thanks")
            if request["headers"].get("x-api-key") == API_KEY
            else (503, {"retry-after": "1"}, json.dumps(request["headers"]).encode())
        )
        self.route("by-key", made["ConnectionArn"], "/keyed")
        self.send("by-key", "second")
        self.receiver.wait_for("second")
        key["ApiKeyAuthParameters"]["ApiKeyValue"] = API_KEY
        self.answers.append(self.events.update_connection(Name="by-key", AuthParameters=key))
        accepted = lambda: [one for one in list(self.receiver.requests) if one["headers"].get("x-api-key") == API_KEY]
        wait_until("the attempt with the new key", accepted)
        self.quell.restart()
        self.send("by-key", "third")
        self.assertEqual(self.receiver.wait_for("third")["headers"]["x-api-key"], API_KEY)
        self.assert_nothing_leaks()

    def test_oauth(self):
        def parameters(secret):
            return {
                "OAuthParameters": {
                    "ClientParameters": {"ClientID": "quell", "ClientSecret": secret},
                    "AuthorizationEndpoint": f"{self.receiver.url}/token",
                    "HttpMethod": "POST",
                    "OAuthHttpParameters": {"BodyParameters": [{"Key": "audience", "Value": "tickets"}]},
                }
            }

        made = self.events.create_connection(
            Name="by-token", AuthorizationType="OAUTH_CLIENT_CREDENTIALS", AuthParameters=parameters("canary-wrong")
        )
        self.assertEqual(made["ConnectionState"], "DEAUTHORIZED")
        reason = self.events.describe_connection(Name="by-token")["StateReason"]
        self.assertIn("HTTP 400", reason)
        self.assertNotIn("canary", reason)
        changed = self.events.update_connection(Name="by-token", AuthParameters=parameters(CLIENT_SECRET))
        self.assertEqual(changed["ConnectionState"], "AUTHORIZED")
        before = self.receiver.tokens
        # The first token that is used is refused once, as if it had been revoked.
        refused = []

        def answer(request):
            token = request["headers"].get("authorization")
            if not refused or token in refused:
                refused.append(token)
                return 401, {}, str(token).encode()
            return 204, {}, b""

        self.receiver.answer = answer
        self.route("by-token", made["ConnectionArn"], "/guarded", InputPath="$.detail")
        for mark in ("fourth", "fifth", "sixth"):
            self.send("by-token", mark)
            got = lambda mark=mark: [
                one for one in list(self.receiver.requests)
                if mark in one["body"] and one["headers"].get("authorization") not in refused
            ]
            wait_until(f"{mark} with a good token", got)
        self.assertEqual(self.receiver.tokens - before, 2, "a token is kept, and renewed once")
        self.answers.append(self.events.describe_connection(Name="by-token"))
        self.assert_nothing_leaks()

    def test_a_hundred_canaries_stay_in_their_cage(self):
        """In every place that takes a secret; looked for in all files, a backup among them, as they are and in base64."""
        canaries = []

        def canary():
            canaries.append(f"bird-{secrets.token_hex(12)}")
            return canaries[-1]

        def hidden():
            return [{"Key": "k", "Value": canary(), "IsValueSecret": True}]

        def http():
            return {name: hidden() for name in ("HeaderParameters", "QueryStringParameters", "BodyParameters")}

        for number in range(10):
            client = {"ClientID": "quell", "ClientSecret": canary()}
            oauth = {"ClientParameters": client, "AuthorizationEndpoint": f"{self.receiver.url}/token", "HttpMethod": "POST"}
            for way, own in (
                ("BASIC", {"BasicAuthParameters": {"Username": "u", "Password": canary()}}),
                ("API_KEY", {"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": canary()}}),
                ("OAUTH_CLIENT_CREDENTIALS", {"OAuthParameters": {**oauth, "OAuthHttpParameters": http()}}),
            ):
                name = f"cage-{number}-{way.lower()}"
                parameters = {**own, "InvocationHttpParameters": http()}
                made = self.events.create_connection(Name=name, AuthorizationType=way, AuthParameters=parameters)
                shown = self.events.describe_connection(Name=name)
                self.answers += [made, shown]
                # One that is refused is not told either.
                with self.assertRaises(self.events.exceptions.ClientError) as caught:
                    self.events.create_connection(Name=name, AuthorizationType=way, AuthParameters=parameters)
                self.answers.append(caught.exception.response)
        self.assertGreater(len(canaries), 100)
        database = self.quell.data / "quell.sqlite"
        with contextlib.closing(sqlite3.connect(database)) as connection:
            connection.execute("VACUUM INTO ?", (str(self.quell.data / "backup.sqlite"),))
        files = [path for path in self.quell.data.rglob("*") if path.is_file()]
        self.assertIn(self.quell.data / "backup.sqlite", files)
        everything = b"".join(path.read_bytes() for path in [*files, self.quell.log])
        everything += json.dumps(self.answers, default=str).encode()
        self.assertIn(b"quell1.", everything)
        found = [one for one in canaries if one.encode() in everything or base64.b64encode(one.encode()) in everything]
        self.assertEqual(found, [])

    def test_a_rate_limit_is_kept_and_nothing_is_lost(self):
        key = {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": API_KEY}}
        made = self.events.create_connection(Name="slow", AuthorizationType="API_KEY", AuthParameters=key)
        times = []

        def answer(request):
            times.append(time.monotonic())
            return 200, {}, b""

        self.receiver.answer = answer
        self.route("slow", made["ConnectionArn"], "/slow")
        self.events.update_api_destination(Name="slow", InvocationRateLimitPerSecond=20)
        count = 80
        for start in range(0, count, 10):
            entries = [
                {"Source": "slow", "DetailType": "test", "Detail": json.dumps({"mark": f"slow-{number}-"})}
                for number in range(start, start + 10)
            ]
            self.assertEqual(self.events.put_events(Entries=entries)["FailedEntryCount"], 0)
        for number in range(count):
            self.receiver.wait_for(f"slow-{number}-")
        self.assertEqual(len(times), count, "each once")
        busiest = max(sum(1 for other in times if 0 <= other - one < 1) for one in times)
        # The sender keeps exactly to 20; the way to the receiver may press a few together.
        self.assertLessEqual(busiest, 25)

    def test_a_lost_key_file_is_told_at_the_start(self):
        keys = self.quell.data / "secrets.keys"
        self.assertEqual(keys.stat().st_mode & 0o777, 0o600)
        aside = keys.with_suffix(".aside")
        self.quell.kill()
        keys.rename(aside)
        try:
            outside = {name: value for name, value in os.environ.items() if not name.startswith("QUELL_")}
            command = [binary(), "serve", "--config", str(self.quell.config)]
            done = subprocess.run(command, capture_output=True, text=True, env=outside, timeout=DEADLINE, check=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("is missing, but the database holds secrets sealed with it", done.stderr)
            self.assertFalse(keys.exists(), "no new key is made over a lost one")
        finally:
            aside.rename(keys)
            self.quell.start()
