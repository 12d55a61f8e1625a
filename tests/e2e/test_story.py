"""The main job as a newcomer sees it: `quell demo`, and then a look around with the AWS CLI."""

import collections
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

from quelltest import ACCOUNT, REGION, binary, free_port, program, stop, wait_until

# For the whole story of two instances, on a loaded machine.
PATIENCE = 300.0
PAGE = "Accept code"


class Demo(unittest.TestCase):
    """One demo, kept running, for all tests; the last test ends it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="quell-story-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        file = cls.folder / "state.json"
        cls.listen = f"127.0.0.1:{free_port()}"
        environment = {
            **os.environ,
            "QUELL_VENV": str(pathlib.Path(program("moto_server")).parent.parent),
            "TMPDIR": str(cls.folder),
        }
        command = [binary(), "demo", "--keep", "--state", str(file), "--listen", cls.listen]
        with open(cls.folder / "demo.log", "wb") as log:
            done = subprocess.run(command, stdout=log, stderr=log, env=environment, timeout=PATIENCE)
        cls.told = (cls.folder / "demo.log").read_text()
        cls.status = done.returncode
        if file.exists():
            cls.state = json.loads(file.read_text())
            cls.addClassCleanup(end_all, cls.state["pids"])
        if cls.status != 0:
            raise AssertionError(f"the demo ended with {cls.status}:\n{cls.told[-4000:]}")

    def aws(self, url, *arguments):
        """Runs the AWS CLI with the credentials file of the demo; gives its parsed answer."""
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder),
            "AWS_SHARED_CREDENTIALS_FILE": self.state["credentials_file"],
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }
        command = [program("aws"), "--endpoint-url", url, "--region", REGION, "--output", "json", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, f"aws {' '.join(arguments)}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def account(self, *arguments):
        return self.aws(self.state["aws_url"], *arguments)

    def quell(self, *arguments):
        return self.aws(self.state["quell_url"], *arguments)

    def timeline(self, incident):
        """Kinds of the entries, oldest first."""
        listed = self.quell(
            "ssm-incidents", "list-timeline-events", "--incident-record-arn", incident, "--sort-order", "ASCENDING"
        )
        return listed["eventSummaries"]

    def run_of(self, incident):
        record = self.quell("ssm-incidents", "get-incident-record", "--arn", incident)["incidentRecord"]
        self.assertEqual(len(record["automationExecutions"]), 1)
        return record["automationExecutions"][0]["ssmExecutionArn"].rsplit("/", 1)[-1]

    def mails(self):
        """The mails that the demo's mail server kept, oldest first, without their transfer encoding's line ends."""
        folder = pathlib.Path(self.state["credentials_file"]).parent.parent / "mail"
        return [file.read_text().replace("=\r\n", "").replace("=\n", "") for file in sorted(folder.glob("*.eml"))]

    def test_the_state_file_names_what_was_made(self):
        members = {"quell_url", "aws_url", "credentials_file", "instance_ids", "incident_arns", "pids"}
        members |= {"user_name", "access_key_id", "user_incident_arn", "imported_incident_arn", "chat", "playbooks"}
        self.assertEqual(set(self.state), members)
        self.assertEqual(self.state["playbooks"], ["playbooks/ec2-isolate.yaml", "playbooks/iam-contain.yaml"])
        self.assertEqual(self.state["quell_url"], f"http://{self.listen}")
        self.assertEqual(set(self.state["pids"]), {"moto", "mail", "chat", "quell"})
        for name, pid in self.state["pids"].items():
            self.assertTrue(lives(pid), name)
        self.assertEqual((len(self.state["instance_ids"]), len(self.state["incident_arns"])), (2, 2))
        self.assertEqual(os.stat(self.state["credentials_file"]).st_mode & 0o777, 0o600)

    def test_it_tells_the_story_and_its_times(self):
        said = ("incident opened", "paged ", "page acknowledged", "containment proven", "incident resolved")
        places = [self.told.index(words) for words in said]
        self.assertEqual(places, sorted(places))
        self.assertRegex(self.told, r"Times: detected [\d.]+ s, acknowledged [\d.]+ s, contained [\d.]+ s, resolved")
        self.assertNotIn("NO ", self.told)

    def test_the_instances_are_isolated(self):
        for instance in self.state["instance_ids"]:
            found = self.account("ec2", "describe-instances", "--instance-ids", instance)
            described = found["Reservations"][0]["Instances"][0]
            groups = [described["SecurityGroups"]]
            groups += [interface["Groups"] for interface in described["NetworkInterfaces"]]
            self.assertEqual(len(groups), 3, "the instance itself and two interfaces")
            for of_one in groups:
                self.assertEqual([group["GroupName"] for group in of_one], ["quell-quarantine"])
            tags = {tag["Key"]: tag["Value"] for tag in described["Tags"]}
            self.assertEqual(tags["quell:status"], "isolated")
            self.assertIn(tags["quell:incident"], self.state["incident_arns"])
            self.assertNotIn("IamInstanceProfile", described)
            self.assertEqual(described["State"]["Name"], "running", "stopping it would destroy evidence")

    def test_the_user_of_the_leaked_key_is_contained(self):
        user = self.state["user_name"]
        keys = self.account("iam", "list-access-keys", "--user-name", user)["AccessKeyMetadata"]
        self.assertEqual([key["Status"] for key in keys], ["Inactive", "Inactive"])
        self.assertIn(self.state["access_key_id"], [key["AccessKeyId"] for key in keys])
        named = ("--user-name", user, "--policy-name", "QuellContain")
        (statement,) = self.account("iam", "get-user-policy", *named)["PolicyDocument"]["Statement"]
        shape = {name: statement[name] for name in ("Effect", "Action", "Resource")}
        self.assertEqual(shape, {"Effect": "Deny", "Action": "*", "Resource": "*"})
        self.assertNotIn("Condition", statement)
        incident = self.state["user_incident_arn"]
        record = self.quell("ssm-incidents", "get-incident-record", "--arn", incident)["incidentRecord"]
        self.assertEqual(record["status"], "RESOLVED")
        self.assertIn(self.state["access_key_id"], record["title"])
        run = self.quell("ssm", "get-automation-execution", "--automation-execution-id", self.run_of(incident))
        execution = run["AutomationExecution"]
        self.assertEqual((execution["DocumentName"], execution["Outputs"]["Prove.Contained"]), ("Quell-IAM-Contain", ["true"]))
        (proof,) = [it for it in self.timeline(incident) if it["eventType"] == "Custom Event"]
        self.assertIn(f"User {user} is contained.", self.data(incident, proof))

    def test_the_quarantine_group_is_closed(self):
        found = self.account(
            "ec2", "describe-security-groups", "--filters", "Name=group-name,Values=quell-quarantine"
        )["SecurityGroups"]
        self.assertEqual(len(found), 1)
        self.assertEqual((found[0]["IpPermissions"], found[0]["IpPermissionsEgress"]), ([], []))

    def test_each_volume_has_one_snapshot(self):
        found = self.account("ec2", "describe-snapshots", "--owner-ids", "self")["Snapshots"]
        snapshots = {snapshot["VolumeId"]: snapshot for snapshot in found}
        self.assertEqual(len(snapshots), len(found))
        for instance in self.state["instance_ids"]:
            volumes = self.account(
                "ec2", "describe-volumes", "--filters", f"Name=attachment.instance-id,Values={instance}"
            )["Volumes"]
            self.assertEqual(len(volumes), 2)
            for volume in volumes:
                tags = {tag["Key"]: tag["Value"] for tag in snapshots[volume["VolumeId"]]["Tags"]}
                self.assertEqual(tags["quell:instance-id"], instance)
                self.assertIn(tags["quell:incident"], self.state["incident_arns"])

    def test_one_incident_for_each_instance(self):
        listed = self.quell("ssm-incidents", "list-incident-records")["incidentRecordSummaries"]
        others = {self.state["user_incident_arn"], self.state["imported_incident_arn"]}
        self.assertEqual({record["arn"] for record in listed}, {*self.state["incident_arns"], *others})
        self.assertEqual(len(listed), 4)
        for incident, instance in zip(self.state["incident_arns"], self.state["instance_ids"]):
            record = self.quell("ssm-incidents", "get-incident-record", "--arn", incident)["incidentRecord"]
            self.assertEqual(record["status"], "RESOLVED")
            self.assertEqual(record["dedupeString"], f"{ACCOUNT}/{REGION}/{instance}")
            self.assertIn(instance, record["title"])

    def test_a_rule_with_two_targets_opens_an_incident_and_tells_the_chat(self):
        record = self.quell("ssm-incidents", "get-incident-record", "--arn", self.state["imported_incident_arn"])
        title = "Access key of the web servers' role used from outside AWS"
        self.assertIn(title, record["incidentRecord"]["title"])
        self.assertEqual(record["incidentRecord"]["impact"], 2)
        posts = [json.loads(file.read_text()) for file in sorted(pathlib.Path(self.state["chat"]).glob("*.json"))]
        self.assertEqual(len(posts), 1, posts)
        self.assertIn(title, posts[0]["text"])
        targets = self.quell("events", "list-targets-by-rule", "--rule", "quell-security-hub-finding")["Targets"]
        self.assertEqual({target["Arn"].split(":")[2] for target in targets}, {"ssm-incidents", "sns"})

    def test_the_timelines_tell_the_story_in_order(self):
        for incident, findings in zip(self.state["incident_arns"], (3, 1)):
            events = self.timeline(incident)
            times = [event["eventTime"] for event in events]
            self.assertEqual(times, sorted(times))
            kinds = [event["eventType"] for event in events]
            self.assertEqual(kinds.count("SSM Incident Trigger"), findings)
            in_order = (
                "SSM Incident Trigger",
                "SSM Incident Start",
                "SSM Contacts Page for Incident",
                "SSM Contacts Page Acknowledgement for Incident",
            )
            self.assert_in_order(kinds, in_order)
            of_the_run = (
                "SSM Incident Start",
                "SSM Automation Execution Start for Incident",
                "SSM Automation Execution Step for Incident",
                "Custom Event",
                "SSM Automation Execution End for Incident",
            )
            self.assert_in_order(kinds, of_the_run)
            self.assertEqual(kinds[-1], "SSM Incident Record Update")
            self.assertEqual(self.data(incident, events[-1])["modifiedAttributes"][0]["newValue"], "RESOLVED")
            proof = self.data(incident, events[kinds.index("Custom Event")])
            self.assertIn("is contained", proof)
            self.assertNotIn("NOT", proof)

    def assert_in_order(self, kinds, expected):
        places = [kinds.index(kind) for kind in expected]
        self.assertEqual(places, sorted(places), list(zip(expected, places)))

    def data(self, incident, event):
        found = self.quell(
            "ssm-incidents",
            "get-timeline-event",
            "--incident-record-arn",
            incident,
            "--event-id",
            event["eventId"],
        )
        return json.loads(found["event"]["eventData"])

    def test_the_runs_succeeded_with_their_proof(self):
        for incident, instance in zip(self.state["incident_arns"], self.state["instance_ids"]):
            run = self.run_of(incident)
            found = self.quell("ssm", "get-automation-execution", "--automation-execution-id", run)
            execution = found["AutomationExecution"]
            self.assertEqual(execution["AutomationExecutionStatus"], "Success")
            self.assertEqual(execution["Outputs"]["Prove.Contained"], ["true"])
            self.assertEqual(len(execution["Outputs"]["Prove.SnapshotIds"]), 2)
            self.assertEqual(execution["Parameters"]["InstanceId"], [instance])
            statuses = collections.Counter(step["StepStatus"] for step in execution["StepExecutions"])
            # What a branch left out stays pending, as on AWS.
            self.assertEqual(set(statuses), {"Success", "Pending"})
            self.assertGreater(statuses["Success"], 70)

    def test_the_first_person_was_mailed_and_nobody_else(self):
        pages = [mail for mail in self.mails() if PAGE in mail]
        incidents = [*self.state["incident_arns"], self.state["user_incident_arn"], self.state["imported_incident_arn"]]
        self.assertEqual(len(pages), len(incidents))
        for mail, incident in zip(pages, incidents):
            self.assertIn("To: ana@example.com", mail)
            self.assertIn(incident.rsplit("/", 1)[-1], mail)

    def test_the_escalation_stopped_at_the_acknowledgement(self):
        for incident in self.state["incident_arns"]:
            engagements = self.quell("ssm-contacts", "list-engagements", "--incident-id", incident)["Engagements"]
            self.assertEqual(len(engagements), 1)
            stopped = engagements[0]["StopTime"]
            pages = self.quell(
                "ssm-contacts", "list-pages-by-engagement", "--engagement-id", engagements[0]["EngagementArn"]
            )["Pages"]
            self.assertEqual([page["ContactArn"].rsplit("/", 1)[-1] for page in pages], ["security-primary"])
            self.assertEqual(pages[0]["ReadTime"], stopped)
            record = self.quell("ssm-incidents", "get-incident-record", "--arn", incident)["incidentRecord"]
            self.assertLess(stopped, record["resolvedTime"], "the acknowledgement stopped it, not the resolution")

    def test_the_operator_lists_the_runs(self):
        command = [binary(), "run", "list", "--endpoint-url", self.state["quell_url"]]
        command += ["--credentials", self.state["credentials_file"]]
        listed = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(listed.returncode, 0, listed.stderr)
        lines = listed.stdout.splitlines()
        incidents = [*self.state["incident_arns"], self.state["user_incident_arn"]]
        self.assertEqual([line.split()[0] for line in lines], [self.run_of(i) for i in incidents][::-1])
        documents = ["Quell-IAM-Contain", "Quell-EC2-Isolate", "Quell-EC2-Isolate"]
        self.assertEqual([line.split()[1:] for line in lines], [["Success", document] for document in documents])
        unknown = subprocess.run([*command, "--unknown"], capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual((unknown.returncode, unknown.stdout), (0, ""), unknown.stderr)

    def test_zz_a_stop_is_graceful_and_a_restart_remembers(self):
        """Runs last: it ends the demo's own server."""
        before = [self.remembered(incident) for incident in self.state["incident_arns"]]
        os.kill(self.state["pids"]["quell"], signal.SIGTERM)
        wait_until("the end of the demo's server", lambda: not lives(self.state["pids"]["quell"]))
        config = pathlib.Path(self.state["credentials_file"]).parent.parent / "quell.toml"
        for _ in range(2):
            with open(self.folder / "again.log", "ab") as log:
                server = subprocess.Popen([binary(), "serve", "--config", str(config)], stdout=log, stderr=log)
            try:
                wait_until("the restarted server", lambda: self.answers())
                self.assertEqual([self.remembered(incident) for incident in self.state["incident_arns"]], before)
            finally:
                status = stop(server)
            self.assertEqual(status, 0, (self.folder / "again.log").read_text()[-2000:])
        self.assertEqual(len([mail for mail in self.mails() if PAGE in mail]), 4, "nobody is paged again")

    def answers(self):
        """Whether the server is ready."""
        try:
            with urllib.request.urlopen(f"{self.state['quell_url']}/health", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def remembered(self, incident):
        record = self.quell("ssm-incidents", "get-incident-record", "--arn", incident)
        run = self.quell("ssm", "get-automation-execution", "--automation-execution-id", self.run_of(incident))
        return record["incidentRecord"], self.timeline(incident), run["AutomationExecution"]


class OtherStyles(unittest.TestCase):
    """The same story with a playbook of another style, told to its end."""

    def test_each_contains_and_proves_it(self):
        with tempfile.TemporaryDirectory(prefix="quell-styles-") as folder:
            environment = {
                **os.environ,
                "QUELL_VENV": str(pathlib.Path(program("moto_server")).parent.parent),
                "TMPDIR": folder,
            }
            running = {}
            try:
                for style in ("function", "states"):
                    command = [binary(), "demo", "--style", style, "--listen", f"127.0.0.1:{free_port()}"]
                    running[style] = subprocess.Popen(
                        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True
                    )
                for style, demo in running.items():
                    told, _ = demo.communicate(timeout=PATIENCE)
                    with self.subTest(style):
                        self.assertEqual(demo.returncode, 0, told[-3000:])
                        self.assert_it_contained(style, told)
            finally:
                for demo in running.values():
                    if demo.poll() is None:
                        demo.terminate()
                        demo.communicate(timeout=30)

    def assert_it_contained(self, style, told):
        files, says = {
            "function": ("styles/ec2_quarantine.py and playbooks/styles/iam_contain.py", '"contained":true'),
            "states": ("ec2-response.asl.json and playbooks/iam-response.asl.json", "state Done (Succeed)"),
        }[style]
        # Both cases from the finding to the end.
        for act in ("\nInstance ", "\nAn access key of the user shop-deploy has leaked."):
            _, heading, after = told.partition(act)
            said = ("incident opened", "paged ", "page acknowledged", says, "Read back", "incident resolved", "Times: ")
            places = [after.index(words) for words in said]
            self.assertEqual((bool(heading), places), (True, sorted(places)))
        self.assertIn(f"The playbooks: playbooks/{files}\n", told)
        self.assertEqual(told.count("yes  quarantine group alone, closed both ways"), 2)
        self.assertEqual(told.count("yes  one snapshot of every volume"), 2)
        self.assertEqual(told.count("yes  leaked access key inactive"), 1)
        self.assertEqual(told.count("yes  older sessions denied"), 1)
        # What a playbook does not see to is not claimed.
        self.assertEqual(told.count("-    protected from termination"), 2)
        mark = {"function": "yes  ", "states": "-    "}[style]
        self.assertEqual(told.count(f"{mark}other access keys inactive"), 1)
        self.assertEqual(told.count(f"{mark}everything denied to the user"), 1)
        self.assertNotIn("NO ", told)
        self.assertTrue(told.endswith("Containment is proven.\n"), told[-500:])


def lives(pid):
    """Whether a process runs; one that ended and was not fetched by its parent does not."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state not in ("Z", "X")


def end_all(pids):
    """Ends the programs of the demo, the one that depends on others first."""
    for name in ("quell", "mail", "chat", "moto"):
        if lives(pids[name]):
            os.kill(pids[name], signal.SIGTERM)
    for name, pid in pids.items():
        wait_until(f"the end of {name}", lambda: not lives(pid))


if __name__ == "__main__":
    unittest.main()
