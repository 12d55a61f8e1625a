"""Archives and replays, with the AWS CLI and boto3, over a kill -9 in the middle of a replay."""

import datetime
import http.server
import json
import threading

from quelltest import ACCOUNT, REGION, QuellTest, wait_until

BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"
ARCHIVE = f"arn:aws:events:{REGION}:{ACCOUNT}:archive"
START = datetime.datetime(2026, 2, 1, tzinfo=datetime.timezone.utc)


class Receiver:
    """A webhook that takes every notification."""

    def __init__(self):
        self.messages = []
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                receiver.messages.append((body["MessageId"], json.loads(body["Message"])))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def of(self, replay):
        return [(delivery, event) for delivery, event in list(self.messages) if event.get("replay-name") == replay]


class Archives(QuellTest):
    extra_config = "[webhooks]\nallow_http = true\nallow_private = true\n"

    def setUp(self):
        self.events = self.quell.client("events")

    def put(self, source, count):
        for first in range(0, count, 10):
            answer = self.events.put_events(
                Entries=[
                    {
                        "Source": source,
                        "DetailType": "Order",
                        "Detail": json.dumps({"number": number}),
                        "Time": START + datetime.timedelta(minutes=number),
                    }
                    for number in range(first, min(first + 10, count))
                ]
            )
            self.assertEqual(answer["FailedEntryCount"], 0)

    def test_an_archive_with_the_cli(self):
        cli = self.quell.aws
        made = cli("events", "create-archive", "--archive-name", "cli", "--event-source-arn", BUS,
                   "--event-pattern", '{"source":["cli"]}', "--retention-days", "3")
        self.assertEqual(made["ArchiveArn"], f"{ARCHIVE}/cli")
        entries = json.dumps([{"Source": "cli", "DetailType": "d", "Detail": "{}"}, {"Source": "x", "DetailType": "d", "Detail": "{}"}])
        cli("events", "put-events", "--entries", entries)
        shown = cli("events", "describe-archive", "--archive-name", "cli")
        self.assertEqual((shown["EventCount"], shown["State"], shown["RetentionDays"]), (1, "ENABLED", 3))
        names = cli("events", "list-archives", "--name-prefix", "cl", "--query", "Archives[].ArchiveName")
        self.assertEqual(names, ["cli"])
        cli("events", "start-replay", "--replay-name", "cli", "--event-source-arn", f"{ARCHIVE}/cli",
            "--event-start-time", "2026-01-01T00:00:00Z", "--event-end-time", "2099-01-01T00:00:00Z",
            "--destination", json.dumps({"Arn": BUS}))
        wait_until("the replay's end", lambda: cli("events", "describe-replay", "--replay-name", "cli")["State"] == "COMPLETED")
        self.assertEqual(cli("events", "list-replays", "--name-prefix", "cli")["Replays"][0]["ReplayName"], "cli")
        cli("events", "delete-archive", "--archive-name", "cli")
        self.assertEqual(cli("events", "list-archives", "--name-prefix", "cl")["Archives"], [])

    def test_a_replay_goes_on_after_a_kill(self):
        receiver = Receiver()
        self.addCleanup(receiver.server.shutdown)
        count = 1000
        self.events.create_archive(ArchiveName="orders", EventSourceArn=BUS, EventPattern='{"source":["orders"]}')
        self.put("orders", count)
        self.events.put_rule(Name="again", EventPattern='{"source":["orders"],"replay-name":["again"]}')
        self.events.put_targets(Rule="again", Targets=[{"Id": "hook", "Arn": receiver.url}])
        started = self.events.start_replay(
            ReplayName="again",
            EventSourceArn=f"{ARCHIVE}/orders",
            EventStartTime=START,
            EventEndTime=START + datetime.timedelta(minutes=count),
            Destination={"Arn": BUS, "FilterArns": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/again"]},
        )
        self.assertEqual(started["State"], "STARTING")
        wait_until("the first events", lambda: receiver.of("again"))
        self.quell.kill()
        self.quell.start()
        self.events = self.quell.client("events")
        shown = wait_until(
            "the replay's end",
            lambda: (found := self.events.describe_replay(ReplayName="again"))["State"] == "COMPLETED" and found,
        )
        self.assertEqual(shown["EventLastReplayedTime"], START + datetime.timedelta(minutes=count - 1))
        numbers = lambda: {event["detail"]["number"] for _, event in receiver.of("again")}
        wait_until("every event", lambda: len(numbers()) == count)
        # A post whose answer the kill took away is repeated under the same id: never a second delivery of an event.
        deliveries = {delivery for delivery, _ in receiver.of("again")}
        self.assertEqual(len(deliveries), count)
        self.assertEqual(self.events.describe_archive(ArchiveName="orders")["EventCount"], count)
        with self.assertRaises(self.events.exceptions.IllegalStatusException):
            self.events.cancel_replay(ReplayName="again")
        with self.assertRaises(self.events.exceptions.ResourceAlreadyExistsException):
            self.events.start_replay(
                ReplayName="again",
                EventSourceArn=f"{ARCHIVE}/orders",
                EventStartTime=START,
                EventEndTime=START + datetime.timedelta(minutes=1),
                Destination={"Arn": BUS},
            )
