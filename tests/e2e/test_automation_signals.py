"""Runs led by hand, signals and stops, through the AWS CLI as a responder types them."""

import json
import unittest

from quelltest import QuellTest, wait_until

TERMINAL = {"Success", "Failed", "TimedOut", "Cancelled"}


def script(name, result, **more):
    body = f"def run(events, context):\n    return '{result}'\n"
    inputs = {"Runtime": "python3.11", "Handler": "run", "Script": body}
    outputs = [{"Name": "Said", "Selector": "$.Payload", "Type": "String"}]
    return {"name": name, "action": "aws:executeScript", "inputs": inputs, "outputs": outputs, **more}


def pause(name, **more):
    return {"name": name, "action": "aws:pause", "inputs": {}, **more}


def document(*steps):
    return json.dumps({"schemaVersion": "0.3", "mainSteps": list(steps)})


class Signals(QuellTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        approve = {
            "name": "Ask",
            "action": "aws:approve",
            "inputs": {"Approvers": ["quell", "arn:aws:iam::123456789012:user/quell"], "MinRequiredApprovals": 1},
        }
        stranger = {"name": "Ask", "action": "aws:approve", "inputs": {"Approvers": ["somebody-else"]}}
        documents = {
            "TwoSteps": document(script("First", "one"), script("Second", "two")),
            "Approval": document(approve, script("After", "done")),
            "Stranger": document(stranger),
            "Pause": document(pause("Wait"), script("After", "done")),
            "CleanUp": document(pause("Wait", onCancel="step:Clean"), script("Never", "x", isEnd=True), script("Clean", "cleaned")),
            "StopAStep": document(pause("Wait", onFailure="Continue", isCritical=False), script("After", "done")),
        }
        for name, content in documents.items():
            cls.quell.aws(
                "ssm", "create-document", "--name", name, "--content", content,
                "--document-type", "Automation", "--document-format", "JSON",
            )  # fmt: skip

    def start(self, document, *more):
        return self.quell.aws("ssm", "start-automation-execution", "--document-name", document, *more)["AutomationExecutionId"]

    def run_of(self, run):
        found = self.quell.aws("ssm", "get-automation-execution", "--automation-execution-id", run)
        return found["AutomationExecution"]

    def steps(self, run, *more):
        found = self.quell.aws("ssm", "describe-automation-step-executions", "--automation-execution-id", run, *more)
        return found["StepExecutions"]

    def when(self, run, *statuses):
        def look():
            found = self.run_of(run)
            return found if found["AutomationExecutionStatus"] in statuses else None

        return wait_until(f"{run} to be {' or '.join(statuses)}", look)

    def ended(self, run):
        return self.when(run, *TERMINAL)

    def signal(self, run, kind, **payload):
        given = ["--payload", json.dumps({key: [value] for key, value in payload.items()})] if payload else []
        return self.quell.aws_run(
            "ssm", "send-automation-signal", "--automation-execution-id", run, "--signal-type", kind, *given
        )

    def assert_taken(self, done):
        self.assertEqual(done.returncode, 0, done.stderr)

    def assert_refused(self, done, code):
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(code, done.stderr)

    def stop(self, run, *more):
        return self.quell.aws_run("ssm", "stop-automation-execution", "--automation-execution-id", run, *more)

    def test_an_interactive_run_goes_step_by_step(self):
        run = self.start("TwoSteps", "--mode", "Interactive")
        found = self.when(run, "Waiting")
        self.assertEqual(found["Mode"], "Interactive")
        self.assertEqual([step["StepStatus"] for step in self.steps(run)], ["Pending", "Pending"])
        self.assert_refused(self.signal(run, "StartStep", StepName="Nothing"), "AutomationStepNotFoundException")
        self.assert_refused(self.signal(run, "StartStep", StepName="Second"), "InvalidAutomationSignalException")
        self.assert_taken(self.signal(run, "StartStep", StepName="First"))
        wait_until("the first step", lambda: [step["StepStatus"] for step in self.steps(run)] == ["Success", "Pending"])
        self.when(run, "Waiting")
        self.assert_taken(self.signal(run, "StartStep", StepName="Second"))
        found = self.ended(run)
        self.assertEqual(found["AutomationExecutionStatus"], "Success", found.get("FailureMessage"))
        self.assertEqual([step["Outputs"]["Said"] for step in self.steps(run)], [["one"], ["two"]])
        self.assert_refused(self.signal(run, "StartStep", StepName="Second"), "InvalidAutomationSignalException")

    def test_an_interactive_run_waits_over_a_restart(self):
        run = self.start("TwoSteps", "--mode", "Interactive")
        self.assert_taken(self.signal(run, "StartStep", StepName="First"))
        wait_until("the first step", lambda: [step["StepStatus"] for step in self.steps(run)] == ["Success", "Pending"])
        self.quell.restart()
        self.assertEqual(self.run_of(run)["AutomationExecutionStatus"], "Waiting")
        self.assert_taken(self.signal(run, "StartStep"))
        self.assertEqual(self.ended(run)["AutomationExecutionStatus"], "Success")

    def test_an_approval_lets_the_run_go_on(self):
        run = self.start("Approval")
        self.when(run, "Waiting")
        self.assert_refused(self.signal(run, "Resume"), "InvalidAutomationSignalException")
        self.assert_taken(self.signal(run, "Approve", Comment="it is the real one"))
        found = self.ended(run)
        self.assertEqual(found["AutomationExecutionStatus"], "Success", found.get("FailureMessage"))
        ask = self.steps(run)[0]
        self.assertEqual(ask["Outputs"]["ApprovalStatus"], ["Approved"])
        self.assertIn("it is the real one", ask["Outputs"]["ApproverDecisions"][0])
        self.assert_refused(self.signal(run, "Approve"), "InvalidAutomationSignalException")

    def test_a_rejection_fails_the_run(self):
        run = self.start("Approval")
        self.when(run, "Waiting")
        self.assert_taken(self.signal(run, "Reject", Comment="a drill"))
        self.assertEqual(self.ended(run)["AutomationExecutionStatus"], "Failed")
        self.assertEqual([step["StepStatus"] for step in self.steps(run)], ["Failed", "Pending"])

    def test_only_approvers_decide(self):
        run = self.start("Stranger")
        self.when(run, "Waiting")
        for kind in ("Approve", "Reject"):
            self.assert_refused(self.signal(run, kind), "InvalidAutomationSignalException")
        self.assertEqual(self.run_of(run)["AutomationExecutionStatus"], "Waiting")

    def test_a_pause_is_resumed_by_name(self):
        run = self.start("Pause")
        self.when(run, "Waiting")
        self.assert_refused(self.signal(run, "Resume", StepName="Nothing"), "AutomationStepNotFoundException")
        self.assert_refused(self.signal(run, "Approve"), "InvalidAutomationSignalException")
        self.assert_refused(self.signal(run, "Revoke"), "InvalidAutomationSignalException")
        self.assert_taken(self.signal(run, "Resume", StepName="Wait"))
        self.assertEqual(self.ended(run)["AutomationExecutionStatus"], "Success")

    def test_a_step_is_stopped_and_the_run_goes_on(self):
        run = self.start("StopAStep")
        self.when(run, "Waiting")
        [step] = [step for step in self.steps(run) if step["StepName"] == "Wait"]
        unknown = "00000000-0000-4000-8000-000000000000"
        self.assert_refused(self.signal(run, "StopStep", StepExecutionId=unknown), "AutomationStepNotFoundException")
        self.assert_taken(self.signal(run, "StopStep", StepExecutionId=step["StepExecutionId"]))
        self.ended(run)
        self.assertEqual([step["StepStatus"] for step in self.steps(run)], ["Cancelled", "Success"])

    def test_a_cancelled_run_cleans_up(self):
        run = self.start("CleanUp")
        self.when(run, "Waiting")
        self.assert_taken(self.stop(run, "--type", "Cancel"))
        self.assertEqual(self.ended(run)["AutomationExecutionStatus"], "Cancelled")
        told = {step["StepName"]: step["StepStatus"] for step in self.steps(run)}
        self.assertEqual(told, {"Wait": "Cancelled", "Never": "Pending", "Clean": "Success"})
        self.assert_refused(self.stop(run), "InvalidAutomationStatusUpdateException")

    def test_a_completed_run_ends_after_its_step(self):
        run = self.start("Pause")
        self.when(run, "Waiting")
        self.assert_taken(self.stop(run, "--type", "Complete"))
        self.assert_taken(self.signal(run, "Resume"))
        self.assertEqual(self.ended(run)["AutomationExecutionStatus"], "Success")
        self.assertEqual([step["StepStatus"] for step in self.steps(run)], ["Success", "Pending"])

    def test_who_is_not_there_is_told(self):
        nobody = "00000000-0000-4000-8000-000000000000"
        self.assert_refused(self.signal(nobody, "Approve"), "AutomationExecutionNotFoundException")
        self.assert_refused(self.stop(nobody), "AutomationExecutionNotFoundException")
        done = self.quell.aws_run("ssm", "get-automation-execution", "--automation-execution-id", nobody)
        self.assert_refused(done, "AutomationExecutionNotFoundException")

    def test_runs_and_steps_are_filtered(self):
        run = self.start("Approval")
        self.when(run, "Waiting")

        def found(*filters):
            return [
                one["AutomationExecutionId"]
                for one in self.quell.aws("ssm", "describe-automation-executions", "--filters", *filters)["AutomationExecutionMetadataList"]
            ]

        self.assertEqual(found(f"Key=ExecutionId,Values={run}"), [run])
        self.assertIn(run, found("Key=DocumentNamePrefix,Values=Appr", "Key=ExecutionStatus,Values=Waiting"))
        self.assertIn(run, found("Key=CurrentAction,Values=aws:approve"))
        self.assertNotIn(run, found("Key=ExecutionStatus,Values=Success"))
        self.assertNotIn(run, found("Key=AutomationType,Values=CrossAccount"))
        done = self.quell.aws_run("ssm", "describe-automation-executions", "--filters", "Key=Colour,Values=red")
        self.assert_refused(done, "InvalidFilterKey")
        waiting = self.steps(run, "--filters", "Key=StepExecutionStatus,Values=Waiting")
        self.assertEqual([step["StepName"] for step in waiting], ["Ask"])
        by_name = self.steps(run, "--filters", "Key=StepName,Values=After")
        self.assertEqual([step["StepStatus"] for step in by_name], ["Pending"])
        backwards = self.steps(run, "--reverse-order")
        self.assertEqual([step["StepName"] for step in backwards], ["After", "Ask"])
        self.assert_taken(self.stop(run))


if __name__ == "__main__":
    unittest.main()
