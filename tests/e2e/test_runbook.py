"""The runbook of the library from end to end: triage by a person, playbooks one after the other and at the same time, a
person again, recovery.
"""

import functools
import json

from faulty_account import FaultyAccount
from instance_worlds import IsolatedInstance
from playbook_worlds import ACCOUNT, APPROVER, TRUST, IamRole, IamUser, looked_up
from quelltest import QuellTest, wait_until
from test_playbooks import FINAL, LIBRARY, document_name

RUNBOOK = "Quell-Incident-Runbook"


class Runbook(QuellTest):
    with_moto = True

    @classmethod
    def account_url(cls):
        cls.account = FaultyAccount(cls.moto.url)
        cls.addClassCleanup(cls.account.close)
        return cls.account.url

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ssm = cls.quell.client("ssm")
        cls.incidents, _ = cls.set_up_incident_manager()
        cls.clients = staticmethod(functools.lru_cache(maxsize=None)(cls.moto.client))
        cls.clients("iam").create_role(RoleName="responder", AssumeRolePolicyDocument=TRUST)
        for name in ("incident-runbook", "iam-contain", "ec2-isolate", "ec2-release"):
            path = LIBRARY / f"{name}.yaml"
            cls.ssm.create_document(
                Name=document_name(path), Content=path.read_text(), DocumentType="Automation", DocumentFormat="YAML"
            )
        plan = cls.incidents.create_response_plan(name="any", incidentTemplate={"title": "Any", "impact": 2})["arn"]
        cls.incident = cls.incidents.start_incident(responsePlanArn=plan)["incidentRecordArn"]

    def world(self, kind, token):
        world = kind(self.clients, self.account, token)
        world.build()
        return world

    def start(self, world, **more):
        given = {"FindingJson": [json.dumps(world.finding())], "LookUpCalls": ["false"], **more}
        given["AutomationAssumeRole"] = [f"arn:aws:iam::{ACCOUNT}:role/responder"]
        return self.ssm.start_automation_execution(DocumentName=RUNBOOK, Parameters=given)["AutomationExecutionId"]

    def run_of(self, run):
        return self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]

    def waits_at(self, run, step):
        """Waits until a step of the run waits for a person; fails if the run ends before."""

        def look():
            found = self.run_of(run)
            self.assertNotIn(found["AutomationExecutionStatus"], FINAL, found.get("FailureMessage"))
            return any(one["StepName"] == step and one["StepStatus"] == "Waiting" for one in found["StepExecutions"])

        wait_until(f"{step} of {run}", look, 120)

    def ended(self, run):
        def look():
            found = self.run_of(run)
            return found if found["AutomationExecutionStatus"] in FINAL else None

        return wait_until(f"the end of {run}", look, 120)

    def signal(self, run, kind):
        self.ssm.send_automation_signal(AutomationExecutionId=run, SignalType=kind)

    def statuses(self, run):
        return {step["StepName"]: step["StepStatus"] for step in run["StepExecutions"]}

    def test_triage_mitigation_and_recovery(self):
        first = self.world(IamUser, "first")
        others = [self.world(IamUser, f"other{n}") for n in range(3)]
        role, released = self.world(IamRole, "role"), self.world(IsolatedInstance, "back")
        for world in (first, *others, role):
            self.account.answer_lookup(getattr(world, "user", None), [looked_up("GetUser", "iam.amazonaws.com", reads=True)])
        before = [world.shape() for world in (first, *others, role, released)]
        run = self.start(
            first,
            AlsoUsers=[world.user for world in others],
            AlsoRoles=[role.victim],
            ReleaseInstances=[released.instance],
            IncidentArn=[self.incident],
        )
        self.waits_at(run, "AwaitTriage")
        self.assertEqual([world.shape() for world in (first, *others, role, released)], before, "before triage")
        self.signal(run, "Resume")
        self.waits_at(run, "AwaitRecovery")
        for world in (first, *others):
            self.assertEqual(world.shape()["keys"], ["Inactive", "Inactive"])
            self.assertIn("QuellContain", world.shape()["policies"])
        self.assertEqual(len(role.shape()), 1)
        self.assertEqual(released.shape(), before[-1], "before recovery")
        self.assertEqual(self.incidents.get_incident_record(arn=self.incident)["incidentRecord"]["status"], "OPEN")
        self.signal(run, "Resume")
        ended = self.ended(run)
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
        self.assertEqual(ended["Outputs"]["ReadFinding.Playbook"], ["Quell-IAM-Contain"])
        self.assertEqual(released.shape()["scaling"], ["InService"])
        self.assertEqual(self.incidents.get_incident_record(arn=self.incident)["incidentRecord"]["status"], "RESOLVED")
        # The three users were contained by runs of their own that went at the same time.
        children = self.children(run)
        self.assertEqual([one["AutomationExecutionStatus"] for one in children], ["Success"] * 3)
        spans = [(one["ExecutionStartTime"], one["ExecutionEndTime"]) for one in children]
        lasted = max(end for _, end in spans) - min(start for start, _ in spans)
        self.assertGreater(sum((end - start).total_seconds() for start, end in spans), lasted.total_seconds())

    def children(self, run):
        """The runs under the fleet for users that a run started."""
        listed = self.ssm.describe_automation_executions()["AutomationExecutionMetadataList"]
        (fleet,) = [
            one["AutomationExecutionId"]
            for one in listed
            if one.get("ParentAutomationExecutionId") == run and one.get("TargetParameterName") == "UserName"
        ]
        asked = [{"Key": "ParentExecutionId", "Values": [fleet]}]
        return self.ssm.describe_automation_executions(Filters=asked)["AutomationExecutionMetadataList"]

    def test_a_false_alarm_changes_nothing(self):
        world = self.world(IamUser, "false")
        before = world.shape()
        run = self.start(world, Approvers=[APPROVER])
        self.waits_at(run, "AskMitigation")
        self.signal(run, "Reject")
        statuses = self.statuses(self.ended(run))
        self.assertEqual(statuses["FalseAlarm"], "Success")
        self.assertNotEqual(statuses["Mitigate"], "Success")
        self.assertEqual(world.shape(), before)

    def test_without_people_and_without_recovery(self):
        world = self.world(IamUser, "auto")
        self.account.answer_lookup(world.user, [])
        ended = self.ended(self.start(world, AutoMitigate=["true"], Recover=["false"]))
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
        self.assertEqual(ended["Outputs"]["Conclude.Parts"], ["triage", "mitigation by Quell-IAM-Contain"])
        self.assertEqual(world.shape()["keys"], ["Inactive", "Inactive"])

    def test_a_mitigation_that_fails_is_told_and_the_others_go_on(self):
        world, other = self.world(IamUser, "broken"), self.world(IamUser, "beside")
        world.forbid()
        before = world.shape()
        ended = self.ended(
            self.start(world, AutoMitigate=["true"], Recover=["false"], AlsoUsers=[other.user])
        )
        statuses = self.statuses(ended)
        self.assertEqual((statuses["Mitigate"], statuses["ContainUsers"]), ("Failed", "Success"))
        self.assertEqual((world.shape(), other.shape()["keys"]), (before, ["Inactive", "Inactive"]))


if __name__ == "__main__":
    import unittest

    unittest.main()
