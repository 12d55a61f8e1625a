"""Runs that start runs: child runs, one for each resource, accounts and regions, and the queue."""

import json
import tempfile
import unittest

import boto3

from quelltest import ACCOUNT, REGION, Moto, Quell, wait_until
from recording_proxy import RecordingProxy

OTHER = "210987654321"
AMI = "ami-12c6146b"
TERMINAL = {"Success", "Failed", "TimedOut", "Cancelled"}

TAG = {
    "schemaVersion": "0.3",
    "parameters": {"InstanceId": {"type": "AWS::EC2::Instance::Id"}, "Value": {"type": "String", "default": "yes"}},
    "outputs": ["Look.State", "Tag.Nothing"],
    "mainSteps": [
        {
            "name": "Look",
            "action": "aws:executeAwsApi",
            "inputs": {"Service": "ec2", "Api": "DescribeInstances", "InstanceIds": ["{{ InstanceId }}"]},
            "outputs": [{"Name": "State", "Selector": "$.Reservations[0].Instances[0].State.Name", "Type": "String"}],
        },
        {
            "name": "Tag",
            "action": "aws:executeAwsApi",
            "inputs": {
                "Service": "ec2",
                "Api": "CreateTags",
                "Resources": ["{{ InstanceId }}"],
                "Tags": [{"Key": "Contained", "Value": "{{ Value }}"}, {"Key": "By", "Value": "{{ automation:EXECUTION_ID }}"}],
            },
            "outputs": [{"Name": "Nothing", "Selector": "$.ResponseMetadata.HTTPStatusCode", "Type": "String"}],
        },
    ],
}
PARENT = {
    "schemaVersion": "0.3",
    "parameters": {"InstanceId": {"type": "String"}},
    "outputs": ["Sub.Output", "Sub.Status"],
    "mainSteps": [
        {
            "name": "Sub",
            "action": "aws:executeAutomation",
            "inputs": {"DocumentName": "TagOne", "RuntimeParameters": {"InstanceId": "{{ InstanceId }}", "Value": True}},
        }
    ],
}
MANY = {
    "schemaVersion": "0.3",
    "mainSteps": [
        {
            "name": "All",
            "action": "aws:executeAutomation",
            "inputs": {
                "DocumentName": "TagOne",
                "TargetParameterName": "InstanceId",
                "Targets": [{"Key": "tag:Env", "Values": ["prod"]}],
                "MaxConcurrency": "50%",
            },
        }
    ],
}
PLACE = {
    "schemaVersion": "0.3",
    "mainSteps": [
        {
            "name": "Group",
            "action": "aws:executeAwsApi",
            "inputs": {
                "Service": "ec2",
                "Api": "CreateSecurityGroup",
                "GroupName": "quarantine-{{ global:REGION }}",
                "Description": "for {{ global:ACCOUNT_ID }}",
            },
        }
    ],
}
PAUSE = {"schemaVersion": "0.3", "mainSteps": [{"name": "Wait", "action": "aws:pause", "inputs": {}}]}


class ChildrenTest(unittest.TestCase):
    """One Quell, one moto."""

    extra = ""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.moto = Moto(folder.name)
        cls.addClassCleanup(cls.moto.close)
        cls.quell = Quell(folder.name, aws_url=cls.account(), extra_config=cls.extra)
        cls.addClassCleanup(cls.quell.close)
        cls.ssm = cls.quell.client("ssm")
        for name, content in {"TagOne": TAG, "Parent": PARENT, "Many": MANY, "Place": PLACE, "Pause": PAUSE}.items():
            cls.ssm.create_document(Name=name, Content=json.dumps(content), DocumentType="Automation")

    @classmethod
    def account(cls):
        """Where the server finds its AWS account."""
        return cls.moto.url

    def ended(self, run):
        def look():
            found = self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
            return found if found["AutomationExecutionStatus"] in TERMINAL else None

        return wait_until(f"the end of {run}", look)

    def start(self, document, **more):
        return self.ssm.start_automation_execution(DocumentName=document, **more)["AutomationExecutionId"]

    def children(self, run):
        filters = [{"Key": "ParentExecutionId", "Values": [run]}]
        return self.ssm.describe_automation_executions(Filters=filters)["AutomationExecutionMetadataList"]

    def instances(self, count, tags):
        ec2 = self.moto.client("ec2")
        spec = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
        made = ec2.run_instances(ImageId=AMI, MinCount=count, MaxCount=count, TagSpecifications=spec)
        return sorted(one["InstanceId"] for one in made["Instances"])

    def tag_of(self, instance, key):
        found = self.moto.client("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]
        return {tag["Key"]: tag["Value"] for tag in found}.get(key)


class Children(ChildrenTest):
    def test_a_step_waits_for_its_child(self):
        [instance] = self.instances(1, {"Env": "one"})
        run = self.ended(self.start("Parent", Parameters={"InstanceId": [instance]}))
        self.assertEqual(run["AutomationExecutionStatus"], "Success", run.get("FailureMessage"))
        self.assertEqual(run["Outputs"], {"Sub.Output": ["running", "200"], "Sub.Status": ["Success"]})
        [child] = self.children(run["AutomationExecutionId"])
        self.assertEqual(child["ParentAutomationExecutionId"], run["AutomationExecutionId"])
        self.assertEqual(run["StepExecutions"][0]["Outputs"]["ExecutionId"], [child["AutomationExecutionId"]])
        self.assertEqual(self.tag_of(instance, "Contained"), "true")
        self.assertEqual(self.tag_of(instance, "By"), child["AutomationExecutionId"])

    def test_a_child_that_fails_fails_the_step(self):
        run = self.ended(self.start("Parent", Parameters={"InstanceId": ["i-0123456789abcdef0"]}))
        self.assertEqual(run["AutomationExecutionStatus"], "Failed")
        self.assertIn("InvalidInstanceID.NotFound", run["FailureMessage"])
        self.assertEqual(run["StepExecutions"][0]["Outputs"]["Status"], ["Failed"])

    def test_one_run_for_each_instance_with_a_tag(self):
        env = self.id().rsplit(".", 1)[-1]
        wanted = self.instances(5, {"Env": env})
        other = self.instances(1, {"Env": "test"})[0]
        run = self.start(
            "TagOne",
            TargetParameterName="InstanceId",
            Targets=[{"Key": "tag:Env", "Values": [env]}],
            MaxConcurrency="2",
            MaxErrors="0",
        )
        found = self.ended(run)
        self.assertEqual(found["AutomationExecutionStatus"], "Success", found.get("FailureMessage"))
        self.assertEqual(found["ProgressCounters"]["SuccessSteps"], 5)
        self.assertEqual(sorted(found["ResolvedTargets"]["ParameterValues"]), wanted)
        self.assertEqual(sorted(step["StepName"] for step in found["StepExecutions"]), wanted)
        children = self.children(run)
        self.assertEqual(sorted(child["Target"] for child in children), wanted)
        for instance in wanted:
            self.assertEqual(self.tag_of(instance, "Contained"), "yes")
        self.assertIsNone(self.tag_of(other, "Contained"))

    def test_a_step_runs_for_each_instance(self):
        wanted = self.instances(3, {"Env": "prod"})
        run = self.ended(self.start("Many"))
        self.assertEqual(run["AutomationExecutionStatus"], "Success", run.get("FailureMessage"))
        for instance in wanted:
            self.assertEqual(self.tag_of(instance, "Contained"), "yes")

    def test_errors_stop_the_rest(self):
        missing = [f"i-0123456789abcde{n:02x}" for n in range(6)]
        run = self.start(
            "TagOne",
            TargetParameterName="InstanceId",
            Targets=[{"Key": "ParameterValues", "Values": missing}],
            MaxConcurrency="1",
            MaxErrors="1",
        )
        found = self.ended(run)
        self.assertEqual(found["AutomationExecutionStatus"], "Failed")
        self.assertEqual(found["ProgressCounters"]["FailedSteps"], 2)
        self.assertEqual(len(self.children(run)), 2)

    def test_two_accounts_and_two_regions(self):
        places = [(account, region) for account in (ACCOUNT, OTHER) for region in (REGION, "eu-west-1")]
        run = self.start(
            "Place",
            TargetLocations=[
                {"Accounts": [ACCOUNT, OTHER], "Regions": [REGION, "eu-west-1"], "ExecutionRoleName": "Exec"}
            ],
        )
        found = self.ended(run)
        self.assertEqual(found["AutomationExecutionStatus"], "Success", found.get("FailureMessage"))
        self.assertEqual(found["ProgressCounters"]["TotalSteps"], 4)
        self.assertEqual({child["AutomationType"] for child in self.children(run)}, {"CrossAccount"})
        for account, region in places:
            groups = self.there(account, region).describe_security_groups()["SecurityGroups"]
            mine = [group for group in groups if group["GroupName"] == f"quarantine-{region}"]
            self.assertEqual([group["Description"] for group in mine], [f"for {account}"], (account, region))

    def there(self, account, region):
        role = f"arn:aws:iam::{account}:role/Look"
        keys = self.moto.client("sts").assume_role(RoleArn=role, RoleSessionName="look")["Credentials"]
        return boto3.client(
            "ec2",
            endpoint_url=self.moto.url,
            region_name=region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    def test_targets_are_checked(self):
        codes = self.ssm.exceptions
        tagged = [{"Key": "tag:Env", "Values": ["prod"]}]
        with self.assertRaises(codes.InvalidAutomationExecutionParametersException):
            self.start("TagOne", TargetParameterName="instanceid", Targets=tagged)
        with self.assertRaises(codes.InvalidAutomationExecutionParametersException):
            self.start("TagOne", Targets=tagged)
        with self.assertRaises(codes.InvalidTarget):
            self.start("TagOne", TargetParameterName="InstanceId", Targets=[{"Key": "name", "Values": ["a"]}])

    def test_a_stop_reaches_the_children(self):
        content = json.loads(json.dumps(PARENT))
        content["mainSteps"][0]["inputs"] = {"DocumentName": "Pause"}
        self.ssm.create_document(Name="PauseParent", Content=json.dumps(content), DocumentType="Automation")
        run = self.start("PauseParent", Parameters={"InstanceId": ["none"]})
        [child] = wait_until("the child", lambda: self.children(run))
        self.ssm.stop_automation_execution(AutomationExecutionId=run)
        self.assertEqual(self.ended(run)["AutomationExecutionStatus"], "Cancelled")
        self.assertEqual(self.ended(child["AutomationExecutionId"])["AutomationExecutionStatus"], "Cancelled")


class Kills(ChildrenTest):
    """`kill -9` between parents and children: nothing is started twice, nothing is forgotten."""

    @classmethod
    def account(cls):
        cls.proxy = RecordingProxy(cls.moto.url)
        cls.addClassCleanup(cls.proxy.close)
        return cls.proxy.url

    def kill_at(self, operation, after):
        """Catches the next call of this name, before the account has it or after."""
        return self.proxy.hold(lambda seen: seen.operation == operation, after)

    def caught(self, hold):
        """Kills the server while the caught call is under way, and starts it again."""
        self.assertTrue(hold.caught.wait(60), "no such call was made")
        self.quell.kill()
        hold.drop()
        self.quell.start()

    def assert_one_writer(self, instance):
        """All tags that the account was told to set on an instance name the same run."""
        writes = [dict(seen.params) for seen in self.proxy.requests() if seen.operation == "CreateTags" and seen.forwarded]
        runs = {value for write in writes if instance in write.values() for key, value in write.items() if key == "Tag.2.Value"}
        self.assertEqual(runs, {self.tag_of(instance, "By")})

    def test_a_child_is_one_whenever_the_server_dies(self):
        for operation in ("DescribeInstances", "CreateTags"):
            for after in (False, True):
                with self.subTest(operation=operation, after=after):
                    self.proxy.forget()
                    [instance] = self.instances(1, {"Env": "kill"})
                    hold = self.kill_at(operation, after)
                    run = self.start("Parent", Parameters={"InstanceId": [instance]})
                    self.caught(hold)
                    found = self.ended(run)
                    self.assertEqual(found["AutomationExecutionStatus"], "Success", found.get("FailureMessage"))
                    [child] = self.children(run)
                    self.assertEqual(found["StepExecutions"][0]["Outputs"]["ExecutionId"], [child["AutomationExecutionId"]])
                    self.assertEqual(self.tag_of(instance, "By"), child["AutomationExecutionId"])
                    self.assert_one_writer(instance)

    def test_a_server_that_dies_at_once_after_the_start(self):
        [instance] = self.instances(1, {"Env": "kill"})
        for _ in range(3):
            run = self.start("Parent", Parameters={"InstanceId": [instance]})
            self.quell.restart()
            self.assertEqual(self.ended(run)["AutomationExecutionStatus"], "Success")
            self.assertEqual(len(self.children(run)), 1)

    def test_one_run_for_each_target_over_many_kills(self):
        self.proxy.forget()
        wanted = self.instances(5, {"Env": "many-kills"})
        hold = self.kill_at("DescribeInstances", after=True)
        run = self.start(
            "TagOne", TargetParameterName="InstanceId", Targets=[{"Key": "tag:Env", "Values": ["many-kills"]}], MaxConcurrency="2"
        )
        self.caught(hold)
        for number in range(4):
            hold = self.kill_at("CreateTags", after=number % 2 == 0)
            self.quell.kill()
            self.quell.start()
            self.caught(hold)
        found = self.ended(run)
        self.assertEqual(found["AutomationExecutionStatus"], "Success", found.get("FailureMessage"))
        self.assertEqual(found["ProgressCounters"]["SuccessSteps"], 5)
        self.assertEqual(sorted(child["Target"] for child in self.children(run)), wanted)
        for instance in wanted:
            self.assert_one_writer(instance)

    def test_a_stop_reaches_the_children_over_a_kill(self):
        content = json.loads(json.dumps(PARENT))
        content["mainSteps"][0]["inputs"] = {"DocumentName": "Pause"}
        self.ssm.create_document(Name="PauseAndKill", Content=json.dumps(content), DocumentType="Automation")
        run = self.start("PauseAndKill", Parameters={"InstanceId": ["none"]})
        [child] = wait_until("the child", lambda: self.children(run))
        self.ssm.stop_automation_execution(AutomationExecutionId=run)
        self.quell.restart()
        self.assertEqual(self.ended(run)["AutomationExecutionStatus"], "Cancelled")
        self.assertEqual(self.ended(child["AutomationExecutionId"])["AutomationExecutionStatus"], "Cancelled")


class Queue(ChildrenTest):
    extra = "[engine]\nconcurrent_runs = 2\nqueued_runs = 1\n"

    def status(self, run):
        return self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]["AutomationExecutionStatus"]

    def test_runs_wait_for_a_place_over_a_restart(self):
        runs = [self.start("Pause") for _ in range(3)]
        self.assertEqual([self.status(run) for run in runs], ["Waiting", "Waiting", "Pending"])
        with self.assertRaises(self.ssm.exceptions.AutomationExecutionLimitExceededException):
            self.start("Pause")
        self.quell.restart()
        self.assertEqual([self.status(run) for run in runs], ["Waiting", "Waiting", "Pending"])
        self.ssm.send_automation_signal(AutomationExecutionId=runs[0], SignalType="Resume")
        self.ended(runs[0])
        wait_until("the third run", lambda: self.status(runs[2]) == "Waiting")


if __name__ == "__main__":
    unittest.main()
