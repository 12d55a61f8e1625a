"""A shipped playbook succeeds with the policy that `quell playbook permissions` makes of it, and fails when any one
action is taken out of that policy; with the policy that `--undo` makes it can be taken back.

The proxy in front of moto enforces the policies, action by action: moto's own enforcement takes signatures of texts with
spaces and of paths with ARNs for false, and does not ask for what AWS asks for besides. Every run has a role of its own,
so that all of them go at the same time.
"""

import collections
import contextlib
import functools
import re
import shutil
import tempfile
import unittest

import branch_worlds
import malware_worlds
import playbook_worlds
from enforced import actions, permissions, without
from faulty_account import FaultyAccount, refusal
from quelltest import Moto, Quell, wait_until
from test_playbooks import FINAL, LIBRARY, WORLDS, document_name, restored, undo

PATIENCE = 240.0
# Beside the worlds of the other tests: they take the branches for which a policy has what those do not ask for.
BRANCHES = [
    branch_worlds.StoppedInstance,
    branch_worlds.TerminatedInstance,
    branch_worlds.ManagedDatabase,
    branch_worlds.HandedOverDatabase,
    branch_worlds.OpenedQuarantine,
    branch_worlds.StolenProfile,
    branch_worlds.OwnRoot,
    branch_worlds.OpenAccount,
]
# What only the first run in an account asks for: tried before any other run.
FIRST = {"organizations:CreatePolicy": playbook_worlds.UsedRoot}
# Whose runs are taken back: together they change all that the playbooks change.
UNDONE = [
    playbook_worlds.IamUser,
    playbook_worlds.PublicBucket,
    playbook_worlds.StolenInstanceRole,
    playbook_worlds.ExposedInstance,
    playbook_worlds.StoppedTrail,
    playbook_worlds.SilentBucket,
    playbook_worlds.SharedSnapshot,
    playbook_worlds.SharedImage,
    playbook_worlds.SharedDatabase,
    playbook_worlds.RobbedBucket,
    playbook_worlds.HijackedFunction,
    playbook_worlds.AttackedDatabase,
    playbook_worlds.UsedRoot,
    branch_worlds.AttackedCluster,
    branch_worlds.InfectedRecoveryPoint,
    malware_worlds.InfectedObject,
    malware_worlds.InfectedImage,
]
# What S3 requests ask for beside their method.
S3_ACTIONS = {
    ("GET", "acl"): "s3:GetBucketAcl",
    ("PUT", ""): "s3:PutObject",
    ("GET", "list-type"): "s3:ListBucket",
    ("GET", "logging"): "s3:GetBucketLogging",
    ("PUT", "logging"): "s3:PutBucketLogging",
    ("DELETE", "policy"): "s3:DeleteBucketPolicy",
    ("DELETE", "publicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("DELETE", "tagging"): "s3:DeleteObjectTagging",
    ("GET", "policy"): "s3:GetBucketPolicy",
    ("PUT", "policy"): "s3:PutBucketPolicy",
    ("GET", "publicAccessBlock"): "s3:GetBucketPublicAccessBlock",
    ("PUT", "publicAccessBlock"): "s3:PutBucketPublicAccessBlock",
    ("GET", "tagging"): "s3:GetObjectTagging",
    ("PUT", "tagging"): "s3:PutObjectTagging",
    ("GET", "versioning"): "s3:GetBucketVersioning",
}
# What Lambda's requests ask for, by method and the part of the path after the function's name.
LAMBDA_ACTIONS = {
    ("GET", ""): "lambda:GetFunction",
    ("GET", "concurrency"): "lambda:GetFunctionConcurrency",
    ("PUT", "concurrency"): "lambda:PutFunctionConcurrency",
    ("GET", "url"): "lambda:GetFunctionUrlConfig",
    ("PUT", "url"): "lambda:UpdateFunctionUrlConfig",
    ("GET", "policy"): "lambda:GetPolicy",
    ("DELETE", "policy"): "lambda:RemovePermission",
    ("POST", "policy"): "lambda:AddPermission",
    ("DELETE", "concurrency"): "lambda:DeleteFunctionConcurrency",
    ("GET", "versions"): "lambda:ListVersionsByFunction",
    ("POST", "versions"): "lambda:PublishVersion",
}
# Actions that AWS asks for besides the operation's own.
BESIDES = {
    "ec2:AssociateIamInstanceProfile": ["iam:PassRole"],
    "rds:CreateDBSnapshot": ["rds:AddTagsToResource"],
    "rds:CreateDBClusterSnapshot": ["rds:AddTagsToResource"],
}
# And where Secrets Manager shall keep a password of RDS.
KEPT_PASSWORD = ["kms:DescribeKey", "secretsmanager:CreateSecret", "secretsmanager:TagResource"]
PREFIXES = {"tagging": "tag"}
# AWS asks nobody for a permission of these, so that taking it away changes nothing.
FREE = {"sts:GetCallerIdentity", "sts:AssumeRole"}


def needed(seen):
    """The actions that a request asks for."""
    path, _, query = seen.path.partition("?")
    if seen.service == "s3":
        if path.startswith("/v20180820/configuration/publicAccessBlock"):
            return ["s3:GetAccountPublicAccessBlock" if seen.method == "GET" else "s3:PutAccountPublicAccessBlock"]
        asked = seen.method, re.split(r"[=&]", query)[0]
        return [S3_ACTIONS.get(asked, f"s3:{asked}")]
    if seen.service == "lambda":
        part = (path.rstrip("/") + "///").split("/")[4]
        return [LAMBDA_ACTIONS.get((seen.method, part), f"lambda:{seen.method} {part}")]
    if seen.service == "backup":
        writes = "backup:UntagResource" if path.startswith("/untag/") else "backup:TagResource"
        return ["backup:ListTags" if seen.method == "GET" else writes]
    name = f"{PREFIXES.get(seen.service, seen.service)}:{seen.operation}"
    if seen.service == "rds" and ("ManageMasterUserPassword", "true") in seen.params:
        return [name, *KEPT_PASSWORD]
    tags = seen.service == "ec2" and any(name.startswith("TagSpecification.") for name, _ in seen.params)
    return [name, *BESIDES.get(name, []), *(["ec2:CreateTags"] if tags else [])]


class EnforcedAccount(FaultyAccount):
    """An account that enforces the roles' policies."""

    def __init__(self, target):
        super().__init__(target)
        self._allowed = {}

    def allow(self, role, policy):
        self._allowed[role] = {*actions(policy), *FREE}

    def _forward(self, handler, seen, body):
        allowed = self._allowed.get(self.role_of(handler))
        if allowed is not None and not allowed.issuperset(needed(seen)):
            seen.role = self.role_of(handler)
            return refusal(seen)
        return super()._forward(handler, seen, body)


class PlaybookPermissions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="quell-playbook-permissions-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.moto = Moto(folder)
        cls.addClassCleanup(cls.moto.close)
        cls.account = EnforcedAccount(cls.moto.url)
        cls.addClassCleanup(cls.account.close)
        # Most scripts call nobody: what waits, ready to call AWS, costs more time than it saves.
        cls.quell = Quell(folder, aws_url=cls.account.url, environment={"QUELL_SCRIPTS_WARM": "0"})
        cls.addClassCleanup(cls.quell.close)
        cls.ssm = cls.quell.client("ssm")
        cls.clients = staticmethod(functools.lru_cache(maxsize=None)(cls.moto.client))
        cls.policies = {}
        for path in sorted(LIBRARY.glob("*.yaml")):
            name = document_name(path)
            cls.policies[name] = permissions(path)
            cls.ssm.create_document(
                Name=name, Content=path.read_text(), DocumentType="Automation", DocumentFormat="YAML"
            )
        cls.worlds = 0

    def start(self, kind, policy):
        """Starts a run in a new world with a policy."""
        type(self).worlds += 1
        world = kind(self.clients, self.account, f"p{self.worlds}")
        world.build()
        world.untouched = world.whole()
        self.account.allow(world.role, policy)
        world.run = self.ssm.start_automation_execution(DocumentName=world.document, Parameters=world.parameters())[
            "AutomationExecutionId"
        ]
        return world

    def ended(self, world):
        """A run that has ended."""
        return wait_until(f"the end of {world.document} for {world.token}", lambda: self.end_of(world.run), PATIENCE)

    def succeeded(self, world):
        run = self.ended(world)
        self.assertEqual(run["AutomationExecutionStatus"], "Success", run.get("FailureMessage"))
        return run

    def end_of(self, run):
        """The run, if it has ended; asked for by its summary, because a whole run is long."""
        asked = [{"Key": "ExecutionId", "Values": [run]}]
        found = self.ssm.describe_automation_executions(Filters=asked)["AutomationExecutionMetadataList"][0]
        if found["AutomationExecutionStatus"] == "Waiting":
            with contextlib.suppress(self.ssm.exceptions.InvalidAutomationSignalException):
                self.ssm.send_automation_signal(AutomationExecutionId=run, SignalType="Approve")
        if found["AutomationExecutionStatus"] not in FINAL:
            return None
        return self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]

    def test_the_policy_is_enough_and_nothing_of_it_too_much(self):
        ends = {}
        for action, kind in FIRST.items():
            policy = without(self.policies[kind.document], action)
            ends[kind.document, action] = self.told_end(self.start(kind, policy))
        whole, kinds = [self.start(kind, self.policies[kind.document]) for kind in [*WORLDS, *BRANCHES]], collections.defaultdict(list)
        used = {}
        for world in whole:
            with self.subTest(playbook=world.document, world=type(world).__name__):
                run = self.succeeded(world)
                if type(world) in BRANCHES:
                    world.check(self, world.shape(), run["Outputs"])
            kinds[world.document].append(type(world))
            used[type(world)] = self.used(world)
        less = []
        for document, worlds in kinds.items():
            for action in self.removable(document):
                # The first world that asks for it; none is told below.
                for kind in [kind for kind in worlds if action in used[kind] and action not in FIRST][:1]:
                    less.append((action, self.start(kind, without(self.policies[document], action))))
        ends.update({(world.document, action): self.told_end(world) for action, world in less})
        for document in kinds:
            for action in self.removable(document):
                with self.subTest(playbook=document, without=action):
                    self.assertIn(ends.get((document, action), "no world asks for it"), ("Failed", "TimedOut"))

    def test_the_policy_with_undo_is_enough_to_take_a_run_back(self):
        policies = {path: permissions(LIBRARY / path, "--undo") for path in {kind.file for kind in UNDONE}}
        worlds = [self.start(kind, policies[kind.file]) for kind in UNDONE]
        for world in worlds:
            with self.subTest(playbook=world.document, world=type(world).__name__):
                self.succeeded(world)
                self.assertNotEqual(restored(world, world.whole()), restored(world, world.untouched))
                world.run = undo(self.quell, world.run)
        for world in worlds:
            with self.subTest(playbook=world.document, world=type(world).__name__):
                self.succeeded(world)
                self.assertEqual(restored(world, world.whole()), restored(world, world.untouched))

    def told_end(self, world):
        """The status with which a run ends; a failure must say why, and leave no step under way."""
        run = self.ended(world)
        under_way = {step["StepStatus"] for step in run["StepExecutions"]} & {"InProgress", "Waiting"}
        self.assertEqual(under_way, set())
        if run["AutomationExecutionStatus"] != "Success":
            self.assertTrue(run["FailureMessage"])
        return run["AutomationExecutionStatus"]

    def used(self, world):
        """The actions that a run asked for."""
        return {action for seen in self.account.of(world.role) for action in needed(seen)}

    def removable(self, document):
        """The actions of a playbook's policy whose lack is told."""
        return [action for action in actions(self.policies[document]) if action not in FREE]


if __name__ == "__main__":
    unittest.main()
