"""The deletion of state machines whose executions run, with boto3; a restart in between changes nothing."""

import json

from quelltest import wait_until
from states_world import ROLE, SLEEPER, StatesTest, machine


def asks(queue):
    """A machine that asks for an approval through a queue, and then has one more thing to do."""
    return machine(
        {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
                "Parameters": {"QueueUrl": queue, "MessageBody": {"token.$": "$$.Task.Token"}},
                "Next": "Go",
            },
            "Go": {"Type": "Pass", "End": True},
        }
    )


class Deletion(StatesTest):
    def setUp(self):
        self.queue = self.sqs.create_queue(QueueName=self._testMethodName[:80])["QueueUrl"]

    def token(self):
        def look():
            messages = self.sqs.receive_message(QueueUrl=self.queue).get("Messages", [])
            return messages and json.loads(messages[0]["Body"])["token"]

        return wait_until("the token", look)

    def gone(self, arn):
        def look():
            try:
                self.states.describe_state_machine(stateMachineArn=arn)
            except self.states.exceptions.StateMachineDoesNotExist:
                return True

        wait_until("the machine's end", look)

    def test_a_machine_stays_until_its_executions_have_ended(self):
        arn = self.create("deleted", asks(self.queue))
        version = self.states.publish_state_machine_version(stateMachineArn=arn)["stateMachineVersionArn"]
        routes = [{"stateMachineVersionArn": version, "weight": 100}]
        self.states.create_state_machine_alias(name="prod", routingConfiguration=routes)
        over = self.start(arn, name="over")
        self.token()
        self.states.stop_execution(executionArn=over)
        running = [self.start(arn, name=name) for name in ("one", "two")]
        tokens = [self.token() for _ in running]
        self.quell.aws("stepfunctions", "delete-state-machine", "--state-machine-arn", arn)

        described = self.states.describe_state_machine(stateMachineArn=arn)
        self.assertEqual(described["status"], "DELETING")
        left = self.states.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]
        self.assertEqual({it["name"] for it in left}, {"one", "two"})
        refused = {
            "create": lambda: self.create("deleted", asks(self.queue)),
            "start": lambda: self.start(arn),
            "update": lambda: self.states.update_state_machine(stateMachineArn=arn, roleArn=ROLE),
            "publish": lambda: self.states.publish_state_machine_version(stateMachineArn=arn),
            "alias": lambda: self.states.create_state_machine_alias(name="next", routingConfiguration=routes),
        }
        for name, call in refused.items():
            with self.subTest(name), self.refused(self.states, "StateMachineDeleting", 400, saying=f"'{arn}'"):
                call()
        self.assertEqual(self.states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"], [])
        self.assertEqual(self.states.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"], [])
        with self.refused(self.states, "ExecutionNotRedrivable", 400, saying="DELETING"):
            self.states.redrive_execution(executionArn=over)
        reason = self.states.describe_execution(executionArn=over)["redriveStatusReason"]
        self.assertEqual(reason, "State machine is in DELETING status")
        self.states.delete_state_machine(stateMachineArn=arn)

        # A restart does not forget it; who is at work may end its work, and begins nothing after it.
        self.quell.restart()
        self.assertEqual(self.states.describe_state_machine(stateMachineArn=arn)["status"], "DELETING")
        for token in tokens:
            self.states.send_task_success(taskToken=token, output="{}")
        for execution in running:
            found = self.ended(execution)
            told = (found["status"], found["error"], found["cause"])
            self.assertEqual(told, ("FAILED", "States.Runtime", "State machine deleted has been deleted."))
            kinds = [event["type"] for event in self.events(execution)]
            self.assertEqual(kinds[-2:], ["TaskStateExited", "ExecutionFailed"])
        self.gone(arn)
        self.create("deleted", SLEEPER)

    def test_who_stops_the_executions_need_not_wait(self):
        arn = self.create("stopped", SLEEPER)
        running = [self.start(arn) for _ in range(3)]
        self.states.delete_state_machine(stateMachineArn=arn)
        for execution in running:
            self.states.stop_execution(executionArn=execution)
        self.gone(arn)
        self.assertEqual({self.ended(execution)["status"] for execution in running}, {"ABORTED"})

    def test_a_machine_without_executions_is_gone_at_once(self):
        for kind in ("STANDARD", "EXPRESS"):
            arn = self.create("idle", machine({"P": {"Type": "Pass", "End": True}}), type=kind)
            self.states.delete_state_machine(stateMachineArn=arn)
            with self.refused(self.states, "StateMachineDoesNotExist", 400):
                self.states.describe_state_machine(stateMachineArn=arn)
