"""`kill -9` of the server at any moment of the story, then a restart: nothing is lost and nothing is done twice.

A recording proxy stands before the account. It holds a call just before it reaches the account, or just after with
its answer kept back, so that the kill falls exactly between a committed intent and its effect, or between the effect
and its result. Afterwards the account must be what it is without a kill, and whatever the account saw twice must
be harmless to see twice.
"""

import collections
import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest
import unittest.mock

import story_world as world
from quelltest import REGION, MailSink, Moto, Quell, binary, program, wait_until
from recording_proxy import RecordingProxy, understood

# For one run with its kills, on a loaded machine.
PATIENCE = 180.0
RANDOM_KILLS = 6

# Operations whose repeat with the same parameters changes nothing, and why. Kept apart from the product's own table
# (crates/aws/src/knowledge/table) on purpose: two people must be wrong before a repeat goes unnoticed.
HARMLESS = {
    "ssm:PutParameter": "sets a value: with Overwrite the same value is set again",
    "ec2:CreateTags": "sets tags: the same keys get the same values",
    "ec2:ModifyInstanceAttribute": "sets an attribute",
    "ec2:ModifyNetworkInterfaceAttribute": "sets the list of groups",
    "ec2:RevokeSecurityGroupEgress": "what is revoked already cannot be revoked again: InvalidPermission.NotFound",
    "ec2:RevokeSecurityGroupIngress": "as above",
    "ec2:CreateNetworkAclEntry": "the rule number is taken: NetworkAclEntryAlreadyExists",
    "ec2:DisassociateIamInstanceProfile": "the association is gone: InvalidAssociationID.NotFound",
    "ec2:StopInstances": "an instance that is stopped stays so",
    "elasticloadbalancing:DeregisterTargets": "a target that is not registered stays so",
    "iam:PutRolePolicy": "writes the policy of that name: the same document again",
}
ENDED = ("Success", "Failed", "TimedOut", "Cancelled")

CONFIG = """
[scripts]
python = {python}
[engine]
consistency_delay_secs = 2
"""

_moto = None
_folder = None


def setUpModule():
    global _moto, _folder
    _folder = tempfile.mkdtemp(prefix="quell-crash-")
    unittest.addModuleCleanup(shutil.rmtree, _folder, ignore_errors=True)
    _moto = Moto(_folder)
    unittest.addModuleCleanup(_moto.close)


class HoldingSink(MailSink):
    """A mail server that can keep a mail and leave its sender without an answer."""

    def __init__(self):
        super().__init__()
        self.wanted = None
        self.caught, self.let_go = threading.Event(), threading.Event()

    def kept(self, mail):
        if self.wanted and self.wanted(mail):
            self.wanted = None
            self.caught.set()
            self.let_go.wait(PATIENCE)


def server(proxy, mail=None):
    """A server on new data, with the account behind the proxy."""
    folder = tempfile.mkdtemp(dir=_folder)
    config = CONFIG.format(python=json.dumps(program("python3")))
    return Quell(folder, config, proxy.url, mail)


class CrashTest(unittest.TestCase):
    """A test with a new account, a proxy before it, and a new server."""

    maxDiff = None

    def setUp(self):
        self.proxy = RecordingProxy(_moto.url)
        self.addCleanup(self.proxy.close)
        self.mail = HoldingSink()
        self.addCleanup(self.mail.let_go.set)
        self.quell = server(self.proxy, self.mail)
        self.addCleanup(self.quell.close)
        self.kills = []

    def kill(self, where, *holds):
        """Kills the server, lets what was held end without an answer, and starts it again."""
        self.quell.kill()
        for hold in holds:
            hold.drop()
        self.kills.append(where)
        self.quell.start()

    def status(self, run):
        return world.execution(self.quell, run)["AutomationExecutionStatus"]

    def assert_nothing_done_twice(self, runs=1):
        """The law: what the account saw twice reads, is harmless, or carries a token by which it is recognised."""
        forwarded = [seen for seen in self.proxy.requests() if seen.forwarded and not seen.reads()]
        for _, same in grouped(forwarded, lambda seen: seen.key).items():
            if len(same) > 1 and same[0].name not in HARMLESS:
                # A tag is recognised by whoever looks for it, not by the service: such a call is not sent again.
                services_token = any(is_client_token(name) for name, _ in same[0].params)
                self.assertTrue(services_token, f"{len(same)} times, and a repeat does it again: {same[0]}")
        for _, same in grouped(forwarded, lambda seen: seen.key_without_token).items():
            tokens = {seen.tokens for seen in same}
            self.assertLessEqual(len(tokens), runs, f"the same call with different tokens: {same[0]}: {tokens}")

    def assert_pages_kept(self, incident):
        """Somebody was paged about the incident; repeated mails are the same mail."""
        mails = world.page_mails(self.mail, incident)
        self.assertTrue(mails, "no page")
        self.assertEqual(len({world.message_id(mail) for mail in mails}), 1, "a repeated mail must keep its id")
        self.assertEqual(len({mail.text for mail in mails}), 1)
        self.assertEqual({tuple(mail.recipients) for mail in mails}, {(world.PRIMARY,)})


def grouped(items, key):
    groups = collections.defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def is_client_token(name):
    return name.rsplit(".", 1)[-1].lower() in ("clienttoken", "clientrequesttoken", "idempotencytoken")


class Story(CrashTest):
    """The compromised-instance story with kills in it, compared with the story without."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.undisturbed, cls.steps = undisturbed()

    def setUp(self):
        super().setUp()
        self.account = world.Account(_moto)
        world.install(self.quell, self.account)
        self.proxy.forget()

    def test_each_change_is_cut_off_by_turns_after_and_before(self):
        self.tell(lambda count: count % 2 == 0)

    def test_each_change_is_cut_off_by_turns_before_and_after(self):
        self.tell(lambda count: count % 2 == 1)

    def tell(self, after):
        """The story with a kill at each changing call; `after` says for which the account has done it already."""
        cut = set()

        def next_change():
            return self.proxy.hold(lambda seen: not seen.reads() and seen.key not in cut, after(len(cut)))

        hold = next_change()
        instance = self.account.instances[0]
        self.mail.wanted = lambda mail: "Accept code" in mail.text
        world.send_findings(self.quell, instance, world.FIRST)
        self.kill("after the findings were accepted")
        self.assertTrue(self.mail.caught.wait(PATIENCE), f"no page went out:\n{self.quell.log.read_text()[-3000:]}")
        self.kill("while the page's mail was not answered")
        self.mail.let_go.set()
        incident = world.incident_of(self.quell, instance)
        run = world.run_of(self.quell, incident)
        while self.caught(hold, run):
            cut.add(hold.seen.key)
            now, hold = hold, next_change()
            self.kill(("after " if now.after else "before ") + now.seen.name, now)
        self.proxy.cancel(hold)
        changed = {seen.key for seen in self.proxy.requests() if not seen.reads()}
        self.assertEqual(cut, changed, "each change was cut off")
        self.assertGreaterEqual(len(cut), 15)
        self.finish(incident, run)
        self.assertGreater(len(world.page_mails(self.mail, incident)), 1, "the mail without an answer is sent again")
        self.assertEqual(steps_of(self.quell, run), self.steps)
        self.assertEqual(self.account.shape(), self.undisturbed[1])
        self.assert_nothing_done_twice()

    def caught(self, hold, run):
        """Whether the call came; false when the run ended without it."""
        end = time.monotonic() + PATIENCE
        while not hold.caught.wait(0.2):
            if self.status(run) in ENDED:
                return hold.caught.is_set()
            self.assertLess(time.monotonic(), end, f"the run hangs after the kills {self.kills}")
        return True

    def test_every_answer_is_lost_once(self):
        lost = set()

        def wanted(seen):
            return not seen.reads() and seen.key not in lost and (lost.add(seen.key) or True)

        self.proxy.lose_answers(wanted)
        instance = self.account.instances[0]
        world.send_findings(self.quell, instance, world.FIRST)
        incident = world.incident_of(self.quell, instance)
        run = world.run_of(self.quell, incident)
        self.finish(incident, run)
        self.assertGreaterEqual(len(lost), 15)
        self.assertEqual(steps_of(self.quell, run), self.steps)
        self.assertEqual(self.account.shape(), self.undisturbed[1])
        self.assert_nothing_done_twice()

    def test_kills_at_random_with_two_instances_at_once(self):
        seed = int(os.environ.get("QUELL_SEED") or random.randrange(1 << 32))
        print(f"QUELL_SEED={seed}", flush=True)
        chance = random.Random(seed)
        for instance, files in zip(self.account.instances, (world.FIRST, world.SECOND)):
            world.send_findings(self.quell, instance, files)
        for _ in range(RANDOM_KILLS):
            pause = chance.uniform(0.1, 2.5)
            self.assertFalse(self.died_within(pause), f"seed {seed}")
            self.kill(f"{pause:.2f} s after the start")
        for instance in self.account.instances:
            incident = world.incident_of(self.quell, instance)
            self.finish(incident, world.run_of(self.quell, incident))
        self.assertEqual(self.account.shape(), self.undisturbed[2], f"seed {seed}, kills {self.kills}")
        self.assert_nothing_done_twice(runs=2)

    def died_within(self, pause):
        """Whether the server ended by itself in that time."""
        end = time.monotonic() + pause
        while time.monotonic() < end:
            if self.quell.ended():
                return True
            time.sleep(min(0.05, max(0.0, end - time.monotonic())))
        return False

    def finish(self, incident, run):
        """To the end of the run and of the incident, with kills after what was accepted; then the record."""
        status = wait_until("the end of the run", lambda: self.ended(run), PATIENCE)
        failure = world.execution(self.quell, run).get("FailureMessage")
        self.assertEqual(status, "Success", f"{failure}; kills: {self.kills}")
        page = world.acknowledge(self.quell, incident)
        self.kill("after the acknowledgement")
        contacts, incidents = self.quell.client("ssm-contacts"), self.quell.client("ssm-incidents")
        described = contacts.describe_page(PageId=page)
        self.assertIn("ReadTime", described)
        incidents.update_incident_record(arn=incident, status="RESOLVED")
        self.kill("after the resolution")
        record = incidents.get_incident_record(arn=incident)["incidentRecord"]
        self.assertEqual(record["status"], "RESOLVED")
        self.assert_paging_ended(contacts, incident)
        self.assert_told_once(incident, 3 if self.account.instances[0] in record["dedupeString"] else 1)
        self.assert_pages_kept(incident)

    def ended(self, run):
        status = self.status(run)
        return status if status in ENDED else None

    def assert_paging_ended(self, contacts, incident):
        engagements = contacts.list_engagements(IncidentId=incident)["Engagements"]
        self.assertEqual(len(engagements), 1)
        self.assertIn("StopTime", engagements[0])
        pages = contacts.list_pages_by_engagement(EngagementId=engagements[0]["EngagementArn"])["Pages"]
        self.assertEqual([page["ContactArn"].rsplit("/", 1)[-1] for page in pages], ["security-primary"])
        later = [mail for mail in self.mail.to(world.SECONDARY) if "Accept code" in mail.text]
        self.assertEqual(later, [], "the second person is paged only when the first does not answer")

    def assert_told_once(self, incident, findings):
        """Each thing that happened stands in the record once, however often it was cut off."""
        events = world.timeline(self.quell, incident)
        counts = collections.Counter(event["eventType"] for event in events)
        once = (
            "SSM Incident Start",
            "SSM Automation Execution Start for Incident",
            "SSM Automation Execution End for Incident",
            "SSM Contacts Page for Incident",
            "SSM Contacts Page Acknowledgement for Incident",
            "Custom Event",
        )
        self.assertEqual({kind: counts[kind] for kind in once}, dict.fromkeys(once, 1))
        self.assertEqual(counts["SSM Incident Trigger"], findings)
        proof = next(event for event in events if event["eventType"] == "Custom Event")
        self.assertIn("is contained", proof["eventData"])
        self.assertNotIn("NOT", proof["eventData"])


def undisturbed():
    """The account's shape after one and after two instances, and the first run's steps, all without a kill."""
    proxy = RecordingProxy(_moto.url)
    account = world.Account(_moto)
    quell = server(proxy)
    shapes, steps = {}, {}
    try:
        world.install(quell, account)
        for at, files in enumerate((world.FIRST, world.SECOND)):
            world.send_findings(quell, account.instances[at], files)
            run = world.run_of(quell, world.incident_of(quell, account.instances[at]))

            def status():
                return world.execution(quell, run)["AutomationExecutionStatus"]

            wait_until("the end of the run", lambda: status() in ENDED, PATIENCE)
            assert status() == "Success", world.execution(quell, run).get("FailureMessage")
            steps[at], shapes[at + 1] = steps_of(quell, run), account.shape()
            isolated = shapes[at + 1]["instances"][at]
            assert (isolated["status"], isolated["groups"]) == ("isolated", ["quell-quarantine"]), isolated
            assert not any(isolated["registered"]), isolated
    finally:
        quell.close()
        proxy.close()
    return shapes, steps[0]


def steps_of(quell, run):
    """Name and end of each step, in order."""
    pages = quell.client("ssm").get_paginator("describe_automation_step_executions").paginate(AutomationExecutionId=run)
    steps = [step for page in pages for step in page["StepExecutions"]]
    assert len({step["StepExecutionId"] for step in steps}) == len(steps), "a step is recorded twice"
    return [(step["StepName"], step["StepStatus"]) for step in steps]


REBOOT = {
    "schemaVersion": "0.3",
    "parameters": {"InstanceId": {"type": "String"}},
    "mainSteps": [
        {
            "name": "Reboot",
            "action": "aws:executeAwsApi",
            "inputs": {"Service": "ec2", "Api": "RebootInstances", "InstanceIds": ["{{ InstanceId }}"]},
        },
        {
            "name": "Mark",
            "action": "aws:createTags",
            "inputs": {"ResourceIds": ["{{ InstanceId }}"], "Tags": [{"Key": "rebooted", "Value": "yes"}]},
        },
    ],
}


class UnknownOutcome(CrashTest):
    """A call that cannot be repeated, looked up or recognised: a person says what became of it."""

    def setUp(self):
        super().setUp()
        documents = self.quell.client("ssm")
        documents.create_document(
            Name="Reboot", Content=json.dumps(REBOOT), DocumentType="Automation", DocumentFormat="JSON"
        )
        self.proxy.forget()
        self.ec2 = world.client_of(_moto, "ec2")

    def start(self):
        """A new instance and a run that reboots it."""
        made = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        run = self.quell.client("ssm").start_automation_execution(
            DocumentName="Reboot", Parameters={"InstanceId": [made]}
        )["AutomationExecutionId"]
        return made, run

    def reboots(self, instance):
        return [
            seen
            for seen in self.proxy.requests()
            if seen.name == "ec2:RebootInstances" and instance in dict(seen.params).values()
        ]

    def marked(self, instance):
        found = self.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]
        return any(tag["Key"] == "rebooted" for tag in found)

    def command(self, *arguments):
        """Runs `quell run ...` against the server; gives the finished process."""
        command = [binary(), "run", *arguments, "--endpoint-url", self.quell.url]
        command += ["--credentials", str(self.quell.credentials), "--region", REGION]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)

    def said(self, *arguments):
        done = self.command(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def step(self, run):
        steps = world.execution(self.quell, run)["StepExecutions"]
        return next(step for step in steps if step["StepName"] == "Reboot")

    def wait_for_question(self, run):
        wait_until(f"the question about {run}", lambda: run in self.said("list", "--unknown"))
        self.assertEqual(self.step(run)["StepStatus"], "Waiting")
        self.assertEqual(self.status(run), "Waiting")

    def end_of(self, run):
        wait_until(f"the end of {run}", lambda: self.status(run) in ENDED)
        return self.status(run)

    def test_a_person_settles_what_a_kill_left_open(self):
        cases = {}
        for outcome in ("succeeded", "failed", "retry", "skip"):
            hold = self.proxy.hold(lambda seen: seen.name == "ec2:RebootInstances")
            instance, run = self.start()
            self.assertTrue(hold.caught.wait(PATIENCE), "the call was never sent")
            cases[outcome] = (instance, run, hold)
        self.kill("while four reboots were not answered", *(hold for _, _, hold in cases.values()))
        for instance, run, _ in cases.values():
            self.wait_for_question(run)
        # Another kill asks no other question and gives no answer.
        self.kill("while a person was asked")
        listed = self.said("list", "--unknown")
        for instance, run, _ in cases.values():
            self.assertIn(run, listed)
            self.assertEqual(self.status(run), "Waiting")
            self.assertEqual(len(self.reboots(instance)), 1, "never repeated blindly")
            self.assertFalse(self.marked(instance), "the run went on without an answer")
        self.assertIn("step Reboot waits", listed)
        for outcome, (_, run, _) in cases.items():
            self.said("resolve", run, "--step", "Reboot", "--outcome", outcome)
        ends = {outcome: self.end_of(run) for outcome, (_, run, _) in cases.items()}
        self.assertEqual(ends, {"succeeded": "Success", "failed": "Failed", "retry": "Success", "skip": "Success"})
        for outcome, (instance, run, _) in cases.items():
            self.assertEqual(len(self.reboots(instance)), 2 if outcome == "retry" else 1, outcome)
            self.assertEqual(self.marked(instance), outcome != "failed", outcome)
        self.assertEqual(self.step(cases["failed"][1])["StepStatus"], "Failed")
        self.assertNotIn("waits", self.said("list", "--unknown"))

    def test_a_lost_answer_is_asked_about_at_once(self):
        self.proxy.lose_answers(lambda seen: seen.name == "ec2:RebootInstances")
        instance, run = self.start()
        self.wait_for_question(run)
        self.assertEqual(len(self.reboots(instance)), 1)
        wrong = self.command("resolve", run, "--step", "Mark", "--outcome", "succeeded")
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("Mark", wrong.stderr)
        self.said("resolve", run, "--step", "Reboot", "--outcome", "succeeded")
        self.assertEqual(self.end_of(run), "Success")
        again = self.command("resolve", run, "--step", "Reboot", "--outcome", "failed")
        self.assertNotEqual(again.returncode, 0, "what is settled stays settled")
        self.assertEqual(len(self.reboots(instance)), 1)


VOLUME = {
    "schemaVersion": "0.3",
    "mainSteps": [
        {
            "name": "Make",
            "action": "aws:executeAwsApi",
            "inputs": {"Service": "ec2", "Api": "CreateVolume", "AvailabilityZone": f"{REGION}a", "Size": 8},
        }
    ],
}


class TokenCarried(CrashTest):
    """A call that the service itself recognises by a token is sent again, byte for byte."""

    def test_the_same_token_goes_out_after_a_kill(self):
        documents = self.quell.client("ssm")
        documents.create_document(
            Name="Make", Content=json.dumps(VOLUME), DocumentType="Automation", DocumentFormat="JSON"
        )
        hold = self.proxy.hold(lambda seen: seen.name == "ec2:CreateVolume")
        run = documents.start_automation_execution(DocumentName="Make")["AutomationExecutionId"]
        self.assertTrue(hold.caught.wait(PATIENCE), "the call was never sent")
        self.kill("after ec2:CreateVolume", hold)
        wait_until("the end of the run", lambda: self.status(run) in ENDED)
        self.assertEqual(self.status(run), "Success")
        sent = [seen for seen in self.proxy.requests() if seen.name == "ec2:CreateVolume"]
        self.assertEqual(len(sent), 2)
        self.assertEqual(sent[0].key, sent[1].key)
        self.assertTrue(dict(sent[0].params).get("ClientToken"))
        self.assert_nothing_done_twice()


class Law(unittest.TestCase):
    """The law itself finds what breaks it."""

    def broken_by(self, *bodies):
        """Whether calls with these bodies, all of which the account saw, break the law."""
        test = CrashTest()
        headers = {"Authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/ec2/aws4_request"}
        seen = [understood("POST", "/", headers, body.encode()) for body in bodies]
        for one in seen:
            one.forwarded = True
        test.proxy = unittest.mock.Mock(requests=lambda: seen)
        try:
            test.assert_nothing_done_twice()
        except AssertionError:
            return True
        return False

    def test_what_breaks_it(self):
        reboot, tagged = "Action=RebootInstances&InstanceId.1=i-1", "Action=CreateSnapshots&TagSpecification.1.Tag.1."
        token = tagged + "Key=quell%3Atoken&TagSpecification.1.Tag.1.Value="
        volume = "Action=CreateVolume&Size=8&ClientToken="
        for bodies, expected in (
            ((reboot,), False),
            ((reboot, reboot), True),
            ((reboot, reboot.replace("i-1", "i-2")), False),
            (("Action=DescribeInstances",) * 2, False),
            (("Action=CreateTags&ResourceId.1=i-1",) * 2, False),
            ((volume + "a",) * 2, False),
            ((volume + "a", volume + "b"), True),
            ((token + "a",), False),
            ((token + "a",) * 2, True),
            ((token + "a", token + "b"), True),
        ):
            self.assertEqual(self.broken_by(*bodies), expected, bodies)


if __name__ == "__main__":
    unittest.main()
