"""Terraform's AWS provider applies, changes and destroys `examples/terraform` against a real server.

Runs where `terraform` and a local mirror of the provider `hashicorp/aws` are found: in the CLI configuration that
``TF_CLI_CONFIG_FILE`` names, in the folder that ``QUELL_TF_MIRROR`` names, or in the usual places. Never downloads.
"""

import glob
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import botocore.exceptions

from quelltest import ACCOUNT, REGION, ROOT, QuellTest

PROVIDER = "registry.terraform.io/hashicorp/aws"
# The oldest minor version of 5.x that the example asks for.
OLDEST_MINOR = 100
# A loaded machine starts the provider, 700 MB, several times.
TERRAFORM_DEADLINE = 600.0
ALIASES = ["security-escalation", "security-primary", "security-secondary"]
DOCUMENTS = {"Quell-EC2-Isolate": "ec2-isolate.yaml", "Quell-EC2-Release": "ec2-release.yaml"}
RULE = "quell-ec2-compromised"
PLAN_ARN = f"arn:aws:ssm-incidents::{ACCOUNT}:response-plan/quell-ec2-compromised"
TAGS = {"managed-by": "terraform", "purpose": "incident-response"}


def configured_mirrors():
    """The mirrors that a CLI configuration names."""
    name = os.environ.get("TF_CLI_CONFIG_FILE")
    path = pathlib.Path(name) if name else pathlib.Path.home() / ".terraformrc"
    if not path.is_file():
        return []
    text = path.read_text(errors="replace")
    return re.findall(r'filesystem_mirror\s*{[^}]*?path\s*=\s*"([^"]+)"', text)


def mirror():
    """A folder that `filesystem_mirror` can name, or None."""
    home = pathlib.Path.home()
    places = [os.environ.get("QUELL_TF_MIRROR"), *configured_mirrors()]
    places += [home / ".terraform.d/plugins", home / ".local/share/terraform/plugins"]
    places += glob.glob("/usr/*/share/terraform/plugins") + ["/usr/share/terraform/plugins"]
    places += [pathlib.Path(found).parent for found in glob.glob("/opt/*/registry.terraform.io")]
    for place in filter(None, places):
        kept = pathlib.Path(place).expanduser() / PROVIDER
        if kept.is_dir() and any(fits(entry.name) for entry in kept.iterdir()):
            return str(pathlib.Path(place).expanduser())
    return None


def fits(name):
    """Whether a version's folder, or its packed file, is of a version that the example takes."""
    found = re.match(r"(?:terraform-provider-aws_)?5\.(\d+)\.\d+(?:$|_)", name)
    return bool(found) and int(found.group(1)) >= OLDEST_MINOR


def missing():
    """Why this suite cannot run here, or None."""
    if shutil.which("terraform") is None:
        return "not run: `terraform` is not on the search path"
    if mirror() is None:
        return f"not run: no local mirror of {PROVIDER} 5.{OLDEST_MINOR} or later 5.x was found; name one in QUELL_TF_MIRROR"
    return None


class Terraform:
    """A copy of the example in a folder of its own, applied to one server."""

    def __init__(self, folder, quell):
        self.folder = pathlib.Path(folder)
        self.work = self.folder / "examples/terraform"
        self.playbooks = self.folder / "playbooks"
        shutil.copytree(ROOT / "examples/terraform", self.work, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        shutil.copytree(ROOT / "playbooks", self.playbooks)
        settings = self.folder / "terraform.rc"
        settings.write_text(f"provider_installation {{\n  filesystem_mirror {{\n    path = {json.dumps(mirror())}\n  }}\n}}\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TF_", "QUELL_"))}
        self.environment = {
            **kept,
            "HOME": str(self.folder),
            "TF_CLI_CONFIG_FILE": str(settings),
            "TF_IN_AUTOMATION": "1",
            "TF_INPUT": "0",
            "CHECKPOINT_DISABLE": "1",
            "AWS_SHARED_CREDENTIALS_FILE": str(quell.credentials),
            "AWS_CONFIG_FILE": os.devnull,
            "TF_VAR_quell_endpoint": quell.url,
            "TF_VAR_region": REGION,
        }
        self.variables = []

    def run(self, command, *arguments):
        """Runs one command of terraform; gives the finished process."""
        line = ["terraform", f"-chdir={self.work}", command, *arguments, "-no-color"]
        return subprocess.run(
            line, capture_output=True, text=True, env=self.environment, timeout=TERRAFORM_DEADLINE, check=False
        )

    def must(self, command, *arguments):
        """As `run`, and it must succeed."""
        done = self.run(command, *arguments)
        if done.returncode != 0:
            raise AssertionError(f"terraform {command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def apply(self):
        """Applies; gives how many resources were added, changed and destroyed."""
        text = self.must("apply", "-auto-approve", *self.variables)
        found = re.search(r"Resources: (\d+) added, (\d+) changed, (\d+) destroyed", text)
        if found is None:
            raise AssertionError(f"terraform said no figures:\n{text}")
        return tuple(int(figure) for figure in found.groups())

    def plan(self):
        """Plans; gives the exit status (0: nothing to do, 2: changes) and the text."""
        done = self.run("plan", "-detailed-exitcode", *self.variables)
        return done.returncode, done.stdout + done.stderr

    def resources(self):
        """The addresses in the state."""
        return self.must("state", "list").split()

    def edit(self, path, old, new):
        """Changes one place of a file of the copy."""
        text = path.read_text()
        if old not in text:
            raise AssertionError(f"{path.name} does not say {old!r} any more")
        path.write_text(text.replace(old, new))


CONNECTIONS = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.100"
    }
  }
}

variable "quell_endpoint" { type = string }
variable "region" { type = string }
variable "password" {
  type    = string
  default = "first-password"
}
variable "rate" {
  type    = number
  default = 5
}
variable "described" {
  type    = string
  default = "Tickets"
}

provider "aws" {
  region                      = var.region
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints { events = var.quell_endpoint }
}

resource "aws_cloudwatch_event_bus" "tickets" {
  name        = "tickets"
  description = var.described
  tags        = { purpose = "tickets" }
  dead_letter_config { arn = "arn:aws:sqs:us-east-1:123456789012:tickets" }
}

resource "aws_cloudwatch_event_permission" "partner" {
  event_bus_name = aws_cloudwatch_event_bus.tickets.name
  principal      = "999999999999"
  statement_id   = "partner"
}

resource "aws_cloudwatch_event_permission" "organization" {
  event_bus_name = aws_cloudwatch_event_bus.tickets.name
  principal      = "*"
  statement_id   = "organization"
  condition {
    type  = "StringEquals"
    key   = "aws:PrincipalOrgID"
    value = "o-example"
  }
  depends_on = [aws_cloudwatch_event_permission.partner]
}

resource "aws_cloudwatch_event_connection" "tickets" {
  name               = "tickets"
  description        = "At most ${var.rate} a second"
  authorization_type = "BASIC"
  auth_parameters {
    basic {
      username = "quell"
      password = var.password
    }
    invocation_http_parameters {
      header {
        key             = "x-team"
        value           = "security"
        is_value_secret = false
      }
      body {
        key             = "pin"
        value           = "hidden-pin"
        is_value_secret = true
      }
    }
  }
}

resource "aws_cloudwatch_event_connection" "chat" {
  name               = "chat"
  authorization_type = "API_KEY"
  auth_parameters {
    api_key {
      key   = "x-api-key"
      value = "a-key"
    }
  }
}

resource "aws_cloudwatch_event_api_destination" "tickets" {
  name                             = "tickets"
  connection_arn                   = aws_cloudwatch_event_connection.tickets.arn
  invocation_endpoint              = "https://tickets.example.com/projects/*/issues"
  http_method                      = "POST"
  invocation_rate_limit_per_second = var.rate
}

resource "aws_cloudwatch_event_rule" "findings" {
  name           = "findings"
  event_bus_name = aws_cloudwatch_event_bus.tickets.name
  event_pattern  = jsonencode({ source = ["example"] })
}

resource "aws_cloudwatch_event_target" "tickets" {
  rule           = aws_cloudwatch_event_rule.findings.name
  event_bus_name = aws_cloudwatch_event_bus.tickets.name
  target_id      = "tickets"
  arn            = aws_cloudwatch_event_api_destination.tickets.arn
  http_target {
    path_parameter_values   = ["SEC"]
    header_parameters       = { "X-Event" = "$.id" }
    query_string_parameters = { "source" = "quell" }
  }
}
"""


@unittest.skipIf(missing(), missing())
class ConnectionsTest(QuellTest):
    """Buses with permissions, connections, API destinations and a target that calls one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.mkdtemp(prefix="quell-terraform-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.terraform = Terraform(folder, cls.quell)
        cls.terraform.work = pathlib.Path(folder) / "connections"
        cls.terraform.work.mkdir()
        (cls.terraform.work / "main.tf").write_text(CONNECTIONS)

    def check_nothing_to_do(self):
        status, text = self.terraform.plan()
        self.assertEqual(status, 0, text)

    def test_life(self):
        events = self.quell.client("events")
        self.terraform.must("init", "-input=false")
        self.assertEqual(self.terraform.apply(), (8, 0, 0))
        self.check_nothing_to_do()
        policy = json.loads(events.describe_event_bus(Name="tickets")["Policy"])
        self.assertEqual([statement["Sid"] for statement in policy["Statement"]], ["partner", "organization"])
        (target,) = events.list_targets_by_rule(Rule="findings", EventBusName="tickets")["Targets"]
        self.assertEqual(target["HttpParameters"]["PathParameterValues"], ["SEC"])
        self.terraform.variables = ["-var", "password=second-password", "-var", "rate=7", "-var", "described="]
        added, changed, destroyed = self.terraform.apply()
        self.assertEqual((added, changed, destroyed), (0, 3, 0))
        self.check_nothing_to_do()
        shown = events.describe_api_destination(Name="tickets")
        self.assertEqual(shown["InvocationRateLimitPerSecond"], 7)
        self.assertNotIn("Description", events.describe_event_bus(Name="tickets"))
        self.terraform.must("destroy", "-auto-approve", *self.terraform.variables)
        self.assertEqual(events.list_connections()["Connections"], [])
        self.assertEqual(events.list_api_destinations()["ApiDestinations"], [])
        self.assertEqual([bus["Name"] for bus in events.list_event_buses()["EventBuses"]], ["default"])


@unittest.skipIf(missing(), missing())
class ExampleTest(QuellTest):
    """One story: created, found complete, changed, drifted, restarted, destroyed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.mkdtemp(prefix="quell-terraform-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        cls.terraform = Terraform(folder, cls.quell)
        services = ("ssm-incidents", "ssm-contacts", "ssm", "events")
        cls.incidents, cls.contacts, cls.ssm, cls.events = (cls.quell.client(name) for name in services)

    def test_life_of_the_example(self):
        self.terraform.must("init", "-input=false")
        added, changed, destroyed = self.terraform.apply()
        self.assertEqual((changed, destroyed), (0, 0))
        self.assertEqual(added, len(self.terraform.resources()))
        self.check_incident_manager()
        self.check_documents()
        self.check_rule()
        self.check_nothing_to_do()
        self.check_changes()
        self.check_drift()
        self.terraform.must("destroy", "-auto-approve", *self.terraform.variables)
        self.check_nothing_left()

    def check_nothing_to_do(self):
        status, text = self.terraform.plan()
        self.assertEqual(status, 0, text)

    def contact(self, alias):
        arn = f"arn:aws:ssm-contacts:{REGION}:{ACCOUNT}:contact/{alias}"
        return self.contacts.get_contact(ContactId=arn)

    def check_incident_manager(self):
        (arn,) = self.incidents.list_replication_sets()["replicationSetArns"]
        found = self.incidents.get_replication_set(arn=arn)["replicationSet"]
        self.assertEqual((found["status"], list(found["regionMap"])), ("ACTIVE", [REGION]))
        self.assertEqual(self.incidents.list_tags_for_resource(resourceArn=arn)["tags"], TAGS)
        listed = self.contacts.list_contacts()["Contacts"]
        self.assertEqual(sorted(contact["Alias"] for contact in listed), ALIASES)
        for alias, address in (("primary", "primary@example.com"), ("secondary", "secondary@example.com")):
            contact = self.contact(f"security-{alias}")
            (stage,) = contact["Plan"]["Stages"]
            (target,) = stage["Targets"]
            channel = self.contacts.get_contact_channel(ContactChannelId=target["ChannelTargetInfo"]["ContactChannelId"])
            self.assertEqual(channel["DeliveryAddress"], {"SimpleAddress": address})
            self.assertEqual((channel["Type"], channel["ActivationStatus"]), ("EMAIL", "NOT_ACTIVATED"))
        first, second = self.contact("security-escalation")["Plan"]["Stages"]
        self.assertEqual((first["DurationInMinutes"], second["DurationInMinutes"]), (10, 0))
        whom = [stage["Targets"][0]["ContactTargetInfo"]["ContactId"].split("/")[-1] for stage in (first, second)]
        self.assertEqual(whom, ["security-primary", "security-secondary"])
        plan = self.incidents.get_response_plan(arn=PLAN_ARN)
        self.assertEqual(plan["engagements"], [f"arn:aws:ssm-contacts:{REGION}:{ACCOUNT}:contact/security-escalation"])
        self.assertEqual(plan["incidentTemplate"]["incidentTags"], {"playbook": "ec2-isolate"})
        automation = plan["actions"][0]["ssmAutomation"]
        self.assertEqual(automation["documentName"], "Quell-EC2-Isolate")
        self.assertEqual(automation["dynamicParameters"], {"IncidentArn": {"variable": "INCIDENT_RECORD_ARN"}})
        self.assertEqual(automation["parameters"]["InstanceId"], ["{{ resource.id }}"])
        self.assertEqual(self.incidents.list_tags_for_resource(resourceArn=PLAN_ARN)["tags"], TAGS)

    def check_documents(self):
        for name, file in DOCUMENTS.items():
            found = self.ssm.get_document(Name=name, DocumentFormat="YAML")
            self.assertEqual(found["Content"], (self.terraform.playbooks / file).read_text())
            document = self.ssm.describe_document(Name=name)["Document"]
            self.assertEqual((document["Status"], document["DocumentType"]), ("Active", "Automation"))
            self.assertEqual({tag["Key"]: tag["Value"] for tag in document["Tags"]}, TAGS)

    def check_rule(self):
        wanted = json.loads((ROOT / "playbooks/ec2-isolate.rule.json").read_text())["PutRule"]
        rule = self.events.describe_rule(Name=RULE)
        self.assertEqual(json.loads(rule["EventPattern"]), json.loads(wanted["EventPattern"]))
        self.assertEqual((rule["State"], rule["Description"]), ("ENABLED", wanted["Description"]))
        (target,) = self.events.list_targets_by_rule(Rule=RULE)["Targets"]
        self.assertEqual((target["Id"], target["Arn"]), ("response-plan", PLAN_ARN))
        tags = self.events.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"]
        self.assertEqual({tag["Key"]: tag["Value"] for tag in tags}, TAGS)

    def check_changes(self):
        """Variables, the plan's title, tags and a runbook's text change in place; then nothing is left to do."""
        role = f"arn:aws:iam::{ACCOUNT}:role/Other"
        self.terraform.variables = [
            *("-var", "escalation_minutes=15"),
            *("-var", "primary_email=first@example.com"),
            *("-var", f"automation_role_arn={role}"),
            *("-var", f"event_role_arn={role}"),
        ]
        main, runbook = self.terraform.work / "main.tf", self.terraform.playbooks / "ec2-isolate.yaml"
        self.terraform.edit(main, "Compromised instance {{ resource.id }}: ", "Instance {{ resource.id }} is compromised: ")
        self.terraform.edit(main, '"purpose"    = "incident-response"', '"owner" = "blue team"')
        runbook.write_text(runbook.read_text() + "\n# changed\n")
        added, changed, destroyed = self.terraform.apply()
        self.assertEqual((added, destroyed), (0, 0))
        self.assertGreaterEqual(changed, 10)
        self.check_nothing_to_do()
        plan = self.incidents.get_response_plan(arn=PLAN_ARN)
        self.assertIn("is compromised: {{ finding.type }}", plan["incidentTemplate"]["title"])
        self.assertEqual(plan["incidentTemplate"]["impact"], 1)
        self.assertEqual(plan["actions"][0]["ssmAutomation"]["roleArn"], role)
        tags = self.incidents.list_tags_for_resource(resourceArn=PLAN_ARN)["tags"]
        self.assertEqual(tags, {"managed-by": "terraform", "owner": "blue team"})
        self.assertEqual(self.contact("security-escalation")["Plan"]["Stages"][0]["DurationInMinutes"], 15)
        self.assertEqual(len(self.contacts.list_contacts()["Contacts"]), len(ALIASES))
        primary = self.contact("security-primary")["ContactArn"]
        (channel,) = self.contacts.list_contact_channels(ContactId=primary)["ContactChannels"]
        self.assertEqual(channel["DeliveryAddress"], {"SimpleAddress": "first@example.com"})
        document = self.ssm.describe_document(Name="Quell-EC2-Isolate")["Document"]
        self.assertEqual((document["DocumentVersion"], document["DefaultVersion"]), ("2", "2"))
        current = self.ssm.get_document(Name="Quell-EC2-Isolate", DocumentFormat="YAML")["Content"]
        self.assertEqual(current, runbook.read_text())
        self.assertEqual(self.events.list_targets_by_rule(Rule=RULE)["Targets"][0]["RoleArn"], role)

    def check_drift(self):
        """What somebody else changed is seen and put right, also by a server killed in between: empty plans mean something."""
        arn = self.contact("security-primary")["ContactArn"]
        self.contacts.update_contact(ContactId=arn, DisplayName="somebody else")
        self.incidents.update_response_plan(arn=PLAN_ARN, incidentTemplateImpact=4)
        self.events.remove_targets(Rule=RULE, Ids=["response-plan"])
        status, text = self.terraform.plan()
        self.assertEqual(status, 2, text)
        for place in ("contact.primary", "response_plan.compromised_instance", "event_target.compromised_instance"):
            self.assertIn(place, text)
        self.terraform.apply()
        self.quell.restart()
        self.check_nothing_to_do()
        self.assertEqual(self.contact("security-primary")["DisplayName"], "Security first on call")
        self.assertEqual(self.incidents.get_response_plan(arn=PLAN_ARN)["incidentTemplate"]["impact"], 1)
        self.assertEqual(len(self.events.list_targets_by_rule(Rule=RULE)["Targets"]), 1)

    def check_nothing_left(self):
        self.assertEqual(self.terraform.resources(), [])
        self.assertEqual(self.events.list_rules()["Rules"], [])
        self.assertEqual(self.ssm.list_documents()["DocumentIdentifiers"], [])
        self.assertEqual(self.incidents.list_replication_sets()["replicationSetArns"], [])
        with self.refused(self.incidents, "ResourceNotFoundException", 404):
            self.incidents.get_response_plan(arn=PLAN_ARN)
        # The lists are closed without a replication set, so they are read under a new one: nothing outlived the old.
        self.incidents.create_replication_set(regions={REGION: {}})
        self.assertEqual(self.incidents.list_response_plans()["responsePlanSummaries"], [])
        self.assertEqual(self.contacts.list_contacts()["Contacts"], [])
        for alias in ALIASES:
            with self.assertRaises(botocore.exceptions.ClientError) as caught:
                self.contact(alias)
            self.assertEqual(caught.exception.response["Error"]["Code"], "ResourceNotFoundException")


if __name__ == "__main__":
    unittest.main()
