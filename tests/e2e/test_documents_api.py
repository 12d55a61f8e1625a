"""Documents over the API, with the AWS CLI and boto3: versions, formats, tags, sharing, and what AWS refuses."""

import hashlib
import json
import unittest

from quelltest import ACCOUNT, QuellTest

YAML = """# a comment that only this format has
schemaVersion: "0.3"
description: Waits a moment.
parameters:
  Seconds: {type: Integer, default: 1, description: how long}
mainSteps:
  - name: Wait
    action: aws:sleep
    inputs: {Duration: PT1S}
"""
OTHER = "210987654321"


class Documents(QuellTest):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ssm = cls.quell.client("ssm")

    def create(self, name, *more, content=YAML):
        return self.quell.aws(
            "ssm", "create-document", "--name", name, "--content", content,
            "--document-type", "Automation", "--document-format", "YAML", *more,
        )["DocumentDescription"]  # fmt: skip

    def test_a_document_is_described_hashed_and_converted(self):
        made = self.create("Described", "--tags", "Key=team,Value=sec", "--target-type", "/AWS::EC2::Instance", "--version-name", "first")
        self.assertEqual((made["Hash"], made["HashType"]), (hashlib.sha256(YAML.encode()).hexdigest(), "Sha256"))
        self.assertEqual((made["DocumentVersion"], made["LatestVersion"], made["DefaultVersion"]), ("1", "1", "1"))
        self.assertEqual((made["Status"], made["SchemaVersion"], made["DocumentType"]), ("Active", "0.3", "Automation"))
        self.assertEqual((made["Description"], made["TargetType"], made["Owner"]), ("Waits a moment.", "/AWS::EC2::Instance", ACCOUNT))
        [parameter] = made["Parameters"]
        self.assertEqual((parameter["Name"], parameter["DefaultValue"]), ("Seconds", "1"))
        described = self.quell.aws("ssm", "describe-document", "--name", "Described", "--version-name", "first")["Document"]
        self.assertEqual(described["Hash"], made["Hash"])
        same = self.quell.aws("ssm", "get-document", "--name", "Described", "--document-format", "YAML")
        self.assertEqual(same["Content"], YAML)
        other = self.quell.aws("ssm", "get-document", "--name", "Described", "--document-format", "JSON")
        parsed = json.loads(other["Content"])
        self.assertEqual((other["DocumentFormat"], parsed["parameters"]["Seconds"]["default"]), ("JSON", 1))
        # What was converted can be given back, and converts to the same again.
        self.ssm.create_document(Name="Converted", Content=other["Content"], DocumentType="Automation", DocumentFormat="JSON")
        back = self.ssm.get_document(Name="Converted", DocumentFormat="YAML")["Content"]
        self.ssm.create_document(Name="ConvertedBack", Content=back, DocumentType="Automation", DocumentFormat="YAML")
        self.assertEqual(json.loads(self.ssm.get_document(Name="ConvertedBack", DocumentFormat="JSON")["Content"]), parsed)

    def test_versions_come_after_each_other_and_the_default_stays(self):
        self.create("Versions", "--version-name", "one")
        second = YAML.replace("a moment", "two moments")
        update = ["ssm", "update-document", "--name", "Versions", "--document-format", "YAML"]
        self.assertIn("DuplicateDocumentContent", self.quell.aws_run(*update, "--content", YAML).stderr)
        duplicate = self.quell.aws_run(*update, "--content", second, "--version-name", "one", "--document-version", "$LATEST")
        self.assertIn("DuplicateDocumentVersionName", duplicate.stderr)
        made = self.quell.aws(*update, "--content", second, "--version-name", "two", "--document-version", "$LATEST")["DocumentDescription"]
        self.assertEqual((made["DocumentVersion"], made["LatestVersion"], made["DefaultVersion"]), ("2", "2", "1"))
        stale = self.quell.aws_run(*update, "--content", YAML + "# more\n", "--document-version", "1")
        self.assertIn("InvalidDocumentVersion", stale.stderr)
        self.assertEqual(self.ssm.get_document(Name="Versions", DocumentFormat="YAML")["Content"], YAML)
        for asked, version in [("$LATEST", "2"), ("$DEFAULT", "1"), ("2", "2")]:
            self.assertEqual(self.ssm.get_document(Name="Versions", DocumentVersion=asked)["DocumentVersion"], version)
        with self.refused(self.ssm, "InvalidDocumentVersion"):
            self.ssm.get_document(Name="Versions", DocumentVersion="7")
        self.quell.aws("ssm", "update-document-default-version", "--name", "Versions", "--document-version", "2")
        self.assertEqual(self.ssm.get_document(Name="Versions")["DocumentVersion"], "2")
        listed = self.quell.aws("ssm", "list-document-versions", "--name", "Versions")["DocumentVersions"]
        self.assertEqual([(one["DocumentVersion"], one["VersionName"], one["IsDefaultVersion"]) for one in listed], [("2", "two", True), ("1", "one", False)])
        started = self.quell.aws("ssm", "start-automation-execution", "--document-name", "Versions", "--document-version", "1")
        run = self.ssm.get_automation_execution(AutomationExecutionId=started["AutomationExecutionId"])["AutomationExecution"]
        self.assertEqual(run["DocumentVersion"], "1")
        with self.refused(self.ssm, "InvalidDocumentOperation"):
            self.ssm.delete_document(Name="Versions", DocumentVersion="2")
        self.ssm.delete_document(Name="Versions", DocumentVersion="1")
        self.ssm.delete_document(Name="Versions")
        with self.refused(self.ssm, "InvalidDocument"):
            self.ssm.describe_document(Name="Versions")

    def test_documents_are_shared_and_no_more(self):
        self.create("Shared")
        change = ["ssm", "modify-document-permission", "--name", "Shared", "--permission-type", "Share"]
        self.quell.aws(*change, "--account-ids-to-add", OTHER)
        look = ["ssm", "describe-document-permission", "--name", "Shared", "--permission-type", "Share"]
        self.assertEqual(self.quell.aws(*look)["AccountIds"], [OTHER])
        with self.refused(self.ssm, "InvalidDocumentOperation"):
            self.ssm.delete_document(Name="Shared")
        self.quell.aws(*change, "--account-ids-to-remove", OTHER)
        self.assertEqual(self.quell.aws(*look)["AccountIds"], [])
        self.ssm.delete_document(Name="Shared")

    def test_tags_are_kept_and_found(self):
        self.create("Tagged", "--tags", "Key=team,Value=sec")
        name = ["--resource-type", "Document", "--resource-id", "Tagged"]
        self.quell.aws("ssm", "add-tags-to-resource", *name, "--tags", "Key=stage,Value=prod")
        self.quell.aws("ssm", "remove-tags-from-resource", *name, "--tag-keys", "team")
        self.assertEqual(self.quell.aws("ssm", "list-tags-for-resource", *name)["TagList"], [{"Key": "stage", "Value": "prod"}])
        found = self.quell.aws("ssm", "list-documents", "--filters", "Key=tag:stage,Values=prod")["DocumentIdentifiers"]
        self.assertEqual([one["Name"] for one in found], ["Tagged"])
        found = self.quell.aws("ssm", "list-documents", "--filters", "Key=Owner,Values=Self", "Key=Name,Values=Tagg")["DocumentIdentifiers"]
        self.assertEqual([one["Name"] for one in found], ["Tagged"])

    def test_what_aws_refuses_is_refused_in_its_words(self):
        self.create("Taken")
        make = {"Name": "Fresh", "Content": YAML, "DocumentType": "Automation", "DocumentFormat": "YAML"}
        for more, code in [
            ({"Name": "Taken"}, "DocumentAlreadyExists"),
            ({"Content": YAML.replace('"0.3"', '"2.2"')}, "InvalidDocumentSchemaVersion"),
            ({"Content": YAML.replace("aws:sleep", "aws:slep")}, "InvalidDocumentContent"),
            ({"Content": YAML + "#" * 65536}, "MaxDocumentSizeExceeded"),
            ({"Content": "{"}, "InvalidDocumentContent"),
        ]:
            with self.subTest(code), self.refused(self.ssm, code):
                self.ssm.create_document(**{**make, **more})
        with self.refused(self.ssm, "InvalidDocument"):
            self.ssm.get_document(Name="NotThere")
        with self.refused(self.ssm, "AutomationDefinitionNotFoundException"):
            self.ssm.start_automation_execution(DocumentName="NotThere")


if __name__ == "__main__":
    unittest.main()
