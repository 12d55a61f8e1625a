"""`kill -9` at every call of a playbook of twelve steps: before the account has it, and after, with the answer lost.

Between two kills the server commits: the announced call, or its result with the next announcement. So every commit of
the run has a kill before it and one after it. The account must end as in a run without a kill; a call that it saw
twice reads, is harmless or carries the same token; a step of which nobody can know waits for a person.
"""

import json
import subprocess
import time
import unittest

import test_crash as crash
from quelltest import REGION, binary, wait_until

setUpModule = crash.setUpModule
PATIENCE = crash.PATIENCE
PREFIX = "/twelve/"


def api(name, service, operation, **more):
    """A step that makes one call; upper-case keywords are the call's, the others the step's."""
    step = {key: value for key, value in more.items() if key[0].islower()}
    inputs = {key: value for key, value in more.items() if key[0].isupper()}
    return {"name": name, "action": "aws:executeAwsApi", "inputs": {"Service": service, "Api": operation, **inputs}, **step}


def note(name, key, value):
    """A step that writes a parameter of the account."""
    return api(name, "ssm", "PutParameter", Name=PREFIX + key, Value=value, Type="String", Overwrite=True)


SCRIPT = """
def handler(events, context):
    return {"double": events["n"] * 2, "id": events["id"]}
"""

STEPS = [
    api(
        "Look",
        "ec2",
        "DescribeInstances",
        InstanceIds=["{{ InstanceId }}"],
        outputs=[{"Name": "Zone", "Selector": "$.Reservations[0].Instances[0].Placement.AvailabilityZone", "Type": "String"}],
    ),
    {
        "name": "Check",
        "action": "aws:assertAwsResourceProperty",
        "inputs": {
            "Service": "ec2",
            "Api": "DescribeInstanceStatus",
            "InstanceIds": ["{{ InstanceId }}"],
            "IncludeAllInstances": True,
            "PropertySelector": "$.InstanceStatuses[0].InstanceState.Name",
            "DesiredValues": ["running"],
        },
    },
    {
        "name": "Decide",
        "action": "aws:branch",
        "inputs": {
            "Choices": [{"NextStep": "Remember", "Variable": "{{ Look.Zone }}", "StartsWith": REGION}],
            "Default": "Never",
        },
    },
    note("Never", "never", "wrong"),
    {"name": "Remember", "action": "aws:updateVariable", "inputs": {"Name": "variable:zone", "Value": "{{ Look.Zone }}"}},
    {
        "name": "Mark",
        "action": "aws:createTags",
        "inputs": {"ResourceIds": ["{{ InstanceId }}"], "Tags": [{"Key": "in", "Value": "{{ variable:zone }}"}]},
    },
    api(
        "MakeVolume",
        "ec2",
        "CreateVolume",
        AvailabilityZone="{{ variable:zone }}",
        Size=8,
        outputs=[{"Name": "Id", "Selector": "$.VolumeId", "Type": "String"}],
    ),
    {
        "name": "WaitForVolume",
        "action": "aws:waitForAwsResourceProperty",
        "inputs": {
            "Service": "ec2",
            "Api": "DescribeVolumes",
            "VolumeIds": ["{{ MakeVolume.Id }}"],
            "PropertySelector": "$.Volumes[0].State",
            "DesiredValues": ["available"],
        },
    },
    {
        "name": "Compute",
        "action": "aws:executeScript",
        "inputs": {
            "Runtime": "python3.11",
            "Handler": "handler",
            "Script": SCRIPT,
            "InputPayload": {"n": 21, "id": "{{ InstanceId }}"},
        },
        "outputs": [{"Name": "Double", "Selector": "$.Payload.double", "Type": "Integer"}],
    },
    {
        "name": "Repeat",
        "action": "aws:loop",
        "inputs": {
            "Iterators": ["one", "two"],
            "IteratorDataType": "String",
            "Steps": [note("Each", "{{ Repeat.CurrentIteratorValue }}", "{{ Repeat.CurrentIteration }}")],
        },
    },
    api("Snapshot", "ec2", "CreateSnapshots", InstanceSpecification={"InstanceId": "{{ InstanceId }}"}),
    {"name": "Rest", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}},
    {
        "name": "Agree",
        "action": "aws:approve",
        "inputs": {"Approvers": ["{{ Approver }}"], "Message": "stop {{ InstanceId }}?"},
    },
    {
        "name": "Stop",
        "action": "aws:changeInstanceState",
        "inputs": {"InstanceIds": ["{{ InstanceId }}"], "DesiredState": "stopped"},
    },
    note("Prove", "proof", "{{ Compute.Double }} in {{ variable:zone }}"),
]
DOCUMENT = {
    "schemaVersion": "0.3",
    "parameters": {"InstanceId": {"type": "String"}, "Approver": {"type": "String"}},
    "variables": {"zone": {"type": "String", "default": ""}},
    "mainSteps": STEPS,
}


class Playbook(crash.CrashTest):
    """A run of the twelve steps (and some that cost nothing), with kills and without."""

    def setUp(self):
        super().setUp()
        self.ec2 = crash.world.client_of(crash._moto, "ec2")
        self.ssm = crash.world.client_of(crash._moto, "ssm")
        self.quell.client("ssm").create_document(
            Name="Twelve", Content=json.dumps(DOCUMENT), DocumentType="Automation", DocumentFormat="JSON"
        )
        self.approver = self.caller()
        self.proxy.recognise_tokens("ec2:CreateVolume")
        self.proxy.forget()

    def start(self):
        self.instance = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        self.volumes = {volume["VolumeId"] for volume in self.ec2.describe_volumes()["Volumes"]}
        self.snapshots = {one["SnapshotId"] for one in self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]}
        names = [one["Name"] for one in self.ssm.describe_parameters()["Parameters"] if one["Name"].startswith(PREFIX)]
        if names:
            self.ssm.delete_parameters(Names=names)
        client = self.quell.client("ssm")
        parameters = {"InstanceId": [self.instance], "Approver": [self.approver]}
        return client.start_automation_execution(DocumentName="Twelve", Parameters=parameters)["AutomationExecutionId"]

    def caller(self):
        """Who we are to the server."""
        nothing = {"schemaVersion": "0.3", "mainSteps": [{"name": "No", "action": "aws:sleep", "inputs": {"Duration": "PT0S"}}]}
        client = self.quell.client("ssm")
        client.create_document(Name="Nothing", Content=json.dumps(nothing), DocumentType="Automation", DocumentFormat="JSON")
        run = client.start_automation_execution(DocumentName="Nothing")["AutomationExecutionId"]
        return crash.world.execution(self.quell, run)["ExecutedBy"]

    def shape(self):
        """What the run leaves in the account, with names instead of ids."""
        instance = self.ec2.describe_instances(InstanceIds=[self.instance])["Reservations"][0]["Instances"][0]
        new = [one for one in self.ec2.describe_volumes()["Volumes"] if one["VolumeId"] not in self.volumes]
        taken = self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]
        found = self.ssm.get_parameters_by_path(Path=PREFIX, Recursive=True)["Parameters"]
        return {
            "state": instance["State"]["Name"],
            "tags": sorted((tag["Key"], tag["Value"]) for tag in instance.get("Tags", [])),
            "volumes": [(volume["Size"], volume["AvailabilityZone"]) for volume in new],
            "snapshots": len([one for one in taken if one["SnapshotId"] not in self.snapshots]),
            "notes": {one["Name"].removeprefix(PREFIX): one["Value"] for one in found},
        }

    def agree(self, run):
        self.quell.client("ssm").send_automation_signal(AutomationExecutionId=run, SignalType="Approve")

    def waits_for_approval(self, run):
        steps = crash.world.execution(self.quell, run)["StepExecutions"]
        return any(step["StepName"] == "Agree" and step["StepStatus"] == "Waiting" for step in steps)

    def test_at_every_call_before_and_after(self):
        run = self.start()
        wait_until("the approval", lambda: self.waits_for_approval(run), PATIENCE)
        self.agree(run)
        wait_until("the end", lambda: self.status(run) in crash.ENDED, PATIENCE)
        self.assertEqual(self.status(run), "Success", crash.world.execution(self.quell, run).get("FailureMessage"))
        calm, steps = self.shape(), crash.steps_of(self.quell, run)
        self.assertEqual(calm["notes"], {"one": "1", "two": "2", "proof": f"42 in {REGION}a"})
        self.assertEqual((calm["state"], calm["snapshots"], len(calm["volumes"])), ("stopped", 1, 1))
        self.assertGreaterEqual(len([status for _, status in steps if status == "Success"]), 12)
        self.proxy.forget()
        cuts = self.disturbed()
        self.assertEqual(self.shape(), calm, f"kills: {self.kills}")
        self.assertEqual(self.steps, steps, f"kills: {self.kills}")
        self.assert_nothing_done_twice()
        self.assertEqual(len(cuts) % 2, 0, "each call is cut off before and after")
        self.assertGreaterEqual(len(self.kills), 2 * 12, self.kills)
        print(f"{len(self.kills)} kills: {', '.join(self.kills)}")

    def disturbed(self):
        """The run with a kill before and after every distinct call; gives the kills' places."""
        cut = set()

        def place(seen):
            """Where the next kill at this call is: first before it, at its repeat after it, then nowhere."""
            return next((at for at in ("before", "after") if (seen.key, at) not in cut), None)

        def next_hold(after):
            wanted = "after" if after else "before"
            return self.proxy.hold(lambda seen: place(seen) == wanted, after)

        holds = [next_hold(False), next_hold(True)]
        run = self.start()
        self.kill("after the start was accepted")
        agreed, end = False, time.monotonic() + PATIENCE * 2
        while self.status(run) not in crash.ENDED:
            self.assertLess(time.monotonic(), end, f"the run hangs after the kills {self.kills}")
            caught = next((hold for hold in holds if hold.caught.wait(0.05)), None)
            if caught:
                at = "after" if caught.after else "before"
                cut.add((caught.seen.key, at))
                holds.remove(caught)
                holds.append(next_hold(caught.after))
                self.kill(f"{at} {caught.seen.name}", caught)
            elif not agreed and self.waits_for_approval(run):
                self.kill("while a person was asked")
                self.agree(run)
                self.kill("after the answer")
                agreed = True
        for hold in holds:
            self.proxy.cancel(hold)
        execution = crash.world.execution(self.quell, run)
        self.assertEqual(execution["AutomationExecutionStatus"], "Success", execution.get("FailureMessage"))
        self.kill("after the end")
        self.steps = crash.steps_of(self.quell, run)
        return cut


class UnknownInTheMiddle(Playbook):
    """The same with a call that cannot be repeated or looked up: a person settles it, by what the account says."""

    STEP = api("Reboot", "ec2", "RebootInstances", InstanceIds=["{{ InstanceId }}"])

    def setUp(self):
        super().setUp()
        steps = [STEPS[0], self.STEP, note("Prove", "proof", "rebooted")]
        parameters = {"InstanceId": {"type": "String"}}
        content = {"schemaVersion": "0.3", "parameters": parameters, "mainSteps": steps}
        self.quell.client("ssm").create_document(
            Name="Unknown", Content=json.dumps(content), DocumentType="Automation", DocumentFormat="JSON"
        )

    def test_at_every_call_before_and_after(self):
        for after, outcome in ((False, "retry"), (True, "succeeded")):
            self.start_nothing()
            hold = self.proxy.hold(lambda seen: seen.name == "ec2:RebootInstances", after)
            run = self.quell.client("ssm").start_automation_execution(
                DocumentName="Unknown", Parameters={"InstanceId": [self.instance]}
            )["AutomationExecutionId"]
            self.assertTrue(hold.caught.wait(PATIENCE), "the call was never sent")
            self.kill("at the reboot", hold)
            wait_until(f"the question about {run}", lambda: run in self.said("list", "--unknown"), PATIENCE)
            self.said("resolve", run, "--step", "Reboot", "--outcome", outcome)
            wait_until("the end", lambda: self.status(run) in crash.ENDED, PATIENCE)
            self.assertEqual(self.status(run), "Success")
            reached = [
                seen
                for seen in self.proxy.requests()
                if seen.name == "ec2:RebootInstances" and seen.forwarded and self.instance in dict(seen.params).values()
            ]
            self.assertEqual(len(reached), 1, f"once, whether it was cut off before or after: {outcome}")
            notes = self.ssm.get_parameters_by_path(Path=PREFIX)["Parameters"]
            self.assertEqual([one["Value"] for one in notes if one["Name"].endswith("proof")], ["rebooted"])

    def start_nothing(self):
        self.instance = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]

    def said(self, *arguments):
        command = [binary(), "run", *arguments, "--endpoint-url", self.quell.url]
        command += ["--credentials", str(self.quell.credentials), "--region", REGION]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


if __name__ == "__main__":
    unittest.main()
