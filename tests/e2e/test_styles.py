"""The playbooks as functions, and the documents by which a response plan reaches a function or a state machine."""

import importlib.util
import io
import json
import unittest
import unittest.mock
import uuid
import zipfile

import boto3
import botocore.exceptions
from quelltest import ACCOUNT, REGION, ROOT, wait_until
from states_world import ROLE, StatesTest

STYLES = ROOT / "playbooks/styles"
GROUP = "quell-quarantine"
READS = {"GetCallerIdentity", "DescribeInstances", "DescribeSecurityGroups", "DescribeSnapshots"}


def module(name):
    """A shipped function, loaded anew."""
    spec = importlib.util.spec_from_file_location(name, STYLES / f"{name}.py")
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    loaded.PAUSE_SECONDS = 0
    return loaded


class StylesTest(StatesTest):
    """A function and its documents, installed."""

    function, source, documents = None, None, {}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ssm, cls.functions = cls.quell.client("ssm"), cls.quell.client("lambda")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.write(STYLES / f"{cls.source}.py", f"{cls.source}.py")
        cls.functions.create_function(
            FunctionName=cls.function,
            Runtime="python3.12",
            Handler=f"{cls.source}.handler",
            Role=ROLE,
            Timeout=120,
            Code={"ZipFile": buffer.getvalue()},
        )
        for name, file in cls.documents.items():
            text = (STYLES / file).read_text()
            cls.ssm.create_document(Name=name, Content=text, DocumentType="Automation", DocumentFormat="YAML")

    def setUp(self):
        # The operations that `attempt` saw.
        self.seen = set()

    def invoke(self, event):
        answer = self.functions.invoke(FunctionName=self.function, Payload=json.dumps(event))
        return answer.get("FunctionError"), json.loads(answer["Payload"].read())

    def run_of(self, document, event):
        """A run of a document with an event, and how it ended."""
        parameters = {"FindingJson": [json.dumps(event)], "AutomationAssumeRole": [ROLE]}
        run = self.ssm.start_automation_execution(DocumentName=document, Parameters=parameters)["AutomationExecutionId"]

        def look():
            found = self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
            return found if found["AutomationExecutionStatus"] not in ("Pending", "InProgress") else None

        return wait_until("the run's end", look)

    def attempt(self, event, operation=None, code="UnauthorizedOperation", when="before-call"):
        """The function's answer, or its error's text, when one operation is refused; `after-call` refuses what was done."""
        function = module(self.source)

        def client(service, **members):
            made = self.moto.client(service)

            def hook(model, **_):
                self.seen.add(model.name)
                if model.name == operation:
                    answer = {"Error": {"Code": code, "Message": "refused"}}
                    raise botocore.exceptions.ClientError(answer, model.name)

            made.meta.events.register(when, hook)
            return made

        function.boto3 = type("boto3", (), {"client": staticmethod(client)})
        try:
            return function.handler(event, None)
        except (botocore.exceptions.ClientError, function.NotContained, ValueError) as error:
            return str(error)


class Instances(StylesTest):
    function, source = "quell-ec2-quarantine", "ec2_quarantine"
    documents = {"Quell-EC2-ByFunction": "ec2-by-function.yaml", "Quell-EC2-ByMachine": "ec2-by-machine.yaml"}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ec2 = cls.moto.client("ec2")

    def setUp(self):
        super().setUp()
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

    def event(self, instance=None, **members):
        resource = {"resourceType": "Instance", "instanceDetails": {"instanceId": instance or self.instance}}
        detail = {"id": self.finding, "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS", "resource": resource}
        return {"detail": {**detail, **members}}

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

    def test_what_must_not_be_touched_is_not(self):
        before = self.world()
        refused = [
            ("GuardDuty sample", self.event(title="[SAMPLE] It mines")),
            ("GuardDuty sample", self.event(service={"additionalInfo": {"sample": True}})),
            ("GuardDuty sample", self.event(service={"additionalInfo": {"value": '{"sample": true}'}})),
            ("about 999999999999", self.event(accountId="999999999999", region=REGION)),
            ("about eu-west-1", self.event(accountId=ACCOUNT, region="eu-west-1")),
        ]
        for words, event in refused:
            with self.subTest(words, event=event):
                self.assertIn(words, self.attempt(event))
        self.ec2.create_tags(Resources=[self.instance], Tags=[{"Key": "ir:never-touch", "Value": ""}])
        self.assertIn("remove the tag", self.attempt(self.event()))
        error, output = self.invoke(self.event())
        self.assertEqual((error, output["errorType"]), ("Unhandled", "ValueError"))
        self.ec2.delete_tags(Resources=[self.instance], Tags=[{"Key": "ir:never-touch"}])
        self.assertEqual(self.world(), before)
        self.assertEqual(self.attempt(self.event(accountId=ACCOUNT, region=REGION))["contained"], True)

    def test_it_claims_containment_only_where_it_is_so_whatever_call_fails(self):
        wanted = READS | {
            "CreateSecurityGroup", "RevokeSecurityGroupEgress", "ModifyNetworkInterfaceAttribute", "ModifyInstanceAttribute",
            "CreateTags", "CreateSnapshot",
        }  # fmt: skip
        seen = set()
        for operation in sorted(wanted):
            with self.subTest(fails=operation):
                self.setUp()
                answer = self.attempt(self.event(), operation)
                self.assertIn("refused", answer)
                # Evidence comes after containment, and does not keep it from happening.
                if operation in ("CreateSnapshot", "DescribeSnapshots"):
                    self.assertTrue(self.contained())
                # The next invocation mends it.
                self.assertEqual((self.attempt(self.event())["contained"], self.contained()), (True, True))
                seen |= self.seen
        self.assertEqual(seen, wanted)
        # As AWS refuses it for an instance with several interfaces: what counts is what is read back.
        self.setUp()
        self.assertIn("not proven", self.attempt(self.event(), "ModifyInstanceAttribute", "InvalidInstanceID"))


class Credentials(StylesTest):
    function, source = "quell-iam-contain", "iam_contain"
    documents = {"Quell-IAM-ByFunction": "iam-by-function.yaml", "Quell-IAM-ByMachine": "iam-by-machine.yaml"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.iam = cls.moto.client("iam")

    def setUp(self):
        super().setUp()
        self.token = uuid.uuid4().hex
        self.user, self.role = f"deploy-{self.token[:8]}", f"web-{self.token[:8]}"
        self.iam.create_user(UserName=self.user)
        made = [self.iam.create_access_key(UserName=self.user)["AccessKey"]["AccessKeyId"] for _ in range(2)]
        self.leaked, self.other = made
        self.iam.create_role(RoleName=self.role, AssumeRolePolicyDocument=self.trust)

    def event(self, kind="IAMUser", name=None, seen="2026-01-05T10:00:00.000Z", **members):
        details = {"accessKeyId": self.leaked, "userType": kind, "userName": name or self.user}
        detail = {"id": self.token, "severity": 5, "type": "UnauthorizedAccess:IAMUser/TorIPCaller"}
        detail["resource"] = {"resourceType": "AccessKey", "accessKeyDetails": details}
        return {"detail": {**detail, "accountId": ACCOUNT, "service": {"eventLastSeen": seen}, **members}}

    def world(self):
        """What containment changes, as the account tells it."""
        keys = {it["AccessKeyId"]: it["Status"] for it in self.iam.list_access_keys(UserName=self.user)["AccessKeyMetadata"]}
        tags = {tag["Key"]: tag["Value"] for tag in self.iam.list_user_tags(UserName=self.user)["Tags"]}
        names = self.iam.list_user_policies(UserName=self.user)["PolicyNames"]
        policies = {name: self.iam.get_user_policy(UserName=self.user, PolicyName=name)["PolicyDocument"] for name in names}
        names = self.iam.list_role_policies(RoleName=self.role)["PolicyNames"]
        of_role = {name: self.iam.get_role_policy(RoleName=self.role, PolicyName=name)["PolicyDocument"] for name in names}
        return keys, tags, policies, of_role

    def denied(self):
        """Whether everything is denied to the user, without a condition."""
        statements = [it for policy in self.world()[2].values() for it in policy["Statement"]]
        plain = [{name: it[name] for name in ("Effect", "Action", "Resource")} for it in statements if "Condition" not in it]
        return plain == [{"Effect": "Deny", "Action": "*", "Resource": "*"}]

    def inactive(self):
        return set(self.world()[0].values()) == {"Inactive"}

    def test_a_plan_reaches_the_function(self):
        ended = self.run_of("Quell-IAM-ByFunction", self.event())
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
        (payload,) = ended["Outputs"]["Contain.Payload"]
        output = json.loads(payload)
        both = sorted([self.leaked, self.other])
        self.assertEqual((output["principal"], output["contained"], output["trouble"]), (f"user {self.user}", True, []))
        self.assertEqual((output["policy"], output["keysBefore"]), ("QuellContain", both))
        before = self.world()
        self.assertEqual((self.inactive(), self.denied()), (True, True))
        self.assertEqual(before[1], {"quell:keys-before": " ".join(both)})
        # The same finding again changes nothing, and still knows which keys were active.
        error, output = self.invoke(self.event())
        self.assertEqual((error, output["contained"], output["keysBefore"], self.world()), (None, True, both, before))
        self.assert_only_read(self.event())

    def assert_only_read(self, event):
        self.seen.clear()
        self.assertTrue(self.attempt(event)["contained"])
        self.assertEqual([name for name in sorted(self.seen) if not name.startswith(("Get", "List"))], [])

    def test_what_was_changed_since_is_contained_again(self):
        self.iam.update_access_key(UserName=self.user, AccessKeyId=self.other, Status="Inactive")
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
        self.iam.put_user_policy(UserName=self.user, PolicyName="QuellContain", PolicyDocument=json.dumps(allow))
        self.assertEqual(self.attempt(self.event())["keysBefore"], [self.leaked])
        self.assertEqual((self.inactive(), self.denied()), (True, True))

    def test_a_plan_reaches_the_machine(self):
        self.create("iam-response", (ROOT / "playbooks/iam-response.asl.json").read_text())
        ended = self.run_of("Quell-IAM-ByMachine", self.event())
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
        keys, _, policies, _ = self.world()
        self.assertEqual((keys[self.leaked], keys[self.other]), ("Inactive", "Active"))
        self.assertEqual(list(policies), ["QuellRevokeOlderSessions"])
        (execution,) = ended["Outputs"]["Respond.executionArn"]
        self.assertEqual(self.ended(execution)["status"], "SUCCEEDED")
        self.assertIn(f"arn:aws:states:{REGION}:{ACCOUNT}:execution:iam-response:", execution)

    def test_a_roles_sessions_are_revoked_once_for_each_sighting(self):
        event = self.event("AssumedRole", self.role)
        error, output = self.invoke(event)
        first = "QuellRevokeSessions-20260105T100000Z"
        self.assertEqual((error, output["policy"], output["contained"]), (None, first, True))
        before = self.world()[3]
        (statement,) = before[first]["Statement"]
        self.assertEqual((statement["Effect"], statement["Action"], statement["Resource"]), ("Deny", "*", "*"))
        self.assertGreater(statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"], "2026-01-05T10:00:00Z")
        self.assertEqual((self.invoke(event)[0], self.world()[3]), (None, before))
        self.assert_only_read(event)
        # One that denies less than the sighting asks for is no revocation, nor is one that names a second of 1979.
        for less in ("2026-01-05T09:59:59Z", "300000000"):
            statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"] = less
            planted = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            self.iam.put_role_policy(RoleName=self.role, PolicyName=first, PolicyDocument=planted)
            self.attempt(event)
            (statement,) = self.world()[3][first]["Statement"]
            self.assertRegex(statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"], "^20[0-9-]{8}T[0-9:]{8}Z$")
            self.assertGreater(statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"], "2026-01-05T10:00:00Z")
        self.attempt(self.event("AssumedRole", self.role, "2026-01-06T08:30:00.000Z"))
        # A sighting of the future is none: nobody is denied for what is to come.
        later = self.attempt(self.event("AssumedRole", self.role, "2099-01-01T00:00:00.000Z"))["policy"]
        self.assertLess(later, "QuellRevokeSessions-2099")
        self.assertEqual(set(self.world()[3]), {first, "QuellRevokeSessions-20260106T083000Z", later})

    def test_what_must_not_be_touched_is_not(self):
        managed = f"managed-{self.token[:8]}"
        self.iam.create_role(RoleName=managed, Path="/aws-reserved/sso/", AssumeRolePolicyDocument=self.trust)
        before = self.world()
        sample = {"service": {"additionalInfo": {"sample": True}}}
        refused = {
            "root user": self.event("Root"),
            "names no IAM user or role": self.event(name="x'; drop"),
            "no IAM user or role": self.event("FederatedUser"),
            "another account": self.event(accountId="999999999999"),
            "a GuardDuty sample": self.event(**sample),
            "GuardDuty sample": self.event(title="[SAMPLE] A key was used from Tor"),
            "is a GuardDuty sample": self.event(service={"additionalInfo": {"value": '{"sample": true}'}}),
            "managed by AWS": self.event("AssumedRole", managed),
        }
        for words, event in refused.items():
            with self.subTest(words):
                self.assertRegex(self.attempt(event), words)
        with unittest.mock.patch.dict("os.environ", {"PROTECTED_PRINCIPALS": f"break-glass {self.user}"}):
            self.assertIn("is protected", self.attempt(self.event()))
        error, output = self.invoke(self.event("Root"))
        self.assertEqual((error, output["errorType"]), ("Unhandled", "ValueError"))
        ended = self.run_of("Quell-IAM-ByFunction", self.event(name="nobody-there"))
        self.assertEqual(ended["AutomationExecutionStatus"], "Failed")
        self.assertEqual(self.world(), before)
        self.iam.tag_user(UserName=self.user, Tags=[{"Key": "ir:never-touch", "Value": ""}])
        self.assertIn("ir:never-touch", self.attempt(self.event()))
        acts_as = self.moto.client("sts").get_caller_identity()["Arn"].rsplit("/", 1)[-1]
        self.iam.create_user(UserName=acts_as)
        self.assertIn("acts as", self.attempt(self.event(name=acts_as)))
        self.assertEqual(self.iam.list_user_policies(UserName=acts_as)["PolicyNames"], [])

    def test_it_claims_containment_only_where_it_is_so_whatever_call_fails(self):
        # What is contained all the same: the keys, the user.
        of_user = {
            "GetCallerIdentity": (False, False),
            "GetUser": (False, False),
            "GetUserPolicy": (True, True),
            "PutUserPolicy": (True, False),
            "ListAccessKeys": (False, True),
            "UpdateAccessKey": (False, True),
        }
        seen = set()
        for operation, expected in of_user.items():
            with self.subTest(fails=operation):
                self.setUp()
                self.assertIn("refused", self.attempt(self.event(), operation))
                self.assertEqual((self.inactive(), self.denied()), expected)
                # The next invocation mends it.
                self.assertEqual(self.attempt(self.event())["contained"], True)
                self.assertEqual((self.inactive(), self.denied()), (True, True))
                seen |= self.seen
        self.assertEqual(seen, {*of_user, "TagUser"})
        for operation in ("GetRole", "GetRolePolicy", "PutRolePolicy"):
            with self.subTest(fails=operation):
                event = self.event("AssumedRole", self.role)
                self.assertIn("refused", self.attempt(event, operation))
                self.assertEqual(self.attempt(event)["contained"], True)
                self.setUp()

    def test_a_note_that_fails_and_an_answer_that_is_lost_are_told(self):
        for operation, when in (("TagUser", "before-call"), ("UpdateAccessKey", "after-call"), ("PutUserPolicy", "after-call")):
            with self.subTest(operation):
                self.setUp()
                answer = self.attempt(self.event(), operation, when=when)
                self.assertEqual((answer["contained"], self.inactive(), self.denied()), (True, True, True))
                self.assertIn("refused", answer["trouble"][0])
                self.assertEqual(answer["keysBefore"], sorted([self.leaked, self.other]))


if __name__ == "__main__":
    unittest.main()
