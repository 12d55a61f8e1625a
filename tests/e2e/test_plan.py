"""`quell playbook plan` and the API of execution previews: only readings leave the machine, and the plan says what the
run then does. Starts and approvals that are bound to a plan are void when it is another one.
"""

import functools
import json
import os
import shutil
import subprocess
import tempfile
import unittest

import instance_worlds
import malware_worlds
import playbook_worlds
from faulty_account import FaultyAccount, changes
from quelltest import ACCOUNT, DEADLINE, REGION, ROOT, Moto, Quell, binary, wait_until
from wire import Wire

LIBRARY = ROOT / "playbooks"
WORLDS = [*playbook_worlds.WORLDS, *malware_worlds.WORLDS, *instance_worlds.WORLDS]
FINAL = {"Success", "Failed", "TimedOut", "Cancelled"}
APPROVER = f"arn:aws:iam::{ACCOUNT}:user/quell"
# As the service's endpoint is called in signatures.
SIGNED_AS = {"elbv2": "elasticloadbalancing", "cloudwatch": "monitoring"}


def step(name, service, api, outputs=None, **inputs):
    """A step that makes one call."""
    made = {"name": name, "action": "aws:executeAwsApi", "inputs": {"Service": service, "Api": api, **inputs}}
    if outputs:
        made["outputs"] = [{"Name": key, "Selector": path, "Type": kind} for key, (path, kind) in outputs.items()]
    return made


def document(*steps, **members):
    return json.dumps({"schemaVersion": "0.3", **members, "mainSteps": list(steps)})


def calls_of(plan, impact="Mutating"):
    """The planned calls of an impact, with their steps."""
    return [
        (one, call) for one in plan["plan"]["steps"] for call in one.get("calls", []) if call["impact"] == impact
    ]


class PlanTest(unittest.TestCase):
    """One Quell, one moto, and a proxy between them that writes down what leaves."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.mkdtemp(prefix="quell-plan-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.folder = folder
        cls.moto = Moto(folder)
        cls.addClassCleanup(cls.moto.close)
        cls.account = FaultyAccount(cls.moto.url)
        cls.addClassCleanup(cls.account.close)
        cls.quell = Quell(folder, aws_url=cls.account.url)
        cls.addClassCleanup(cls.quell.close)
        cls.ssm = cls.quell.client("ssm")
        cls.clients = staticmethod(functools.lru_cache(maxsize=None)(cls.moto.client))
        cls.made = 0

    @classmethod
    def name(cls, kind):
        cls.made += 1
        return f"{kind}-{cls.made}"

    def create(self, content):
        """A document of the server; gives its name."""
        name = self.name("Doc")
        self.ssm.create_document(Name=name, Content=content, DocumentType="Automation")
        return name

    def run_quell(self, *arguments):
        command = [binary(), *arguments, "--endpoint-url", self.quell.url, "--credentials", str(self.quell.credentials)]
        environment = {"PATH": os.environ.get("PATH", ""), "AWS_REGION": REGION}
        return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE * 4, env=environment)

    def rest(self, path):
        answer = Wire(self.quell).rest("quell", "GET", path)
        self.assertEqual(answer.status, 200, answer)
        return answer.body

    def plan(self, *arguments, parameters=None):
        """The plan of a document or file, as JSON."""
        given = []
        for name, values in (parameters or {}).items():
            for value in values:
                given += ["--param", f"{name}={value}"]
        done = self.run_quell("playbook", "plan", *arguments, *given, "--json")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout[-2000:])
        return json.loads(done.stdout)

    def ended(self, run):
        def look():
            found = self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
            return found if found["AutomationExecutionStatus"] in FINAL else None

        return wait_until("the run's end", look)

    def waiting(self, run):
        def look():
            found = self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
            return found if found["AutomationExecutionStatus"] == "Waiting" else None

        return wait_until("the run's wait", look)

    def changed(self):
        """What left the machine and was no reading."""
        return [str(seen) for seen in self.account.requests() if changes(seen)]


class Plans(PlanTest):
    """What a plan says, and what can hang on it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ec2 = cls.moto.client("ec2")
        cls.instance = cls.ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]
        cls.id = cls.instance["InstanceId"]

    def setUp(self):
        self.account.forget()

    def tag(self, key, value):
        self.ec2.create_tags(Resources=[self.id], Tags=[{"Key": key, "Value": value}])

    def stopping(self, *before):
        """A document that tags the instance with a tag that it reads, after these steps."""
        read = step(
            "Read", "ec2", "DescribeTags", {"Found": ("$.Tags[0].Value", "String")},
            Filters=[{"Name": "resource-id", "Values": [self.id]}, {"Name": "key", "Values": ["owner"]}],
        )
        write = step("Write", "ec2", "CreateTags", Resources=[self.id], Tags=[{"Key": "copy", "Value": "{{ Read.Found }}"}])
        return document(*before, read, write)

    def test_a_file_is_planned_and_nothing_is_made(self):
        make = step("Make", "ec2", "CreateSecurityGroup", {"Id": ("$.GroupId", "String")}, GroupName="planned", Description="d")
        use = step(
            "Open", "ec2", "AuthorizeSecurityGroupIngress", GroupId="{{ Make.Id }}",
            IpPermissions=[{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}],
        )
        file = os.path.join(self.folder, "Planned-Group.json")
        with open(file, "w") as out:
            out.write(document(make, use))
        done = self.run_quell("playbook", "plan", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        for said in (
            "Planned-Group in us-east-1", "changes     Make  aws:executeAwsApi", "ec2:CreateSecurityGroup",
            "undone by deleting what it makes", '"GroupId":"<known after the run: Make.Id>"',
            "needs ec2:AuthorizeSecurityGroupIngress on ", "ends    Success", "hash    ",
        ):
            self.assertIn(said, done.stdout)
        self.assertEqual(self.changed(), [])
        groups = self.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": ["planned"]}])
        self.assertEqual(groups["SecurityGroups"], [])

    def test_what_cannot_be_planned_is_refused(self):
        name = self.create(document(step("A", "ec2", "DescribeInstances"), parameters={"P": {"type": "String"}}))
        for arguments, said in (
            (["--document", name], "P"),
            (["--document", name, "--param", "Q=1", "--param", "P=1"], "Q"),
            (["--document", name, "--param", "P"], "NAME=VALUE"),
            (["--document", "No-Such-Document"], "No-Such-Document"),
            (["--document", name, "--version", "7", "--param", "P=1"], "7"),
            ([os.path.join(self.folder, "absent.yaml")], "absent.yaml"),
        ):
            with self.subTest(said):
                done = self.run_quell("playbook", "plan", *arguments)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(said, done.stderr)
        for arguments in (["--plan-hash", "xyz"], ["--plan-hash", "0" * 64]):
            self.assertEqual(self.run_quell("run", "start", *arguments).returncode, 1)

    def test_the_api_of_previews(self):
        wait = {"name": "Run", "action": "aws:runCommand", "inputs": {"DocumentName": "AWS-RunShellScript", "InstanceIds": [self.id]}}
        read = step("Read", "ec2", "DescribeInstances", InstanceIds=["{{ Id }}"])
        stop = step("Stop", "ec2", "StopInstances", InstanceIds=["{{ Id }}"])
        name = self.create(document(read, stop, wait, parameters={"Id": {"type": "AWS::EC2::Instance::Id"}}))
        started = self.ssm.start_execution_preview(
            DocumentName=name, ExecutionInputs={"Automation": {"Parameters": {"Id": [self.id]}}}
        )
        id = started["ExecutionPreviewId"]

        def look():
            found = self.ssm.get_execution_preview(ExecutionPreviewId=id)
            return found if found["Status"] not in ("Pending", "InProgress") else None

        found = wait_until("the preview", look)
        self.assertEqual((found["Status"], found["ExecutionPreviewId"]), ("Success", id))
        self.assertIn("EndedAt", found)
        shown = found["ExecutionPreview"]["Automation"]
        self.assertEqual(shown["StepPreviews"], {"NonMutating": 1, "Mutating": 1, "Undetermined": 1})
        self.assertEqual((shown["Regions"], shown["TotalAccounts"]), ([REGION], 1))
        self.assertIn({"Count": 1, "TargetType": "AWS::EC2::Instance"}, shown["TargetPreviews"])
        self.assertEqual(self.changed(), [])
        # It is no run, and a preview without a plan says why.
        runs = self.ssm.describe_automation_executions()["AutomationExecutionMetadataList"]
        self.assertNotIn(id, [run["AutomationExecutionId"] for run in runs])
        errors = self.ssm.exceptions
        with self.assertRaises(errors.ResourceNotFoundException):
            self.ssm.get_execution_preview(ExecutionPreviewId="00000000-0000-4000-8000-000000000000")
        for wrong in (
            {"DocumentName": "No-Such-Document"},
            {"DocumentName": name, "DocumentVersion": "9"},
            {"DocumentName": name},
            {"DocumentName": name, "ExecutionInputs": {"Automation": {"Parameters": {"Id": ["no-instance"]}}}},
            {"DocumentName": name, "ExecutionInputs": {"Automation": {"Parameters": {"Id": [self.id], "More": ["x"]}}}},
        ):
            with self.subTest(str(wrong)), self.assertRaises(errors.ValidationException):
                self.ssm.start_execution_preview(**wrong)

    def test_the_aws_command_line(self):
        name = self.create(document(step("Stop", "ec2", "StopInstances", InstanceIds=[self.id])))
        id = self.quell.aws("ssm", "start-execution-preview", "--document-name", name)["ExecutionPreviewId"]

        def look():
            found = self.quell.aws("ssm", "get-execution-preview", "--execution-preview-id", id)
            return found if found["Status"] == "Success" else None

        shown = wait_until("the preview", look)["ExecutionPreview"]["Automation"]
        self.assertEqual(shown["StepPreviews"], {"Mutating": 1})

    def test_targets_are_planned_one_by_one(self):
        stop = step("Stop", "ec2", "StopInstances", InstanceIds=["{{ Id }}"])
        name = self.create(document(stop, parameters={"Id": {"type": "String"}}))
        ids = [self.id, "i-0123456789abcdef0"]
        id = self.ssm.start_execution_preview(
            DocumentName=name,
            ExecutionInputs={
                "Automation": {"TargetParameterName": "Id", "Targets": [{"Key": "ParameterValues", "Values": ids}]}
            },
        )["ExecutionPreviewId"]

        def look():
            found = self.ssm.get_execution_preview(ExecutionPreviewId=id)
            return found if found["Status"] not in ("Pending", "InProgress") else None

        shown = wait_until("the preview", look)["ExecutionPreview"]["Automation"]
        self.assertEqual(shown["TargetPreviews"], [{"Count": 2, "TargetType": "AWS::EC2::Instance"}])
        self.assertEqual(self.changed(), [])

    def test_a_start_is_bound_to_its_plan(self):
        self.tag("owner", "alice")
        name = self.create(self.stopping())
        plan = self.plan("--document", name)
        self.tag("owner", "bob")
        void = self.run_quell("run", "start", "--plan-hash", plan["hash"])
        self.assertEqual(void.returncode, 1)
        self.assertIn("the run was not started: step Write: ec2:CreateTags: Tags was", void.stderr)
        self.assertIn("bob", void.stderr)
        runs = self.ssm.describe_automation_executions(Filters=[{"Key": "DocumentNamePrefix", "Values": [name]}])
        self.assertEqual(runs["AutomationExecutionMetadataList"], [])
        self.tag("owner", "alice")
        done = self.run_quell("run", "start", "--plan-hash", plan["hash"])
        self.assertEqual(done.returncode, 0, done.stderr)
        ended = self.ended(done.stdout.removeprefix("started ").strip())
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))

    def test_an_approval_is_bound_to_what_the_run_would_do(self):
        self.tag("owner", "carol")
        ask = {"name": "Ask", "action": "aws:approve", "inputs": {"Approvers": [APPROVER]}}
        name = self.create(self.stopping(ask))
        run = self.ssm.start_automation_execution(DocumentName=name)["AutomationExecutionId"]
        self.waiting(run)
        planned = self.run_quell("run", "plan", run, "--json")
        self.assertEqual(planned.returncode, 0, planned.stderr)
        plan = json.loads(planned.stdout)
        self.assertEqual([one["step"] for one in plan["plan"]["steps"]], ["Read", "Write"])
        self.tag("owner", "dave")
        void = self.run_quell("run", "approve", run, "--plan-hash", plan["hash"])
        self.assertEqual(void.returncode, 1)
        self.assertIn("the approval was not given", void.stderr)
        self.waiting(run)
        self.tag("owner", "carol")
        done = self.run_quell("run", "approve", run, "--plan-hash", plan["hash"], "--comment", "as planned")
        self.assertEqual((done.returncode, done.stdout), (0, f"approved {run}\n"), done.stderr)
        ended = self.ended(run)
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
        again = self.run_quell("run", "plan", run)
        self.assertEqual(again.returncode, 1)
        self.assertIn("does not wait for approval", again.stderr)

    def test_a_stranger_may_not_approve(self):
        ask = {"name": "Ask", "action": "aws:approve", "inputs": {"Approvers": [f"arn:aws:iam::{ACCOUNT}:user/nobody"]}}
        run = self.ssm.start_automation_execution(DocumentName=self.create(self.stopping(ask)))["AutomationExecutionId"]
        self.waiting(run)
        plan = json.loads(self.run_quell("run", "plan", run, "--json").stdout)
        done = self.run_quell("run", "approve", run, "--plan-hash", plan["hash"])
        self.assertEqual(done.returncode, 1)
        self.assertNotIn("approved", done.stdout)
        self.waiting(run)

    def test_scripts_that_can_call_are_not_run(self):
        text = "import boto3\ndef main(events, context):\n    boto3.client('ec2').stop_instances(InstanceIds=['%s'])" % self.id
        script = {"name": "Stop", "action": "aws:executeScript", "inputs": {"Runtime": "python3.11", "Handler": "main", "Script": text}}
        plan = self.plan("--document", self.create(document(script)))
        [(one, call)] = calls_of(plan, "Undetermined")
        self.assertEqual([(c["service"], c["operation"]) for c in call["params"]], [("ec2", "StopInstances")])
        self.assertIn("not run", one["note"])
        self.assertEqual(self.account.requests(), [])

    def test_a_file_is_started_as_it_was_planned(self):
        make = step("Make", "ec2", "CreateSecurityGroup", GroupName="{{ Name }}", Description="d")
        file = os.path.join(self.folder, "Made-By-File.json")
        content = document(make, parameters={"Name": {"type": "String"}})
        with open(file, "w") as out:
            out.write(content + "\n\n")
        name = self.name("of-file")
        plan = self.plan(file, parameters={"Name": [name]})
        # What becomes of the file meanwhile does not matter, nor what the server has under its name.
        os.remove(file)
        self.ssm.create_document(Name="Made-By-File", Content=document(step("A", "ec2", "DescribeInstances")), DocumentType="Automation")
        self.quell.restart()
        done = self.run_quell("run", "start", "--plan-hash", plan["hash"])
        self.assertEqual(done.returncode, 0, done.stderr)
        ended = self.ended(done.stdout.removeprefix("started ").strip())
        self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
        self.assertEqual([one["StepName"] for one in ended["StepExecutions"]], ["Make"])
        groups = self.ec2.describe_security_groups(Filters=[{"Name": "group-name", "Values": [name]}])
        self.assertEqual(len(groups["SecurityGroups"]), 1)
        with open(file, "w") as out:
            out.write(content + " ")
        self.assertNotEqual(self.plan(file, parameters={"Name": [name]})["hash"], plan["hash"])

    def test_a_run_stops_before_what_was_not_planned(self):
        self.tag("owner", "erin")
        ask = {"name": "Ask", "action": "aws:approve", "inputs": {"Approvers": [APPROVER]}}
        name = self.create(self.stopping(ask))
        plan = self.plan("--document", name)
        done = self.run_quell("run", "start", "--plan-hash", plan["hash"])
        self.assertEqual(done.returncode, 0, done.stderr)
        run = done.stdout.removeprefix("started ").strip()
        self.waiting(run)
        self.tag("owner", "mallory")
        self.account.forget()
        self.ssm.send_automation_signal(AutomationExecutionId=run, SignalType="Approve")
        ended = self.ended(run)
        self.assertEqual(ended["AutomationExecutionStatus"], "Failed")
        self.assertIn("the plan has it with another Tags", ended["FailureMessage"])
        self.assertEqual(self.changed(), [])

    def test_a_plan_in_the_making_survives_a_kill(self):
        steps = []
        for n in range(6):
            steps.append(step(f"Read{n}", "ec2", "DescribeTags", {"Found": ("$.Tags[0].Value", "String")},
                              Filters=[{"Name": "resource-id", "Values": [self.id]}, {"Name": "key", "Values": [f"k{n}"]}]))
            steps.append(step(f"Write{n}", "ec2", "CreateTags", Resources=[f"i-{n:017x}"], Tags=[{"Key": "copy", "Value": f"{{{{ Read{n}.Found }}}}"}]))
            self.tag(f"k{n}", f"v{n}")
        name = self.create(document(*steps))
        expected = self.plan("--document", name)["hash"]
        for readings in range(6):
            with self.subTest(readings):
                self.account.forget()
                id = self.ssm.start_execution_preview(DocumentName=name)["ExecutionPreviewId"]
                wait_until("readings", lambda: len(self.account.requests()) >= readings)
                self.quell.kill()
                self.quell.start()

                def look():
                    found = self.rest(f"/api/v1/plans/{id}")
                    return found if found["status"] != "InProgress" else None

                found = wait_until("the plan", look)
                self.assertEqual((found["status"], found["hash"]), ("Success", expected), found["message"])
                self.assertGreaterEqual(len(self.account.requests()), 6)
                self.assertEqual(self.changed(), [])

    def test_locations_of_a_preview_come_from_an_object(self):
        s3 = self.moto.client("s3")
        s3.create_bucket(Bucket="plan-places")
        places = [{"Accounts": [ACCOUNT], "Regions": [REGION, "eu-west-1"], "ExecutionRoleName": "Run"}]
        s3.put_object(Bucket="plan-places", Key="all.json", Body=json.dumps(places).encode())
        name = self.create(document(step("Stop", "ec2", "StopInstances", InstanceIds=[self.id])))
        address = f"https://plan-places.s3.{REGION}.amazonaws.com/"
        inputs = lambda **members: {"Automation": members}
        id = self.ssm.start_execution_preview(
            DocumentName=name, ExecutionInputs=inputs(TargetLocationsURL=address + "all.json")
        )["ExecutionPreviewId"]

        def look():
            found = self.ssm.get_execution_preview(ExecutionPreviewId=id)
            return found if found["Status"] not in ("Pending", "InProgress") else None

        found = wait_until("the preview", look)
        self.assertEqual(found["ExecutionPreview"]["Automation"].get("Regions"), ["eu-west-1", REGION], found)
        for wrong in (
            inputs(TargetLocationsURL=address + "none.json"),
            inputs(TargetLocationsURL=address + "all.json", TargetLocations=places),
        ):
            with self.assertRaises(self.ssm.exceptions.ValidationException):
                self.ssm.start_execution_preview(DocumentName=name, ExecutionInputs=wrong)

    def test_a_plan_outlives_the_server(self):
        name = self.create(document(step("Stop", "ec2", "StopInstances", InstanceIds=[self.id])))
        plan = self.plan("--document", name)
        self.quell.restart()
        done = self.run_quell("run", "start", "--plan-hash", plan["hash"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.ended(done.stdout.removeprefix("started ").strip())


class ShippedPlaybooks(PlanTest):
    """Each of the library's documents on each of its worlds."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for path in sorted(LIBRARY.glob("*.yaml")):
            named = next(line for line in path.read_text().splitlines() if line.startswith("# Quell-"))
            name = named[2:].split(":")[0].split(" ")[0]
            cls.ssm.create_document(
                Name=name, Content=path.read_text(), DocumentType="Automation", DocumentFormat="YAML"
            )

    def world(self, kind):
        made = kind(self.clients, self.account, self.name("w"))
        made.build()
        return made

    def end_of(self, run):
        """The run's end; whoever is asked agrees."""
        def look():
            found = self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
            if found["AutomationExecutionStatus"] == "Waiting":
                try:
                    self.ssm.send_automation_signal(AutomationExecutionId=run, SignalType="Approve")
                except self.ssm.exceptions.InvalidAutomationSignalException:
                    pass
            return found if found["AutomationExecutionStatus"] in FINAL else None

        return wait_until("the run's end", look, 120.0)

    def test_a_plan_only_reads_and_says_what_the_run_then_changes(self):
        for kind in WORLDS:
            with self.subTest(kind.__name__):
                world = self.world(kind)
                before = world.whole()
                self.account.forget()
                plan = self.plan("--document", world.document, parameters=world.parameters())
                self.assertEqual(self.changed(), [], "a plan changed something")
                self.assertEqual(world.whole(), before)
                self.assertEqual(plan["status"], "Success", plan["message"])
                self.assertTrue(plan["plan"]["complete"])
                planned = {self.spelled(call) for _, call in calls_of(plan)}
                certain = {self.spelled(call) for one, call in calls_of(plan) if one["certain"]}
                self.assertTrue(planned)
                again = self.plan("--document", world.document, parameters=world.parameters())
                self.assertEqual(again["hash"], plan["hash"], "the same plan")

                # Bound to its plan the run makes the planned calls with the planned values, or ends.
                started = self.run_quell("run", "start", "--plan-hash", plan["hash"])
                self.assertEqual(started.returncode, 0, started.stderr)
                ended = self.end_of(started.stdout.removeprefix("started ").strip())
                self.assertEqual(ended["AutomationExecutionStatus"], "Success", ended.get("FailureMessage"))
                made = self.made_by(ended)
                self.assertLessEqual(made, planned, "the run did what was not planned")
                self.assertLessEqual(certain, made, "the run did not do what was certain")

    def spelled(self, call):
        return f"{call['service']}:{call['operation']}".lower().replace("_", "")

    def made_by(self, run):
        """The calls that the run's steps made and that change something."""
        made = set()
        for one in run["StepExecutions"]:
            inputs = one.get("Inputs", {})
            if one["StepStatus"] != "Success":
                continue
            if one["Action"] == "aws:createTags":
                made.add("ec2:createtags")
            if one["Action"] != "aws:executeAwsApi":
                continue
            service, api = json.loads(inputs["Service"]), json.loads(inputs["Api"])
            if not api.lower().startswith(("describe", "get", "list", "head", "lookup", "batchget", "simulate")):
                made.add(f"{service}:{api}".lower().replace("_", ""))
        return made


if __name__ == "__main__":
    unittest.main()
