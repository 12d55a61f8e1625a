"""The shipped playbooks against moto: each does what it promises, proves it, refuses what it must not touch, fails
cleanly when any of its changes is refused, does no harm when a change is made twice, and can be taken back.

All worlds share one Quell and one moto; every run has a role of its own, by which the proxy between knows it.
"""

import contextlib
import functools
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import branch_worlds
import instance_worlds
import malware_worlds
import playbook_worlds
from faulty_account import FaultyAccount, changes
from quelltest import ACCOUNT, DEADLINE, REGION, ROOT, Moto, Quell, binary, wait_until

LIBRARY = ROOT / "playbooks"
WORLDS = [
    *playbook_worlds.WORLDS,
    *malware_worlds.WORLDS,
    *instance_worlds.WORLDS,
    branch_worlds.UserWithPassword,
    branch_worlds.LooseUser,
    branch_worlds.LooseRole,
    branch_worlds.LooseFunctionRole,
    branch_worlds.LooseFunction,
    branch_worlds.AttackedCluster,
    branch_worlds.InfectedRecoveryPoint,
]
# What they are about has a name, and there may be one of the same name in another account.
NAMED = (
    playbook_worlds.IamUser,
    playbook_worlds.IamRole,
    playbook_worlds.StolenFunctionRole,
    playbook_worlds.PlainFunction,
)
# Long enough for five looks of a run that cannot succeed, on a loaded machine.
PATIENCE = 120.0
# The ways in which GuardDuty marks a finding that is none.
SIGNS_OF_A_SAMPLE = (
    lambda detail: detail.update(title="[SAMPLE] " + detail["title"]),
    lambda detail: detail["service"].update(additionalInfo={"value": '{"sample":true}', "type": "default"}),
    lambda detail: detail["service"].update(additionalInfo={"sample": True}),
)
FINAL = {"Success", "Failed", "TimedOut", "Cancelled"}


class PlaybooksTest(unittest.TestCase):
    """One account with a world for every playbook and every fault."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="quell-playbooks-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.moto = Moto(folder)
        cls.addClassCleanup(cls.moto.close)
        cls.account = FaultyAccount(cls.moto.url)
        cls.addClassCleanup(cls.account.close)
        # Most scripts call nobody: what waits, ready to call AWS, costs more time than it saves.
        cls.quell = Quell(folder, aws_url=cls.account.url, environment={"QUELL_SCRIPTS_WARM": "0"})
        cls.addClassCleanup(cls.quell.close)
        cls.ssm = cls.quell.client("ssm")
        cls.clients = staticmethod(functools.lru_cache(maxsize=None)(cls.moto.client))
        cls.worlds = 0
        for path in sorted(LIBRARY.glob("*.yaml")):
            name = document_name(path)
            cls.ssm.create_document(
                Name=name, Content=path.read_text(), DocumentType="Automation", DocumentFormat="YAML"
            )

        # What each playbook does when nothing goes wrong: the other tests compare with it.
        cls.plain = [cls.start(cls.world(kind)) for kind in WORLDS]
        for world in cls.plain:
            world.first = world.run

    @classmethod
    def world(cls, kind):
        """A new world of a kind."""
        cls.worlds += 1
        world = kind(cls.clients, cls.account, f"w{cls.worlds}")
        world.build()
        world.before, world.untouched = world.shape(), world.whole()
        return world

    @classmethod
    def start(cls, world, **parameters):
        world.run = cls.ssm.start_automation_execution(
            DocumentName=world.document, Parameters=world.parameters(**parameters)
        )["AutomationExecutionId"]
        return world

    def ended(self, world):
        """Waits for the end of a world's run; gives the run."""
        try:
            return wait_until(f"the end of {world.document} for {world.token}", lambda: self.end_of(world.run), PATIENCE)
        except AssertionError as late:
            run = self.ssm.get_automation_execution(AutomationExecutionId=world.run)["AutomationExecution"]
            steps = [(step["StepName"], step["StepStatus"]) for step in run["StepExecutions"]]
            under_way = [step for step in steps if step[1] not in ("Pending", "Success")]
            raise AssertionError(f"{late}: {run['AutomationExecutionStatus']}, {under_way}") from None

    def end_of(self, run):
        """The run, if it has ended; asked for by its summary, because a whole run is long."""
        asked = [{"Key": "ExecutionId", "Values": [run]}]
        found = self.ssm.describe_automation_executions(Filters=asked)["AutomationExecutionMetadataList"]
        if found[0]["AutomationExecutionStatus"] == "Waiting":
            # Whoever is asked agrees. The wait may be over, or be one for the answer of a call.
            with contextlib.suppress(self.ssm.exceptions.InvalidAutomationSignalException):
                self.ssm.send_automation_signal(AutomationExecutionId=run, SignalType="Approve")
        if found[0]["AutomationExecutionStatus"] not in FINAL:
            return None
        return self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]

    def succeeded(self, world, again=False):
        run = self.ended(world)
        self.assertEqual(run["AutomationExecutionStatus"], "Success", run.get("FailureMessage"))
        if world.proves_again or not again:
            self.assertEqual(run["Outputs"][world.proof], ["true"])
        return run

    def contained(self):
        """The worlds in which nothing goes wrong, once their runs have ended."""
        for world in self.plain:
            self.succeeded(world, again=world.run != world.first)
        return self.plain

    def on(self, world, **more):
        """A subtest for a world."""
        return self.subTest(playbook=world.document, world=type(world).__name__, token=world.token, **more)

    def test_1_each_playbook_contains_and_again_changes_nothing(self):
        worlds = self.plain
        for world in worlds:
            with self.on(world):
                run = self.succeeded(world)
                world.after = world.shape()
                self.assertNotEqual(world.after, world.before)
                world.check(self, world.after, run["Outputs"])
                world.changed = len(self.account.changes_of(world.role))
                self.assertGreater(world.changed, 0)
                self.start(world)
        for world in worlds:
            with self.on(world):
                self.succeeded(world, again=True)
                self.assertEqual(world.shape(), world.after)
                self.assertEqual(
                    [str(seen) for seen in self.account.changes_of(world.role)[world.changed :]], [], "the second run"
                )

    def test_2_what_must_not_be_touched_is_not(self):
        worlds, signs = [], itertools.cycle(SIGNS_OF_A_SAMPLE)
        for kind in WORLDS:
            if kind.forbid is None:
                continue
            forbidden = self.world(kind)
            forbidden.forbid()
            forbidden.before, forbidden.saying = forbidden.shape(), "ir:never-touch"
            worlds.append(self.start(forbidden))
            sample = self.world(kind)
            told = sample.finding()
            next(signs)(told["detail"])
            sample.saying = "sample"
            worlds.append(self.start(sample, FindingJson=[json.dumps(told)]))
        for kind, sign in itertools.product((playbook_worlds.IamUser, instance_worlds.CompromisedInstance), SIGNS_OF_A_SAMPLE):
            sample = self.world(kind)
            told = sample.finding()
            sign(told["detail"])
            sample.saying = "sample"
            worlds.append(self.start(sample, FindingJson=[json.dumps(told)]))
        for kind in NAMED:
            # Its name is that of another account's.
            elsewhere = self.world(kind)
            told = elsewhere.finding()
            told["detail"]["accountId"] = "999999999999"
            elsewhere.saying = "about account 999999999999"
            worlds.append(self.start(elsewhere, FindingJson=[json.dumps(told)]))
        for member, place in (("accountId", "999999999999/" + REGION), ("region", ACCOUNT + "/eu-west-1")):
            elsewhere = self.world(instance_worlds.CompromisedInstance)
            told = elsewhere.finding()
            told["detail"][member] = "999999999999" if member == "accountId" else "eu-west-1"
            elsewhere.saying = f"about {place}, and this run acts in {ACCOUNT}/{REGION}: nothing was changed, run it there"
            worlds.append(self.start(elsewhere, FindingJson=[json.dumps(told)]))
        for world in worlds:
            with self.on(world):
                run = self.ended(world)
                self.assertEqual(run["AutomationExecutionStatus"], "Failed")
                self.assertIn(world.saying, run["FailureMessage"])
                self.assertEqual(world.shape(), world.before)
                self.assertEqual(self.account.changes_of(world.role), [])

    def test_3_a_change_whose_answer_is_lost_is_made_once_in_effect(self):
        worlds = []
        for kind in WORLDS:
            world = self.world(kind)
            self.account.lose_first_answers(world.role)
            worlds.append(self.start(world))
        for world, plain in zip(worlds, self.contained(), strict=True):
            with self.on(world):
                self.succeeded(world)
                self.assertEqual(neutral(world), neutral(plain))
                made = self.account.changes_of(world.role)
                self.assertGreater(len(made), len({seen.key for seen in made}), "nothing was lost")

    def test_4_a_change_that_is_refused_fails_the_run_and_a_second_run_mends_it(self):
        worlds = []
        for world in self.contained():
            kinds = {kind_of(seen, world) for seen in self.account.changes_of(world.role)}
            for kind in sorted(kinds.difference(world.once)):
                broken = self.world(type(world))
                broken.fault, broken.plain = kind, world
                self.account.refuse(
                    broken.role, lambda seen, w=broken: changes(seen) and kind_of(seen, w) == w.fault
                )
                worlds.append(self.start(broken))
        for world in worlds:
            with self.on(world, refused=world.fault):
                run = self.ended(world)
                self.assertEqual(run["AutomationExecutionStatus"], "Failed")
                if world.fault not in world.contained_without:
                    self.assertNotEqual(run.get("Outputs", {}).get(world.proof), ["true"])
                self.assertTrue(run["FailureMessage"])
        for world in worlds:
            self.account.refuse(world.role, None)
            self.start(world)
        for world in worlds:
            with self.on(world, mended=world.fault):
                self.succeeded(world)
                self.assertEqual(neutral(world), neutral(world.plain))

    def test_5_what_a_playbook_did_is_taken_back(self):
        worlds = [world for world in self.contained() if world.undone_by]
        for world in worlds:
            with self.on(world):
                if world.undone_by == "quell run undo":
                    world.run = undo(self.quell, world.first)
                else:
                    parameters = {**world.undoing(), "AutomationAssumeRole": world.parameters()["AutomationAssumeRole"]}
                    world.run = self.ssm.start_automation_execution(
                        DocumentName=world.undone_by, Parameters=parameters
                    )["AutomationExecutionId"]
        for world in worlds:
            with self.on(world):
                run = self.ended(world)
                self.assertEqual(run["AutomationExecutionStatus"], "Success", run.get("FailureMessage"))
                self.assertEqual(restored(world, world.whole()), restored(world, world.untouched))

    def test_6_a_policy_that_only_has_the_name_is_no_containment(self):
        kinds = (playbook_worlds.IamRole, playbook_worlds.StolenFunctionRole, playbook_worlds.PlainFunction)
        worlds = []
        for kind, policy in itertools.product(kinds, branch_worlds.PLANTED):
            world = self.world(kind)
            world.policy = policy
            role = world.function if kind is playbook_worlds.PlainFunction else world.victim
            branch_worlds.plant(world, role, policy)
            worlds.append(self.start(world))
        for world in worlds:
            with self.on(world, planted=world.policy):
                run = self.succeeded(world)
                world.check(self, world.shape(), run["Outputs"])


def undo(quell, run):
    """Starts taking a run back; gives the run that does it."""
    command = [binary(), "run", "undo", run, "--endpoint-url", quell.url, "--credentials", str(quell.credentials)]
    environment = {"PATH": os.environ.get("PATH", ""), "AWS_REGION": REGION}
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, env=environment)
    if done.returncode != 0 or "started " not in done.stdout:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout.split("started ")[1].strip()


def restored(world, whole):
    """All of a world, byte for byte, without what stays as it is when the rest is taken back."""
    kept = {key: value for key, value in whole.items() if key not in world.stays} if isinstance(whole, dict) else whole
    return json.dumps(kept, sort_keys=True, default=str)


def kind_of(seen, world):
    """Service and operation of a request, without what only this world has."""
    return seen.name.partition("?")[0].replace(world.token, "*") + ("?" + seen.path.partition("?")[2] if "?" in seen.path else "")


def neutral(world):
    """A world's shape without its names."""
    text = json.dumps(world.shape(), sort_keys=True, default=str)
    return world.neutral(text) if hasattr(world, "neutral") else text.replace(world.token, "*")


def document_name(path):
    """The name in the first comment of a playbook."""
    return next(line for line in path.read_text().splitlines() if line.startswith("# Quell-"))[2:].partition(":")[0]


if __name__ == "__main__":
    unittest.main()
