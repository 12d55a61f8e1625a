"""`quell playbook check`: needs no server."""

import json
import pathlib
import subprocess
import tempfile
import unittest

from quelltest import ROOT, binary

BROKEN = """schemaVersion: "0.3"
parameters:
  Name: {type: String}
mainSteps:
  - name: first
    action: aws:executeAwsApi
    nextStep: secnd
    inputs: {Service: ec2, Api: DescribeInstances, Filters: [{Name: tag:Name, Values: ["{{ name }}"]}]}
  - name: second
    action: aws:nope
"""
DOUBTFUL = """schemaVersion: "0.3"
parameters:
  Words: {type: String}
mainSteps:
  - name: say
    action: aws:runCommand
    timeoutSeconds: 60
    inputs: {DocumentName: AWS-RunShellScript, InstanceIds: [i-1], Parameters: {commands: ["wall {{ Words }}"]}}
"""


class PlaybookCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="quell-check-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def check(self, *arguments, given=None):
        command = [binary(), "playbook", "check", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, input=given, timeout=60)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def test_every_mistake_has_its_line_and_a_remedy(self):
        done = self.check(self.write("broken.yaml", BROKEN))
        self.assertEqual(done.returncode, 1)
        for part in [
            "broken.yaml:7:15 (step first)",
            "7 |     nextStep: secnd\n  |               ^\n  = remedy: did you mean `second`?",
            "broken.yaml:8:88\n",
            "= remedy: did you mean `Name`?",
            "broken.yaml:10:13 (step second)",
            "broken.yaml: 3 errors",
        ]:
            self.assertIn(part, done.stdout)

    def test_warnings_do_not_fail(self):
        done = self.check(self.write("doubtful", DOUBTFUL), "--format", "json")
        self.assertEqual(done.returncode, 0)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["errors"], answer["warnings"]), (0, 2))
        [file] = answer["files"]
        self.assertEqual(file["format"], "YAML")
        self.assertEqual({f["code"] for f in file["findings"]}, {"value-in-shell", "not-repeatable"})

    def test_several_files_and_standard_input(self):
        broken, doubtful = self.write("b.yaml", BROKEN), self.write("d.yaml", DOUBTFUL)
        self.assertEqual(self.check(doubtful, broken).returncode, 1)
        self.assertEqual(self.check("-", given=BROKEN).returncode, 1)
        self.assertEqual(self.check("-", given=DOUBTFUL).returncode, 0)
        missing = self.check(doubtful, self.folder / "none.yaml")
        self.assertEqual(missing.returncode, 2)
        self.assertIn("cannot open the file", missing.stderr)
        (self.folder / "x.yaml").write_bytes(b"\xff\xfe")
        self.assertEqual(self.check(self.folder / "x.yaml").returncode, 2)
        large = self.check(self.write("l.yaml", "# " + "ä" * 70_000))
        self.assertEqual(large.returncode, 1)
        self.assertIn("error[too-large]", large.stdout)

    def test_the_shipped_playbooks_have_no_mistakes(self):
        done = self.check(*sorted((ROOT / "playbooks").glob("*.yaml")))
        self.assertEqual(done.returncode, 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
