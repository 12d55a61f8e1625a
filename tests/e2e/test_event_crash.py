"""`kill -9` while events pour in, over HTTP and from a queue: whatever was acknowledged is delivered, and once.

Every event goes to two targets of one rule: a response plan, which folds it into one of a hundred incidents, and a
log group. What the incidents and the log then hold is compared with what the senders were told.
"""

import collections
import http.client
import json
import os
import pathlib
import random
import shutil
import tempfile
import threading
import time
import unittest
import uuid

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from quelltest import ACCOUNT, DEADLINE, REGION, Moto, Quell, wait_until
from wire import Wire

# A hundred thousand take some minutes; CI takes fewer. Some come from the queue: moto, which plays it, is slow.
EVENTS = int(os.environ.get("QUELL_CRASH_EVENTS", "10000"))
QUEUED = min(EVENTS // 10, 2000)
BATCH = 10
INCIDENTS = 100
SENDERS = 3
KILLS = 4
PATIENCE = 900.0
PATTERN = {"source": ["crash.test"], "detail": {"n": [{"exists": True}]}}
LOG_GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/crash"

CONFIG = """
[[intake.sources]]
name = "queue"
type = "sqs"
format = "auto"
queue_url = {queue}
region = "us-east-1"
"""


def detail(number):
    return json.dumps({"n": number, "part": number % INCIDENTS, "text": "x" * 400})


class Sender(threading.Thread):
    """Puts its share of the events, batch by batch, again whenever it was not told what became of a batch."""

    def __init__(self, quell, numbers):
        super().__init__(daemon=True)
        self.quell = quell
        self.batches = [numbers[at : at + BATCH] for at in range(0, len(numbers), BATCH)]
        self.told = {}
        self.untold = 0
        self.busy = 0
        self.error = None

    def run(self):
        try:
            for batch in self.batches:
                self.put(batch)
        except Exception as error:  # shown by the test
            self.error = error
        finally:
            self.close()

    def put(self, batch):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                status, answer = self.post(batch)
            except (OSError, http.client.HTTPException):
                self.untold += 1
                self.close()
                time.sleep(0.1)
                continue
            if status == 200:
                for number, entry in zip(batch, answer["Entries"]):
                    self.told[entry["EventId"]] = number
                return
            if status < 500 and "Throttling" not in str(answer):
                raise AssertionError(f"{status}: {answer}")
            self.busy += 1
            time.sleep(0.2)
        raise AssertionError("a batch was never taken")

    connection = None

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def post(self, batch):
        entries = [{"Source": "crash.test", "DetailType": "Crash", "Detail": detail(number)} for number in batch]
        body = json.dumps({"Entries": entries}).encode()
        host = f"127.0.0.1:{self.quell.port}"
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSEvents.PutEvents", "host": host}
        request = botocore.awsrequest.AWSRequest("POST", f"http://{host}/", headers, body)
        credentials = botocore.credentials.Credentials(*self.quell.keys())
        botocore.auth.SigV4Auth(credentials, "events", REGION).add_auth(request)
        if self.connection is None:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.quell.port, timeout=DEADLINE)
        self.connection.request("POST", "/", body, dict(request.headers.items()))
        answer = self.connection.getresponse()
        return answer.status, json.loads(answer.read())


class EventCrash(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="quell-event-crash-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.moto = Moto(folder)
        self.addCleanup(self.moto.close)
        self.sqs = self.moto.client("sqs")
        self.queue = self.sqs.create_queue(QueueName="findings", Attributes={"VisibilityTimeout": "5"})["QueueUrl"]
        self.quell = Quell(folder, CONFIG.format(queue=json.dumps(self.queue)), self.moto.url)
        self.addCleanup(self.quell.close)
        self.set_up_rule()

    def set_up_rule(self):
        incidents, events = self.quell.client("ssm-incidents"), self.quell.client("events")
        incidents.create_replication_set(regions={REGION: {}})
        plan = incidents.create_response_plan(
            name="crash",
            incidentTemplate={"title": "Crash", "impact": 5, "dedupeString": "{{ event.detail.part }}"},
        )["arn"]
        events.put_rule(Name="crash", EventPattern=json.dumps(PATTERN))
        put = events.put_targets(
            Rule="crash",
            Targets=[{"Id": "plan", "Arn": plan}, {"Id": "log", "Arn": LOG_GROUP, "InputPath": "$.id"}],
        )
        self.assertEqual(put["FailedEntryCount"], 0, put)

    def test_acknowledged_events_are_delivered_once(self):
        queued = self.fill_queue(range(EVENTS - QUEUED, EVENTS))
        numbers = list(range(EVENTS - QUEUED))
        senders = [Sender(self.quell, numbers[at::SENDERS]) for at in range(SENDERS)]
        started = time.monotonic()
        for sender in senders:
            sender.start()
        self.kill_in_between(senders)
        for sender in senders:
            sender.join(PATIENCE)
            self.assertFalse(sender.is_alive(), "a sender does not end")
            if sender.error:
                raise sender.error
        sent = time.monotonic() - started
        told = {}
        for sender in senders:
            told.update(sender.told)
        self.assertEqual(sorted(told.values()), numbers)
        untold = sum(sender.untold for sender in senders)
        seen = self.seen(told.keys() | queued)
        logged = self.logged(told.keys() | queued)
        took = time.monotonic() - started
        print(
            f"\n{len(told)} events by HTTP and {len(queued)} from SQS, {KILLS} kills, {untold} batches without an answer,"
            f" {sum(sender.busy for sender in senders)} refused as busy: taken after {sent:.1f} s, delivered after {took:.1f} s"
        )
        self.check(told, queued, seen, "incident", untold)
        self.check(told, queued, logged, "log", untold)

    def check(self, told, queued, seen, where, untold):
        """Acknowledged and queued events stand there once; others can only be of batches without an answer."""
        twice = {event: count for event, count in seen.items() if count > 1}
        self.assertEqual(twice, {}, f"more than once in the {where}")
        self.assertEqual((told.keys() | queued) - seen.keys(), set(), f"acknowledged, but not in the {where}")
        self.assertLessEqual(len(seen) - len(told) - len(queued), untold * BATCH, where)

    def kill_in_between(self, senders):
        total = sum(len(sender.batches) for sender in senders) * BATCH
        for kill in range(1, KILLS + 1):
            share = total * kill / (KILLS + 1)
            wait_until("the next kill", lambda: self.due(senders, share), PATIENCE)
            time.sleep(random.random() / 5)
            self.quell.kill()
            self.quell.start()

    @staticmethod
    def due(senders, share):
        return sum(len(sender.told) for sender in senders) >= share or any(sender.error for sender in senders)

    def fill_queue(self, numbers):
        """Puts events as EventBridge delivers them into the queue; gives their ids."""
        ids = set()
        numbers = list(numbers)
        for at in range(0, len(numbers), BATCH):
            entries = []
            for number in numbers[at : at + BATCH]:
                event = str(uuid.uuid4())
                ids.add(event)
                envelope = {
                    "version": "0", "id": event, "detail-type": "Crash", "source": "crash.test", "account": ACCOUNT,
                    "time": "2026-01-01T00:00:00Z", "region": REGION, "resources": [], "detail": json.loads(detail(number)),
                }
                entries.append({"Id": str(number), "MessageBody": json.dumps(envelope)})
            answer = self.sqs.send_message_batch(QueueUrl=self.queue, Entries=entries)
            self.assertFalse(answer.get("Failed"), answer)
        return ids

    def seen(self, wanted):
        """How often each event stands in an incident, once all that is wanted does."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

        def drained():
            attributes = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=names)["Attributes"]
            return all(int(attributes[name]) == 0 for name in names)

        wait_until("an empty queue", drained, PATIENCE)
        counts = {}

        def all_there():
            counts["now"] = self.triggers()
            return len(wanted - counts["now"].keys()) == 0 or None

        wait_until("all events in incidents", all_there, PATIENCE)
        return counts["now"]

    def triggers(self):
        """How often each event's id stands among the triggers of all incidents."""
        incidents = self.quell.client("ssm-incidents")
        counts = collections.Counter()
        pages = incidents.get_paginator("list_incident_records").paginate()
        for page in pages:
            for summary in page["incidentRecordSummaries"]:
                after = 0
                while after is not None:
                    answer = self.rest(f"/api/v1/incidents/{summary['arn'].rsplit('/', 1)[1]}/triggers?after={after}&limit=100")
                    counts.update(trigger["event"]["id"] for trigger in answer["triggers"])
                    after = answer["nextAfter"]
        return counts

    def rest(self, path):
        answer = Wire(self.quell).rest("quell", "GET", path)
        self.assertEqual(answer.status, 200, answer)
        return answer.body

    def logged(self, wanted):
        """How often each event stands in the log group, once all that is wanted does."""
        counts = collections.Counter()

        def all_there():
            counts.clear()
            for file in (self.quell.data / "logs").rglob("*"):
                if file.is_file():
                    for line in file.read_text().splitlines():
                        counts[json.loads(json.loads(line)["message"])] += 1
            return len(wanted - counts.keys()) == 0 or None

        wait_until("all events in the log", all_there, PATIENCE)
        return counts


if __name__ == "__main__":
    unittest.main()
