#!/usr/bin/env python3
"""Installs the playbooks with their response plans and rules. Run it again after a change: what is there is updated.

    python3 playbooks/install.py --endpoint-url http://127.0.0.1:8710 --role-arn arn:aws:iam::123456789012:role/quell-responder

Needs boto3 and the credentials of the server (AWS_SHARED_CREDENTIALS_FILE). How-to: docs/how-to/install-the-playbooks.md.
"""

import argparse
import json
import pathlib
import sys

import boto3
import botocore.exceptions

HERE = pathlib.Path(__file__).resolve().parent
ESCALATION = "security-escalation"


def main():
    given = arguments()
    account = given.role_arn.split(":")[4]
    index = json.loads((HERE / "index.json").read_text())
    chosen = sorted(given.only or index["playbooks"])
    unknown = [name for name in chosen if name not in index["playbooks"]]
    if unknown:
        sys.exit(f"no playbook `{unknown[0]}`: choose from {', '.join(sorted(index['playbooks']))}")

    def client(service):
        return boto3.client(service, endpoint_url=given.endpoint_url, region_name=given.region)

    def filled(path):
        text = path.read_text()
        for name, value in (("ACCOUNT", account), ("REGION", given.region), ("ROLE_ARN", given.role_arn)):
            text = text.replace("${" + name + "}", value)
        return json.loads(text)

    documents = client("ssm")
    for name in chosen:
        playbook = index["playbooks"][name]
        said = put_document(documents, playbook["document"], (HERE / playbook["file"]).read_text())
        print(f"document {playbook['document']}: {said}")
    if given.documents_only:
        return
    incidents, events = client("ssm-incidents"), client("events")
    if not incidents.list_replication_sets()["replicationSetArns"]:
        incidents.create_replication_set(regions={given.region: {}})
    engage = has_contact(client("ssm-contacts"), account, given.region)
    for path in files(chosen, "response-plan"):
        plan = filled(path)
        if not engage:
            del plan["engagements"]
        print(f"response plan {plan['name']}: {put_plan(incidents, account, plan)}")
    for path in files(chosen, "rule"):
        rule = filled(path)
        events.put_rule(**rule["PutRule"])
        failed = events.put_targets(**rule["PutTargets"])["FailedEntries"]
        if failed:
            sys.exit(f"rule {rule['PutRule']['Name']}: {failed[0]['ErrorMessage']}")
        print(f"rule {rule['PutRule']['Name']}: in force")
    if not engage:
        print(f"nobody is paged: there is no contact `{ESCALATION}`; make it and run this again")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--endpoint-url", help="the server; AWS itself if not given")
    parser.add_argument("--region", default="us-east-1", help="(default: %(default)s)")
    parser.add_argument("--role-arn", required=True, help="role that the runs act as; its account is the plans'")
    parser.add_argument("--only", nargs="+", metavar="PLAYBOOK", help="these playbooks instead of all")
    parser.add_argument("--documents-only", action="store_true", help="no response plans and no rules: nothing starts")
    given = parser.parse_args()
    if given.role_arn.count(":") < 5 or ":role/" not in given.role_arn:
        parser.error(f"--role-arn `{given.role_arn}` is no role's ARN: give arn:aws:iam::ACCOUNT:role/NAME")
    return given


def files(chosen, kind):
    """The files of a kind that belong to the chosen playbooks; a playbook may have several rules."""
    found = sorted(HERE.glob(f"*.{kind}.json"))
    return [path for path in found if any(path.name.startswith((f"{n}.", f"{n}-weak.")) for n in chosen)]


def put_document(documents, name, content):
    form = {"Name": name, "Content": content, "DocumentFormat": "YAML"}
    try:
        documents.create_document(DocumentType="Automation", **form)
        return "created"
    except documents.exceptions.DocumentAlreadyExists:
        pass
    try:
        made = documents.update_document(DocumentVersion="$LATEST", **form)["DocumentDescription"]
    except documents.exceptions.DuplicateDocumentContent:
        return "unchanged"
    documents.update_document_default_version(Name=name, DocumentVersion=made["DocumentVersion"])
    return f"updated to version {made['DocumentVersion']}"


def put_plan(incidents, account, plan):
    try:
        incidents.create_response_plan(**plan)
        return "created"
    except incidents.exceptions.ConflictException:
        pass
    template = plan["incidentTemplate"]
    incidents.update_response_plan(
        arn=f"arn:aws:ssm-incidents::{account}:response-plan/{plan['name']}",
        displayName=plan["displayName"],
        incidentTemplateTitle=template["title"],
        incidentTemplateImpact=template["impact"],
        incidentTemplateSummary=template["summary"],
        incidentTemplateDedupeString=template["dedupeString"],
        incidentTemplateTags=template["incidentTags"],
        engagements=plan.get("engagements", []),
        actions=plan["actions"],
    )
    return "updated"


def has_contact(contacts, account, region):
    try:
        contacts.get_contact(ContactId=f"arn:aws:ssm-contacts:{region}:{account}:contact/{ESCALATION}")
        return True
    except contacts.exceptions.ResourceNotFoundException:
        return False


if __name__ == "__main__":
    try:
        main()
    except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
        sys.exit(str(error))
