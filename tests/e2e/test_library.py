"""The library as a whole: every finding type has a playbook and starts it, and one command installs everything."""

import concurrent.futures
import csv
import json
import os
import re
import subprocess
import sys

from enforced import actions, permissions
from playbook_worlds import finding_of
from quelltest import ACCOUNT, DEADLINE, REGION, ROOT, QuellTest, wait_until

LIBRARY = ROOT / "playbooks"
INDEX = json.loads((LIBRARY / "index.json").read_text())
TYPES = ROOT.parent / "shared/spec/guardduty_types.tsv"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/quell-responder"
INSTANCE = "i-0123456789abcdef0"
SEVERITY = {"Low": 2.0, "Medium": 5.0, "High": 8.0, "Critical": 9.5}


def resolved(kind):
    """What the index says of a type: the exact one, else its prefix, else the default."""
    return INDEX["types"].get(kind) or INDEX["prefixes"].get(kind.partition("/")[0] + "/") or INDEX["default"]


def event_of(kind, severity=8.0, resource="AccessKey"):
    details = {"resourceType": resource}
    if resource == "Instance":
        details["instanceDetails"] = {"instanceId": INSTANCE}
    envelope = {"version": "0", "id": "e", "account": ACCOUNT, "region": REGION, "time": "2026-01-05T10:00:00Z"}
    return {**envelope, "resources": [], **finding_of(kind, details, severity)}


def resource_of(kind):
    """What a finding of a type is usually about."""
    of = kind.partition(":")[2].partition("/")[0]
    if kind.startswith("AttackSequence:"):
        return "AttackSequence"
    if of == "EC2" and "!" not in kind and "TransferData" not in kind:
        return "Instance"
    return {"S3": "S3Bucket", "Lambda": "Lambda", "RDS": "RDSDBInstance", "Kubernetes": "EKSCluster"}.get(of, "AccessKey")


class LibraryTest(QuellTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.events = cls.quell.client("events", max_pool_connections=8)
        cls.rules = {}
        for path in sorted(LIBRARY.glob("*.rule.json")):
            rule = json.loads(path.read_text())
            if path.name != "security-hub-finding.rule.json":
                plan = rule["PutTargets"]["Targets"][0]["Arn"].rpartition("/")[2]
                cls.rules[path.name.partition(".")[0]] = (rule["PutRule"]["EventPattern"], plan)

    def plans_for(self, event):
        """The playbooks that an event starts, by the server's own matcher and the names of the rules' plans."""
        text = json.dumps(event)
        return {
            plan.replace("ec2-compromised", "ec2-isolate").removeprefix("quell-")
            for pattern, plan in self.rules.values()
            if self.events.test_event_pattern(EventPattern=pattern, Event=text)["Result"]
        }

    def started(self, events):
        """`plans_for` of many events, some at the same time."""
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            return list(pool.map(self.plans_for, events))

    def test_every_type_resolves_to_a_playbook(self):
        if not TYPES.exists():
            print(f"not run: {TYPES} is not there")
            return
        with TYPES.open() as lines:
            rows = list(csv.DictReader(lines, delimiter="\t"))
        self.assertEqual(len(rows), 227)
        self.assertEqual([row["type"] for row in rows if row["type"] not in INDEX["types"]], [])
        without = {row["type"] for row in rows if INDEX["types"][row["type"]]["playbook"] == "incident-runbook"}
        told = {kind for kind, entry in INDEX["types"].items() if "because" in entry}
        self.assertEqual(without, told, "a type without a playbook of its own says why")
        self.assertEqual({row["type"].partition("/")[0] + "/" for row in rows}, set(INDEX["prefixes"]))

    def test_unknown_types_fall_back(self):
        for kind, wanted in (
            ("Backdoor:Lambda/NewThing", "lambda-contain"),
            ("PenTest:S3/NewLinux", "s3-stop-exfiltration"),
            ("Policy:S3/BucketSomethingNew", "s3-block-public"),
            ("UnauthorizedAccess:IAMUser/NewThing", "incident-runbook"),
            ("NewPurpose:NewService/NewThing", "incident-runbook"),
        ):
            self.assertEqual(resolved(kind)["playbook"], wanted, kind)

    def test_every_entry_names_a_playbook_that_is_there(self):
        entries = [*INDEX["types"].values(), *INDEX["prefixes"].values(), INDEX["default"]]
        names = {entry[key] for entry in entries for key in ("playbook", "otherwise", "proposes") if key in entry}
        self.assertEqual(names | {"ec2-release"}, set(INDEX["playbooks"]))
        files = {playbook["file"] for playbook in INDEX["playbooks"].values()}
        self.assertEqual(files, {path.name for path in LIBRARY.glob("*.yaml")})
        for name, playbook in INDEX["playbooks"].items():
            text = (LIBRARY / playbook["file"]).read_text()
            self.assertIn(f"# {playbook['document']}: ", text)
            declared = set(re.findall(r"^  (\w+):$", text.partition("\nparameters:\n")[2], re.M))
            self.assertEqual(set(playbook["parameters"]) - declared, set(), name)

    def test_the_catalogue_tells_parameters_and_permissions(self):
        page = (ROOT / "docs/playbooks.md").read_text()
        table = page.partition("## Parameters and permissions\n")[2].partition("\n## ")[0]
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines() if line.startswith("| `")]
        told = {row[0].strip("`"): row[1:] for row in rows}
        self.assertEqual(set(told), {playbook["document"] for playbook in INDEX["playbooks"].values()})
        alike = {"FindingJson", "IncidentArn", "AutomationAssumeRole", "AskFirst", "Approvers"}
        for playbook in INDEX["playbooks"].values():
            with self.subTest(playbook["document"]):
                path = LIBRARY / playbook["file"]
                parameters, needed = told[playbook["document"]]
                block = path.read_text().partition("\nparameters:\n")[2].partition("\nmainSteps:")[0]
                declared = set(re.findall(r"^  (\w+):$", block.partition("\nvariables:")[0], re.M))
                self.assertEqual(set(re.findall(r"`(\w+)`", parameters)), declared - alike)
                services = re.findall(r"`([a-z0-9-]+)`: ((?:`\w+`(?:, )?)+)", needed)
                named = {f"{service}:{action}" for service, all_ in services for action in re.findall(r"`(\w+)`", all_)}
                self.assertEqual(sorted(named), actions(permissions(path)))

    def test_every_type_starts_its_playbook(self):
        kinds = sorted(INDEX["types"])
        for kind, plans in zip(kinds, self.started(event_of(kind, 8.0, resource_of(kind)) for kind in kinds)):
            with self.subTest(type=kind):
                entry = resolved(kind)
                about = resource_of(kind)
                # From severity 7 on every instance is isolated, whatever the type says besides.
                wanted = {entry["otherwise"] if "otherwise" in entry and about != "Instance" else entry["playbook"]}
                if about == "Instance":
                    wanted.add("ec2-isolate")
                    wanted -= {"ec2-close-exposure", "malware-quarantine", "incident-runbook"}
                self.assertEqual(plans, wanted)

    def test_a_weak_finding_about_an_instance_is_not_ignored(self):
        kinds = [kind for kind in sorted(INDEX["types"]) if resource_of(kind) == "Instance"]
        events = (event_of(kind, 4.0, "Instance") for kind in kinds)
        for kind, playbooks in zip(kinds, self.started(events)):
            with self.subTest(type=kind):
                entry = resolved(kind)
                self.assertEqual(len(playbooks), 1, playbooks)
                self.assertLessEqual(playbooks, {entry["playbook"], entry.get("otherwise")})

    def test_what_nobody_knows_yet_starts_something(self):
        kinds = [prefix + "SomethingNew" for prefix in sorted(INDEX["prefixes"])] + ["New:Service/Thing", "New:EC2/Thing"]
        for kind, plans in zip(kinds, self.started(event_of(kind, 5.0, resource_of(kind)) for kind in kinds)):
            with self.subTest(type=kind):
                self.assertTrue(plans)
                if "proposes" not in resolved(kind) and resource_of(kind) != "Instance":
                    entry = resolved(kind)
                    self.assertEqual(plans, {entry.get("otherwise", entry["playbook"])})

    def test_samples_and_archived_findings_start_nothing(self):
        events = []
        for kind in ("Backdoor:EC2/C&CActivity.B", "Policy:S3/BucketPublicAccessGranted", "New:Service/Thing"):
            for change in (
                lambda detail: detail.update(title="[SAMPLE] x"),
                lambda detail: detail["service"].update(archived=True),
                lambda detail: detail["service"].update(additionalInfo={"sample": True}),
            ):
                event = event_of(kind, 8.0, resource_of(kind))
                change(event["detail"])
                events.append(event)
        self.assertEqual(self.started(events), [set()] * len(events))

    def test_the_runbook_proposes_what_the_index_says(self):
        text = (LIBRARY / "incident-runbook.yaml").read_text()
        script = text.partition("      Script: |-\n")[2].partition("    outputs:\n")[0]
        scope = {}
        exec(compile("\n".join(line[8:] for line in script.splitlines()), "incident-runbook", "exec"), scope)
        for kind, entry in INDEX["types"].items():
            document = INDEX["playbooks"][entry["playbook"]]["document"]
            if entry["playbook"] != "incident-runbook":
                self.assertEqual(scope["propose"](kind, resource_of(kind)), document, kind)
            else:
                self.assertEqual(scope["propose"](kind, "Container"), "None", kind)

    def test_one_command_installs_everything_and_again_changes_nothing(self):
        environment = {**os.environ, "AWS_SHARED_CREDENTIALS_FILE": str(self.quell.credentials)}
        command = [sys.executable, str(LIBRARY / "install.py"), "--endpoint-url", self.quell.url, "--role-arn", ROLE]

        def install(*more):
            done = subprocess.run([*command, *more], capture_output=True, text=True, env=environment, timeout=DEADLINE)
            self.assertEqual(done.returncode, 0, done.stderr)
            return done.stdout.splitlines()

        first = install()
        self.assertEqual(len([line for line in first if line.startswith("document ")]), len(INDEX["playbooks"]))
        self.assertIn("response plan quell-iam-contain: created", first)
        again = install()
        self.assertEqual({line.rpartition(": ")[2] for line in again if line.startswith("document ")}, {"unchanged"})
        self.assertIn("response plan quell-iam-contain: updated", again)
        self.assertEqual(install("--only", "ec2-release"), ["document Quell-EC2-Release: unchanged", again[-1]])
        refused = subprocess.run([*command, "--only", "x"], capture_output=True, text=True, env=environment)
        self.assertEqual((refused.returncode, refused.stderr.partition(":")[0]), (1, "no playbook `x`"))
        names = {rule["Name"] for rule in self.events.list_rules()["Rules"]}
        self.assertEqual(names, {"quell-" + name.replace("ec2-isolate", "ec2-compromised") for name in self.rules})
        self.events.put_events(Entries=[entry_of("PenTest:IAMUser/KaliLinux"), entry_of("Impact:SES/ResourceHijacking")])
        wait_until("the runs", lambda: len(self.runs()) == 2)
        self.assertEqual(sorted(self.runs()), ["Quell-IAM-Contain", "Quell-Incident-Runbook"])

    def runs(self):
        found = self.quell.client("ssm").describe_automation_executions()["AutomationExecutionMetadataList"]
        return [run["DocumentName"] for run in found]


def entry_of(kind):
    event = event_of(kind)
    return {"Source": event["source"], "DetailType": event["detail-type"], "Detail": json.dumps(event["detail"])}
