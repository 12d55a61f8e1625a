"""Where the events of a rule go: services of the account (moto), files, buses, web addresses; and what is not delivered.

The clients are boto3's; what arrived is read back with boto3 from moto, or from a receiver that writes requests down.
"""

import contextlib
import http.server
import json
import shutil
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from quelltest import ACCOUNT, REGION, Moto, Quell, QuellTest, free_port, wait_until


class Receiver:
    """A web server that writes requests down and answers as `answer(path, number)` says: a status, or None to hang."""

    def __init__(self, answer=lambda path, number: 200):
        self.seen, self.lock, self.ended = [], threading.Lock(), threading.Event()
        outer = self

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_):
                """A connection that a killed server left is no error of a test."""

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                with outer.lock:
                    number = sum(path == self.path for path, _, _ in outer.seen)
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    outer.seen.append((self.path, headers, body.decode()))
                status = answer(self.path, number)
                if status is None:
                    outer.ended.wait(120)
                    self.close_connection = True
                    return
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    self.send_header("content-length", "0")
                    self.end_headers()

            def log_message(self, *_):
                pass

        self.server = Server(("127.0.0.1", free_port()), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def at(self, path):
        """What came to one path so far: headers and body."""
        with self.lock:
            return [(headers, body) for seen, headers, body in self.seen if seen == path]

    def close(self):
        self.ended.set()
        self.server.shutdown()
        self.server.server_close()


def signed(quell, method, path, body=None):
    """Calls the operator's API; gives status and answer."""
    key, secret = quell.keys()
    data = None if body is None else json.dumps(body).encode()
    request = botocore.awsrequest.AWSRequest(method, quell.url + path, data=data)
    if data is not None:
        request.headers["content-type"] = "application/json"
    botocore.auth.SigV4Auth(botocore.credentials.Credentials(key, secret), "quell", REGION).add_auth(request)
    sent = urllib.request.Request(quell.url + path, data=data, headers=dict(request.headers), method=method)
    try:
        with urllib.request.urlopen(sent, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


def queue(sqs, name, **attributes):
    """A queue of the account; gives its address and ARN."""
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def taken(sqs, url, count=1):
    """Waits for messages and takes them all."""
    found = []

    def look():
        answer = sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        )
        for message in answer.get("Messages", []):
            found.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return len(found) >= count

    wait_until(f"{count} messages", look)
    return found


class TargetsTest(QuellTest):
    with_moto = True

    @classmethod
    def setUpClass(cls):
        cls.functions = Receiver(lambda path, number: 202)
        cls.addClassCleanup(cls.functions.close)
        cls.hooks = Receiver(lambda path, number: None if path == "/hang" else 503 if path == "/weak" and number < 2 else 200)
        cls.addClassCleanup(cls.hooks.close)
        cls.extra_config = "\n".join(
            [
                f'endpoint_urls = {{ lambda = "{cls.functions.url}" }}',
                "[webhooks]",
                "allow_http = true",
                "allow_private = true",
                "timeout_secs = 30",
                "",
            ]
        )
        super().setUpClass()
        cls.events = cls.quell.client("events")
        cls.sqs = cls.moto.client("sqs")

    def rule(self, source, *targets, bus="default"):
        """A rule for one source; gives its ARN."""
        pattern = json.dumps({"source": [source]})
        arn = self.events.put_rule(Name=source, EventPattern=pattern, EventBusName=bus)["RuleArn"]
        answer = self.events.put_targets(Rule=source, EventBusName=bus, Targets=list(targets))
        self.assertEqual(answer["FailedEntries"], [])
        return arn

    def put(self, source, bus="default", **detail):
        """Puts one event; gives its id."""
        entry = {"Source": source, "DetailType": "test", "Detail": json.dumps(detail), "EventBusName": bus}
        answer = self.events.put_events(Entries=[entry])
        self.assertEqual(answer["FailedEntryCount"], 0, answer)
        return answer["Entries"][0]["EventId"]

    def test_queues_get_the_input(self):
        plain, plain_arn = queue(self.sqs, "plain")
        fifo, fifo_arn = queue(self.sqs, "ordered.fifo", FifoQueue="true")
        transformer = {"InputPathsMap": {"who": "$.detail.who"}, "InputTemplate": '{"hello": <who>}'}
        self.rule(
            "queues",
            {"Id": "plain", "Arn": plain_arn},
            {
                "Id": "fifo",
                "Arn": fifo_arn,
                "InputTransformer": transformer,
                "SqsParameters": {"MessageGroupId": "$.detail.who"},
            },
        )
        event_id = self.put("queues", who="ana")
        event = json.loads(taken(self.sqs, plain)[0]["Body"])
        self.assertEqual((event["id"], event["detail"]), (event_id, {"who": "ana"}))
        message = taken(self.sqs, fifo)[0]
        self.assertEqual(json.loads(message["Body"]), {"hello": "ana"})
        self.assertEqual(message["Attributes"]["MessageGroupId"], "ana")
        self.assertEqual(len(message["Attributes"]["MessageDeduplicationId"]), 36)

    def test_topics_streams_and_functions(self):
        sns, kinesis = self.moto.client("sns"), self.moto.client("kinesis")
        topic = sns.create_topic(Name="alarms")["TopicArn"]
        url, arn = queue(self.sqs, "behind-the-topic")
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        kinesis.create_stream(StreamName="events", ShardCount=1)
        stream = kinesis.describe_stream(StreamName="events")["StreamDescription"]
        function = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:respond"
        self.rule(
            "services",
            {"Id": "topic", "Arn": topic, "InputPath": "$.detail"},
            {
                "Id": "stream",
                "Arn": stream["StreamARN"],
                "KinesisParameters": {"PartitionKeyPath": "$.detail.who"},
                "InputPath": "$.detail",
            },
            {"Id": "function", "Arn": function, "Input": '{"constant": true}'},
        )
        self.put("services", who="bo")
        notification = json.loads(taken(self.sqs, url)[0]["Body"])
        self.assertEqual(json.loads(notification["Message"]), {"who": "bo"})
        shard = stream["Shards"][0]["ShardId"]

        def records():
            at = kinesis.get_shard_iterator(StreamName="events", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
            return kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]

        record = wait_until("a record", records)[0]
        self.assertEqual((record["PartitionKey"], json.loads(record["Data"])), ("bo", {"who": "bo"}))
        wait_until("the function", lambda: self.functions.seen)
        path, headers, body = self.functions.seen[0]
        self.assertIn("/functions/", path)
        self.assertTrue(path.endswith("/invocations"), path)
        self.assertEqual(headers["x-amz-invocation-type"], "Event")
        self.assertEqual(json.loads(body), {"constant": True})

    def test_a_state_machine_is_started_once_under_the_role(self):
        iam, states = self.moto.client("iam"), self.moto.client("stepfunctions")
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = iam.create_role(RoleName="states", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        definition = json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
        machine = states.create_state_machine(name="m", definition=definition, roleArn=role)["stateMachineArn"]
        self.rule("machines", {"Id": "m", "Arn": machine, "RoleArn": role})
        event_id = self.put("machines", who="cy")
        executions = lambda: states.list_executions(stateMachineArn=machine)["executions"]  # noqa: E731
        started = wait_until("an execution", executions)
        self.assertEqual(len(started), 1)
        self.assertEqual(len(started[0]["name"]), 36)
        execution = states.describe_execution(executionArn=started[0]["executionArn"])
        self.assertEqual(json.loads(execution["input"])["id"], event_id)

    def test_what_cannot_be_delivered_is_in_the_dead_letter_queue(self):
        url, dead = queue(self.sqs, "dead-letters")
        gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:gone"
        rule = self.rule(
            "refused",
            {"Id": "gone", "Arn": gone, "Input": '{"x": 1}', "DeadLetterConfig": {"Arn": dead}},
        )
        event_id = self.put("refused", who="di")
        message = taken(self.sqs, url)[0]
        event = json.loads(message["Body"])
        self.assertEqual((event["id"], event["detail"]), (event_id, {"who": "di"}))
        attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        self.assertIn("NonExistentQueue", attributes.pop("ERROR_MESSAGE"))
        self.assertEqual(
            attributes,
            {"RULE_ARN": rule, "TARGET_ARN": gone, "ERROR_CODE": "NO_RESOURCE", "RETRY_ATTEMPTS": "0"},
        )

    def test_a_dropped_event_is_shown_and_tried_again(self):
        late = f"arn:aws:sqs:{REGION}:{ACCOUNT}:late"
        rule = self.rule("dropped", {"Id": "late", "Arn": late})
        event_id = self.put("dropped")

        def dropped():
            _, answer = signed(self.quell, "GET", "/api/v1/deliveries?state=dropped")
            return [found for found in answer["deliveries"] if found["rule"] == rule]

        found = wait_until("the dropped delivery", dropped)
        self.assertEqual((found[0]["errorCode"], found[0]["target"]), ("NO_RESOURCE", late))
        url, _ = queue(self.sqs, "late")
        path = f"/api/v1/deliveries/{found[0]['id']}/retry"
        self.assertEqual(signed(self.quell, "POST", path, {})[0], 200)
        self.assertEqual(json.loads(taken(self.sqs, url)[0]["Body"])["id"], event_id)
        wait_until("its end", lambda: not dropped())
        self.assertEqual(signed(self.quell, "POST", path, {})[0], 404)

    def test_buses_and_log_groups(self):
        self.events.create_event_bus(Name="behind")
        bus = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/behind"
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/kept"
        self.rule("buses", {"Id": "bus", "Arn": bus})
        self.rule("buses", {"Id": "log", "Arn": group}, {"Id": "back", "Arn": bus.replace("behind", "default")}, bus="behind")
        ids = [self.put("buses", number=number) for number in range(5)]
        path = self.quell.data / "logs" / REGION / "kept.log"
        lines = lambda: path.exists() and path.read_text().splitlines()  # noqa: E731
        wait_until("the lines", lambda: len(lines() or []) >= 5)
        events = [json.loads(json.loads(line)["message"]) for line in lines()]
        self.assertEqual(sorted(event["id"] for event in events), sorted(ids))
        self.assertEqual(set(json.loads(lines()[0])), {"timestamp", "message", "eventId"})

    def test_a_weak_receiver_gets_it_later_and_a_hanging_one_holds_up_nobody(self):
        self.rule("hooks", *({"Id": path, "Arn": f"{self.hooks.url}/{path}"} for path in ("weak", "hang", "well")))
        events = [self.put("hooks", number=number) for number in range(40)]
        began = time.monotonic()
        wait_until("the quick receiver", lambda: len(self.hooks.at("/well")) >= 40)
        self.assertLess(time.monotonic() - began, 25, "less than one attempt at the hanging receiver takes")
        wait_until("the weak receiver", lambda: len(self.hooks.at("/weak")) >= 42)
        got = [json.loads(json.loads(body)["Message"])["id"] for _, body in self.hooks.at("/weak")]
        self.assertEqual(set(got), set(events))
        self.assertEqual(len(got), 42, "two attempts failed and were made again, nothing else")

    def test_bad_targets_are_refused_in_aws_words(self):
        self.events.put_rule(Name="checked", EventPattern='{"source": ["checked"]}')
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:x.fifo"
        with self.assertRaises(self.events.exceptions.ClientError) as refused:
            self.events.put_targets(Rule="checked", Targets=[{"Id": "a", "Arn": arn}])
        error = refused.exception.response["Error"]
        self.assertEqual(
            (error["Code"], error["Message"]),
            ("ValidationException", "Parameter(s) SqsParameters must be specified for target: a."),
        )
        queue_arn = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:dead"
        target = {"Id": "a", "Arn": arn[:-5], "DeadLetterConfig": {"Arn": queue_arn}}
        with self.assertRaises(self.events.exceptions.ClientError) as refused:
            self.events.put_targets(Rule="checked", Targets=[target])
        self.assertIn("DeadLetterConfig.Arn", refused.exception.response["Error"]["Message"])


class KillTest(unittest.TestCase):
    """`kill -9` while events come: every event that was acknowledged reaches all its targets."""

    def test_no_acknowledged_event_is_lost(self):
        folder = tempfile.mkdtemp(prefix="quell-targets-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        moto = Moto(folder)
        self.addCleanup(moto.close)
        hooks = Receiver(lambda path, number: 503 if number % 5 == 0 else 200)
        self.addCleanup(hooks.close)
        config = "[webhooks]\nallow_http = true\nallow_private = true\n"
        quell = Quell(folder, config, moto.url)
        self.addCleanup(quell.close)
        sqs = moto.client("sqs")
        url, arn = queue(sqs, "all")
        events = quell.client("events")
        events.put_rule(Name="all", EventPattern='{"source": ["app"]}')
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/events/all"
        targets = [
            {"Id": "queue", "Arn": arn},
            {"Id": "hook", "Arn": f"{hooks.url}/all"},
            {"Id": "log", "Arn": group},
        ]
        events.put_targets(Rule="all", Targets=targets)
        acknowledged, stop_it = set(), threading.Event()

        def send():
            client = quell.client("events")
            while not stop_it.is_set():
                entries = [{"Source": "app", "DetailType": "t", "Detail": "{}"} for _ in range(5)]
                try:
                    answer = client.put_events(Entries=entries)
                except Exception:  # The server is down: what it did not acknowledge may be lost.
                    time.sleep(0.05)
                    continue
                acknowledged.update(entry["EventId"] for entry in answer["Entries"])

        senders = [threading.Thread(target=send) for _ in range(2)]
        for sender in senders:
            sender.start()
        for kills in range(1, 4):
            wait_until("some events", lambda: len(acknowledged) >= 60 * kills)
            quell.restart()
        stop_it.set()
        for sender in senders:
            sender.join()
        log = quell.data / "logs" / REGION / "all.log"

        def in_log():
            return [json.loads(json.loads(line)["message"])["id"] for line in log.read_text().splitlines()]

        def at_hook():
            return {json.loads(json.loads(body)["Message"])["id"] for _, body in hooks.at("/all")}

        wait_until("the log", lambda: acknowledged <= set(in_log()))
        wait_until("the hook", lambda: acknowledged <= at_hook())
        queued = set()

        def look():
            answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                queued.add(json.loads(message["Body"])["id"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return acknowledged <= queued

        wait_until("the queue", look)
        lines = in_log()
        self.assertEqual(len(lines), len(set(lines)), "no line is written twice")
        print(f"\n{len(acknowledged)} events acknowledged over 3 kills: all in the queue, at the hook and in the log")


if __name__ == "__main__":
    unittest.main()
