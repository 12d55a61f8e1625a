"""Distributed Maps: map runs under boto3 and the AWS CLI, redriven, and killed half way."""

import json
import re
import subprocess
import tempfile
import time
import unittest

from quelltest import REGION, Moto, Quell, binary, wait_until
from states_world import MACHINE, ROLE, StatesTest, machine


def each(states, execution_type="STANDARD", label="Each", **members):
    """A machine with one distributed Map over its input."""
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": execution_type},
        "StartAt": next(iter(states)),
        "States": states,
    }
    state = {"Type": "Map", "Label": label, "ItemProcessor": processor, "End": True, **members}
    return machine({"Map": state})


def queue(name_path):
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:sqs:createQueue",
        "Parameters": {"QueueName.$": name_path},
        "End": True,
    }


def waiting(sqs, url):
    """How many messages a queue holds."""
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(asked["Attributes"]["ApproximateNumberOfMessages"])


def taken(sqs, url):
    """The bodies of all messages that a queue holds; afterwards it is empty."""
    bodies = []
    while page := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in page:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies


class MapRuns(StatesTest):
    def runs(self, execution):
        return self.states.list_map_runs(executionArn=execution)["mapRuns"]

    def test_each_item_is_an_execution(self):
        arn = self.create("spread", each({"Make": queue("$.name")}, MaxConcurrency=3))
        execution = self.start(arn, [{"name": f"spread-{n}"} for n in range(7)])
        found = self.ended(execution)
        self.assertEqual(found["status"], "SUCCEEDED", found)
        made = [answer["QueueUrl"].rsplit("/", 1)[1] for answer in json.loads(found["output"])]
        self.assertEqual(made, [f"spread-{n}" for n in range(7)])
        kinds = [event["type"] for event in self.events(execution)]
        self.assertEqual(
            kinds[1:-1],
            ["MapStateEntered", "MapStateStarted", "MapRunStarted", "MapRunSucceeded", "MapStateSucceeded", "MapStateExited"],
        )
        (run,) = self.runs(execution)
        body = self.states.describe_map_run(mapRunArn=run["mapRunArn"])
        self.assertEqual((body["status"], body["executionCounts"]["succeeded"]), ("SUCCEEDED", 7))
        self.assertEqual((body["itemCounts"]["total"], body["maxConcurrency"]), (7, 3))
        pages = self.states.get_paginator("list_executions").paginate(
            mapRunArn=run["mapRunArn"], PaginationConfig={"PageSize": 3}
        )
        children = [child for page in pages for child in page["executions"]]
        self.assertEqual(len({child["executionArn"] for child in children}), 7)
        self.assertEqual({child["stateMachineArn"] for child in children}, {f"{MACHINE}:spread/Each"})
        inputs = {self.states.describe_execution(executionArn=child["executionArn"])["input"] for child in children}
        self.assertEqual(len(inputs), 7)
        shown = self.quell.aws("stepfunctions", "describe-map-run", "--map-run-arn", run["mapRunArn"])
        self.assertEqual(shown["executionCounts"]["total"], 7)
        shown = self.quell.aws("stepfunctions", "list-executions", "--map-run-arn", run["mapRunArn"])
        self.assertEqual(len(shown["executions"]), 7)

    def test_executions_may_be_express_ones(self):
        definition = each({"Tell": {"Type": "Pass", "Parameters": {"n.$": "$"}, "End": True}}, "EXPRESS")
        execution = self.start(self.create("quick", definition), [1, 2])
        self.assertEqual(json.loads(self.ended(execution)["output"]), [{"n": 1}, {"n": 2}])
        (run,) = self.runs(execution)
        with self.refused(self.states, "StateMachineTypeNotSupported", 400):
            self.states.list_executions(mapRunArn=run["mapRunArn"])

    def test_too_many_failures_fail_the_map_and_a_redrive_does_the_rest(self):
        for n in (0, 2):
            self.sqs.create_queue(QueueName=f"rest-{n}")
        look = {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
            "Parameters": {"QueueName.$": "$"},
            "End": True,
        }
        arn = self.create("rest", each({"Look": look}, MaxConcurrency=1))
        execution = self.start(arn, [f"rest-{n}" for n in range(4)])
        found = self.ended(execution)
        self.assertEqual((found["status"], found["error"]), ("FAILED", "States.ExceedToleratedFailureThreshold"))
        (run,) = self.runs(execution)
        counts = self.states.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]
        self.assertEqual((counts["succeeded"], counts["failed"], counts["pending"]), (1, 1, 2), counts)
        for n in (1, 3):
            self.sqs.create_queue(QueueName=f"rest-{n}")
        self.states.redrive_execution(executionArn=execution)
        found = self.ended(execution)
        self.assertEqual(found["status"], "SUCCEEDED", found)
        urls = [answer["QueueUrl"].rsplit("/", 1)[1] for answer in json.loads(found["output"])]
        self.assertEqual(urls, [f"rest-{n}" for n in range(4)])
        body = self.states.describe_map_run(mapRunArn=run["mapRunArn"])
        self.assertEqual((body["status"], body["redriveCount"]), ("SUCCEEDED", 1))
        self.assertIn("MapRunRedriven", [event["type"] for event in self.events(execution)])
        redriven = self.states.list_executions(mapRunArn=run["mapRunArn"], redriveFilter="REDRIVEN")["executions"]
        self.assertEqual([child["redriveCount"] for child in redriven], [1])

    def test_a_stop_ends_all_of_it_and_limits_change_while_it_runs(self):
        nap = {"Nap": {"Type": "Wait", "Seconds": 86_400, "End": True}}
        execution = self.start(self.create("naps", each(nap, MaxConcurrency=2)), list(range(5)))
        (run,) = wait_until("the map run", lambda: self.runs(execution))
        count = lambda: self.states.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]
        wait_until("two to live", lambda: count()["running"] == 2)
        self.quell.aws("stepfunctions", "update-map-run", "--map-run-arn", run["mapRunArn"], "--max-concurrency", "4")
        wait_until("four to live", lambda: count()["running"] == 4)
        self.states.stop_execution(executionArn=execution)
        status = lambda: self.states.describe_map_run(mapRunArn=run["mapRunArn"])["status"]
        wait_until("the run's end", lambda: status() == "ABORTED")
        self.assertEqual((count()["aborted"], count()["pending"]), (4, 1))
        kinds = [event["type"] for event in self.events(execution)]
        self.assertEqual(kinds[-3:], ["MapRunAborted", "MapStateAborted", "ExecutionAborted"])


class Killed(unittest.TestCase):
    def servers(self):
        """A server and the account that it calls; both end with the test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        moto = Moto(folder.name)
        self.addCleanup(moto.close)
        quell = Quell(folder.name, aws_url=moto.url)
        self.addCleanup(quell.close)
        return quell, moto

    def test_what_cannot_be_repeated_is_asked_about_and_never_done_twice(self):
        self.send_killed(*self.servers(), 40)

    def machine(self, quell, *arguments):
        command = [binary(), "machine", *arguments, "--endpoint-url", quell.url]
        command += ["--credentials", str(quell.credentials), "--region", REGION]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def unknown(self, quell):
        """Ids and ARNs of executions with a call whose outcome nobody knows."""
        lines = [line.split() for line in self.machine(quell, "list", "--unknown").splitlines()]
        return [(line[0], line[2]) for line in lines if line[0] not in ("state", "call")]

    def calls(self, quell):
        """Calls whose outcome nobody knows, each with the event of its execution that has its parameters."""
        return re.findall(r"call (\S+), asked for by event (\d+)", self.machine(quell, "list", "--unknown"))

    def kill_at_work(self, quell, done, limits):
        """Kills the server while items are left, each time when some more are done; at most so often."""
        items, most = limits
        kills, before = 0, 0
        while kills < most:
            before = wait_until("some more items", lambda: done() if done() > before else None)
            if before >= items:
                break
            quell.restart()
            kills += 1
        self.assertGreater(kills, 0, "all was over before the first kill")

    def send_killed(self, quell, moto, items):
        sqs = moto.client("sqs")
        url = sqs.create_queue(QueueName="told")["QueueUrl"]
        states = quell.client("stepfunctions", inject_host_prefix=False)
        send = {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": url, "MessageBody.$": "States.Format('item-{}', $)"},
            "ResultPath": None,
            "End": True,
        }
        definition = each({"Send": send}, MaxConcurrency=5)
        arn = states.create_state_machine(name="send", definition=definition, roleArn=ROLE)["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=arn, input=json.dumps(list(range(items))))["executionArn"]

        self.kill_at_work(quell, lambda: waiting(sqs, url), (items, 1))
        # What is unknown now holds the run up: the next kills meet it while it recovers.
        for _ in range(2):
            time.sleep(0.25)
            quell.restart()
        states = quell.client("stepfunctions", inject_host_prefix=False)
        seen = []

        def settled():
            found = states.describe_execution(executionArn=execution)
            for uuid, child in self.unknown(quell):
                body = f"item-{states.describe_execution(executionArn=child)['input']}"
                seen.extend(taken(sqs, url))
                outcome = "succeeded" if body in seen else "retry"
                self.machine(quell, "resolve", uuid, "--state", "Send", "--outcome", outcome)
            return found if found["status"] != "RUNNING" else None

        found = wait_until("the execution's end", settled, deadline=120)
        self.assertEqual(found["status"], "SUCCEEDED", found)
        seen.extend(taken(sqs, url))
        self.assertEqual(sorted(seen), sorted(f"item-{n}" for n in range(items)), "each once")

    def test_calls_of_one_state_are_told_apart(self):
        self.iterations_killed(*self.servers(), 60)

    def iterations_killed(self, quell, moto, items):
        sqs = moto.client("sqs")
        url = sqs.create_queue(QueueName="one-by-one")["QueueUrl"]
        states = quell.client("stepfunctions", inject_host_prefix=False)
        send = {
            "Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "ResultPath": None, "End": True,
            "Parameters": {"QueueUrl": url, "MessageBody.$": "States.Format('item-{}', $)"},
        }
        definition = machine({"All": {
            "Type": "Map", "MaxConcurrency": 20, "End": True,
            "ItemProcessor": {"StartAt": "Send", "States": {"Send": send}},
        }})
        arn = states.create_state_machine(name="one-by-one", definition=definition, roleArn=ROLE)["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=arn, input=json.dumps(list(range(items))))["executionArn"]

        self.kill_at_work(quell, lambda: waiting(sqs, url), (items, 1))
        states = quell.client("stepfunctions", inject_host_prefix=False)
        seen = []

        def settled():
            found = states.describe_execution(executionArn=execution)
            unknown = self.calls(quell) if found["status"] == "RUNNING" else []
            if unknown:
                pages = states.get_paginator("get_execution_history").paginate(executionArn=execution)
                events = {event["id"]: event for page in pages for event in page["events"]}
                seen.extend(taken(sqs, url))
            for call, event in unknown:
                asked = json.loads(events[int(event)]["taskScheduledEventDetails"]["parameters"])["MessageBody"]
                outcome = "succeeded" if asked in seen else "retry"
                self.machine(quell, "resolve", execution, "--state", "Send", "--call", call, "--outcome", outcome)
            return found if found["status"] != "RUNNING" else None

        found = wait_until("the execution's end", settled, deadline=120)
        self.assertEqual(found["status"], "SUCCEEDED", found)
        seen.extend(taken(sqs, url))
        self.assertEqual(sorted(seen), sorted(f"item-{n}" for n in range(items)), "each once")

    def test_a_map_run_goes_on_where_it_was_and_nothing_is_done_twice(self):
        self.run_killed(*self.servers(), 200)

    def run_killed(self, quell, moto, items):
        states = quell.client("stepfunctions", inject_host_prefix=False)
        put = {
            "Type": "Task",
            "Resource": "arn:aws:states:::aws-sdk:sqs:createQueue",
            "Parameters": {"QueueName.$": "States.Format('killed-{}', $)"},
            "ResultSelector": {"made.$": "$.QueueUrl"},
            "End": True,
        }
        definition = each({"Put": put}, MaxConcurrency=10)
        arn = states.create_state_machine(name="killed", definition=definition, roleArn=ROLE)["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=arn, input=json.dumps(list(range(items))))["executionArn"]
        sqs = moto.client("sqs")

        def made():
            return len(sqs.list_queues(QueueNamePrefix="killed-", MaxResults=1000).get("QueueUrls", []))

        self.kill_at_work(quell, made, (items, 4))
        states = quell.client("stepfunctions", inject_host_prefix=False)

        def look():
            found = states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        found = wait_until("the execution's end", look, deadline=120)
        self.assertEqual(found["status"], "SUCCEEDED", found)
        names = [answer["made"].rsplit("/", 1)[1] for answer in json.loads(found["output"])]
        self.assertEqual(names, [f"killed-{n}" for n in range(items)])
        (run,) = states.list_map_runs(executionArn=execution)["mapRuns"]
        counts = states.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]
        self.assertEqual((counts["succeeded"], counts["total"], counts["running"]), (items, items, 0))
        pages = states.get_paginator("list_executions").paginate(mapRunArn=run["mapRunArn"])
        inputs = sorted(
            int(states.describe_execution(executionArn=child["executionArn"])["input"])
            for page in pages
            for child in page["executions"]
        )
        self.assertEqual(inputs, list(range(items)), "each item has one execution")
