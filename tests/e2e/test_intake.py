"""Events from outside: a queue in moto, senders over HTTP, poison that is parked, and kills in the middle of it."""

import base64
import hashlib
import hmac
import http.client
import json
import time
import urllib.parse
import uuid

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials

from quelltest import ACCOUNT, REGION, QuellTest, plan_of, wait_until

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
        settings = {"name": "poison", "type": "sqs", "queue_url": url, "region": REGION, "format": "eventbridge"}
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

    MESSAGES = 3000
    POISON = 5
    KILLS = 4

    def test_each_event_is_delivered_once_or_parked(self):
        sqs, url = self.queue("drain")
        bodies = [json.dumps(finding(number)) for number in range(self.MESSAGES)]
        for number in range(self.POISON):
            bodies.insert((number + 1) * self.MESSAGES // (self.POISON + 1), json.dumps({"poison": number}))
        for start in range(0, len(bodies), 10):
            entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies[start : start + 10])]
            sqs.send_message_batch(QueueUrl=url, Entries=entries)
        began = time.monotonic()
        self.source(name="drain", type="sqs", queue_url=url, region=REGION, format="eventbridge", receivers=4, visibility_timeout_secs=10)
        kills = []
        for part in range(1, self.KILLS + 1):
            wanted = self.MESSAGES * part // (self.KILLS + 2)
            wait_until(f"{wanted} messages gone", lambda: self.gone(sqs, url, len(bodies)) >= wanted, deadline=180)
            self.quell.restart()
            kills.append(self.gone(sqs, url, len(bodies)))
        wait_until("an empty queue", lambda: self.gone(sqs, url, len(bodies)) == len(bodies), deadline=300)
        took = time.monotonic() - began
        sent = {json.loads(body)["id"] for body in bodies if "id" in json.loads(body)}
        found = wait_until("every event", lambda: len(found := self.triggers("aws.guardduty")) >= self.MESSAGES and found, deadline=120)
        ids = [event["id"] for event in found]
        parked = self.api("GET", "/api/v1/intake/parked?source=drain&limit=100")["messages"]
        print(
            f"\n{len(bodies)} messages, {len(kills)} kills (after {kills} deletions), drained in {took:.1f} s: "
            f"{len(ids)} events delivered, {len(set(ids))} of them distinct, {len(sent - set(ids))} lost, {len(parked)} parked"
        )
        self.assertEqual(len(ids), len(set(ids)), "an event was delivered twice")
        self.assertEqual(set(ids), sent, "an event was lost")
        self.assertEqual(len(parked), self.POISON)
        self.assertEqual({message["tries"] >= 3 for message in parked}, {True})

    def gone(self, sqs, url, all_of_them):
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return all_of_them - sum(int(found[name]) for name in names)
