"""State machines with boto3 and the AWS CLI; their tasks call the account that moto plays."""

import json
import tempfile

from quelltest import ACCOUNT, REGION, Moto, Quell, QuellTest, wait_until
from states_world import MACHINE, ROLE, SLEEPER, StatesTest, machine


class States(StatesTest):
    def test_a_machine_is_made_described_changed_and_deleted(self):
        arn = self.create("life", SLEEPER, tags=[{"key": "team", "value": "ir"}])
        self.assertEqual(arn, f"{MACHINE}:life")
        again = self.states.create_state_machine(name="life", definition=json.dumps(SLEEPER), roleArn=ROLE)
        self.assertEqual(again["stateMachineArn"], arn)
        other = machine({"Nap": {"Type": "Succeed"}})
        with self.refused(self.states, "StateMachineAlreadyExists", 400):
            self.create("life", other)
        described = self.states.describe_state_machine(stateMachineArn=arn)
        self.assertEqual(json.loads(described["definition"]), SLEEPER)
        self.assertEqual((described["status"], described["type"]), ("ACTIVE", "STANDARD"))
        self.assertNotIn("revisionId", described)
        changed = self.states.update_state_machine(stateMachineArn=arn, definition=other)
        described = self.states.describe_state_machine(stateMachineArn=arn)
        self.assertEqual(described["revisionId"], changed["revisionId"])
        self.assertEqual(described["definition"], other)
        with self.refused(self.states, "MissingRequiredParameter", 400):
            self.states.update_state_machine(stateMachineArn=arn)
        self.states.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": "test"}])
        self.states.untag_resource(resourceArn=arn, tagKeys=["team"])
        tags = self.states.list_tags_for_resource(resourceArn=arn)["tags"]
        self.assertEqual(tags, [{"key": "stage", "value": "test"}])
        names = [it["name"] for it in self.states.list_state_machines()["stateMachines"]]
        self.assertIn("life", names)
        self.states.delete_state_machine(stateMachineArn=arn)
        with self.refused(self.states, "StateMachineDoesNotExist", 400, saying=f"'{arn}'"):
            self.states.describe_state_machine(stateMachineArn=arn)

    def test_a_bad_definition_is_refused_with_all_its_problems(self):
        bad = machine({"A": {"Type": "Pass", "Next": "Nowhere"}, "B": {"Type": "Pas", "End": True}})
        with self.refused(self.states, "InvalidDefinition", 400, saying="Missing 'Next' target: Nowhere"):
            self.create("bad", bad)
        found = self.states.validate_state_machine_definition(definition=bad)
        self.assertEqual(found["result"], "FAIL")
        places = [problem["location"] for problem in found["diagnostics"]]
        self.assertEqual(places, ["/States/A/Next", "/States/B/Type"])
        good = self.states.validate_state_machine_definition(definition=json.dumps(SLEEPER))
        self.assertEqual((good["result"], good["diagnostics"]), ("OK", []))
        with self.refused(self.states, "InvalidName", 400):
            self.create("two words", SLEEPER)

    def test_only_the_servers_own_key_encrypts(self):
        own = {"type": "AWS_OWNED_KEY"}
        arn = self.create("own-key", SLEEPER, encryptionConfiguration=own)
        self.assertEqual(self.states.describe_state_machine(stateMachineArn=arn)["encryptionConfiguration"], own)
        self.states.create_activity(name="own-key", encryptionConfiguration=own)
        customers = {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "alias/theirs"}
        for wrong, saying in ((customers, "keys of KMS"), ({**own, "kmsKeyId": "alias/theirs"}, "`kmsKeyId`")):
            calls = {
                "machine": lambda: self.create("keyed", SLEEPER, encryptionConfiguration=wrong),
                "update": lambda: self.states.update_state_machine(stateMachineArn=arn, encryptionConfiguration=wrong),
                "activity": lambda: self.states.create_activity(name="keyed", encryptionConfiguration=wrong),
            }
            for name, call in calls.items():
                with self.subTest(name), self.refused(self.states, "InvalidEncryptionConfiguration", 400, saying=saying):
                    call()

    def test_a_call_is_refused_without_what_it_must_have_and_with_what_it_does_not_have(self):
        def task(resource, parameters=None):
            given = {} if parameters is None else {"Parameters": parameters}
            return machine({"Send": {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "End": True, **given}})

        message = {"QueueUrl.$": "$.queue", "MessageBody": {"any": "thing"}}
        tags = {"TaskDefinition": "t", "Tags": [{"key": "team", "value": "soc"}]}
        for definition, says, place in [
            (task("sqs:sendMessage", {"QueueUrl.$": "$.q"}), "The field 'MessageBody' is required but was missing", "/Parameters"),
            (task("sqs:sendMessage", {**message, "Delay": 5}), 'The field "Delay" is not supported by Step Functions', "/Parameters"),
            (task("ecs:runTask", tags), 'The field "key" is not supported by Step Functions', "/Parameters"),
            (
                task("aws-sdk:ec2:describeInstances"),
                "Parameters field is required for resource ARN: arn:aws:states:::aws-sdk:ec2:describeInstances",
                "",
            ),
        ]:
            with self.refused(self.states, "InvalidDefinition", 400, saying=f"{says} at /States/Send{place}'"):
                self.create("refused", definition)
            found = self.states.validate_state_machine_definition(definition=definition)["diagnostics"]
            shown = [(it["code"], it["message"], it["location"]) for it in found]
            self.assertEqual(shown, [("SCHEMA_VALIDATION_FAILED", says, f"/States/Send{place}")])
        arn = self.create("sender", task("sqs:sendMessage", message))
        with self.refused(self.states, "InvalidDefinition", 400, saying="'MessageBody' is required"):
            self.states.update_state_machine(stateMachineArn=arn, definition=task("sqs:sendMessage", {"QueueUrl": "q"}))

    def test_an_execution_runs_and_tells_its_history_in_pages(self):
        steps = {
            "Fan": {
                "Type": "Map",
                "ItemsPath": "$.numbers",
                "MaxConcurrency": 2,
                "ItemProcessor": {
                    "StartAt": "Add",
                    "States": {
                        "Add": {"Type": "Pass", "Parameters": {"sum.$": "States.MathAdd($, 10)"}, "End": True}
                    },
                },
                "ResultPath": "$.sums",
                "Next": "Sum",
            },
            "Sum": {
                "Type": "Pass",
                "QueryLanguage": "JSONata",
                "Output": {"total": "{% $sum($states.input.sums.sum) %}"},
                "End": True,
            },
        }
        arn = self.create("fan", machine(steps))
        execution = self.start(arn, {"numbers": list(range(100))}, name="first")
        self.assertEqual(execution, f"arn:aws:states:{REGION}:{ACCOUNT}:execution:fan:first")
        found = self.ended(execution)
        self.assertEqual((found["status"], json.loads(found["output"])), ("SUCCEEDED", {"total": 5950}))
        events = self.events(execution)
        self.assertEqual([event["id"] for event in events], list(range(1, len(events) + 1)))
        self.assertGreater(len(events), 400, "more than one stored piece")
        self.assertEqual(events[-1]["type"], "ExecutionSucceeded")
        last = self.states.get_execution_history(executionArn=execution, reverseOrder=True, maxResults=1)["events"]
        self.assertEqual(last[0]["id"], len(events))
        self.assertEqual(self.events(execution, maxResults=37), events)
        self.assertEqual(self.events(execution, maxResults=37, reverseOrder=True), events[::-1])
        with self.refused(self.states, "InvalidToken", 400):
            self.states.get_execution_history(executionArn=execution, nextToken="none")
        with self.refused(self.states, "ExecutionAlreadyExists", 400):
            self.start(arn, {"numbers": [1]}, name="first")
        with self.refused(self.states, "InvalidExecutionInput", 400, saying="Unrecognized token 'not'"):
            self.states.start_execution(stateMachineArn=arn, input="not json")

    def test_tasks_call_the_account_and_their_errors_are_retried_and_caught(self):
        queue = self.sqs.create_queue(QueueName="tasks")["QueueUrl"]
        steps = {
            "Send": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage",
                "Parameters": {"QueueUrl.$": "$.queue", "MessageBody": {"finding.$": "$.finding"}},
                "ResultSelector": {"id.$": "$.MessageId"},
                "ResultPath": "$.sent",
                "Next": "Count",
            },
            "Count": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueAttributes",
                "Parameters": {"QueueUrl.$": "$.queue", "AttributeNames": ["ApproximateNumberOfMessages"]},
                "ResultPath": "$.count",
                "Next": "Miss",
            },
            "Miss": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl",
                "Parameters": {"QueueName": "none"},
                "Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1, "IntervalSeconds": 1}],
                "Catch": [{"ErrorEquals": ["States.TaskFailed"], "ResultPath": "$.error", "Next": "End"}],
                "Next": "End",
            },
            "End": {"Type": "Succeed"},
        }
        arn = self.create("tasks", machine(steps))
        execution = self.start(arn, {"queue": queue, "finding": {"id": "f-1"}})
        found = self.ended(execution)
        self.assertEqual(found["status"], "SUCCEEDED", found)
        output = json.loads(found["output"])
        self.assertEqual(output["count"]["Attributes"]["ApproximateNumberOfMessages"], "1")
        self.assertTrue(output["error"]["Error"].startswith("Sqs."), output["error"])
        message = self.sqs.receive_message(QueueUrl=queue)["Messages"][0]
        self.assertEqual(json.loads(message["Body"]), {"finding": {"id": "f-1"}})
        self.assertEqual(message["MessageId"], output["sent"]["id"])
        kinds = [event["type"] for event in self.events(execution)]
        self.assertEqual(kinds.count("TaskFailed"), 2)
        self.assertEqual(kinds.count("TaskSucceeded"), 2)

    def test_a_task_waits_for_its_token(self):
        queue = self.sqs.create_queue(QueueName="approvals")["QueueUrl"]
        steps = {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "HeartbeatSeconds": 600,
                "Parameters": {"QueueUrl.$": "$.queue", "MessageBody": {"token.$": "$$.Task.Token"}},
                "End": True,
            }
        }
        arn = self.create("ask", machine(steps))

        def token():
            messages = self.sqs.receive_message(QueueUrl=queue).get("Messages", [])
            return messages and json.loads(messages[0]["Body"])["token"]

        execution = self.start(arn, {"queue": queue})
        asked = wait_until("the token", token)
        wait_until("the answer", lambda: any(it["type"] == "TaskSubmitted" for it in self.events(execution)))
        self.states.send_task_heartbeat(taskToken=asked)
        self.states.send_task_success(taskToken=asked, output='{"approved": true}')
        found = self.ended(execution)
        self.assertEqual(json.loads(found["output"]), {"approved": True})
        with self.refused(self.states, "TaskTimedOut", 400):
            self.states.send_task_success(taskToken=asked, output="{}")
        with self.refused(self.states, "InvalidToken", 400):
            self.states.send_task_success(taskToken="none", output="{}")
        execution = self.start(arn, {"queue": queue})
        self.states.send_task_failure(taskToken=wait_until("the token", token), error="Denied", cause="not today")
        found = self.ended(execution)
        self.assertEqual((found["status"], found["error"], found["cause"]), ("FAILED", "Denied", "not today"))

    def test_executions_are_listed_and_stopped(self):
        arn = self.create("sleeper", SLEEPER)
        running = [self.start(arn, name=f"nap-{number}") for number in range(3)]
        self.states.stop_execution(executionArn=running[0], error="Over", cause="by hand")
        found = self.ended(running[0])
        self.assertEqual((found["status"], found["error"], found["cause"]), ("ABORTED", "Over", "by hand"))
        left = self.states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
        self.assertEqual([it["name"] for it in left], ["nap-2", "nap-1"])
        page = self.states.list_executions(stateMachineArn=arn, maxResults=2)
        rest = self.states.list_executions(stateMachineArn=arn, nextToken=page["nextToken"])
        names = [it["name"] for it in page["executions"] + rest["executions"]]
        self.assertEqual(names, ["nap-2", "nap-1", "nap-0"])
        with self.refused(self.states, "ExecutionDoesNotExist", 400):
            self.states.describe_execution(executionArn=running[0] + "x")
        with self.refused(self.states, "InvalidArn", 400, saying="Invalid ARN prefix: none"):
            self.states.describe_execution(executionArn="none")
        told = self.quell.aws("stepfunctions", "list-executions", "--state-machine-arn", arn)
        self.assertEqual(len(told["executions"]), 3)


    def test_a_failed_execution_is_redriven_from_where_it_failed(self):
        look = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl", "ResultPath": "$.found", "End": True}
        steps = {
            "First": {"Type": "Pass", "Result": "redriven-queue", "ResultPath": "$.name", "Next": "Look"},
            "Look": {**look, "Parameters": {"QueueName.$": "$.name"}},
        }
        execution = self.start(self.create("redriven", machine(steps)))
        found = self.ended(execution)
        self.assertEqual((found["status"], found["redriveStatus"], found["redriveCount"]), ("FAILED", "REDRIVABLE", 0))
        self.sqs.create_queue(QueueName="redriven-queue")
        self.states.redrive_execution(executionArn=execution)
        found = self.ended(execution)
        self.assertEqual((found["status"], found["redriveCount"]), ("SUCCEEDED", 1), found)
        self.assertIn("redriven-queue", json.loads(found["output"])["found"]["QueueUrl"])
        self.assertIn("redriveDate", found)
        kinds = [event["type"] for event in self.events(execution)]
        self.assertEqual((kinds.count("PassStateEntered"), kinds.count("ExecutionRedriven")), (1, 1))
        with self.refused(self.states, "ExecutionNotRedrivable", 400, saying="is SUCCEEDED and cannot be redriven"):
            self.states.redrive_execution(executionArn=execution)
        of = found["stateMachineArn"]
        listed = self.states.list_executions(stateMachineArn=of)["executions"]
        self.assertEqual(listed[0]["redriveCount"], 1)


class Kill(QuellTest):
    """A machine survives kill -9 at any point and repeats no effect."""

    @classmethod
    def setUpClass(cls):
        """The test makes its own server."""

    @classmethod
    def tearDownClass(cls):
        """It ends its own server."""

    def test_executions_go_on_after_kills(self):
        folder = tempfile.mkdtemp()
        moto = Moto(folder)
        self.addCleanup(moto.close)
        quell = Quell(folder, "", moto.url)
        self.addCleanup(quell.close)
        sqs = moto.client("sqs")
        queue = sqs.create_queue(QueueName="counted")["QueueUrl"]
        steps = {
            "Each": {
                "Type": "Map",
                "ItemsPath": "$.items",
                "MaxConcurrency": 3,
                "ItemProcessor": {
                    "StartAt": "Read",
                    "States": {
                        "Read": {
                            "Type": "Task",
                            "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueAttributes",
                            "Parameters": {"QueueUrl": queue, "AttributeNames": ["QueueArn"]},
                            "ResultPath": None,
                            "Next": "Pause",
                        },
                        "Pause": {"Type": "Wait", "Seconds": 1, "End": True},
                    },
                },
                "End": True,
            }
        }
        states = quell.client("stepfunctions")
        arn = states.create_state_machine(name="each", definition=machine(steps), roleArn=ROLE)["stateMachineArn"]
        execution = states.start_execution(
            stateMachineArn=arn, input=json.dumps({"items": list(range(12))}), name="killed"
        )["executionArn"]
        for _ in range(4):
            seen = len(states.get_execution_history(executionArn=execution, maxResults=1000)["events"])
            grown = lambda: len(
                states.get_execution_history(executionArn=execution, maxResults=1000)["events"]
            ) > seen + 3
            wait_until("more events", grown)
            quell.restart()
            states = quell.client("stepfunctions")

        def look():
            found = states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        found = wait_until("the end", look)
        self.assertEqual(json.loads(found["output"]), list(range(12)), found)
        events = states.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        self.assertEqual([event["id"] for event in events], list(range(1, len(events) + 1)))
        kinds = [event["type"] for event in events]
        self.assertEqual(kinds.count("TaskSucceeded"), 12)
        self.assertEqual(kinds.count("MapIterationSucceeded"), 12)
