"""`quell machine plan`: only readings leave the machine, and the plan says what an execution would do."""

import json
import pathlib
import uuid

from quelltest import ACCOUNT, REGION, ROOT
from test_plan import PlanTest, calls_of

LIBRARY = ROOT / "playbooks"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/machines"


def machine(states, **members):
    return json.dumps({"StartAt": next(iter(states)), "States": states, **members})


def task(resource, parameters, **members):
    return {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, **members}


class MachinePlans(PlanTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ec2, cls.iam, cls.sns = (cls.moto.client(name) for name in ("ec2", "iam", "sns"))
        cls.states = cls.quell.client("stepfunctions", inject_host_prefix=False)
        made = cls.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]
        cls.id = made["InstanceId"]

    def setUp(self):
        self.account.forget()

    def planned(self, definition, data=None, *arguments):
        """The plan of a definition, as JSON, or with `--arn` that of a stored machine."""
        file = pathlib.Path(self.folder) / "planned.asl.json"
        file.write_text(definition or "")
        given = [str(file)] if definition else []
        done = self.run_quell("machine", "plan", *given, *arguments, "--input", json.dumps(data or {}), "--json")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout[-2000:])
        self.assertEqual(self.changed(), [], "nothing but readings leaves the machine")
        return json.loads(done.stdout)

    def refused(self, definition, *arguments):
        file = pathlib.Path(self.folder) / "refused.asl.json"
        file.write_text(definition)
        done = self.run_quell("machine", "plan", str(file), *arguments)
        self.assertEqual(done.returncode, 1, done.stdout)
        return done.stderr

    @staticmethod
    def step(plan, name):
        return next(step for step in plan["plan"]["steps"] if step["step"] == name)

    @staticmethod
    def names(plan):
        return [step["step"] for step in plan["plan"]["steps"]]

    def test_readings_are_made_and_changes_are_shown(self):
        definition = machine(
            {
                "Look": task(
                    "aws-sdk:ec2:describeInstances",
                    {"InstanceIds.$": "States.Array($.id)"},
                    ResultSelector={"state.$": "$.Reservations[0].Instances[0].State.Name"},
                    ResultPath="$.now",
                    Next="Which",
                ),
                "Which": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.now.state", "StringEquals": "running", "Next": "Stop"}],
                    "Default": "Done",
                },
                "Stop": task(
                    "aws-sdk:ec2:stopInstances",
                    {"InstanceIds.$": "States.Array($.id)"},
                    ResultPath="$.stopped",
                    Retry=[{"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 2}],
                    Catch=[{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "Tell"}],
                    Next="Nap",
                ),
                "Nap": {"Type": "Wait", "Seconds": 3600, "Next": "Again"},
                "Again": task("aws-sdk:ec2:describeInstances", {"InstanceIds.$": "States.Array($.id)"}, Next="IsIt"),
                "IsIt": {
                    "Type": "Choice",
                    "Choices": [
                        {
                            "Variable": "$.Reservations[0].Instances[0].State.Name",
                            "StringEquals": "stopped",
                            "Next": "Mark",
                        }
                    ],
                    "Default": "Nap",
                },
                "Mark": task(
                    "aws-sdk:ec2:createTags",
                    {"Resources.$": "States.Array($.Id)", "Tags": [{"Key": "by", "Value.$": "$$.Execution.Name"}]},
                    Next="Done",
                ),
                "Tell": task("sqs:sendMessage", {"QueueUrl": "https://sqs/1/q", "MessageBody.$": "$.error"}, Next="Done"),
                "Done": {"Type": "Succeed"},
            }
        )
        plan = self.planned(definition, {"id": self.id})
        names = ["Look", "Which", "Stop", "Nap", "Again", "IsIt", "Mark", "Done", "Nap", "Again", "Tell"]
        self.assertEqual(self.names(plan), names, "a second round reads with what the first one brought")
        made = {call["operation"]: (step, call) for step, call in calls_of(plan)}
        self.assertEqual(set(made), {"StopInstances", "CreateTags", "SendMessage"})
        step, stop = made["StopInstances"]
        self.assertTrue(step["certain"])
        self.assertEqual(stop["params"], {"InstanceIds": [self.id]})
        self.assertEqual(stop["undo"], "can be undone")
        arn = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{self.id}"
        self.assertEqual(stop["permissions"][0]["action"], "ec2:StopInstances")
        self.assertIn(arn, stop["permissions"][0]["resources"])
        leads = "with States.TaskFailed: tried again up to 2 times; with States.ALL: goes on at Tell"
        self.assertEqual(step["ifFails"], leads)
        self.assertEqual(made["SendMessage"][0]["when"], "if Stop fails")
        self.assertFalse(made["SendMessage"][0]["certain"])
        step, mark = made["CreateTags"]
        self.assertTrue(step["certain"], "every way but that of a failure leads over it")
        self.assertEqual(mark["params"]["Resources"], ["<known after the run: Again.Id>"])
        self.assertEqual(mark["params"]["Tags"][0]["Value"], "<known after the run: execution name>")
        self.assertIn("goes on at Stop", self.step(plan, "Which")["note"])
        self.assertIn("waits 3600 seconds", self.step(plan, "Nap")["note"])
        self.assertIn("planned calls change", self.step(plan, "Again")["note"])
        self.assertEqual(self.step(plan, "IsIt")["note"], "depends on the run: goes on at Mark or Nap")
        self.assertIn(arn, [one["arn"] for one in plan["plan"]["resources"]])
        self.assertEqual(plan["plan"]["outcome"], "SUCCEEDED")
        found = self.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]
        self.assertEqual((found["State"]["Name"], found.get("Tags", [])), ("running", []))

    def test_the_hash_is_that_of_what_would_be_done(self):
        made = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        definition = machine(
            {
                "Look": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::aws-sdk:ec2:describeInstances",
                    "Arguments": {"InstanceIds": ["{% $states.input.id %}"]},
                    "Assign": {"state": "{% $states.result.Reservations[0].Instances[0].State.Name %}"},
                    "Output": "{% $states.input %}",
                    "Next": "Which",
                },
                "Which": {
                    "Type": "Choice",
                    "Choices": [{"Condition": "{% $state = 'running' %}", "Next": "Stop"}],
                    "Default": "Start",
                },
                "Stop": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::aws-sdk:ec2:stopInstances",
                    "Arguments": {"InstanceIds": ["{% $states.input.id %}"]},
                    "Next": "Stamp",
                },
                "Start": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::aws-sdk:ec2:startInstances",
                    "Arguments": {"InstanceIds": ["{% $states.input.id %}"]},
                    "Next": "Stamp",
                },
                "Stamp": {
                    "Type": "Task",
                    "Resource": "arn:aws:states:::aws-sdk:ec2:createTags",
                    "Arguments": {
                        "Resources": ["{% $states.context.Execution.Input.id %}"],
                        "Tags": [{"Key": "{% 'at-' & $uuid() %}", "Value": "{% $now() %}"}],
                    },
                    "End": True,
                },
            },
            QueryLanguage="JSONata",
        )
        first = self.planned(definition, {"id": made})
        self.assertEqual([call["operation"] for _, call in calls_of(first)], ["StopInstances", "CreateTags"])
        self.assertEqual(self.planned(definition, {"id": made})["hash"], first["hash"])
        tags = self.step(first, "Stamp")["calls"][0]["params"]["Tags"][0]
        self.assertEqual(tags, {"Key": "at-<known after the run: $uuid()>", "Value": "<time>"})
        other = self.planned(definition, {"id": made, "more": 1})
        self.assertNotEqual(other["hash"], first["hash"], "another input")
        self.ec2.stop_instances(InstanceIds=[made])
        drifted = self.planned(definition, {"id": made})
        self.assertEqual([call["operation"] for _, call in calls_of(drifted)], ["StartInstances", "CreateTags"])
        self.assertNotEqual(drifted["hash"], first["hash"], "the account is another one by now")

    def test_branches_items_and_machines_within_are_shown(self):
        child = self.states.create_state_machine(
            name=f"child-{uuid.uuid4().hex[:6]}",
            roleArn=ROLE,
            definition=machine(
                {"Tag": task("aws-sdk:ec2:createTags", {"Resources.$": "States.Array($.id)", "Tags": []}, End=True)}
            ),
        )["stateMachineArn"]
        untag = task("aws-sdk:ec2:deleteTags", {"Resources.$": "States.Array($)"}, End=True)
        definition = machine(
            {
                "Both": {
                    "Type": "Parallel",
                    "Branches": [
                        {
                            "StartAt": "Each",
                            "States": {
                                "Each": {
                                    "Type": "Map",
                                    "ItemsPath": "$.ids",
                                    "ItemProcessor": {"StartAt": "Untag", "States": {"Untag": untag}},
                                    "End": True,
                                }
                            },
                        },
                        {
                            "StartAt": "Make",
                            "States": {
                                "Make": task("aws-sdk:ec2:createVolume", {"Size": 1}, Next="Every"),
                                "Every": {
                                    "Type": "Map",
                                    "ItemsPath": "$.Attachments",
                                    "ItemProcessor": {
                                        "StartAt": "Attach",
                                        "States": {
                                            "Attach": task(
                                                "aws-sdk:ec2:attachVolume",
                                                {"VolumeId.$": "$.VolumeId", "InstanceId": self.id, "Device": "/dev/x"},
                                                End=True,
                                            )
                                        },
                                    },
                                    "End": True,
                                },
                            },
                        },
                    ],
                    "ResultPath": "$.both",
                    "Next": "Below",
                },
                "Below": task(
                    "states:startExecution.sync:2", {"StateMachineArn": child, "Input": {"id.$": "$.ids[0]"}}, Next="Ask"
                ),
                "Ask": task(
                    "sqs:sendMessage.waitForTaskToken",
                    {"QueueUrl": "https://sqs/1/q", "MessageBody": {"token.$": "$$.Task.Token"}},
                    Next="Run",
                ),
                "Run": task("lambda:invoke", {"FunctionName": "f", "Payload.$": "$"}, End=True),
            }
        )
        plan = self.planned(definition, {"ids": [self.id, "i-0123456789abcdef0"]})
        steps = [(step["step"], step["depth"], step.get("iteration")) for step in plan["plan"]["steps"]]
        self.assertEqual(
            steps,
            [
                ("Both", 0, None),
                ("Each", 0, None),
                ("Untag", 0, 0),
                ("Untag", 0, 1),
                ("Make", 0, None),
                ("Every", 0, None),
                ("Attach", 0, 0),
                ("Below", 0, None),
                ("Tag", 1, None),
                ("Ask", 0, None),
                ("Run", 0, None),
            ],
        )
        self.assertTrue(all(step["certain"] for step in plan["plan"]["steps"]))
        self.assertIn("for each item: shown once", self.step(plan, "Every")["note"])
        attach = self.step(plan, "Attach")["calls"][0]
        self.assertEqual(attach["params"]["VolumeId"], "<known after the run: Make.Attachments.VolumeId>")
        self.assertEqual(self.step(plan, "Tag")["calls"][0]["params"]["Resources"], [self.id])
        self.assertEqual(self.step(plan, "Tag")["calls"][0]["role"], ROLE)
        self.assertEqual(self.step(plan, "Below")["impact"], "Undetermined")
        self.assertIn("task token", self.step(plan, "Ask")["note"])
        self.assertIn("<known after the run: task token>", self.step(plan, "Ask")["calls"][0]["params"]["MessageBody"])
        self.assertEqual(self.step(plan, "Run")["impact"], "Undetermined")

    def test_stored_machines_are_planned_by_their_arns(self):
        definition = machine({"Tag": task("aws-sdk:ec2:createTags", {"Resources": [self.id], "Tags": []}, End=True)})
        made = self.states.create_state_machine(
            name=f"kept-{uuid.uuid4().hex[:6]}", roleArn=ROLE, definition=definition, publish=True
        )
        arn, version = made["stateMachineArn"], made["stateMachineVersionArn"]
        alias = self.states.create_state_machine_alias(
            name="live", routingConfiguration=[{"stateMachineVersionArn": version, "weight": 100}]
        )["stateMachineAliasArn"]
        self.states.update_state_machine(stateMachineArn=arn, definition=machine({"Done": {"Type": "Succeed"}}))
        for asked, steps in ((version, ["Tag"]), (alias, ["Tag"]), (arn, ["Done"])):
            plan = self.planned(None, None, "--arn", asked)
            self.assertEqual(self.names(plan), steps, asked)
        self.assertEqual(self.planned(None, None, "--arn", alias)["plan"]["steps"][0]["calls"][0]["role"], ROLE)
        done = self.run_quell("machine", "plan", "--arn", arn + "x")
        self.assertEqual((done.returncode, "Does Not Exist" in done.stderr), (1, True), done.stderr)

    def test_what_cannot_be_planned_is_refused_and_what_fails_is_told(self):
        self.assertIn("MISSING_TRANSITION_TARGET", self.refused(machine({"A": {"Type": "Pass", "Next": "B"}})))
        self.assertIn("--input is no JSON", self.refused(machine({"A": {"Type": "Succeed"}}), "--input", "{"))
        self.assertIn("private use", self.refused(machine({"A": {"Type": "Succeed"}}), "--input", '"\ue0f1"'))
        look = task("aws-sdk:ec2:describeInstances", {"InstanceIds": ["i-0000000000000dead"]}, End=True)
        plan = self.planned(machine({"Look": look}))
        self.assertIn("Ec2.", plan["plan"]["outcome"])
        self.assertTrue(plan["plan"]["outcome"].startswith("FAILED: "), plan["plan"]["outcome"])
        loop = {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Wait", "Seconds": 1, "Next": "C"}}
        loop["C"] = {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": True, "Next": "D"}], "Default": "A"}
        loop["D"] = {"Type": "Succeed"}
        plan = self.planned(machine(loop))
        self.assertEqual(self.names(plan), ["A", "B", "C"], "a circle is shown once")

    def test_the_shipped_machines(self):
        topic = self.sns.create_topic(Name=f"told-{uuid.uuid4().hex[:6]}")["TopicArn"]
        settings = {"notifyTopics": [topic], "evidenceBucket": "evidence", "approvalQueue": "https://sqs/1/ask"}
        finding = {"id": "f-1", "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS", "severity": 8}
        detail = {**finding, "resource": {"instanceDetails": {"instanceId": self.id}}}
        plan = self.planned((LIBRARY / "ec2-response.asl.json").read_text(), {"detail": detail, "settings": settings})
        # Its failures lead on in more ways than a plan shows, which it says.
        self.assertFalse(plan["plan"]["complete"])
        self.assertIn("TellOne: it is called with more values than are shown", plan["plan"]["leftOut"])
        made = {(step["step"], call["operation"]): step["certain"] for step, call in calls_of(plan)}
        volumes = self.ec2.describe_instances(InstanceIds=[self.id])["Reservations"][0]["Instances"][0]
        volumes = [one["Ebs"]["VolumeId"] for one in volumes["BlockDeviceMappings"]]
        shot = [call["params"]["VolumeId"] for _, call in calls_of(plan) if call["operation"] == "CreateSnapshot"]
        self.assertEqual(set(shot), set(volumes))
        self.assertTrue(made["Tag", "CreateTags"])
        # An item's state, shown with more values than one: each of them may be.
        self.assertIn(("Snapshot", "CreateSnapshot"), made)
        for name in ("Isolate", "Terminate", "MarkQuarantined", "TellOne", "TellOneFailure"):
            self.assertIn(name, self.names(plan))
        user = f"user-{uuid.uuid4().hex[:6]}"
        self.iam.create_user(UserName=user)
        key = self.iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
        resource = {"accessKeyDetails": {"userName": user, "userType": "IAMUser", "accessKeyId": key}}
        detail = {**finding, "resource": resource}
        plan = self.planned((LIBRARY / "iam-response.asl.json").read_text(), {"detail": detail, "settings": settings})
        made = {(step["step"], call["operation"]): (step["certain"], call["undo"]) for step, call in calls_of(plan)}
        self.assertEqual(made["Deactivate", "UpdateAccessKey"], (True, "can be undone"))
        self.assertEqual(made["RevokeUser", "PutUserPolicy"], (True, "can be undone"))
        self.assertIn(("TellOne", "Publish"), made)
        self.assertNotIn("RevokeRole", self.names(plan))
        keys = self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        self.assertEqual([one["Status"] for one in keys], ["Active"])
