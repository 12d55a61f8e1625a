"""Attachments and required documents, alarms that stop a run, and lists of locations in S3."""

import hashlib
import io
import json
import unittest
import zipfile

from quelltest import ACCOUNT, REGION, QuellTest, wait_until

ENDED = ("Success", "Failed", "TimedOut", "Cancelled")
BUCKET = "runbook-code"
SHOUT = """
from tools import loud
def shout(events, context):
    return {"text": loud(events["word"]), "file": __file__.rsplit("/", 1)[-1]}
"""
TOOLS = "def loud(word):\n    return word.upper() + '!'\n"
SINGLE = "import boto3\ndef name(events, context):\n    return boto3.client('sts').get_caller_identity()['Account']\n"


def packed(**files):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        for name, text in files.items():
            zipped.writestr(f"{name}.py", text)
    return archive.getvalue()


def document(*steps, files=None, outputs=()):
    body = {"schemaVersion": "0.3", "assumeRole": f"arn:aws:iam::{ACCOUNT}:role/Run", "mainSteps": list(steps), "outputs": list(outputs)}
    if files is not None:
        body["files"] = {name: {"checksums": {"sha256": hashlib.sha256(data).hexdigest()}} for name, data in files.items()}
    return json.dumps(body)


def script(attachment, handler, **payload):
    return {
        "name": "Run",
        "action": "aws:executeScript",
        "inputs": {"Runtime": "python3.8", "Handler": handler, "Attachment": attachment, "InputPayload": payload},
    }


PAUSE = {"name": "Wait", "action": "aws:pause", "inputs": {}}


class Attachments(QuellTest):
    with_moto = True
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ssm = cls.quell.client("ssm")
        cls.s3 = cls.moto.client("s3")
        cls.s3.create_bucket(Bucket=BUCKET)
        cls.zip = packed(shouting=SHOUT, tools=TOOLS)
        cls.s3.put_object(Bucket=BUCKET, Key="v1/shouting.zip", Body=cls.zip)
        cls.s3.put_object(Bucket=BUCKET, Key="v1/single.py", Body=SINGLE.encode())

    def create(self, name, content, **more):
        made = self.ssm.create_document(Name=name, Content=content, DocumentType="Automation", DocumentFormat="JSON", **more)
        return made["DocumentDescription"]

    def ended(self, name, **more):
        started = self.ssm.start_automation_execution(DocumentName=name, **more)["AutomationExecutionId"]

        def look():
            run = self.ssm.get_automation_execution(AutomationExecutionId=started)["AutomationExecution"]
            return run if run["AutomationExecutionStatus"] in ENDED else None

        return wait_until(f"the end of {name}", look)

    def test_a_zip_and_a_file_are_attached_and_run(self):
        content = document(script("shouting.zip", "shouting.shout", word="help"), files={"shouting.zip": self.zip}, outputs=["Run.Payload"])
        source = {"Key": "S3FileUrl", "Values": [f"s3://{BUCKET}/v1/shouting.zip"], "Name": "shouting.zip"}
        made = self.create("Attached-Zip", content, Attachments=[source])
        self.assertEqual(made["AttachmentsInformation"], [{"Name": "shouting.zip"}])
        got = self.ssm.get_document(Name="Attached-Zip")
        want = {"Name": "shouting.zip", "Size": len(self.zip), "Hash": hashlib.sha256(self.zip).hexdigest(), "HashType": "Sha256"}
        self.assertEqual(got["AttachmentsContent"], [want])
        run = self.ended("Attached-Zip")
        self.assertEqual(run["AutomationExecutionStatus"], "Success", run)
        self.assertEqual(json.loads(run["Outputs"]["Run.Payload"][0]), {"text": "HELP!", "file": "shouting.py"})
        # A folder brings what the document names; the file is a script of the run's role.
        folder = {"Key": "SourceUrl", "Values": [f"https://s3.{REGION}.amazonaws.com/{BUCKET}/v1"]}
        self.create("Attached-File", document(script("single.py", "single.name"), outputs=["Run.Payload"]), Attachments=[folder])
        run = self.ended("Attached-File")
        self.assertEqual((run["AutomationExecutionStatus"], run["Outputs"]), ("Success", {"Run.Payload": [ACCOUNT]}), run)
        # Another document's attachment can be used again, also after it has gone from the bucket.
        self.s3.put_object(Bucket=BUCKET, Key="v1/gone.zip", Body=self.zip)
        gone = {"Key": "S3FileUrl", "Values": [f"s3://{BUCKET}/v1/gone.zip"]}
        self.create("Attached-Gone", document(script("gone.zip", "shouting.shout", word="a")), Attachments=[gone])
        self.s3.delete_object(Bucket=BUCKET, Key="v1/gone.zip")
        again = {"Key": "AttachmentReference", "Values": ["Attached-Gone/1/gone.zip"], "Name": "mine.zip"}
        self.create("Attached-Again", document(script("mine.zip", "shouting.shout", word="b"), outputs=["Run.Payload"]), Attachments=[again])
        self.ssm.delete_document(Name="Attached-Gone")
        self.assertIn('"B!"', self.ended("Attached-Again")["Outputs"]["Run.Payload"][0])

    def test_a_new_version_has_its_own_attachments(self):
        source = {"Key": "S3FileUrl", "Values": [f"s3://{BUCKET}/v1/shouting.zip"]}
        content = document(script("shouting.zip", "shouting.shout", word="one"), outputs=["Run.Payload"])
        self.create("Attached-New", content, Attachments=[source])
        with self.refused(self.ssm, "DuplicateDocumentContent"):
            self.ssm.update_document(Name="Attached-New", Content=content, DocumentFormat="JSON", DocumentVersion="$LATEST", Attachments=[source])
        louder = packed(shouting=SHOUT, tools=TOOLS.replace("'!'", "'!!'"))
        self.s3.put_object(Bucket=BUCKET, Key="v2/shouting.zip", Body=louder)
        source = {"Key": "S3FileUrl", "Values": [f"s3://{BUCKET}/v2/shouting.zip"]}
        made = self.ssm.update_document(Name="Attached-New", Content=content, DocumentFormat="JSON", DocumentVersion="$LATEST", Attachments=[source])
        self.assertEqual(made["DocumentDescription"]["DocumentVersion"], "2")
        for version, text in [("1", '"ONE!"'), ("2", '"ONE!!"')]:
            self.assertIn(text, self.ended("Attached-New", DocumentVersion=version)["Outputs"]["Run.Payload"][0])

    def test_what_cannot_be_attached_is_refused(self):
        plain = document(script("shouting.zip", "shouting.shout"))
        good = f"s3://{BUCKET}/v1/shouting.zip"
        for content, attachments, words in [
            (plain, [], "runs the attachment `shouting.zip`"),
            (plain, [{"Key": "S3FileUrl", "Values": [f"s3://{BUCKET}/none.zip"], "Name": "shouting.zip"}], "cannot be read"),
            (plain, [{"Key": "S3FileUrl", "Values": [good]}, {"Key": "S3FileUrl", "Values": [good]}], "given twice"),
            (plain, [{"Key": "AttachmentReference", "Values": ["Nobody/1/shouting.zip"]}], "no such document"),
            (document(script("shouting.zip", "x.y"), files={"shouting.zip": b"other"}), [{"Key": "S3FileUrl", "Values": [good]}], "checksum"),
            (document(PAUSE, files={"more.py": b"x"}), [], "declares the file `more.py`"),
        ]:
            with self.refused(self.ssm, "InvalidDocumentContent", saying=words):
                self.create("Attached-Bad", content, Attachments=attachments)
        for address in ["https://169.254.169.254/latest/meta-data/x.py", "http://127.0.0.1/x.py", "file:///etc/passwd", "s3://UP/x.py"]:
            with self.refused(self.ssm, "ValidationException", saying="no address of an object"):
                self.create("Attached-Bad", plain, Attachments=[{"Key": "S3FileUrl", "Values": [address], "Name": "shouting.zip"}])
        # An archive that leaves its folder is attached like any file, and not unpacked.
        evil = io.BytesIO()
        with zipfile.ZipFile(evil, "w") as zipped:
            zipped.writestr("../../evil.py", "x = 1")
        self.s3.put_object(Bucket=BUCKET, Key="evil.zip", Body=evil.getvalue())
        self.create("Attached-Evil", document(script("evil.zip", "evil.x")), Attachments=[{"Key": "S3FileUrl", "Values": [f"s3://{BUCKET}/evil.zip"]}])
        run = self.ended("Attached-Evil")
        self.assertEqual(run["AutomationExecutionStatus"], "Failed")
        self.assertIn("leads out of the archive", run["FailureMessage"])

    def test_required_documents_must_be_there(self):
        needs = [{"Name": "Needed", "Version": "1", "RequireType": "Automation"}]
        with self.refused(self.ssm, "InvalidDocumentContent", saying="`Needed` does not exist"):
            self.create("Needing", document(PAUSE), Requires=needs)
        self.create("Needed", document(PAUSE), VersionName="first")
        with self.refused(self.ssm, "InvalidDocumentContent", saying="no version that fits"):
            self.create("Needing", document(PAUSE), Requires=[{"Name": "Needed", "VersionName": "second"}])
        with self.refused(self.ssm, "InvalidDocumentContent", saying="RequireType"):
            self.create("Needing", document(PAUSE), Requires=[{"Name": "Needed", "RequireType": "Command"}])
        made = self.create("Needing", document(PAUSE), Requires=needs)
        self.assertEqual(made["Requires"], needs)
        self.assertEqual(self.ssm.get_document(Name="Needing")["Requires"], needs)
        started = self.ssm.start_automation_execution(DocumentName="Needing")["AutomationExecutionId"]
        self.ssm.stop_automation_execution(AutomationExecutionId=started)
        self.ssm.delete_document(Name="Needed")
        with self.refused(self.ssm, "AutomationDefinitionNotFoundException", saying="`Needed`"):
            self.ssm.start_automation_execution(DocumentName="Needing")


class Alarms(QuellTest):
    with_moto = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ssm = cls.quell.client("ssm")
        cls.cloudwatch = cls.moto.client("cloudwatch")
        cls.ssm.create_document(Name="Watched", Content=document(PAUSE), DocumentType="Automation", DocumentFormat="JSON")
        cls.cloudwatch.put_metric_alarm(
            AlarmName="Load", MetricName="Load", Namespace="Test", Period=60, EvaluationPeriods=1, Threshold=1,
            ComparisonOperator="GreaterThanThreshold", Statistic="Average",
        )  # fmt: skip

    def until(self, status, **configuration):
        started = self.ssm.start_automation_execution(DocumentName="Watched", AlarmConfiguration=configuration)["AutomationExecutionId"]

        def look():
            run = self.ssm.get_automation_execution(AutomationExecutionId=started)["AutomationExecution"]
            return run if run["AutomationExecutionStatus"] == status else None

        return wait_until(f"{status} of the watched run", look)

    def test_an_active_alarm_stops_a_run_and_is_shown(self):
        load = [{"Name": "Load"}]
        self.cloudwatch.set_alarm_state(AlarmName="Load", StateValue="OK", StateReason="test")
        run = self.until("Waiting", Alarms=load)
        self.assertEqual(run["AlarmConfiguration"], {"Alarms": load, "IgnorePollAlarmFailure": False})
        self.assertNotIn("TriggeredAlarms", run)
        self.cloudwatch.set_alarm_state(AlarmName="Load", StateValue="ALARM", StateReason="test")
        stopped = self.until("Cancelled", Alarms=load)
        self.assertEqual(stopped["TriggeredAlarms"], [{"Name": "Load", "State": "ALARM"}])
        self.assertEqual(stopped["StepExecutions"][0]["StepStatus"], "Pending")

        # The first run looks again after half a minute.
        def later():
            found = self.ssm.get_automation_execution(AutomationExecutionId=run["AutomationExecutionId"])["AutomationExecution"]
            return found["AutomationExecutionStatus"] == "Cancelled"

        wait_until("the first run to be stopped", later, 45)

    def test_an_alarm_that_is_not_there(self):
        nobody = [{"Name": "Nobody"}]
        self.assertEqual(self.until("Cancelled", Alarms=nobody)["TriggeredAlarms"], [{"Name": "Nobody", "State": "UNKNOWN"}])
        run = self.until("Waiting", Alarms=nobody, IgnorePollAlarmFailure=True)
        self.ssm.stop_automation_execution(AutomationExecutionId=run["AutomationExecutionId"])


class Locations(QuellTest):
    with_moto = True

    def test_locations_come_from_an_object(self):
        ssm, s3 = self.quell.client("ssm"), self.moto.client("s3")
        s3.create_bucket(Bucket="places")
        places = [{"Accounts": [ACCOUNT], "Regions": [REGION], "ExecutionRoleName": "Run"}]
        s3.put_object(Bucket="places", Key="all.json", Body=json.dumps(places).encode())
        s3.put_object(Bucket="places", Key="bad.json", Body=b"{")
        s3.put_object(Bucket="places", Key="odd.json", Body=json.dumps([{"Accounts": ["x"], "Regions": [REGION]}]).encode())
        sleep = {"name": "Wait", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}
        content = json.dumps({"schemaVersion": "0.3", "mainSteps": [sleep]})
        ssm.create_document(Name="Placed", Content=content, DocumentType="Automation", DocumentFormat="JSON")
        address = f"https://places.s3.{REGION}.amazonaws.com/"
        started = ssm.start_automation_execution(DocumentName="Placed", TargetLocationsURL=address + "all.json?X-Amz-Expires=60")["AutomationExecutionId"]

        def look():
            run = ssm.get_automation_execution(AutomationExecutionId=started)["AutomationExecution"]
            return run if run["AutomationExecutionStatus"] in ENDED else None

        run = wait_until("the placed run", look)
        self.assertEqual(run["AutomationExecutionStatus"], "Success", run)
        self.assertEqual(run["TargetLocations"][0]["Accounts"], [ACCOUNT])
        self.assertTrue(run["TargetLocationsURL"].startswith(address))
        self.assertEqual(len(run["StepExecutions"]), 1)
        for name, code in [("bad.json", "InvalidAutomationExecutionParametersException"), ("none.json", "InvalidAutomationExecutionParametersException"), ("odd.json", "ValidationException")]:
            with self.refused(ssm, code):
                ssm.start_automation_execution(DocumentName="Placed", TargetLocationsURL=address + name)
        with self.refused(ssm, "ValidationException"):
            ssm.start_automation_execution(DocumentName="Placed", TargetLocationsURL=address + "all.json", TargetLocations=places)


if __name__ == "__main__":
    unittest.main()
