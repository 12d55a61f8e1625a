"""The shipped state machines and those of `examples/`: drawn, checked, played with mocks, with every task failing and with
every task's call made twice in turn. The shipped ones also run against an account that moto plays."""

import json
import pathlib
import subprocess
import tempfile
import unittest
import uuid

from quelltest import ACCOUNT, REGION, ROOT, binary, wait_until
from states_world import ROLE, StatesTest

LIBRARY = ROOT / "playbooks"
EXAMPLES = ROOT / "examples" / "machines"
SHIPPED = sorted(LIBRARY.glob("*.asl.json"))
MACHINES = [*SHIPPED, *sorted(EXAMPLES.glob("*.asl.json"))]
ALLOWED = {"not-repeatable"}
# Calls that nobody makes again: a person says what became of them.
ASKED = {
    "ec2-response": {"AskPerson", "TellOne", "TellOneFailure"},
    "iam-response": {"AskPerson", "TellOne", "TellOneFailure"},
    "approval": {"AskOwner", "AskManager"},
    "shift-alias": {"Tell"},
}
# How an example's failed task may end it: by an error of its own, or by the task's where nothing has been done yet.
OWN_ENDS = {
    "approval": {"Refused", "NobodyAnswered", "RunFailed"},
    "tag-listed": {"TooManyFailed", "NotReadOrWritten"},
    "shift-alias": {"RolledBack", "NotRolledBack"},
    "nightly": {"NotFound", "NotTagged"},
}
BARE_ENDS = {"approval": {"Run", "Look"}, "shift-alias": {"ReadAlias"}, "find-untagged": {"Read"}}
# The ways in which GuardDuty marks a finding that is none.
SAMPLES = (
    {"title": "[SAMPLE] It is said that it mines."},
    {"service": {"additionalInfo": {"sample": True}}},
    {"service": {"additionalInfo": {"value": '{"sample": true}', "type": "default"}}},
)


def definition(name):
    return (LIBRARY / f"{name}.asl.json").read_text()


def quell(*arguments):
    return subprocess.run([binary(), "machine", *map(str, arguments)], capture_output=True, text=True, timeout=300)


def named(path):
    return path.name.partition(".")[0]


def mocks_of(path):
    return path.with_name(f"{named(path)}.mocks.json")


def states_of(block):
    """All states of a block, with those of the blocks within."""
    for name, state in block["States"].items():
        yield name, state
        for inner in [*state.get("Branches", []), *([state["ItemProcessor"]] if "ItemProcessor" in state else [])]:
            yield from states_of(inner)


class Mocked(unittest.TestCase):
    def test_each_has_its_mocks_and_its_line(self):
        self.assertEqual([named(path) for path in SHIPPED], ["ec2-response", "iam-response"])
        self.assertGreaterEqual(len(MACHINES) - len(SHIPPED), 4)
        pages = {LIBRARY: ROOT / "docs" / "playbooks.md", EXAMPLES: EXAMPLES / "README.md"}
        for path in MACHINES:
            self.assertTrue(mocks_of(path).exists(), f"{path.name} has no mocks")
            self.assertIn(f"| `{path.name}` |", pages[path.parent].read_text())

    def test_they_are_checked_and_drawn(self):
        for path in MACHINES:
            done = quell("check", "--format", "json", path)
            (file,) = json.loads(done.stdout)["files"]
            found = [finding for finding in file["findings"] if finding["code"] not in ALLOWED]
            self.assertEqual((done.returncode, found), (0, []), path.name)
            with tempfile.TemporaryDirectory(prefix="quell-drawn-") as folder:
                picture, text = pathlib.Path(folder) / "drawn.svg", pathlib.Path(folder) / "drawn.mmd"
                for drawn in (picture, text):
                    self.assertEqual(quell("graph", path, "-o", drawn).returncode, 0)
                picture, text = picture.read_text(), text.read_text()
            self.assertTrue(text.startswith("flowchart TD\n"))
            for state, _ in states_of(json.loads(path.read_text())):
                self.assertIn(f"<title>{state}</title>", picture)
                self.assertIn(f'"{state}<br/>', text)
        self.assertEqual(quell("check", "--type", "express", EXAMPLES / "find-untagged.asl.json").returncode, 0)

    def test_every_case_and_every_fault_ends_as_it_should(self):
        for path in MACHINES:
            states = dict(states_of(json.loads(path.read_text())))
            tasks = {state for state, it in states.items() if it["Type"] == "Task" or "ItemReader" in it}
            done = quell("test", path, "--mocks", mocks_of(path), "--fail-each", "--format", "json")
            answer = json.loads(done.stdout)
            self.assertEqual((done.returncode, answer["failed"]), (0, 0), done.stdout[-2000:])
            called = {made["state"] for case in answer["cases"] for made in case["calls"]}
            self.assertEqual(called, tasks, f"{path.name}: every task is called in some case")
            for case in answer["cases"]:
                failed = {fault["fails"] for fault in case["faults"] if fault["with"] == "States.TaskFailed"}
                self.assertEqual(failed, {made["state"] for made in case["calls"]})
                for fault in case["faults"]:
                    with self.subTest(machine=path.name, case=case["case"], fails=fault["fails"], by=fault["with"]):
                        self.assertNotIn("stuck", fault)
                        if path in SHIPPED:
                            self.contains(case, fault)
                        else:
                            self.ends(named(path), fault)

    def contains(self, case, fault):
        """It says that it contained only what it proved."""
        proved = fault["path"][-1] == "Done" and fault["status"] == "SUCCEEDED"
        told = fault["path"][-1] == "NotContained" and fault["error"] == "NotContained"
        refused = fault["path"][-1] == "Refused" and fault["error"] == case["error"]
        self.assertTrue(proved or told or refused, fault)
        if fault["fails"] in ("Isolate", "Prove", "ProveKey", "ProveUser", "ProveRole", "RevokeUser"):
            self.assertTrue(told, fault)

    def ends(self, name, fault):
        """Nobody is left to guess what became of it."""
        if fault["status"] != "SUCCEEDED" and fault["error"] not in OWN_ENDS.get(name, ()):
            self.assertEqual((fault["error"], fault["path"][-1]), (fault["with"], fault["fails"]))
            self.assertIn(fault["fails"], BARE_ENDS[name])

    def test_a_call_made_twice_changes_no_end(self):
        for path in MACHINES:
            done = quell("test", path, "--mocks", mocks_of(path), "--repeat-each", "--format", "json")
            answer = json.loads(done.stdout)
            repeats = [one for case in answer["cases"] for one in case["repeats"]]
            changed = [one for one in repeats if one["unmet"]]
            self.assertEqual((done.returncode, changed), (0, []), path.name)
            asked = {one["repeats"] for one in repeats if one["by"] == "person"}
            self.assertEqual(asked, ASKED.get(named(path), set()), path.name)
            self.assertTrue({one["by"] for one in repeats} & {"retry", "server"}, path.name)


class Account(StatesTest):
    def setUp(self):
        self.token = uuid.uuid4().hex[:8]
        self.queue = self.sqs.create_queue(QueueName=f"ask-{self.token}")["QueueUrl"]

    def respond(self, name, detail, answer=None, **settings):
        """Runs a machine on a finding; a person answers when asked."""
        arn = self.create(f"{name}-{uuid.uuid4().hex[:6]}", definition(name))
        finding = {"id": self.token, "severity": 8, **detail}
        data = {"detail": finding, "settings": {"approvalQueue": self.queue if answer else "", **settings}}
        execution = self.start(arn, data)
        if answer:
            token = wait_until("the question", self.question)["taskToken"]
            self.states.send_task_success(taskToken=token, output=json.dumps({"answer": answer}))
        return self.ended(execution)

    def question(self):
        for message in self.sqs.receive_message(QueueUrl=self.queue).get("Messages", []):
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            return json.loads(message["Body"])
        return None

    def output(self, ended):
        self.assertEqual(ended["status"], "SUCCEEDED", ended)
        return json.loads(ended["output"])


    def assert_refused(self, ended, error, words):
        self.assertEqual((ended["status"], ended.get("error")), ("FAILED", error), ended)
        self.assertIn("nothing was changed", ended["cause"])
        self.assertIn(words, ended["cause"])

    def topic(self):
        """A topic that `heard` listens to."""
        topic = self.moto.client("sns").create_topic(Name=f"soc-{self.token}")["TopicArn"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.moto.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        return topic

    def heard(self):
        """The one message of the topic."""
        (message,) = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)["Messages"]
        return json.loads(message["Body"])["Message"]


class Instances(Account):
    def setUp(self):
        super().setUp()
        self.ec2, self.s3 = self.moto.client("ec2"), self.moto.client("s3")
        self.vpc = self.ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = self.ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
        made = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet)
        self.instance = made["Instances"][0]["InstanceId"]
        self.bucket = f"evidence-{self.token}"
        self.s3.create_bucket(Bucket=self.bucket)

    def respond(self, answer=None, told=None, **settings):
        resource = {"instanceDetails": {"instanceId": self.instance}}
        detail = {"type": "CryptoCurrency:EC2/BitcoinTool.B!DNS", "resource": resource, **(told or {})}
        return super().respond("ec2-response", detail, answer, evidenceBucket=self.bucket, **settings)

    def described(self):
        return self.ec2.describe_instances(InstanceIds=[self.instance])["Reservations"][0]["Instances"][0]

    def snapshots(self):
        filters = [{"Name": "tag:quell:finding", "Values": [self.token]}]
        return self.ec2.describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"]

    def test_a_person_lets_it_be_quarantined_and_a_second_run_changes_nothing(self):
        before = self.described()
        output = self.output(self.respond("quarantine"))
        self.assertEqual((output["contained"], output["how"]), (True, "quarantined"))
        now = self.described()
        (group,) = now["NetworkInterfaces"][0]["Groups"]
        self.assertEqual(group["GroupName"], "quell-quarantine")
        closed = self.ec2.describe_security_groups(GroupIds=[group["GroupId"]])["SecurityGroups"][0]
        self.assertEqual((closed["IpPermissions"], closed["IpPermissionsEgress"], closed["VpcId"]), ([], [], self.vpc))
        self.assertEqual(output["groupsBefore"], [it["GroupId"] for it in before["SecurityGroups"]])
        tags = {tag["Key"]: tag["Value"] for tag in now["Tags"]}
        self.assertEqual((tags["quell:finding"], tags["quell:status"]), (self.token, "quarantined"))
        kept = self.snapshots()
        volumes = [it["Ebs"]["VolumeId"] for it in before["BlockDeviceMappings"]]
        self.assertEqual([it["VolumeId"] for it in kept], volumes)
        self.assertEqual([it["snapshot"] for it in output["snapshots"]], [it["SnapshotId"] for it in kept])
        bucket, _, key = output["evidence"].removeprefix("s3://").partition("/")
        evidence = json.loads(self.s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        self.assertEqual((evidence["instance"], evidence["finding"]["id"]), (self.instance, self.token))
        again = self.output(self.respond())
        self.assertEqual((again["contained"], again["how"]), (True, "quarantined"))
        self.assertEqual(self.described()["NetworkInterfaces"][0]["Groups"], [group])
        self.assertEqual([it["SnapshotId"] for it in self.snapshots()], [it["SnapshotId"] for it in kept])

    def test_all_groups_of_before_are_noted_however_many(self):
        many = [
            self.ec2.create_security_group(GroupName=f"many-{n}", Description="-", VpcId=self.vpc)["GroupId"] for n in range(14)
        ]
        self.ec2.modify_instance_attribute(InstanceId=self.instance, Groups=many)
        output = self.output(self.respond("quarantine"))
        self.assertEqual((output["how"], sorted(output["groupsBefore"])), ("quarantined", sorted(many)))
        tags = {tag["Key"]: tag["Value"] for tag in self.described()["Tags"]}
        noted = f"{tags['quell:groups-before']} {tags['quell:groups-before-2']}".split()
        self.assertEqual(noted, output["groupsBefore"])

    def test_ways_out_by_ipv6_and_prefix_lists_are_closed_too(self):
        self.ec2.associate_vpc_cidr_block(VpcId=self.vpc, AmazonProvidedIpv6CidrBlock=True)
        lists = self.ec2.create_managed_prefix_list(PrefixListName=self.token, MaxEntries=1, AddressFamily="IPv4")
        named = {"GroupName": "quell-quarantine", "Description": "made by hand", "VpcId": self.vpc}
        group = self.ec2.create_security_group(**named)["GroupId"]
        way = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
        way["PrefixListIds"] = [{"PrefixListId": lists["PrefixList"]["PrefixListId"]}]
        self.ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[way])

        def ways():
            return self.ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"]

        self.assertIn("::/0", [it["CidrIpv6"] for way in ways() for it in way["Ipv6Ranges"]])
        output = self.output(self.respond())
        self.assertEqual((output["contained"], output["how"], ways()), (True, "quarantined", []))
        self.assertTrue(self.output(self.respond())["contained"], "a second run has nothing left to revoke")

    def test_a_network_with_ipv6_gets_a_closed_group(self):
        self.ec2.associate_vpc_cidr_block(VpcId=self.vpc, AmazonProvidedIpv6CidrBlock=True)
        output = self.output(self.respond())
        self.assertEqual((output["contained"], output["how"]), (True, "quarantined"))

    def test_a_person_lets_it_be_terminated_or_released(self):
        output = self.output(self.respond("release"))
        self.assertEqual((output["contained"], output["how"]), (False, "released by a person"))
        self.assertNotEqual(self.described()["NetworkInterfaces"][0]["Groups"][0]["GroupName"], "quell-quarantine")
        output = self.output(self.respond("terminate"))
        self.assertEqual((output["contained"], output["how"]), (True, "terminated"))
        self.assertEqual(self.described()["State"]["Name"], "terminated")
        output = self.output(self.respond())
        self.assertEqual((output["contained"], output["how"]), (True, "terminated before"))

    def test_a_channel_that_is_gone_is_told_in_the_output(self):
        topic = self.moto.client("sns").create_topic(Name=f"soc-{self.token}")["TopicArn"]
        gone = f"{topic}-gone"
        output = self.output(self.respond(notifyTopics=[topic, gone]))
        self.assertTrue(output["contained"])
        self.assertEqual([lost["notTold"] for lost in output["notTold"]], [gone])

    def test_what_must_not_be_touched_is_not(self):
        before = self.described()
        for told in SAMPLES:
            self.assert_refused(self.respond(told=told), "SampleFinding", "sample")
        self.assert_refused(self.respond(told={"accountId": "999999999999"}), "OtherPlace", "999999999999")
        self.assert_refused(self.respond(told={"region": "eu-west-1"}), "OtherPlace", "eu-west-1")
        self.assertEqual(self.described(), before)
        self.ec2.create_tags(Resources=[self.instance], Tags=[{"Key": "ir:never-touch", "Value": ""}])
        before = self.described()
        self.assert_refused(self.respond(notifyTopics=[self.topic()]), "NeverTouch", "remove the tag")
        self.assertEqual((self.described(), self.snapshots()), (before, []))
        self.assertIn("NOT contained: NeverTouch", self.heard())
        # Without the tag, and with the place that it names, it is contained.
        self.ec2.delete_tags(Resources=[self.instance], Tags=[{"Key": "ir:never-touch"}])
        self.assertTrue(self.output(self.respond(told={"accountId": ACCOUNT, "region": REGION}))["contained"])

    def test_a_hostile_name_of_an_instance_reaches_no_call(self):
        self.instance = "i-0123456789abcdef0'; terminate"
        ended = self.respond()
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "NoInstance"))


class Credentials(Account):
    def setUp(self):
        super().setUp()
        self.iam = self.moto.client("iam")

    def respond(self, kind, principal, key="", answer=None, told=None, **settings):
        details = {"accessKeyDetails": {"userType": kind, "userName": principal, "accessKeyId": key}}
        detail = {"type": "UnauthorizedAccess:IAMUser/X", "resource": details, **(told or {})}
        return super().respond("iam-response", detail, answer, **settings)

    def test_a_users_key_is_made_inactive_and_a_person_restores_it(self):
        user = f"build-{self.token}"
        self.iam.create_user(UserName=user)
        key = self.iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
        other = self.iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]

        def status():
            return {it["AccessKeyId"]: it["Status"] for it in self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]}

        output = self.output(self.respond("IAMUser", user, key, "keep"))
        self.assertEqual((output["contained"], output["how"]), (True, "key inactive, sessions revoked"))
        self.assertEqual(status(), {key: "Inactive", other: "Active"})
        policy = self.iam.get_user_policy(UserName=user, PolicyName="QuellRevokeOlderSessions")["PolicyDocument"]
        (statement,) = policy["Statement"]
        self.assertEqual((statement["Effect"], statement["Action"], statement["Resource"]), ("Deny", "*", "*"))
        self.assertIn("aws:TokenIssueTime", statement["Condition"]["DateLessThan"])
        # A second run finds it inactive, and asks nobody.
        self.assertTrue(self.output(self.respond("IAMUser", user, key))["contained"])
        self.iam.update_access_key(UserName=user, AccessKeyId=key, Status="Active")
        output = self.output(self.respond("IAMUser", user, key, "restore"))
        self.assertEqual((output["contained"], output["how"]), (False, "restored by a person"))
        self.assertEqual(status(), {key: "Active", other: "Active"})
        self.assertEqual(self.iam.list_user_policies(UserName=user)["PolicyNames"], [])

    def test_a_roles_sessions_are_revoked(self):
        role = f"web-{self.token}"
        self.iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
        output = self.output(self.respond("AssumedRole", role))
        self.assertEqual((output["contained"], output["how"]), (True, "sessions revoked"))
        self.assertEqual(self.iam.list_role_policies(RoleName=role)["PolicyNames"], ["QuellRevokeOlderSessions"])

    def test_a_policy_that_only_has_the_name_is_written_anew(self):
        user, role, name = f"build-{self.token}", f"web-{self.token}", "QuellRevokeOlderSessions"
        planted = {"Version": "2012-10-17", "Statement": [{"Sid": name, "Effect": "Deny", "Action": "s3:*", "Resource": "*"}]}
        self.iam.create_user(UserName=user)
        self.iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
        self.iam.put_user_policy(UserName=user, PolicyName=name, PolicyDocument=json.dumps(planted))
        self.iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(planted))
        for kind, principal in (("IAMUser", user), ("AssumedRole", role)):
            self.assertTrue(self.output(self.respond(kind, principal))["contained"])
        for found in (self.iam.get_user_policy(UserName=user, PolicyName=name), self.iam.get_role_policy(RoleName=role, PolicyName=name)):
            (statement,) = found["PolicyDocument"]["Statement"]
            self.assertEqual((statement["Effect"], statement["Action"], statement["Resource"]), ("Deny", "*", "*"))
            self.assertEqual(list(statement["Condition"]["DateLessThan"]), ["aws:TokenIssueTime"])

    def test_what_must_not_be_touched_is_not(self):
        user, trust = f"build-{self.token}", json.dumps({"Version": "2012-10-17", "Statement": []})
        self.iam.create_user(UserName=user)
        key = self.iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
        for told in SAMPLES:
            self.assert_refused(self.respond("IAMUser", user, key, told=told), "SampleFinding", "sample")
        ended = self.respond("IAMUser", user, key, told={"accountId": "999999999999"})
        self.assert_refused(ended, "OtherAccount", "999999999999")
        ended = self.respond("IAMUser", user, key, protectedPrincipals=["break-glass", user])
        self.assert_refused(ended, "ProtectedPrincipal", "settings.protectedPrincipals")
        self.iam.tag_user(UserName=user, Tags=[{"Key": "ir:never-touch", "Value": ""}])
        self.assert_refused(self.respond("IAMUser", user, key, notifyTopics=[self.topic()]), "NeverTouch", "remove the tag")
        self.assertIn(f"{user} is NOT contained: NeverTouch", self.heard())
        self.assertEqual(self.iam.list_user_policies(UserName=user)["PolicyNames"], [])
        (found,) = self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        self.assertEqual(found["Status"], "Active")
        managed, tagged, own = f"managed-{self.token}", f"tagged-{self.token}", ROLE.rsplit("/", 1)[-1]
        self.iam.create_role(RoleName=managed, Path="/aws-reserved/sso/", AssumeRolePolicyDocument=trust)
        tags = [{"Key": "ir:never-touch", "Value": "yes"}]
        self.iam.create_role(RoleName=tagged, AssumeRolePolicyDocument=trust, Tags=tags)
        self.iam.create_role(RoleName=own, AssumeRolePolicyDocument=trust)
        self.assert_refused(self.respond("AssumedRole", managed), "ManagedRole", "Identity Center")
        self.assert_refused(self.respond("Role", tagged), "NeverTouch", "remove the tag")
        self.assert_refused(self.respond("AssumedRole", own), "OwnPrincipal", "acts as")
        for role in (managed, tagged, own):
            self.assertEqual(self.iam.list_role_policies(RoleName=role)["PolicyNames"], [])
        # Without the tag, and with the account that it names, the user is contained.
        self.iam.untag_user(UserName=user, TagKeys=["ir:never-touch"])
        self.assertTrue(self.output(self.respond("IAMUser", user, key, told={"accountId": ACCOUNT}))["contained"])

    def test_who_is_not_there_is_not_contained(self):
        ended = self.respond("AssumedRole", f"nobody-{self.token}")
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "NotContained"))
        self.assertIn("NoSuchEntity", ended["cause"])
        self.assertEqual(self.respond("Root", "Root")["error"], "RootUser")


if __name__ == "__main__":
    unittest.main()
