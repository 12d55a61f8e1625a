"""Events from outside: a queue in moto, senders over HTTP, poison that is parked, and kills in the middle of it."""

import base64
import http.client
import json
import re
import subprocess
import time
import urllib.parse
import uuid

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from fake_queue import FakeQueue
from quelltest import ACCOUNT, REGION, QuellTest, binary, plan_of, wait_until

SECRET = "a-sender's-random-key-0123456789"
OTHER = "another-random-key-9876543210-ab"
PLAN = f"arn:aws:ssm-incidents::{ACCOUNT}:response-plan"


def finding(number=0, **members):
    """An EventBridge event as GuardDuty's findings come."""
    detail = {
        "schemaVersion": "2.0",
        "accountId": ACCOUNT,
        "region": "eu-west-1",
        "id": f"finding-{number}",
        "type": "UnauthorizedAccess:EC2/TorClient",
        "severity": 8,
        "title": "EC2 instance is communicating with a Tor entry node",
        "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": f"i-{number:017x}"}},
        "service": {"count": 1, "archived": False},
    }
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "GuardDuty Finding",
        "source": "aws.guardduty",
        "account": ACCOUNT,
        "time": "2026-03-01T03:00:00Z",
        "region": "eu-west-1",
        "resources": [],
        "detail": detail,
        **members,
    }


class IntakeTest(QuellTest):
    """A server with one rule for everything, whose events fold into one incident for each source of events."""

    with_moto = True
    sources = ""

    @classmethod
    def setUpClass(cls):
        cls.extra_config = cls.sources
        super().setUpClass()
        cls.incidents, _ = cls.set_up_incident_manager()
        cls.events = cls.quell.client("events")
        plan_of(cls.incidents, "all", template={"dedupeString": "{{ event.source }}"})
        cls.events.put_rule(Name="all", EventPattern=json.dumps({"source": [{"prefix": ""}]}))
        cls.events.put_targets(Rule="all", Targets=[{"Id": "plan", "Arn": f"{PLAN}/all"}])

    def api(self, method, path, body=None, expect=200):
        """One call of the operator's API; gives its parsed answer."""
        key, secret = self.quell.keys()
        data = json.dumps(body).encode() if body is not None else b""
        request = botocore.awsrequest.AWSRequest(method, self.quell.url + path, data=data)
        if body is not None:
            request.headers["Content-Type"] = "application/json"
        keys = botocore.credentials.Credentials(key, secret)
        botocore.auth.SigV4Auth(keys, "quell", REGION).add_auth(request)
        status, _, answer = self.send(method, path, data, dict(request.headers))
        self.assertEqual(status, expect, answer)
        return json.loads(answer)

    def send(self, method, path, body=b"", headers=None):
        """One plain HTTP request; gives status, headers and body."""
        where = urllib.parse.urlsplit(self.quell.url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def triggers(self, source):
        """Every event that went into the incidents of one source of events, whole."""
        found = []
        for record in self.incidents.get_paginator("list_incident_records").paginate().search("incidentRecordSummaries"):
            after = 0
            while True:
                path = f"/api/v1/incidents/{record['arn'].rpartition('/')[2]}/triggers?limit=100&after={after}"
                page = self.api("GET", path)
                found += [trigger["rawData"] for trigger in page["triggers"]]
                after = page["nextAfter"]
                if after is None:
                    break
        events = [json.loads(raw) if isinstance(raw, str) else raw for raw in found]
        return [event for event in events if event.get("source") == source]

    def state(self, name):
        return self.api("GET", f"/api/v1/intake/sources/{name}")["state"]

    def queue(self, name, **attributes):
        sqs = self.moto.client("sqs")
        return sqs, sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    def source(self, **settings):
        return self.api("POST", "/api/v1/intake/sources", settings, expect=201)


class Queue(IntakeTest):
    def test_a_finding_becomes_an_incident_once(self):
        sqs, url = self.queue("findings")
        policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage"}]}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        self.source(name="findings", type="sqs", queue_url=url, region=REGION)
        event = finding(1)
        before = len(self.triggers("aws.guardduty"))
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(event))
        wait_until("the finding", lambda: len(self.triggers("aws.guardduty")) == before + 1)
        [taken] = [found for found in self.triggers("aws.guardduty") if found["id"] == event["id"]]
        # The envelope is the event's own.
        self.assertEqual((taken["region"], taken["time"]), ("eu-west-1", event["time"]))
        self.assertEqual(taken["detail"], event["detail"])
        # The same event in another message, and wrapped by a topic.
        wrapped = {"Type": "Notification", "MessageId": str(uuid.uuid4()), "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:t",
                   "Message": json.dumps(event), "Timestamp": "2026-03-01T03:00:01.000Z"}
        for body in (event, wrapped):
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body))
        wait_until("the repeats", lambda: self.state("findings")["duplicates"] == 2)
        self.assertEqual(len([found for found in self.triggers("aws.guardduty") if found["id"] == event["id"]]), 1)
        state = wait_until("an empty queue", lambda: (found := self.state("findings"))["lagMs"] is not None and found)
        self.assertEqual((state["received"], state["accepted"], state["failing"]), (3, 1, False))
        self.assertLess(state["lagMs"], 60_000)
        warnings = wait_until("the look at the queue", lambda: self.state("findings")["warnings"])
        self.assertTrue(any("aws:SourceArn" in warning for warning in warnings), warnings)
        wait_until("the deletion", lambda: self.depth(sqs, url) == 0)
        self.api("DELETE", "/api/v1/intake/sources/findings")
        self.api("GET", "/api/v1/intake/sources/findings", expect=404)

    def depth(self, sqs, url):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def test_poison_is_parked_at_the_third_try_and_taken_once_it_can_be(self):
        sqs, url = self.queue("poison")
        # A poll that a change of the source breaks off may take a message along: it comes again after this time.
        settings = {"name": "poison", "type": "sqs", "queue_url": url, "region": REGION, "format": "eventbridge", "visibility_timeout_secs": 10}
        self.source(**settings)
        body = json.dumps({"alerts": "of a tool"})
        message = sqs.send_message(QueueUrl=url, MessageBody=body)["MessageId"]
        parked = wait_until("the message to be parked", lambda: self.api("GET", "/api/v1/intake/parked?source=poison")["messages"])
        self.assertEqual(len(parked), 1)
        self.assertEqual((parked[0]["messageId"], parked[0]["tries"], parked[0]["status"]), (message, 3, "parked"))
        self.assertIn("eventbridge", parked[0]["reason"])
        wait_until("its deletion", lambda: self.depth(sqs, url) == 0)
        place = f"/api/v1/intake/parked/{parked[0]['id']}"
        self.assertEqual(self.api("GET", place)["body"], body)
        # As it is, it cannot be taken; with another format it can.
        refused = self.api("POST", f"{place}/retry", {}, expect=400)
        self.assertIn("eventbridge", refused["detail"])
        self.assertEqual(self.api("GET", place)["tries"], 4)
        self.api("PUT", "/api/v1/intake/sources/poison", {**settings, "format": "auto"})
        retried = self.api("POST", f"{place}/retry", {})
        self.assertEqual(len(retried["eventIds"]), 1)
        again = self.api("POST", f"{place}/retry", {}, expect=409)
        self.assertIn("already", again["detail"])
        shown = self.api("GET", place)
        self.assertEqual(shown["status"], "retried")
        self.assertNotIn("body", shown)
        self.assertEqual(self.api("GET", "/api/v1/intake/parked?source=poison")["messages"], [])
        # Another one is thrown away.
        self.api("PUT", "/api/v1/intake/sources/poison", settings)
        sqs.send_message(QueueUrl=url, MessageBody="no JSON at all")
        parked = wait_until("the next", lambda: self.api("GET", "/api/v1/intake/parked?source=poison")["messages"])
        gone = self.api("POST", f"/api/v1/intake/parked/{parked[0]['id']}/discard", {"note": "a test"})
        self.assertEqual((gone["status"], gone["settled"]["note"]), ("discarded", "a test"))
        self.api("DELETE", "/api/v1/intake/sources/poison")

    def test_the_command_line_shows_and_settles(self):
        sqs, url = self.queue("told")
        self.source(name="told", type="sqs", queue_url=url, region=REGION, format="eventbridge")
        for number in range(2):
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps({"alerts": number}))
        wait_until("both to be parked", lambda: len(self.api("GET", "/api/v1/intake/parked?source=told")["messages"]) == 2)
        listed = self.cli("list")
        self.assertRegex(listed, r"(?m)^told +sqs +\w+ +accepted 0 +duplicates 0 +parked 2 ")
        self.assertIn("last error at", listed)
        self.assertEqual(json.loads(self.cli("show", "told"))["settings"]["queue_url"], url)
        first, second = re.findall(r"(?m)^([0-9a-f-]{36})  parked    told ", self.cli("parked", "--source", "told"))
        self.assertIn("alerts", json.loads(self.cli("parked", first))["body"])
        self.assertIn("still cannot be taken", self.cli("retry", first, status=1))
        changed = {"name": "told", "type": "sqs", "queue_url": url, "region": REGION}
        self.api("PUT", "/api/v1/intake/sources/told", changed)
        self.assertEqual(self.cli("retry", first).strip(), "taken in: 1 events, 0 seen before")
        self.assertIn("discarded", self.cli("discard", second, "--note", "a test"))
        self.assertEqual(self.cli("parked", "--source", "told"), "")
        self.assertEqual(self.cli("parked", "--source", "told", "--status", "all").count("told"), 2)
        self.assertIn("must be a UUID", self.cli("retry", "x", status=1))
        self.assertIn("no source `nobody`", self.cli("show", "nobody", status=1))
        self.api("DELETE", "/api/v1/intake/sources/told")

    def cli(self, *arguments, status=0):
        """Runs `quell intake`; gives what it told."""
        place = ["--endpoint-url", self.quell.url, "--credentials", str(self.quell.credentials), "--region", REGION]
        command = [binary(), "intake", arguments[0], *place, *arguments[1:]]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def test_sources_are_checked(self):
        for settings, words in (
            ({"name": "a b", "type": "sqs"}, "`name`"),
            ({"name": "x", "type": "ftp"}, "ftp"),
            ({"name": "x", "type": "sqs"}, "`queue_url` is missing"),
            ({"name": "x", "type": "sqs", "queue_url": "http://127.0.0.1:1/q"}, "`region` is missing"),
            ({"name": "x", "type": "sqs", "topics": ["a"], "queue_url": "https://sqs.us-east-1.amazonaws.com/1/q"}, "`topics` belongs"),
            ({"name": "x", "type": "http"}, "`credentials` is missing"),
            ({"name": "x", "type": "http", "credentials": [{"kind": "header", "name": "x-api-key", "secret": "short"}]}, "bytes"),
            ({"name": "x", "type": "http", "credentials": [{"kind": "header", "name": "x-api-key", "secret_env": "HOME"}]}, "secret_env"),
            ({"name": "x", "type": "sns", "topics": ["arn:aws:sqs:us-east-1:123456789012:q"]}, "`topics`"),
            ({"name": "x", "type": "http", "format": "syslog", "credentials": [{"kind": "bearer", "secret": SECRET}]}, "`syslog`"),
            ({"name": "x", "type": "http", "colour": "red"}, "colour"),
            ({"name": "x", "type": "http", "bus": "arn:aws:events:us-east-1:999999999999:event-bus/b", "credentials": [{"kind": "bearer", "secret": SECRET}]}, "999999999999"),
        ):
            refused = self.api("POST", "/api/v1/intake/sources", settings, expect=400)
            self.assertIn(words, refused["detail"], settings)
        self.assertEqual([source["settings"]["name"] for source in self.api("GET", "/api/v1/intake/sources")["sources"] if source["settings"]["name"] == "x"], [])


class Kill(IntakeTest):
    """The server is killed while it drains a queue."""

    with_moto = False
    MESSAGES = 3000
    POISON = 5
    KILLS = 5

    @classmethod
    def setUpClass(cls):
        cls.queue = FakeQueue()
        cls.addClassCleanup(cls.queue.close)
        cls.sources = SOURCE_OF_KILL.format(url=cls.queue.queue_url)
        # It is all of AWS that this server knows.
        cls.moto = cls.queue
        super().setUpClass()

    def test_each_event_is_delivered_once_or_parked(self):
        events = [finding(number) for number in range(self.MESSAGES)]
        bodies = [json.dumps(event) for event in events]
        for number in range(self.POISON):
            bodies.insert((number + 1) * self.MESSAGES // (self.POISON + 1), json.dumps({"poison": number}))
        began = time.monotonic()
        for body in bodies:
            self.queue.send(body)
        kills = []
        for part in range(1, self.KILLS + 1):
            wanted = self.MESSAGES * part // (self.KILLS + 1)
            wait_until(f"{wanted} deletions", lambda: self.queue.deleted >= wanted, deadline=180)
            self.quell.kill()
            kills.append(self.queue.deleted)
            self.quell.start()
        wait_until("an empty queue", lambda: self.queue.left() == 0, deadline=180)
        took = time.monotonic() - began
        found = wait_until(
            "every event", lambda: len(found := self.triggers("aws.guardduty")) >= self.MESSAGES and found, deadline=120
        )
        ids = [event["id"] for event in found]
        sent = {event["id"] for event in events}
        parked = self.api("GET", "/api/v1/intake/parked?source=drain&limit=100")["messages"]
        again = self.queue.received() - len(bodies)
        print(
            f"\n{len(bodies)} messages, killed {len(kills)} times (after {kills} deletions), drained in {took:.1f} s; "
            f"{again} came again; {len(ids)} events delivered, {len(set(ids))} of them distinct, "
            f"{len(sent - set(ids))} lost, {len(parked)} parked"
        )
        self.assertEqual(len(ids), len(set(ids)), "an event was delivered twice")
        self.assertEqual(set(ids), sent, "an event was lost")
        self.assertEqual(len(parked), self.POISON)
        self.assertTrue(all(message["tries"] >= 3 for message in parked), parked)


SOURCE_OF_KILL = """
[[intake.sources]]
name = "drain"
type = "sqs"
queue_url = "{url}"
region = "us-east-1"
format = "eventbridge"
receivers = 4
visibility_timeout_secs = 10
"""


class Senders(IntakeTest):
    """Those who call: each way to prove who they are, each format."""

    with_moto = False
    sources = f"""
[[intake.sources]]
name = "keyed"
type = "http"
ingest = true
[[intake.sources.credentials]]
kind = "header"
name = "x-api-key"
secret = "{SECRET}"
accounts = ["{ACCOUNT}"]
[[intake.sources.credentials]]
kind = "header"
name = "x-api-key"
secret = "{OTHER}"
[[intake.sources.credentials]]
kind = "bearer"
secret = "{SECRET}"
[[intake.sources.credentials]]
kind = "basic"
name = "alertmanager"
secret = "{SECRET}"
[[intake.sources.credentials]]
kind = "oauth"
name = "eventbridge"
secret = "{SECRET}"

[[intake.sources]]
name = "tools"
type = "http"
allowed_origins = ["events.example.com"]
credentials = [{{ kind = "bearer", secret = "{SECRET}" }}]

[[intake.sources]]
name = "pages"
type = "http"
format = "pagerduty"
credentials = [{{ kind = "routing-key", secret = "{OTHER}" }}]

[[intake.sources]]
name = "stream"
type = "http"
format = "firehose"
ingest = true
credentials = [{{ kind = "header", name = "X-Amz-Firehose-Access-Key", secret = "{SECRET}" }}]

[[intake.sources]]
name = "mapped"
type = "http"
format = "json"
mapping = {{ source = "'my.tool'", detail_type = "$.kind", id = "$.number" }}
credentials = [{{ kind = "bearer", secret = "{SECRET}" }}]

[[intake.sources]]
name = "off"
type = "http"
enabled = false
credentials = [{{ kind = "bearer", secret = "{SECRET}" }}]
"""

    def post(self, name, body, headers=None, expect=200, path=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        status, got, answer = self.send("POST", path or f"/intake/{name}", data, sent)
        self.assertEqual(status, expect, answer)
        return json.loads(answer), got

    def token(self, form, headers=None, expect=200):
        sent = {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})}
        status, got, answer = self.send("POST", "/oauth/token", urllib.parse.urlencode(form).encode(), sent)
        self.assertEqual(status, expect, answer)
        self.assertEqual(got["cache-control"], "no-store")
        return json.loads(answer)

    def test_each_credential(self):
        basic = base64.b64encode(f"alertmanager:{SECRET}".encode()).decode()
        grant = {"grant_type": "client_credentials", "client_id": "eventbridge", "client_secret": SECRET}
        answer = self.token(grant)
        self.assertEqual((answer["token_type"], answer["expires_in"]), ("Bearer", 3600))
        client = base64.b64encode(f"eventbridge:{SECRET}".encode()).decode()
        second = self.token({"grant_type": "client_credentials"}, {"Authorization": f"Basic {client}"})
        for number, headers in enumerate(
            (
                {"X-Api-Key": SECRET},
                {"x-api-key": OTHER},
                {"Authorization": f"Bearer {SECRET}"},
                {"Authorization": f"Basic {basic}"},
                {"Authorization": f"Bearer {answer['access_token']}"},
                {"Authorization": f"Bearer {second['access_token']}"},
            )
        ):
            event = finding(100 + number)
            taken, _ = self.post("keyed", event, headers)
            self.assertEqual(taken, {"accepted": 1, "duplicates": 0, "eventIds": [event["id"]]}, headers)
            again, _ = self.post("keyed", event, headers)
            self.assertEqual((again["accepted"], again["duplicates"]), (0, 1))
        refused = self.state("keyed")["refused"]
        wrong = [
            {},
            {"X-Api-Key": SECRET[:-1]},
            {"X-Api-Key": ""},
            {"Authorization": f"Bearer {OTHER}"},
            {"Authorization": f"Bearer {answer['access_token'][:-2]}"},
            {"Authorization": "Basic !!!"},
            {"Authorization": f"Basic {base64.b64encode(f'other:{SECRET}'.encode()).decode()}"},
            {"Authorization": SECRET},
        ]
        for headers in wrong:
            _, got = self.post("keyed", finding(), headers, expect=401)
            self.assertIn("www-authenticate", got)
        self.assertEqual(self.state("keyed")["refused"], refused + len(wrong))
        self.assertEqual(self.token({**grant, "client_secret": OTHER}, expect=401)["error"], "invalid_client")
        self.assertEqual(self.token({**grant, "grant_type": "password"}, expect=400)["error"], "unsupported_grant_type")
        # Their turns follow the commit.
        ours = lambda: [event for event in self.triggers("aws.guardduty") if event["detail"]["id"].startswith("finding-10")]
        wait_until("all six", lambda: len(ours()) >= 6)
        self.assertEqual(len(ours()), 6)
        # After a restart a token is refused, so that its client fetches another.
        self.quell.restart()
        self.post("keyed", finding(), {"Authorization": f"Bearer {answer['access_token']}"}, expect=401)
        self.post("keyed", finding(), {"Authorization": f"Bearer {self.token(grant)['access_token']}"})

    def test_what_a_sender_may_send(self):
        foreign = finding(200, account="999988887777")
        refused, _ = self.post("keyed", foreign, {"X-Api-Key": SECRET}, expect=403)
        self.assertIn("999988887777", refused["detail"])
        self.post("keyed", foreign, {"X-Api-Key": OTHER})
        refused, _ = self.post("tools", finding(201), {"Authorization": f"Bearer {SECRET}"}, expect=403)
        self.assertIn("ingest", refused["detail"])
        self.assertEqual(self.api("GET", "/api/v1/intake/parked?source=tools")["messages"], [])

    def test_each_format(self):
        key = {"Authorization": f"Bearer {SECRET}"}
        alert = {"status": "firing", "labels": {"alertname": "Down"}, "annotations": {}, "startsAt": "2026-03-01T03:00:00Z",
                 "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "", "fingerprint": "f00d"}
        alerts = {"version": "4", "groupKey": "k", "truncatedAlerts": 0, "status": "firing", "receiver": "quell",
                  "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "", "alerts": [alert]}
        falco = {"uuid": str(uuid.uuid4()), "rule": "Shell", "priority": "Warning", "time": "2026-03-01T03:00:00Z",
                 "source": "syscall", "tags": [], "hostname": "h", "output": "x", "output_fields": {}}
        wazuh = {"id": "1.2", "timestamp": "2026-03-01T03:00:00.000+0000", "rule": {"id": "5", "level": 10, "description": "d"},
                 "agent": {"id": "1", "name": "a"}, "manager": {"name": "m"}}
        cloud = {"specversion": "1.0", "id": "1", "source": "/x", "type": "com.example.thing", "data": {}}
        for body, headers, source in (
            (alerts, {}, "alertmanager"),
            ({**alerts, "orgId": 1, "title": "t", "state": "alerting", "message": "m"}, {}, "grafana"),
            (falco, {}, "falco"),
            (wazuh, {}, "wazuh"),
            (cloud, {"Content-Type": "application/cloudevents+json"}, "/x"),
            ([{**cloud, "id": "2", "source": "/batch"}], {"Content-Type": "application/cloudevents-batch+json"}, "/batch"),
            ({"hello": 1}, {"ce-specversion": "1.0", "ce-id": "3", "ce-source": "/binary", "ce-type": "t"}, "/binary"),
            ({"nobody": "knows"}, {}, "quell.intake"),
        ):
            with self.subTest(source=source):
                taken, _ = self.post("tools", body, {**key, **headers})
                self.assertEqual(taken["accepted"], 1)
                wait_until(source, lambda: self.triggers(source))
        taken, _ = self.post("mapped", {"kind": "Disk full", "number": 7}, key)
        self.assertEqual(taken["accepted"], 1)
        again, _ = self.post("mapped", {"kind": "Disk full", "number": 7}, key)
        self.assertEqual(again["duplicates"], 1)
        [event] = wait_until("the mapped event", lambda: self.triggers("my.tool"))
        self.assertEqual(event["detail-type"], "Disk full")

    def test_pagerdutys_senders_need_only_another_address(self):
        event = {"routing_key": OTHER, "event_action": "trigger", "dedup_key": "disk/1",
                 "payload": {"summary": "disk full", "source": "db1", "severity": "critical"}}
        for path in ("/v2/enqueue", "/intake/pages"):
            answer, _ = self.post(None, event, expect=202, path=path)
            self.assertEqual((answer["status"], answer["dedup_key"]), ("success", "disk/1"))
        # Two equal triggers are two: there may have been a resolution between them.
        found = wait_until("both", lambda: len(found := self.triggers("pagerduty")) == 2 and found)
        self.assertNotIn(OTHER, json.dumps(found))
        refused, _ = self.post(None, {**event, "routing_key": "nobody's"}, expect=400, path="/v2/enqueue")
        self.assertEqual(refused["status"], "invalid event")
        refused, _ = self.post(None, {**event, "event_action": "dance"}, expect=400, path="/v2/enqueue")
        self.assertEqual(refused["status"], "invalid event")
        [parked] = wait_until("it to be parked", lambda: self.api("GET", "/api/v1/intake/parked?source=pages")["messages"])
        kept = self.api("GET", f"/api/v1/intake/parked/{parked['id']}")["body"]
        self.assertNotIn(OTHER, kept)
        self.assertIn("dance", kept)

    def test_firehose_is_answered_in_its_form(self):
        record = base64.b64encode(json.dumps(finding(300)).encode()).decode()
        body = {"requestId": "r-1", "timestamp": 1, "records": [{"data": record}]}
        headers = {"X-Amz-Firehose-Access-Key": SECRET, "X-Amz-Firehose-Request-Id": "r-1"}
        for _ in range(2):
            answer, _ = self.post("stream", body, headers)
            self.assertEqual((answer["requestId"], set(answer)), ("r-1", {"requestId", "timestamp"}))
        self.assertEqual(self.state("stream")["accepted"], 1)

    def test_a_sender_of_cloudevents_asks_first(self):
        status, headers, _ = self.send("OPTIONS", "/intake/tools", headers={"WebHook-Request-Origin": "events.example.com"})
        self.assertEqual((status, headers["webhook-allowed-origin"]), (200, "events.example.com"))
        status, headers, _ = self.send("OPTIONS", "/intake/tools", headers={"WebHook-Request-Origin": "evil.example.com"})
        self.assertEqual(status, 403)
        self.assertNotIn("webhook-allowed-origin", headers)

    def test_what_is_refused(self):
        key = {"Authorization": f"Bearer {SECRET}"}
        refused, _ = self.post("mapped", b"{oh", key, expect=400)
        self.assertIn("parked", refused["detail"])
        self.post("mapped", b"{oh", key, expect=400)
        [parked] = wait_until("one parked message", lambda: self.api("GET", "/api/v1/intake/parked?source=mapped")["messages"])
        wait_until("its second arrival", lambda: self.api("GET", f"/api/v1/intake/parked/{parked['id']}")["arrivals"] == 2)
        self.post("nobody", {}, key, expect=404)
        self.post("off", {}, key, expect=404)
        self.post("tools", b"x" * (1 << 20) + b"x", key, expect=413)
        status, headers, _ = self.send("GET", "/intake/tools")
        self.assertEqual((status, headers["allow"]), (405, "POST, OPTIONS"))
        settings = self.api("GET", "/api/v1/intake/sources/tools")
        self.assertEqual((settings["origin"], settings["revision"]), ("file", None))
        self.assertNotIn(SECRET, json.dumps(settings))
        refused = self.api("DELETE", "/api/v1/intake/sources/tools", expect=409)
        self.assertIn("configuration file", refused["detail"])
        # What is parked is safe: it is there after a kill.
        self.quell.restart()
        self.assertEqual(self.api("GET", f"/api/v1/intake/parked/{parked['id']}")["body"], "{oh")
