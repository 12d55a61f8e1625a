"""`quell playbook permissions`: its policy is enough for a run, and no action of it is too much."""

import ast
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from enforced import Enforced, actions, permissions
from quelltest import ACCOUNT, DEADLINE, REGION, ROOT, Moto, binary

DOCUMENT = """
schemaVersion: "0.3"
assumeRole: "{{ AutomationAssumeRole }}"
parameters:
  AutomationAssumeRole: {type: String}
  InstanceId: {type: String, allowedPattern: "^i-[a-f0-9]{17}$"}
  BucketName: {type: "AWS::S3::Bucket::Name"}
  UserName: {type: String}
  KeyId: {type: String}
mainSteps:
  - name: Look
    action: aws:assertAwsResourceProperty
    inputs: {Service: ec2, Api: DescribeInstances, InstanceIds: ["{{ InstanceId }}"], PropertySelector: "$.Reservations[0].Instances[0].InstanceId", DesiredValues: ["{{ InstanceId }}"]}
  - name: Tag
    action: aws:createTags
    inputs: {ResourceIds: ["{{ InstanceId }}"], Tags: [{Key: state, Value: stopped}]}
  - name: Stop
    action: aws:changeInstanceState
    inputs: {InstanceIds: ["{{ InstanceId }}"], DesiredState: stopped}
  - name: Block
    action: aws:executeAwsApi
    inputs: {Service: s3, Api: PutPublicAccessBlock, Bucket: "{{ BucketName }}", PublicAccessBlockConfiguration: {BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true}}
  - name: Lifecycle
    action: aws:executeAwsApi
    inputs: {Service: s3, Api: PutBucketLifecycleConfiguration, Bucket: "{{ BucketName }}", LifecycleConfiguration: {Rules: [{ID: a, Prefix: "", Status: Enabled, Expiration: {Days: 9}}]}}
  - name: Buckets
    action: aws:executeAwsApi
    inputs: {Service: s3, Api: ListBuckets}
  - name: Key
    action: aws:executeAwsApi
    inputs: {Service: iam, Api: UpdateAccessKey, UserName: "{{ UserName }}", AccessKeyId: "{{ KeyId }}", Status: Inactive}
"""


def text(*arguments):
    """Runs the command; gives the finished process."""
    command = [binary(), "playbook", "permissions", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)


class Permissions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="quell-permissions-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.file = cls.folder / "Contain.yaml"
        cls.file.write_text(DOCUMENT)

    def test_the_policy_is_enough_and_nothing_of_it_too_much(self):
        moto = Moto(self.folder)
        self.addCleanup(moto.close)
        ec2, s3, iam = moto.client("ec2"), moto.client("s3"), moto.client("iam")
        image = ec2.describe_images()["Images"][0]["ImageId"]
        instance = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        s3.create_bucket(Bucket="contained")
        iam.create_user(UserName="leaked")
        key = iam.create_access_key(UserName="leaked")["AccessKey"]["AccessKeyId"]
        account = Enforced(moto, self.folder)
        self.addCleanup(account.close)
        account.ssm.create_document(Name="Contain", Content=DOCUMENT, DocumentType="Automation", DocumentFormat="YAML")
        policy = permissions(self.file)
        wanted = [
            "ec2:CreateTags",
            "ec2:DescribeInstances",
            "ec2:StopInstances",
            "iam:UpdateAccessKey",
            "s3:ListAllMyBuckets",
            "s3:PutBucketPublicAccessBlock",
            "s3:PutLifecycleConfiguration",
        ]
        self.assertEqual(actions(policy), wanted)
        parameters = {"InstanceId": [instance], "BucketName": ["contained"], "UserName": ["leaked"], "KeyId": [key]}
        wrong = account.denied_without_each("Contain", parameters, policy)
        self.assertEqual(wrong, [])

    def test_resources_are_named_as_far_as_they_are_known(self):
        def resources(policy, action):
            return [one["Resource"] for one in policy["Statement"] if action in one["Action"]]

        open_policy = permissions(self.file)
        self.assertEqual(resources(open_policy, "ec2:StopInstances"), [["arn:aws:ec2:*:*:instance/i-*"]])
        self.assertEqual(resources(open_policy, "s3:PutLifecycleConfiguration"), [["arn:aws:s3:::*"]])
        exact = permissions(
            self.file, "--account", ACCOUNT, "--region", REGION, "--param", "BucketName=b", "--param", "UserName=leaked",
            "--param", "InstanceId=i-0123456789abcdef0",
        )
        instance = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0123456789abcdef0"
        self.assertEqual(resources(exact, "ec2:StopInstances"), [[instance]])
        self.assertEqual(resources(exact, "s3:PutLifecycleConfiguration"), [["arn:aws:s3:::b"]])
        user = [f"arn:aws:iam::{ACCOUNT}:user/*/leaked", f"arn:aws:iam::{ACCOUNT}:user/leaked"]
        self.assertEqual(resources(exact, "iam:UpdateAccessKey"), [user])

    def test_what_taking_runs_back_needs_is_included_when_it_is_asked_for(self):
        plain, with_undo = set(actions(permissions(self.file))), set(actions(permissions(self.file, "--undo")))
        more = {
            "ec2:DeleteTags",
            "ec2:DescribeTags",
            "ec2:StartInstances",
            "iam:ListAccessKeys",
            "s3:GetBucketPublicAccessBlock",
        }
        self.assertEqual((with_undo - plain, plain - with_undo), (more, set()))
        explained = text(self.file, "--undo", "--explain").stderr
        self.assertIn("ec2:StartInstances: Contain Stop, its undo", explained)
        # A profile that is given back is passed.
        revoking = permissions(ROOT / "playbooks" / "ec2-revoke-credentials.yaml", "--undo")
        passing = [one for one in revoking["Statement"] if one["Action"] == ["iam:PassRole"]]
        self.assertEqual([one["Condition"] for one in passing], [{"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}])

    def test_every_format_carries_policy_and_trust(self):
        both = permissions(self.file, "--trust", ACCOUNT)
        principal = both["TrustPolicy"]["Statement"][0]["Principal"]
        self.assertEqual(principal, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        template = permissions(self.file, "--trust", ACCOUNT, "--format", "cloudformation")
        role = template["Resources"]["Role"]["Properties"]
        self.assertEqual(role["Policies"][0]["PolicyDocument"], both["PermissionsPolicy"])
        self.assertEqual(role["AssumeRolePolicyDocument"], both["TrustPolicy"])
        moto = Moto(self.folder)
        self.addCleanup(moto.close)
        formation = moto.client("cloudformation")
        formation.create_stack(StackName="role", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"])
        made = moto.client("iam").get_role_policy(RoleName="quell-playbooks", PolicyName="quell-playbooks")
        # moto keeps the policy of a template as Python writes it.
        self.assertEqual(ast.literal_eval(made["PolicyDocument"]), both["PermissionsPolicy"])
        terraform = text(self.file, "--trust", ACCOUNT, "--format", "terraform").stdout
        self.assertIn('resource "aws_iam_role" "quell_playbooks" {', terraform)
        self.assertIn('"ec2:StopInstances",', terraform)

    def test_the_shipped_playbooks_have_policies(self):
        for file in sorted((ROOT / "playbooks").glob("*.yaml")):
            done = text(file)
            self.assertEqual(done.returncode, 0, f"{file.name}: {done.stderr}")
            # The runbook only runs others: what they need is told with their files.
            self.assertEqual(bool(actions(json.loads(done.stdout))), file.name != "incident-runbook.yaml", file.name)

    def test_bad_input_is_told(self):
        cases = [
            (["no-such-file.yaml"], "no-such-file.yaml"),
            ([self.file, "--format", "terraform"], "--trust"),
            ([self.file, "--trust", "everybody"], "`everybody` is no principal"),
            ([self.file, "--param", "Nothing=1"], "none of the documents declares"),
            ([self.file, "--param", "Bucket"], "NAME=VALUE"),
            ([self.file, "--account", "12"], "12 digits"),
            ([self.file, "--region", "eu west"], "is no region"),
            ([self.file, "--role-name", "a b"], "--role-name"),
        ]
        for arguments, words in cases:
            done = text(*arguments)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn(words, done.stderr)
            self.assertEqual(done.stdout, "", arguments)


if __name__ == "__main__":
    unittest.main()
