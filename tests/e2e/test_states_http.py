"""HTTP Tasks (`http:invoke`): a web API is called through a connection, its answers and errors are the machine's, a call
that may have changed something is never repeated after a crash, and no secret of the connection is stored or shown.
"""

import base64
import json
import socket
import subprocess
import tempfile
import threading
import time

from quelltest import DEADLINE, REGION, Quell, binary, wait_until
from states_world import ROLE, StatesTest, machine
from test_connections import API_KEY, CLIENT_SECRET, HIDDEN, PASSWORD, TOKEN, Receiver

ALLOWED = "[webhooks]\nallow_http = true\nallow_private = true\n"
KEYED = {"ApiKeyAuthParameters": {"ApiKeyName": "x-api-key", "ApiKeyValue": API_KEY}}


def connect(events, name, kind="API_KEY", parameters=None):
    made = events.create_connection(Name=name, AuthorizationType=kind, AuthParameters=parameters or KEYED)
    return made["ConnectionArn"]


def task(url, connection, method="GET", more=None, **arguments):
    arguments = {"ApiEndpoint": url, "Method": method, "InvocationConfig": {"ConnectionArn": connection}, **arguments}
    return {"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": arguments, "End": True, **(more or {})}


def told(value, status=200, kind="application/json"):
    return status, {"content-type": kind}, value if isinstance(value, bytes) else json.dumps(value).encode()


class HttpTasks(StatesTest):
    extra_config = ALLOWED

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.close)
        cls.events_client = cls.quell.client("events")

    def setUp(self):
        self.receiver.requests.clear()
        self.receiver.answer = lambda request: told({"ok": True})

    def connect(self, name, *given):
        return connect(self.events_client, name, *given)

    def run_one(self, name, state, data=None, others=None):
        arn = self.create(name, machine({"Call": state, **(others or {})}))
        return self.ended(self.start(arn, data))

    def url(self, path="/api"):
        return self.receiver.url + path

    def last(self):
        request = self.receiver.requests[-1]
        return request, {name.lower(): value for name, value in request["headers"].items()}

    def test_a_call_brings_status_headers_and_body(self):
        self.receiver.answer = lambda request: (201, {"content-type": "application/json", "x-kind": "made"}, b'{"id": 7, "l": [1]}')
        state = task(
            "ignored", self.connect("shaped"), "POST",
            Headers={"X-Trace": "t-1", "X-Many": ["a", "b"]},
            QueryParameters={"who": "a&b", "tag": ["x", "y"]},
            RequestBody={"finding.$": "$.id", "open": True},
        )
        del state["Parameters"]["ApiEndpoint"]
        state["Parameters"]["ApiEndpoint.$"] = f"States.Format('{self.receiver.url}/tickets/{{}}', $.id)"
        found = self.run_one("shaped", state, {"id": "f-1"})
        self.assertEqual(found["status"], "SUCCEEDED", found)
        output = json.loads(found["output"])
        self.assertEqual((output["StatusCode"], output["StatusText"], output["ResponseBody"]), (201, "Created", {"id": 7, "l": [1]}))
        self.assertEqual(output["Headers"]["x-kind"], ["made"])
        request, headers = self.last()
        self.assertEqual(request["line"], "POST /tickets/f-1?who=a%26b&tag=x&tag=y")
        self.assertEqual(json.loads(request["body"]), {"finding": "f-1", "open": True})
        self.assertEqual(headers["content-type"], "application/json; charset=UTF-8")
        self.assertEqual((headers["x-trace"], headers["x-api-key"], headers["range"]), ("t-1", API_KEY, "bytes=0-262144"))
        events = {event["type"]: event for event in self.events(found["executionArn"])}
        scheduled = events["TaskScheduled"]["taskScheduledEventDetails"]
        self.assertEqual((scheduled["resourceType"], scheduled["resource"]), ("http", "invoke"))
        self.assertIn("TaskSucceeded", events)

    def test_every_way_to_authorize_and_the_connections_own_parameters(self):
        own = {
            "HeaderParameters": [{"Key": "X-Hidden", "Value": HIDDEN, "IsValueSecret": True}, {"Key": "X-Open", "Value": "connection"}],
            "QueryStringParameters": [{"Key": "limit", "Value": "9"}],
            "BodyParameters": [{"Key": "via", "Value": "connection"}],
        }
        basic = {"BasicAuthParameters": {"Username": "user", "Password": PASSWORD}, "InvocationHttpParameters": own}
        state = task(
            self.url(), self.connect("basic", "BASIC", basic), "PUT",
            Headers={"x-open": "task"}, QueryParameters={"limit": 1, "q": "z"}, RequestBody={"via": "task", "n": 1},
        )
        self.assertEqual(self.run_one("basic", state)["status"], "SUCCEEDED")
        request, headers = self.last()
        self.assertEqual(headers["authorization"], "Basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode())
        self.assertEqual((headers["x-hidden"], headers["x-open"]), (HIDDEN, "connection"))
        self.assertEqual(request["line"], "PUT /api?q=z&limit=9")
        self.assertEqual(json.loads(request["body"]), {"via": "connection", "n": 1})
        refused = {**state, "Parameters": {**state["Parameters"], "RequestBody": "text"}}
        found = self.run_one("unmerged", refused)
        self.assertEqual((found["status"], found["error"]), ("FAILED", "States.Runtime"))
        oauth = {
            "OAuthParameters": {
                "ClientParameters": {"ClientID": "quell", "ClientSecret": CLIENT_SECRET},
                "AuthorizationEndpoint": self.url("/token"),
                "HttpMethod": "POST",
            }
        }
        state = task(self.url(), self.connect("oauth", "OAUTH_CLIENT_CREDENTIALS", oauth))
        # The first token that is used is refused once, as if it had been revoked.
        refused = []

        def answer(request):
            token = request["headers"].get("authorization")
            if not refused or token in refused:
                refused.append(token)
                return told({}, 401)
            return told({"ok": True})

        self.receiver.answer = answer
        self.assertEqual(self.run_one("oauth", state)["status"], "SUCCEEDED")
        self.assertEqual(len(self.receiver.requests), 3, "refused, then with a new token")
        self.assertTrue(self.last()[1]["authorization"].startswith(f"Bearer {TOKEN}"))
        self.assert_nothing_leaks()

    def test_forms(self):
        connection = self.connect("forms")
        body = {"array": ["a", "b"], "m": {"k": "x y"}}
        for number, (format, wanted) in enumerate([
            ("INDICES", "array%5B0%5D=a&array%5B1%5D=b&m%5Bk%5D=x%20y"),
            ("REPEAT", "array=a&array=b&m%5Bk%5D=x%20y"),
            ("COMMAS", "array=a%2Cb&m%5Bk%5D=x%20y"),
            ("BRACKETS", "array%5B%5D=a&array%5B%5D=b&m%5Bk%5D=x%20y"),
        ]):
            transform = {"RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": {"ArrayFormat": format}}
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            state = task(self.url(), connection, "POST", RequestBody=body, Transform=transform, Headers=headers)
            self.assertEqual(self.run_one(f"form-{number}", state)["status"], "SUCCEEDED")
            request, sent = self.last()
            self.assertEqual((request["body"], sent["content-type"]), (wanted, "application/x-www-form-urlencoded"))

    def test_errors_are_retried_and_caught_by_name(self):
        connection = self.connect("errors")
        answers = [told(b"later", 503, "text/plain"), told({"ok": 1})]
        self.receiver.answer = lambda request: answers.pop(0)
        retry = [{"ErrorEquals": ["States.Http.StatusCode.503"], "IntervalSeconds": 1, "MaxAttempts": 2}]
        found = self.run_one("retried", task(self.url(), connection, more={"Retry": retry}))
        self.assertEqual(json.loads(found["output"])["ResponseBody"], {"ok": 1})
        catch = {"Catch": [{"ErrorEquals": ["States.Http.StatusCode.404"], "Next": "Missing"}]}
        self.receiver.answer = lambda request: told(f"no {API_KEY} here".encode(), 404, "text/plain")
        found = self.run_one("caught", task(self.url(), connection, more=catch), others={"Missing": {"Type": "Pass", "End": True}})
        self.assertEqual(json.loads(found["output"]), {"Error": "States.Http.StatusCode.404", "Cause": "no *** here"})
        self.receiver.answer = lambda request: told(b"x" * 300_000, 200, "text/plain")
        self.assertEqual(self.run_one("large", task(self.url(), connection))["error"], "States.DataLimitExceeded")
        self.receiver.answer = lambda request: told(b"\x89PNG", 200, "image/png")
        self.assertEqual(self.run_one("image", task(self.url(), connection))["error"], "States.Runtime")
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            dead = f"http://127.0.0.1:{unused.getsockname()[1]}/"
            self.assertEqual(self.run_one("dead", task(dead, connection))["error"], "States.Http.Socket")
        sent = len(self.receiver.requests)
        found = self.run_one("header", task(self.url(), connection, Headers={"Authorization": "mine"}))
        self.assertEqual(found["error"], "States.Runtime")
        found = self.run_one("absent", task(self.url(), connection.rsplit("/", 1)[0] + "-none"))
        self.assertEqual(found["error"], "Events.ConnectionResource.ResourceNotFound")
        self.connect("gone")
        self.events_client.deauthorize_connection(Name="gone")
        gone = self.events_client.describe_connection(Name="gone")["ConnectionArn"]
        self.assertEqual(self.run_one("gone", task(self.url(), gone))["error"], "Events.ConnectionResource.InvalidConnectionState")
        self.assertEqual(len(self.receiver.requests), sent, "nothing of these was sent")
        self.assert_nothing_leaks()

    def test_a_state_is_tried_and_its_request_shown_without_secrets(self):
        self.receiver.answer = lambda request: told({"seen": request["headers"].get("x-api-key")})
        own = {"QueryStringParameters": [{"Key": "limit", "Value": "canary-limit"}]}
        connection = self.connect("tried", "API_KEY", {**KEYED, "InvocationHttpParameters": own})
        state = json.dumps(task(self.url(), connection, "POST", Headers={"x-own": "task"}, RequestBody={"a": 1}))
        found = self.states.test_state(definition=state, roleArn=ROLE, inspectionLevel="TRACE")
        self.assertEqual(found["status"], "SUCCEEDED")
        self.assertEqual(json.loads(found["output"])["ResponseBody"], {"seen": "***"})
        request, response = found["inspectionData"]["request"], found["inspectionData"]["response"]
        self.assertEqual((request["protocol"], request["method"], request["body"]), ("http", "POST", '{"a":1}'))
        self.assertEqual(request["url"], self.url("/api?limit=***"))
        self.assertIn("x-own: task", request["headers"])
        self.assertIn("x-api-key: ***", request["headers"])
        self.assertEqual((response["statusCode"], response["statusMessage"]), ("200", "OK"))
        self.assertEqual(response["body"], '{"seen": "***"}')
        self.assertNotIn("canary", json.dumps(found, default=str))
        found = self.states.test_state(definition=state, roleArn=ROLE, inspectionLevel="TRACE", revealSecrets=True)
        request = found["inspectionData"]["request"]
        self.assertIn(f"x-api-key: {API_KEY}", request["headers"])
        self.assertEqual(request["url"], self.url("/api?limit=canary-limit"))
        self.assertEqual(json.loads(found["inspectionData"]["response"]["body"]), {"seen": API_KEY})
        for level in ("INFO", "DEBUG"):
            found = self.states.test_state(definition=state, roleArn=ROLE, inspectionLevel=level)
            self.assertNotIn("request", found.get("inspectionData", {}))
        self.receiver.answer = lambda request: told(b"no", 503, "text/plain")
        found = self.states.test_state(definition=state, roleArn=ROLE, inspectionLevel="TRACE")
        self.assertEqual((found["status"], found["error"], found["cause"]), ("FAILED", "States.Http.StatusCode.503", "no"))
        self.assertEqual(found["inspectionData"]["response"]["statusCode"], "503")
        self.assert_nothing_leaks()

    def assert_nothing_leaks(self):
        """No secret in any file of the data directory or in the log."""
        files = [path for path in self.quell.data.rglob("*") if path.is_file()]
        for path in [*files, self.quell.log]:
            content = path.read_bytes()
            for canary in (PASSWORD, API_KEY, CLIENT_SECRET, HIDDEN, TOKEN):
                self.assertNotIn(canary.encode(), content, path)


class Closed(StatesTest):
    """Without the operator's word, only public https addresses are called."""

    def test_no_address_inside_is_called(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        connection = connect(self.quell.client("events"), "inside")
        for number, address in enumerate([receiver.url, receiver.url.replace("http:", "https:"), "https://localhost/"]):
            arn = self.create(f"inside-{number}", machine({"Call": task(address, connection)}))
            found = self.ended(self.start(arn))
            self.assertEqual((found["status"], found["error"]), ("FAILED", "States.Runtime"), found)
        self.assertEqual(receiver.requests, [])


class Kill(StatesTest):
    """A call under way when the server is killed: one that reads is made again, any other waits for a person."""

    @classmethod
    def setUpClass(cls):
        """The test makes its own server."""

    @classmethod
    def tearDownClass(cls):
        """It ends its own server."""

    def said(self, quell, *arguments):
        command = [binary(), "machine", *arguments, "--endpoint-url", quell.url, "--region", REGION]
        done = subprocess.run(
            [*command, "--credentials", str(quell.credentials)], capture_output=True, text=True, timeout=DEADLINE
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_kills_in_the_middle_of_calls(self):
        quell = Quell(tempfile.mkdtemp(), ALLOWED)
        self.addCleanup(quell.close)
        receiver = Receiver()
        self.addCleanup(receiver.close)
        holds = threading.Event()
        holds.set()
        arrived = {"GET": 0, "POST": 0}

        def answer(request):
            arrived[request["line"].split()[0]] += 1
            deadline = time.monotonic() + 60
            while holds.is_set() and time.monotonic() < deadline:
                time.sleep(0.01)
            return told({"done": True})

        receiver.answer = answer
        connection = connect(quell.client("events"), "killed")
        self.states = quell.client("stepfunctions")
        made = {}
        for method in arrived:
            arn = self.create(method, machine({"Call": task(receiver.url + "/slow", connection, method)}))
            made[method] = self.start(arn, name="killed")
        wait_until("both calls", lambda: all(arrived.values()))
        quell.kill()
        holds.clear()
        quell.restart()
        self.states = quell.client("stepfunctions")
        found = self.ended(made["GET"])
        self.assertEqual((found["status"], arrived["GET"]), ("SUCCEEDED", 2), found)
        self.assertEqual(self.states.describe_execution(executionArn=made["POST"])["status"], "RUNNING")
        unknown = wait_until("the unknown call", lambda: self.said(quell, "list", "--unknown"))
        self.assertIn("state Call waits", unknown)
        (id,) = [line.split()[0] for line in unknown.splitlines() if made["POST"] in line]
        self.assertEqual(arrived["POST"], 1, "never repeated blindly")
        quell.restart()
        self.states = quell.client("stepfunctions")
        self.said(quell, "resolve", id, "--state", "Call", "--outcome", "succeeded", "--result", '{"StatusCode": 200}')
        found = self.ended(made["POST"])
        self.assertEqual((found["status"], json.loads(found["output"])), ("SUCCEEDED", {"StatusCode": 200}))
        self.assertEqual(arrived["POST"], 1)
