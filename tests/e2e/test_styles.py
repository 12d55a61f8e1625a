"""The playbook as a function, and the documents by which a response plan reaches a function or a state machine."""

import importlib.util
import io
import json
import unittest
import uuid
import zipfile

import boto3
import botocore.exceptions
from quelltest import ACCOUNT, REGION, ROOT, wait_until
from states_world import ROLE, StatesTest

STYLES = ROOT / "playbooks/styles"
SOURCE = STYLES / "ec2_quarantine.py"
GROUP = "quell-quarantine"
READS = {"DescribeInstances", "DescribeSecurityGroups", "DescribeSnapshots"}


def module():
    """The shipped function, loaded anew."""
    spec = importlib.util.spec_from_file_location("ec2_quarantine", SOURCE)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    loaded.PAUSE_SECONDS = 0
    return loaded


class Styles(StatesTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ec2 = cls.moto.client("ec2")
        cls.ssm = cls.quell.client("ssm")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.write(SOURCE, SOURCE.name)
        cls.functions = cls.quell.client("lambda")
        cls.functions.create_function(
            FunctionName="quell-ec2-quarantine",
            Runtime="python3.12",
            Handler="ec2_quarantine.handler",
            Role=ROLE,
            Timeout=120,
            Code={"ZipFile": buffer.getvalue()},
        )
        for name, file in (("Quell-EC2-ByFunction", "ec2-by-function.yaml"), ("Quell-EC2-ByMachine", "ec2-by-machine.yaml")):
            text = (STYLES / file).read_text()
            cls.ssm.create_document(Name=name, Content=text, DocumentType="Automation", DocumentFormat="YAML")

    def setUp(self):
        self.vpc = self.ec2.create_vpc(CidrBlock="10.8.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
        subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.8.1.0/24")["Subnet"]["SubnetId"]
        web = self.ec2.create_security_group(GroupName="web", Description="web", VpcId=self.vpc)["GroupId"]
        made = self.ec2.run_instances(
            ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet, SecurityGroupIds=[web]
        )
        self.web, self.instance = web, made["Instances"][0]["InstanceId"]
        second = self.ec2.create_network_interface(SubnetId=subnet, Groups=[web])["NetworkInterface"]
        name = second["NetworkInterfaceId"]
        self.ec2.attach_network_interface(NetworkInterfaceId=name, InstanceId=self.instance, DeviceIndex=1)
        self.finding = uuid.uuid4().hex

    def event(self, instance=None):
        resource = {"resourceType": "Instance", "instanceDetails": {"instanceId": instance or self.instance}}
        return {"detail": {"id": self.finding, "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS", "resource": resource}}

    def described(self):
        return self.ec2.describe_instances(InstanceIds=[self.instance])["Reservations"][0]["Instances"][0]

    def world(self):
        """What containment changes, as the account tells it."""
        now = self.described()
        groups = [sorted(it["GroupName"] for it in one["Groups"]) for one in now["NetworkInterfaces"]]
        filters = [{"Name": "vpc-id", "Values": [self.vpc]}, {"Name": "group-name", "Values": [GROUP]}]
        found = self.ec2.describe_security_groups(Filters=filters)["SecurityGroups"]
        ways = [way for group in found for way in group["IpPermissions"] + group["IpPermissionsEgress"]]
        kept = self.ec2.describe_snapshots(OwnerIds=["self"], Filters=[{"Name": "tag:quell:finding", "Values": [self.finding]}])
        tags = {tag["Key"]: tag["Value"] for tag in now.get("Tags", [])}
        return groups, ways, sorted(it["SnapshotId"] for it in kept["Snapshots"]), tags

    def contained(self):
        groups, ways, _, _ = self.world()
        return groups == [[GROUP], [GROUP]] and ways == []

    def invoke(self, event):
        answer = self.functions.invoke(FunctionName="quell-ec2-quarantine", Payload=json.dumps(event))
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def run_of(self, document, event):
        """A run of a document with an event, and how it ended."""
        parameters = {"FindingJson": [json.dumps(event)], "AutomationAssumeRole": [ROLE]}
        run = self.ssm.start_automation_execution(DocumentName=document, Parameters=parameters)["AutomationExecutionId"]

        def look():
            found = self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
            return found if found["AutomationExecutionStatus"] not in ("Pending", "InProgress") else None

        return wait_until("the run's end", look)

    def test_a_plan_reaches_the_function(self):
        ended = self.run_of("Quell-EC2-ByFunction", self.event())
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
        self.assertTrue(self.contained())
        (payload,) = ended["Outputs"]["Quarantine.Payload"]
        output = json.loads(payload)
        before = self.world()
        volumes = self.described()["BlockDeviceMappings"]
        self.assertEqual((output["contained"], sorted(output["snapshots"])), (True, before[2]))
        self.assertEqual(len(before[2]), len(volumes))
        self.assertEqual(output["groupsBefore"], [self.web])
        tags = before[3]
        self.assertEqual((tags["quell:status"], tags["quell:groups-before"]), ("quarantined", self.web))
        # The same finding again changes nothing.
        error, output = self.invoke(self.event())
        self.assertEqual((error, output["contained"], self.world()), (None, True, before))

    def test_all_groups_of_before_are_noted_however_many(self):
        many = [
            self.ec2.create_security_group(GroupName=f"many-{n}", Description="-", VpcId=self.vpc)["GroupId"] for n in range(16)
        ]
        second = self.described()["NetworkInterfaces"][1]["NetworkInterfaceId"]
        self.ec2.modify_network_interface_attribute(NetworkInterfaceId=second, Groups=many)
        error, output = self.invoke(self.event())
        self.assertEqual((error, output["groupsBefore"]), (None, sorted([self.web, *many])))
        tags = self.world()[3]
        noted = [tags["quell:groups-before"], tags["quell:groups-before-2"]]
        self.assertLess(max(map(len, noted)), 257)
        self.assertEqual(" ".join(noted).split(), output["groupsBefore"])
        # A second invocation finds them closed, and forgets none.
        error, again = self.invoke(self.event())
        self.assertEqual((error, again["groupsBefore"], self.world()[3]), (None, output["groupsBefore"], tags))

    def test_a_plan_reaches_the_machine(self):
        self.create("ec2-response", (ROOT / "playbooks/ec2-response.asl.json").read_text())
        event = self.event()
        event["detail"]["severity"] = 8
        ended = self.run_of("Quell-EC2-ByMachine", event)
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
        self.assertTrue(self.contained())
        (execution,) = ended["Outputs"]["Respond.executionArn"]
        self.assertEqual(self.ended(execution)["status"], "SUCCEEDED")
        self.assertIn(f"arn:aws:states:{REGION}:{ACCOUNT}:execution:ec2-response:", execution)

    def test_what_names_no_instance_or_a_gone_one_changes_nothing(self):
        before = self.world()
        error, output = self.invoke(self.event("i-0123456789abcdef0'; terminate"))
        self.assertEqual((error, output["errorType"], self.world()), ("Unhandled", "ValueError", before))
        ended = self.run_of("Quell-EC2-ByFunction", self.event("none"))
        self.assertEqual(ended["AutomationExecutionStatus"], "Failed")
        self.ec2.terminate_instances(InstanceIds=[self.instance])
        error, output = self.invoke(self.event())
        self.assertEqual((error, output["how"], output["snapshots"]), (None, "terminated before", []))

    def test_it_claims_containment_only_where_it_is_so_whatever_call_fails(self):
        function, seen = module(), set()

        def refusing(operation, code="UnauthorizedOperation"):
            def client(service, **members):
                ec2 = self.moto.client(service)

                def hook(model, **_):
                    seen.add(model.name)
                    if model.name == operation:
                        answer = {"Error": {"Code": code, "Message": "refused"}}
                        raise botocore.exceptions.ClientError(answer, model.name)

                ec2.meta.events.register("before-call.ec2", hook)
                return ec2

            return client

        def attempt(operation, *code):
            function.boto3 = type("boto3", (), {"client": staticmethod(refusing(operation, *code))})
            try:
                return function.handler(self.event(), None)
            except (botocore.exceptions.ClientError, function.NotContained) as error:
                return str(error)
            finally:
                function.boto3 = boto3

        wanted = READS | {
            "CreateSecurityGroup", "RevokeSecurityGroupEgress", "ModifyNetworkInterfaceAttribute", "ModifyInstanceAttribute",
            "CreateTags", "CreateSnapshot",
        }  # fmt: skip
        for operation in sorted(wanted):
            with self.subTest(fails=operation):
                self.setUp()
                answer = attempt(operation)
                self.assertIn("refused", answer)
                # Evidence comes after containment, and does not keep it from happening.
                if operation in ("CreateSnapshot", "DescribeSnapshots"):
                    self.assertTrue(self.contained())
                # The next invocation mends it.
                self.assertEqual((attempt(None)["contained"], self.contained()), (True, True))
        self.assertEqual(seen, wanted)
        # As AWS refuses it for an instance with several interfaces: what counts is what is read back.
        self.setUp()
        self.assertIn("not proven", attempt("ModifyInstanceAttribute", "InvalidInstanceID"))


if __name__ == "__main__":
    unittest.main()
