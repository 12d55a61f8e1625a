"""The shipped state machines contain with the policy that `quell machine permissions` makes of them; without an action of
it that they need they do not, and say so."""

import json
import pathlib
import subprocess
import tempfile
import unittest
import uuid

from enforced import actions, without
from quelltest import ACCOUNT, Moto, Quell, binary, wait_until
from test_playbook_permissions import EnforcedAccount, needed
from test_response_machines import LIBRARY, definition


def quell(*arguments):
    command = [binary(), "machine", "permissions", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


class Watching(EnforcedAccount):
    """Keeps what each role asked for."""

    def __init__(self, target):
        super().__init__(target)
        self.asked = {}

    def _forward(self, handler, seen, body):
        self.asked.setdefault(self.role_of(handler), set()).update(needed(seen))
        return super()._forward(handler, seen, body)


class MachinePermissions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="quell-machine-permissions-")
        cls.addClassCleanup(folder.cleanup)
        cls.moto = Moto(folder.name)
        cls.addClassCleanup(cls.moto.close)
        cls.account = Watching(cls.moto.url)
        cls.addClassCleanup(cls.account.close)
        cls.quell = Quell(folder.name, aws_url=cls.account.url)
        cls.addClassCleanup(cls.quell.close)
        cls.states = cls.quell.client("stepfunctions", inject_host_prefix=False)
        cls.policies, cls.undoing = {}, {}
        for name in ("ec2-response", "iam-response"):
            for made, options in ((cls.policies, []), (cls.undoing, ["--undo"])):
                done = quell(LIBRARY / f"{name}.asl.json", *options)
                assert done.returncode == 0, done.stderr
                made[name] = json.loads(done.stdout)

    def contained(self, name, policy, finding):
        """How a machine ended whose role has this policy, and the role."""
        role = f"{name}-{uuid.uuid4().hex[:6]}"
        self.account.allow(role, policy)
        arn = self.states.create_state_machine(
            name=role, definition=definition(name), roleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}"
        )["stateMachineArn"]
        execution = self.states.start_execution(stateMachineArn=arn, input=json.dumps(finding))["executionArn"]

        def over():
            found = self.states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        return wait_until("the execution's end", over), role

    def user(self):
        iam = self.moto.client("iam")
        user = f"user-{uuid.uuid4().hex[:6]}"
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
        details = {"accessKeyDetails": {"userType": "IAMUser", "userName": user, "accessKeyId": key}}
        detail = {"id": user, "severity": 8, "type": "UnauthorizedAccess:IAMUser/X", "resource": details}
        return {"detail": detail, "settings": {"approvalQueue": ""}}

    def role(self):
        role = f"role-{uuid.uuid4().hex[:6]}"
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        self.moto.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=trust)
        details = {"accessKeyDetails": {"userType": "AssumedRole", "userName": role}}
        detail = {"id": role, "severity": 8, "type": "CredentialAccess:IAMUser/X", "resource": details}
        return {"detail": detail, "settings": {"approvalQueue": ""}}

    def instance(self):
        ec2, token = self.moto.client("ec2"), uuid.uuid4().hex[:8]
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
        made = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet)
        self.moto.client("s3").create_bucket(Bucket=f"evidence-{token}")
        resource = {"instanceDetails": {"instanceId": made["Instances"][0]["InstanceId"]}}
        detail = {"id": token, "severity": 8, "type": "CryptoCurrency:EC2/BitcoinTool.B!DNS", "resource": resource}
        return {"detail": detail, "settings": {"approvalQueue": "", "evidenceBucket": f"evidence-{token}"}}

    def check(self, name, finding, vital):
        policy = self.policies[name]
        ended, role = self.contained(name, policy, finding())
        self.assertEqual(ended["status"], "SUCCEEDED", ended)
        self.assertIs(json.loads(ended["output"])["contained"], True, ended)
        asked = {action for action in self.account.asked[role] if not action.startswith("sts:")}
        # Readings around changes are tried whatever the role may, and their refusal changes nothing.
        self.assertLessEqual(asked, set(actions(self.undoing[name])))
        self.assertTrue(asked)
        self.assertLessEqual(vital, asked)
        for action in sorted(vital):
            with self.subTest(machine=name, without=action):
                ended, _ = self.contained(name, without(policy, action), finding())
                self.assertNotEqual(ended["status"], "SUCCEEDED", ended)

    def test_an_instance(self):
        self.check("ec2-response", self.instance, {"ec2:ModifyNetworkInterfaceAttribute", "ec2:CreateSecurityGroup"})

    def test_a_users_key(self):
        self.check("iam-response", self.user, {"iam:GetUser", "iam:UpdateAccessKey", "iam:PutUserPolicy"})

    def test_a_roles_sessions(self):
        self.check("iam-response", self.role, {"iam:GetRole", "iam:PutRolePolicy", "iam:GetRolePolicy"})

    def test_an_execution_is_taken_back_with_the_policy_for_it(self):
        iam, finding = self.moto.client("iam"), self.user()
        user = finding["detail"]["id"]

        def stands():
            keys = [key["Status"] for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]]
            return keys, iam.list_user_policies(UserName=user)["PolicyNames"]

        before = stands()
        ended, role = self.contained("iam-response", self.undoing["iam-response"], finding)
        self.assertEqual(ended["status"], "SUCCEEDED", ended)
        self.assertNotEqual(stands(), before)
        server = ["--endpoint-url", self.quell.url, "--credentials", str(self.quell.credentials)]
        command = [binary(), "machine", "undo", ended["executionArn"], *server]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        self.assertIn("started ", done.stdout, done.stderr)
        ssm, run = self.quell.client("ssm"), done.stdout.split("started ")[1].strip()

        def over():
            found = ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
            return found if found["AutomationExecutionStatus"] in ("Success", "Failed") else None

        undone = wait_until("the undo's end", over)
        self.assertEqual(undone["AutomationExecutionStatus"], "Success", undone.get("FailureMessage"))
        self.assertEqual(stands(), before)
        asked = {action for action in self.account.asked[role] if not action.startswith("sts:")}
        self.assertLessEqual(asked, set(actions(self.undoing["iam-response"])))

    def test_what_is_told(self):
        done = quell(LIBRARY / "iam-response.asl.json", "--explain", "--account", ACCOUNT, "--trust", ACCOUNT)
        self.assertIn("iam:UpdateAccessKey: iam-response Deactivate, iam-response Reactivate", done.stderr)
        role = json.loads(done.stdout)
        self.assertIn(f"arn:aws:iam::{ACCOUNT}:user/*", json.dumps(role["PermissionsPolicy"]))
        self.assertIn(ACCOUNT, json.dumps(role["TrustPolicy"]))
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "bad.asl.json"
            file.write_text('{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}')
            done = quell(file)
            self.assertEqual(done.returncode, 1)
            self.assertIn("MISSING_TRANSITION_TARGET", done.stderr)


if __name__ == "__main__":
    unittest.main()
