"""The world of recorded executions: their queues, tables, buckets and functions, and their calls played in order."""

import ast
import base64
import contextlib
import io
import json
import re
import threading
import zipfile

import botocore.exceptions

from quelltest import wait_until

# How long an execution of a record may take: some of them wait for timeouts.
PATIENCE = 240
# These are this server's own; everything else is the account's.
OWN = {"lambda", "events"}
# What is said of what there is already: it was made when the record was played before.
EXISTS = {"ResourceConflictException", "ResourceInUseException", "ResourceAlreadyExistsException"}


class Played:
    """One record as it went here: what AWS's answers are compared with, and this run's names for the record's."""

    def __init__(self, world, record, again):
        self.world, self.record, self.again = world, record, again
        self.own, self.answers, self.starts = [], [], []
        self.stop = threading.Event()
        self.messages = []

    def play(self):
        """Plays everything, and gives what was observed by the keys of the record."""
        # Mocked records share a queue.
        with self.world.one_by_one if self.mocks() else contextlib.nullcontext():
            before, between, queue = self.sorted_setup()
            for call in before:
                self.set_up(call)
            worker = threading.Thread(target=self.work, args=(queue,), daemon=True) if queue else None
            if worker:
                worker.start()
            try:
                return self.rest(self.calls(between))
            finally:
                self.stop.set()
                if worker:
                    worker.join()

    def sorted_setup(self):
        """Calls before the first one of the record, those between creation and start, and the queue that is read."""
        calls = self.record.get("setup") or []
        reads = [call["params"]["QueueUrl"] for call in calls if call["op"] == "ReceiveMessage"]
        made = {call["returns"]["QueueUrl"] for call in calls if call["op"] == "CreateQueue"}
        between = [call for call in calls if call["op"] == "DeleteLogGroup"]
        before = [call for call in calls if call["op"] != "ReceiveMessage" and call not in between]
        if self.mocks():
            return self.mocked()
        return before, between, next((it for it in reads if it in made), None)

    def set_up(self, call):
        client = self.world.client(call["service"])
        params = json.loads(self.mine(json.dumps(call["params"])))
        if call["op"] == "CreateFunction":
            params["Code"] = {"ZipFile": packed(params["Code"]["files"])}
        params = {name: as_bytes(it) if name == "Body" else it for name, it in params.items() if it not in ("", None)}
        try:
            answer = operation(client, call["op"])(**params)
        except botocore.exceptions.ClientError as refusal:
            if self.again and refusal.response["Error"]["Code"] in EXISTS:
                return
            raise
        if call["op"] == "CreateBucket":
            # As every bucket is since 2023.
            by = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            client.put_bucket_encryption(Bucket=params["Bucket"], ServerSideEncryptionConfiguration={"Rules": [by]})
        for name, given in (call.get("returns") or {}).items():
            # Queues are found by the last part of their address, wherever they are.
            if name != "QueueUrl":
                self.returned(given, answer.get(name) or answer["TableDescription"][name])

    def rename(self, recorded, mine):
        if recorded != mine:
            self.own.append((mine, recorded))

    def mine(self, text):
        """A text of the record with the names that this run has for the record's."""
        for mine, recorded in self.own:
            text = text.replace(recorded, mine)
        return text

    def calls(self, between):
        calls = self.record.get("calls") or self.plain_calls()
        observed = {}
        for number, call in enumerate(calls):
            if "match" in call:
                self.answers.append(None)
                if "of" in call:
                    answer = self.answers[call["of"]]
                    observed[call["match"]] = answer[call["part"]] if "part" in call else answer
                continue
            self.answers.append(self.call(call, number))
            if call["op"] == "CreateStateMachine":
                for one in between:
                    self.set_up(one)
                between = []
        return observed

    def plain_calls(self):
        """The calls of a record that does not list them: create, start, look."""
        record = self.record
        definition = record["definition"]
        definition = definition if isinstance(definition, str) else json.dumps(definition)
        account = "arn:aws:states:us-east-1:111111111111"
        create = {"name": record["name"], "definition": definition, "roleArn": record["roleArn"]}
        if record.get("type"):
            create["type"] = record["type"]
        machine = f"{account}:stateMachine:{record['name']}"
        start = {"stateMachineArn": machine}
        if record["input"] is not None:
            start["input"] = json.dumps(record["input"])
        execution = {"executionArn": f"{account}:execution:{record['name']}:recorded"}
        return [
            {"op": "CreateStateMachine", "params": create, "returns": {"stateMachineArn": machine}},
            {"op": "StartExecution", "params": start, "returns": execution},
            {"op": "GetExecutionHistory", "params": execution},
            {"match": "get_execution_history", "of": 2},
        ]

    def call(self, call, number):
        op, states = call["op"], self.world.states
        params = json.loads(self.mine(json.dumps(call["params"])))
        if "mock_config" in call:
            params["stateMachineArn"] = params["stateMachineArn"].split("#")[0]
        if re.fullmatch(r"t\d+", params.get("nextToken", "")):
            # The record's own name for what the answer before had.
            params["nextToken"] = next(it["nextToken"] for it in reversed(self.answers) if it and "nextToken" in it)
        following = {it["op"] for it in self.record.get("calls", [])[number + 1 :] if "op" in it}
        if op in ("GetExecutionHistory", "DescribeExecution") and "StopExecution" not in following:
            self.world.ended(params["executionArn"])
        if op == "ListExecutions":
            for execution in self.starts:
                self.world.ended(execution)
        if op == "GetExecutionHistory":
            pages = states.get_paginator("get_execution_history").paginate(**params)
            pages = list(pages)
            events = [event for page in pages for event in page["events"]]
            return {"events": events, "ResponseMetadata": pages[0]["ResponseMetadata"]}
        try:
            answer = operation(states, op)(**params)
        except botocore.exceptions.ClientError as refusal:
            return refusal.response
        except botocore.exceptions.ParamValidationError:
            return None
        for name, given in (call.get("returns") or {}).items():
            self.returned(given, answer[name])
        if op == "StartExecution":
            self.starts.append(answer["executionArn"])
        return answer

    def returned(self, given, mine):
        self.rename(given, mine)
        if given.count(":") == mine.count(":"):
            for recorded, own in zip(given.split(":"), mine.split(":")):
                self.rename(recorded, own)

    def work(self, queue):
        """A worker at a queue: beats twice for a task and ends it with the message; other messages are kept."""
        sqs = self.world.client("sqs")
        while not self.stop.is_set():
            for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []):
                body = message["Body"]
                self.messages.append(json.loads(body) if body.startswith("{") else body)
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                if isinstance(self.messages[-1], dict) and "TaskToken" in self.messages[-1]:
                    self.finish(self.messages[-1]["TaskToken"], body)

    def finish(self, token, body):
        """Ends a task as its mock says, or after two beats with the message that brought it."""
        states, mock = self.world.states, next(iter(self.mocks()), None)
        if mock and "Throw" in mock:
            error = mock["Throw"]
            states.send_task_failure(taskToken=token, error=error["Error"], cause=error["Cause"])
        elif mock:
            states.send_task_success(taskToken=token, output=json.dumps(mock["Return"]))
        else:
            for _ in range(2):
                states.send_task_heartbeat(taskToken=token)
            states.send_task_success(taskToken=token, output=body)

    def mocks(self):
        """The answers that stand in for services, in their order."""
        configs = [call["mock_config"] for call in self.record.get("calls") or [] if "mock_config" in call]
        responses = [it for config in configs for it in config["MockedResponses"].values()]
        return [answer for response in responses for _, answer in sorted(response.items())]

    def mocked(self):
        """As `sorted_setup`, what there must be for mocked calls: functions answer what they are given, which is
        what their mocks answer."""
        calls, queue = [], None
        for name in re.findall(r"function:(\w+)", json.dumps(self.record["calls"])):
            files = {"handler.py": "def handler(event, context):\n    return event\n"}
            params = {"FunctionName": name, "Runtime": "python3.12", "Handler": "handler.handler", "Code": {"files": files}}
            params["Role"] = "arn:aws:iam::111111111111:role/function"
            calls.append({"service": "lambda", "op": "CreateFunction", "params": params})
        if "sqs" in self.record["needs"]:
            queue = "sqs_queue_url"
            calls.append({"service": "sqs", "op": "CreateQueue", "params": {"QueueName": queue}})
        return calls, [], queue

    def rest(self, observed):
        """What the record has besides the answers of its calls, by key."""
        expect = self.record["expect"]
        wanted = expect.get("recorded") or {}
        for key in wanted:
            if key not in observed:
                observed[key] = self.found(key, wanted[key])
        # What the client refuses by itself says nothing of a server.
        for key in self.record.get("client_side") or []:
            observed[key] = wanted[key]
        if self.starts and self.record["type"] != "EXPRESS" and (set(expect) & {"status", "output", "error_name", "cause"}):
            end = self.world.ended(self.starts[-1])
            for key, member in (("status", "status"), ("output", "output"), ("error_name", "error"), ("cause", "cause")):
                if key in expect:
                    observed[key] = end.get(member)
        if "history" not in expect:
            observed.pop("get_execution_history", None)
        elif "get_execution_history" in observed:
            observed["get_execution_history"].pop("ResponseMetadata")
        return observed

    def found(self, key, wanted):
        if key == "cases":
            return [self.case(execution) for execution in self.starts]
        if key == "describe_execution":
            return self.world.states.describe_execution(executionArn=self.starts[-1])
        if key == "exec_hist_resp":
            return self.call({"op": "GetExecutionHistory", "params": {"executionArn": self.starts[-1]}}, 0)
        if key.startswith("execution_history_"):
            execution = self.starts[int(key.rsplit("_", 1)[-1])]
            return self.call({"op": "GetExecutionHistory", "params": {"executionArn": execution}}, 0)
        if key in ("stepfunctions_events", "messages"):
            # What was read twice, before it was deleted, is one message.
            times = [json.dumps(it, sort_keys=True) for it in wanted]
            wait_until("the messages", lambda: len(self.messages) >= len(set(times)))
            if len(self.messages) != len(set(times)):
                return self.messages
            return [self.messages[sorted(set(times), key=times.index).index(it)] for it in times]
        if key == "get-s3-object":
            given = self.record["input"]
            return self.world.client("s3").get_object(Bucket=given["Bucket"], Key=given["Key"])
        if key in ("logged_execution_events", "end_event"):
            return self.logged(key, wanted)
        return None

    def case(self, execution):
        end = self.world.ended(execution)
        return {"input": json.loads(end["input"]), "output": json.loads(end.get("output", "null"))}

    def logged(self, key, wanted):
        group = next(it["params"]["logGroupName"] for it in self.record["setup"] if it["op"] == "CreateLogGroup")
        logs = self.world.client("logs")

        def read():
            events = logs.filter_log_events(logGroupName=group)["events"]
            messages = [json.loads(event["message"]) for event in events]
            messages = [it for it in messages if it.get("execution_arn") in self.starts]
            # Each execution has a stream of its own: which of them is written first is nobody's promise.
            messages.sort(key=lambda it: (self.starts.index(it["execution_arn"]), int(it["id"])))
            ends = [it for it in messages if it["type"].startswith("Execution") and it["type"] != "ExecutionStarted"]
            if key == "end_event":
                return ends and ends[-1]
            return messages if len(messages) >= len(wanted) else None

        return wait_until("what is logged", read) if wanted else (read() or [])


def as_bytes(body):
    """The body of an object: a text, or bytes as the record writes them."""
    if isinstance(body, dict):
        return base64.b64decode(body["$bytes"])
    # Text made of a Python object, by mistake: what it was made of.
    if body.startswith("bytearray("):
        return ast.literal_eval(body.removeprefix("bytearray(").removesuffix(")"))
    return body.encode()


def packed(files):
    """A zip archive of these files."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return whole.getvalue()


def operation(client, name):
    """The method of a client for an operation of the service."""
    methods = {operation: method for method, operation in client.meta.method_to_api_mapping.items()}
    return getattr(client, methods[name])
