"""An AWS account in moto that enforces IAM: a server runs there with a user's key, playbooks with a role's policy.

moto checks the action of a request only: it knows no resources (but of S3) and no conditions, and it calls some
actions by their operation. `as_moto_reads` brings a policy into that form; which resources a policy names is for other
tests.
"""

import contextlib
import copy
import json
import subprocess
import urllib.request

from quelltest import ACCOUNT, DEADLINE, Quell, binary, wait_until

ROLE = "playbooks"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"
# moto names an action by the service that a request is signed for and by its operation. S3 requests are told apart by
# their query, and what moto does not tell apart counts as making, listing or deleting the bucket.
_BUCKET = {"Get": ["s3:ListBucket"], "Put": ["s3:CreateBucket", "s3:DeleteBucket"]}
_UNTOLD_BY_MOTO = [
    "BucketPublicAccessBlock",
    "EncryptionConfiguration",
    "ReplicationConfiguration",
    "BucketOwnershipControls",
    "BucketObjectLockConfiguration",
]
MOTO_NAMES = {
    "lambda:InvokeFunction": ["lambda:Invoke"],
    "s3:GetBucketPolicyStatus": ["s3:ListBucket"],
    **{f"s3:{verb}{what}": names for what in _UNTOLD_BY_MOTO for verb, names in _BUCKET.items()},
}
MOTO_PREFIXES = {"cloudwatch": "monitoring", "tag": "tagging"}


def permissions(*arguments):
    """The policy that `quell playbook permissions` prints."""
    command = [binary(), "playbook", "permissions", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stderr}")
    return json.loads(done.stdout)


def actions(policy):
    """All actions of a policy, sorted."""
    return sorted({action for statement in policy["Statement"] for action in statement["Action"]})


def without(policy, action):
    """The policy without one action."""
    less = copy.deepcopy(policy)
    for statement in less["Statement"]:
        statement["Action"] = [one for one in statement["Action"] if one != action]
    less["Statement"] = [statement for statement in less["Statement"] if statement["Action"]]
    return less


def as_moto_reads(policy):
    """The policy with moto's names for actions, for any resource, without conditions."""
    read = []
    for action in actions(policy):
        prefix, name = action.split(":")
        read += MOTO_NAMES.get(action, [f"{MOTO_PREFIXES.get(prefix, prefix)}:{name}"])
    allowed = sorted(set(read))
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]}


class Enforced:
    """A moto server that enforces IAM while `enforcing()` holds, and a Quell whose key may only take the role."""

    def __init__(self, moto, folder, **quell):
        self.moto = moto
        self._iam = moto.client("iam")
        self._iam.create_user(UserName="quell")
        self._iam.put_user_policy(
            UserName="quell",
            PolicyName="take-the-role",
            PolicyDocument=json.dumps(
                {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}]}
            ),
        )
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
        self._iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps(trust))
        key = self._iam.create_access_key(UserName="quell")["AccessKey"]
        environment = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
        self.quell = Quell(folder, aws_url=moto.url, environment=environment, **quell)
        self.ssm = self.quell.client("ssm")

    def allow(self, policy):
        """What the role may do from now on."""
        document = json.dumps(as_moto_reads(policy))
        self._iam.put_role_policy(RoleName=ROLE, PolicyName="permissions", PolicyDocument=document)

    @contextlib.contextmanager
    def enforcing(self):
        """Every call to moto is checked meanwhile: signature, and action."""
        self._count("0")
        try:
            yield
        finally:
            self._count("inf")

    def _count(self, number):
        request = urllib.request.Request(
            f"{self.moto.url}/moto-api/reset-auth",
            data=number.encode(),
            headers={"Content-Type": "text/plain"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            answer.read()

    def run(self, document, parameters, ends=("Success", "Failed", "TimedOut", "Cancelled")):
        """Runs a document with the role under enforcement; gives the ended execution."""
        given = {**parameters, "AutomationAssumeRole": [ROLE_ARN]}
        with self.enforcing():
            run = self.ssm.start_automation_execution(DocumentName=document, Parameters=given)["AutomationExecutionId"]

            def ended():
                found = self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
                return found if found["AutomationExecutionStatus"] in ends else None

            return wait_until(f"the end of {document}", ended)

    def denied_without_each(self, document, parameters, policy, prepare=lambda: None, but=()):
        """Runs the document with the whole policy, then with each action missing; gives what went otherwise than it
        should: the whole policy must do, and no smaller one. `prepare` brings the account into its first state; `but`
        names actions that only some runs need. An action that moto does not tell from another is told as well."""
        prepare()
        self.allow(policy)
        found = self.run(document, parameters)
        wrong = []
        if found["AutomationExecutionStatus"] != "Success":
            wrong.append(("with all", found["AutomationExecutionStatus"], found.get("FailureMessage")))
        for action in actions(policy):
            if action in but:
                continue
            if as_moto_reads(without(policy, action)) == as_moto_reads(policy):
                wrong.append(("moto does not tell it from another", action))
                continue
            prepare()
            self.allow(without(policy, action))
            found = self.run(document, parameters)
            if found["AutomationExecutionStatus"] == "Success":
                wrong.append(("not needed", action))
        return wrong

    def close(self):
        self.quell.close()
