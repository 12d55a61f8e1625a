"""`quell machine undo`: all that is taken back of runs is taken back of executions, made by a state of a machine."""

import json

import test_undo
from quelltest import ACCOUNT, wait_until
from test_response_machines import definition

ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
SPELLED = {"elbv2": "elasticloadbalancingv2"}


def pascal(name):
    """A name as Step Functions spells it: an acronym at its beginning is a word."""
    for acronym in ("DB", "ACL"):
        if name.startswith(acronym):
            return acronym.title() + name[len(acronym):]
    return name


class Executions(test_undo.Undo):
    command = "machine"
    # Actions of documents have no counterpart.
    test_actions_with_inverses = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.states = cls.quell.client("stepfunctions", inject_host_prefix=False)

    def execute(self, name, machine, data=None, **more):
        """Runs a machine to its end; gives what it is then."""
        arn = self.states.create_state_machine(name=name, definition=json.dumps(machine), roleArn=ROLE, **more)["stateMachineArn"]
        execution = self.states.start_execution(stateMachineArn=arn, input=json.dumps(data or {}))["executionArn"]

        def look():
            found = self.states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        return wait_until("the execution's end", look)

    def start(self, service, api, **inputs):
        type(self).made += 1
        resource = f"arn:aws:states:::aws-sdk:{SPELLED.get(service, service)}:{api[0].lower()}{api[1:]}"
        parameters = {pascal(name): value for name, value in inputs.items()}
        change = {"Type": "Task", "Resource": resource, "Parameters": parameters, "End": True}
        ended = self.execute(f"change-{self.made}", {"StartAt": "Change", "States": {"Change": change}})
        self.assertEqual(ended["status"], "SUCCEEDED", ended)
        return ended["executionArn"]

    def test_the_history_tells_nothing_of_the_readings(self):
        self.s3.create_bucket(Bucket="quiet")
        execution = self.start("s3", "PutBucketPolicy", Bucket="quiet", Policy=test_undo.bucket_policy("quiet"))
        events = self.states.get_execution_history(executionArn=execution)["events"]
        self.assertEqual(
            [event["type"] for event in events],
            ["ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"],
        )

    def test_items_of_a_map_are_taken_back(self):
        buckets = ["item-a", "item-b", "item-c"]
        for bucket in buckets:
            self.s3.create_bucket(Bucket=bucket)
        put = {
            "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putBucketPolicy", "End": True,
            "Parameters": {"Bucket.$": "$.bucket", "Policy.$": "$.policy"},
        }
        machine = {"StartAt": "All", "States": {"All": {
            "Type": "Map", "ItemsPath": "$.items", "End": True, "ItemProcessor": {"StartAt": "Put", "States": {"Put": put}},
        }}}
        items = [{"bucket": bucket, "policy": test_undo.bucket_policy(bucket)} for bucket in buckets]
        ended = self.execute("items", machine, {"items": items})
        self.assertEqual(ended["status"], "SUCCEEDED", ended)
        self.assertEqual(self.undone(ended["executionArn"])["AutomationExecutionStatus"], "Success")
        for bucket in buckets:
            with self.assertRaises(self.s3.exceptions.ClientError):
                self.s3.get_bucket_policy(Bucket=bucket)

    def test_what_was_done_before_a_failure_is_taken_back(self):
        self.s3.create_bucket(Bucket="half")
        states = {
            "Put": {
                "Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putBucketPolicy", "Next": "Break",
                "Parameters": {"Bucket": "half", "Policy": test_undo.bucket_policy("half")},
            },
            "Break": {"Type": "Fail", "Error": "Broken"},
        }
        ended = self.execute("half", {"StartAt": "Put", "States": states})
        self.assertEqual(ended["status"], "FAILED")
        self.assertEqual(self.undone(ended["executionArn"])["AutomationExecutionStatus"], "Success")
        with self.assertRaises(self.s3.exceptions.ClientError):
            self.s3.get_bucket_policy(Bucket="half")

    def test_the_shipped_response_is_taken_back(self):
        instance = self.ec2.run_instances(ImageId=self.image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]

        def stands():
            found = self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
            groups = [group["GroupId"] for group in found["NetworkInterfaces"][0]["Groups"]]
            return found.get("Tags", []), found["SecurityGroups"], groups

        before = stands()
        finding = {"id": "f-1", "severity": 8, "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS"}
        finding["resource"] = {"instanceDetails": {"instanceId": instance}}
        ended = self.execute("response", json.loads(definition("ec2-response")), {"detail": finding, "settings": {"approvalQueue": ""}})
        self.assertEqual(ended["status"], "SUCCEEDED", ended)
        self.assertNotEqual(stands(), before)
        said = self.undo(ended["executionArn"], "--plan")
        self.assertIn("ec2:CreateSnapshot", said)
        self.assertEqual(self.undone(ended["executionArn"])["AutomationExecutionStatus"], "Success")
        self.assertEqual(stands(), before)

    def test_what_cannot_be_taken_back_is_refused(self):
        self.assertIn("there is no such execution", self.refused("0190b1a2-0000-7000-8000-000000000000"))
        arn = self.states.create_state_machine(
            name="waits", roleArn=ROLE, definition=json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 9999, "End": True}}})
        )["stateMachineArn"]
        waiting = self.states.start_execution(stateMachineArn=arn)["executionArn"]
        self.assertIn("has not ended: stop it, then undo it", self.refused(waiting))
        self.states.stop_execution(executionArn=waiting)
        self.assertIn("nothing to undo", self.undo(waiting))
        self.assertIn("Nobody", self.refused(waiting, "--accept-drift", "Nobody"))
