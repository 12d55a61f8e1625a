"""`quell machine check` and `quell machine graph`: definitions need no server, executions ask theirs."""

import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as xml

from quelltest import binary
from states_world import StatesTest, machine

BROKEN = """{
  "StartAt": "First",
  "States": {
    "First": {"Type": "Pass", "Next": "Secnd"},
    "Second": {"Type": "Task", "Resource": "arn:aws:states:::nope:nope", "End": true}
  }
}
"""
HOSTILE = "</title><script>alert(1)</script>\"];&"


def quell(*arguments, given=None, **environment):
    command = [binary(), "machine", *map(str, arguments)]
    environment = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, text=True, input=given, timeout=60, env=environment)


def outcomes(picture):
    """Names of the states in a picture, each with its outcome."""
    groups = xml.fromstring(picture).iter("{http://www.w3.org/2000/svg}g")
    title = "{http://www.w3.org/2000/svg}title"
    return {group.find(title).text.partition(": ")[0]: group.get("data-outcome") for group in groups}


class Files(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="quell-machine-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_every_mistake_has_its_line_and_a_remedy(self):
        done = quell("check", self.write("broken.json", BROKEN))
        self.assertEqual(done.returncode, 1)
        for part in [
            "error[MISSING_TRANSITION_TARGET]: Missing 'Next' target: Secnd",
            "broken.json:4:39 (state First)",
            "= remedy: did you mean `Second`?",
            "broken.json:5:44 (state Second)",
            "broken.json: 2 errors",
        ]:
            self.assertIn(part, done.stdout)

    def test_a_parameter_that_a_call_does_not_have_is_told_with_its_line(self):
        text = """{"StartAt": "Send", "States": {"Send": {"Type": "Task", "TimeoutSeconds": 9, "End": true,
          "Resource": "arn:aws:states:::sqs:sendMessage",
          "Parameters": {"queueUrl": "u", "MessageBody": "m"}}}}"""
        done = quell("check", self.write("send.json", text))
        self.assertEqual(done.returncode, 1)
        for part in [
            "error[SCHEMA_VALIDATION_FAILED]: The field 'QueueUrl' is required but was missing",
            'error[SCHEMA_VALIDATION_FAILED]: The field "queueUrl" is not supported by Step Functions',
            "send.json:3:25 (state Send)",
            "= remedy: write `QueueUrl`",
            "send.json: 2 errors",
        ]:
            self.assertIn(part, done.stdout)

    def test_programs_can_read_the_answer(self):
        good = machine({"Only": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "Done"}]},
                        "Done": {"Type": "Succeed"}})
        done = quell("check", "--format", "json", "-", given=good)
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["errors"], answer["warnings"]), (0, 1))
        (found,) = answer["files"][0]["findings"]
        self.assertEqual((found["code"], found["state"], found["line"]), ("choice-without-default", "Only", 1))
        self.assertEqual(quell("check", self.folder / "nope.json").returncode, 2)

    def test_types_have_their_own_rules(self):
        waits = machine({"Ask": {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:sendMessage.waitForTaskToken",
                                 "Parameters": {}, "TimeoutSeconds": 9, "End": True}})
        self.assertEqual(quell("check", "-", given=waits).returncode, 0)
        refused = quell("check", "--type", "express", "-", given=waits)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("Express state machine does not support", refused.stdout)

    def test_a_picture_is_well_formed_whatever_the_names(self):
        path = self.write("hostile.json", machine({HOSTILE: {"Type": "Wait", "Seconds": 1, "End": True}}))
        done = quell("graph", path, "-o", self.folder / "drawn.svg")
        self.assertEqual(done.returncode, 0, done.stderr)
        picture = (self.folder / "drawn.svg").read_text()
        self.assertEqual(outcomes(picture), {HOSTILE: ""})
        self.assertFalse([node for node in xml.fromstring(picture).iter() if node.tag.endswith("script")])
        text = quell("graph", path).stdout
        self.assertTrue(text.startswith("flowchart TD\n"), text)
        self.assertNotIn("<script", text)
        broken = quell("graph", self.write("broken.json", BROKEN))
        self.assertEqual(broken.returncode, 1)
        self.assertIn("quell machine check", broken.stderr)


    def test_cases_are_played_with_mocks(self):
        task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ec2:createTags", "Next": "Rest",
                "Parameters": {"Resources.$": "States.Array($.id)", "Tags": [{"Key": "quell", "Value": "1"}]},
                "Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Lost"}]}
        path = self.write("tag.asl.json", machine({
            "Tag": task, "Rest": {"Type": "Wait", "Seconds": 86_400, "End": True}, "Lost": {"Type": "Fail", "Error": "Lost"}}))
        mocks = {
            "StateMachines": {"tag": {"TestCases": {"good": {"Tag": "Done"}}}, "other": {"TestCases": {}}},
            "MockedResponses": {"Done": {"0": {"Return": {}}}},
            "Expectations": {"tag": {"good": {"Input": {"id": "i-1"}, "Status": "SUCCEEDED", "Calls": ["ec2:CreateTags"]}}},
        }
        done = quell("test", path, "--mocks", self.write("m.json", json.dumps(mocks)), "--fail-each", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        (case,) = json.loads(done.stdout)["cases"]
        self.assertEqual((case["path"], case["seconds"]), (["Tag", "Rest"], 86_400))
        self.assertEqual(case["calls"][0]["params"]["Resources"], ["i-1"])
        self.assertEqual([fault["path"] for fault in case["faults"]], [["Tag", "Lost"]])
        self.assertNotIn("repeats", case)
        mocks["Expectations"]["tag"]["good"]["Status"] = "FAILED"
        done = quell("test", path, "--mocks", self.write("m.json", json.dumps(mocks)))
        self.assertEqual(done.returncode, 1)
        self.assertIn("status should be FAILED, is SUCCEEDED", done.stdout)
        del mocks["MockedResponses"]["Done"]
        done = quell("test", path, "--mocks", self.write("m.json", json.dumps(mocks)))
        self.assertEqual(done.returncode, 2)
        self.assertIn("TestCases/good/Tag: there is no `Done` in MockedResponses", done.stderr)


    def test_a_call_that_its_retry_makes_twice_is_told(self):
        retry = [{"ErrorEquals": ["States.ALL"], "MaxAttempts": 1}]
        tell = {"Type": "Task", "Resource": "arn:aws:states:::sns:publish", "Retry": retry, "TimeoutSeconds": 9, "End": True,
                "Parameters": {"TopicArn": "t", "Message": "m"}}
        start = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:ssm:startAutomationExecution", "Retry": retry,
                 "Parameters": {"DocumentName": "d", "ClientToken.$": "States.UUID()"}, "ResultPath": None, "Next": "Tell"}
        path = self.write("tell.asl.json", machine({"Start": start, "Tell": tell}))
        mocks = {
            "StateMachines": {"tell": {"TestCases": {"good": {"Start": "Done", "Tell": "Done"}}}},
            "MockedResponses": {"Done": {"0": {"Return": {}}}, "TheSameAgain": {}},
        }
        file = self.write("m.json", json.dumps(mocks))
        done = quell("test", path, "--mocks", file, "--repeat-each")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("it does not end the same if Tell is repeated", done.stdout)
        self.assertIn("may do it twice: it takes no token (sns:Publish: changes, not repeatable)", done.stdout)
        self.assertIn("may do it twice: `ClientToken` is another one in each call", done.stdout)
        mocks["Repeats"] = {"tell": {"Start": "TheSameAgain", "Tell": "TheSameAgain"}}
        done = quell("test", path, "--mocks", self.write("m.json", json.dumps(mocks)), "--repeat-each")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("if Tell is repeated: by retry the same end", done.stdout)
        del tell["Retry"]
        path = self.write("tell.asl.json", machine({"Start": start, "Tell": tell}))
        done = quell("test", path, "--mocks", self.write("m.json", json.dumps(mocks)), "--fail-each", "--repeat-each")
        self.assertIn("if Tell is repeated: waits for a person (sns:Publish: changes, not repeatable)", done.stdout)
        self.assertIn("if Tell times out: FAILED by Start > Tell", done.stdout)
        self.assertNotIn("if Start times out", done.stdout)
        mocks["Repeats"] = {"nope": {}}
        done = quell("test", path, "--mocks", self.write("m.json", json.dumps(mocks)), "--repeat-each")
        self.assertEqual(done.returncode, 2)
        self.assertIn("Repeats/nope: there is no machine `nope`", done.stderr)


class Executions(StatesTest):
    def test_what_became_of_an_execution_is_drawn(self):
        fails = {"Type": "Fail", "Error": "Broken"}
        both = {"Type": "Parallel", "Branches": [{"StartAt": "Break", "States": {"Break": fails}}], "Next": "Never",
                "Catch": [{"ErrorEquals": ["Broken"], "Next": "Nap"}]}
        nap = {"Type": "Wait", "Seconds": 86_400, "End": True}
        arn = self.create("drawn", machine({"Both": both, "Never": {"Type": "Succeed"}, "Nap": nap}))
        execution = self.start(arn)
        listed = quell("list", **self.environment()).stdout
        (line,) = [line for line in listed.splitlines() if execution in line]
        drawn = quell("graph", "--execution", line.split()[0], "--format", "svg", **self.environment())
        self.assertEqual(drawn.returncode, 0, drawn.stderr)
        wanted = {"Both": "caught", "Break": "failed", "Never": "", "Nap": "running"}
        self.assertEqual(outcomes(drawn.stdout), wanted)
        self.states.stop_execution(executionArn=execution)
        drawn = quell("graph", "--execution", line.split()[0], "--format", "svg", **self.environment())
        self.assertEqual(outcomes(drawn.stdout), {**wanted, "Nap": "aborted"})
        missing = quell("graph", "--execution", "00000000-0000-4000-8000-000000000000", **self.environment())
        self.assertEqual(missing.returncode, 1)
        self.assertIn("no such execution", missing.stderr)

    def environment(self):
        return {"AWS_ENDPOINT_URL": self.quell.url, "AWS_SHARED_CREDENTIALS_FILE": str(self.quell.credentials)}


if __name__ == "__main__":
    unittest.main()
