"""Scripts of runbooks under the real server: what they reach, as whom, and what they do not see."""

import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

from quelltest import ACCOUNT, QuellTest, binary, free_port, program, wait_until

ENDED = ("Success", "Failed", "TimedOut", "Cancelled", "CompletedWithSuccess", "CompletedWithFailure")
# Scripts that look at runs, as forty of AWS's own documents do; the second starts one.
LOOK = """
import boto3
def run(events, context):
    ssm = boto3.client('ssm')
    found = ssm.get_automation_execution(AutomationExecutionId=events['id'])
    return {'name': found['AutomationExecution']['DocumentName']}
"""
START = """
import boto3, time
def run(events, context):
    ssm = boto3.client('ssm')
    child = ssm.start_automation_execution(DocumentName='Script-Child', Parameters={'Say': ['hello']})['AutomationExecutionId']
    while True:
        found = ssm.get_automation_execution(AutomationExecutionId=child)['AutomationExecution']
        if found['AutomationExecutionStatus'] not in ('Pending', 'InProgress', 'Waiting'):
            return {'status': found['AutomationExecutionStatus'], 'by': found['ExecutedBy'], 'out': found['Outputs']}
        time.sleep(0.1)
"""
REFUSED = """
import boto3, botocore.exceptions
def tried(call):
    try:
        call()
        return 'allowed'
    except botocore.exceptions.ClientError as error:
        return error.response['Error']['Code']
def run(events, context):
    ssm, events_client = boto3.client('ssm'), boto3.client('events')
    return {
        'delete': tried(lambda: ssm.delete_document(Name='Script-Child')),
        'rules': tried(lambda: events_client.list_rules()),
        'contacts': tried(lambda: boto3.client('ssm-contacts').list_contacts()),
    }
"""
ACT = """
import boto3
def run(events, context):
    boto3.client('s3').create_bucket(Bucket=events['bucket'])
    return {'arn': boto3.client('sts').get_caller_identity()['Arn']}
"""
REACH = """
import os, socket, urllib.error, urllib.request
def tried(url):
    try:
        return urllib.request.urlopen(url, timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError as error:
        return type(error).__name__
def straight(address):
    try:
        socket.create_connection(address, 2).close()
        return 'reached'
    except OSError as error:
        return 'refused'
def run(events, context):
    return {
        'metadata': tried('http://169.254.169.254/latest/meta-data/'),
        'other': tried('http://127.0.0.1:%d/' % events['port']),
        'quell': tried('http://127.0.0.1:%d/health' % events['quell']),
        'unsigned': tried('http://quell.internal/health'),
        'straight': [straight(('169.254.169.254', 80)), straight(('127.0.0.1', events['port']))],
        'secrets': sorted(name for name in os.environ if 'OUTSIDE' in os.environ[name] or name.startswith('QUELL')),
        'proc': os.path.exists('/proc/1/environ'),
    }
"""
SHARED = """
import boto3, botocore.exceptions
def tried(call):
    try:
        return call()
    except botocore.exceptions.ClientError as error:
        return error.response['Error']['Code']
def run(events, context):
    ssm, far = boto3.client('ssm'), boto3.client('ssm', region_name='us-west-2')
    ssm.put_parameter(Name='/script/one', Value='här\u20ac', Type='String')
    other = boto3.client('ssm', aws_access_key_id='AKIAOTHER', aws_secret_access_key='x')
    read = ssm.get_parameter(Name='/script/one')['Parameter']
    return {
        'one': read['Value'],
        'modified': type(read['LastModifiedDate']).__name__,
        'far': tried(lambda: far.get_parameter(Name='/script/one')),
        'missing': tried(lambda: ssm.get_parameter(Name='/script/none')),
        'pages': [p['Name'] for page in ssm.get_paginator('describe_parameters').paginate() for p in page['Parameters']],
        'run': ssm.get_automation_execution(AutomationExecutionId=events['id'])['AutomationExecution']['DocumentName'],
        'other keys': tried(lambda: other.get_parameter(Name='/script/one')),
        'sts': boto3.client('sts').get_caller_identity()['Account'],
    }
"""
CHILD = """schemaVersion: "0.3"
parameters:
  Say: {type: String}
outputs: [Say.Payload]
mainSteps:
  - name: Say
    action: aws:executeScript
    inputs:
      Runtime: python3.8
      Handler: run
      InputPayload: {say: "{{ Say }}"}
      Script: |
        def run(events, context):
            return events['say']
"""


def document(script, role=True):
    """A document of one script whose input is the parameter `Input`."""
    body = "\n".join("        " + line for line in script.strip().splitlines())
    head = 'assumeRole: "{{ Role }}"\n' if role else ""
    return (
        f'schemaVersion: "0.3"\n{head}parameters:\n'
        "  Input: {type: StringMap, default: {}}\n  Role: {type: String, default: ''}\n"
        "mainSteps:\n  - name: Run\n    action: aws:executeScript\n    inputs:\n      Runtime: python3.11\n"
        f"      Handler: run\n      InputPayload: \"{{{{ Input }}}}\"\n      Script: |\n{body}\n"
    )


class ScriptTest(QuellTest):
    with_moto = True
    extra_config = f"[scripts]\npython = {json.dumps(program('python3'))}\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ssm = cls.quell.client("ssm")
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}
        iam = cls.moto.client("iam")
        cls.role = iam.create_role(RoleName="Responder", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        cls.create("Script-Child", CHILD)

    @classmethod
    def create(cls, name, text):
        cls.ssm.create_document(Name=name, Content=text, DocumentType="Automation", DocumentFormat="YAML")

    def run_script(self, name, script, role=True, **given):
        """Runs a script to its end; gives the run and the dictionary that the script returned."""
        self.create(name, document(script, role))
        parameters = {"Input": [json.dumps(given)]}
        if role:
            parameters["Role"] = [self.role]
        run = self.ssm.start_automation_execution(DocumentName=name, Parameters=parameters)["AutomationExecutionId"]
        return run, self.ended(run)

    def until_ended(self, run):
        def look():
            found = self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
            return found if found["AutomationExecutionStatus"] in ENDED else None

        return wait_until("the run's end", look)

    def ended(self, run):
        found = self.until_ended(run)
        self.assertEqual(found["AutomationExecutionStatus"], "Success", found.get("FailureMessage"))
        return json.loads(found["StepExecutions"][0]["Outputs"]["Payload"][0])

    def test_a_script_looks_at_runs_and_starts_them_as_its_role(self):
        child = self.ssm.start_automation_execution(DocumentName="Script-Child", Parameters={"Say": ["x"]})["AutomationExecutionId"]
        _, found = self.run_script("Look", LOOK, id=child)
        self.assertEqual(found, {"name": "Script-Child"})
        run, started = self.run_script("Start", START)
        self.assertEqual(started["status"], "Success")
        self.assertEqual(started["out"], {"Say.Payload": ["hello"]})
        self.assertEqual(started["by"], f"arn:aws:sts::{ACCOUNT}:assumed-role/Responder/quell-{run}")

    def test_a_script_does_nothing_else_at_quell(self):
        _, found = self.run_script("Refused", REFUSED)
        self.assertEqual(set(found.values()), {"AccessDeniedException"}, found)
        self.assertEqual(self.ssm.describe_document(Name="Script-Child")["Document"]["Name"], "Script-Child")

    def test_a_scripts_client_of_ssm_has_one_endpoint(self):
        child = self.ssm.start_automation_execution(DocumentName="Script-Child", Parameters={"Say": ["x"]})["AutomationExecutionId"]
        _, found = self.run_script("Shared", SHARED, id=child)
        self.assertEqual(
            found,
            {
                "one": "här€",
                "modified": "datetime",
                "far": "ParameterNotFound",
                "missing": "ParameterNotFound",
                "pages": ["/script/one"],
                "run": "Script-Child",
                "other keys": "AccessDeniedException",
                "sts": ACCOUNT,
            },
        )
        parameters = self.moto.client("ssm").describe_parameters()["Parameters"]
        self.assertIn("/script/one", [one["Name"] for one in parameters])

    def test_a_script_acts_on_the_account_as_its_role(self):
        run, found = self.run_script("Act", ACT, bucket="made-by-a-script")
        self.assertIn(f"assumed-role/Responder/quell-{run}", found["arn"])
        self.assertIn("made-by-a-script", [one["Name"] for one in self.moto.client("s3").list_buckets()["Buckets"]])

    def test_a_script_without_a_role_has_no_keys(self):
        script = "import os\ndef run(e, c): return {'names': sorted(n for n in os.environ if 'KEY' in n or 'TOKEN' in n)}"
        _, found = self.run_script("Keyless", script, role=False)
        self.assertEqual(found, {"names": []})

    def test_a_script_reaches_nothing_but_what_is_configured(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        came = []
        threading.Thread(target=lambda: came.append(listener.accept()), daemon=True).start()
        _, found = self.run_script("Reach", REACH, port=listener.getsockname()[1], quell=self.quell.port)
        self.assertEqual(
            found,
            {
                "metadata": 403,
                "other": 403,
                "quell": 403,
                "unsigned": 403,
                "straight": ["refused", "refused"],
                "secrets": [],
                "proc": False,
            },
        )
        self.assertEqual(came, [])

    def test_powershell_runs_where_it_is_and_is_missed_clearly(self):
        text = (
            'schemaVersion: "0.3"\nmainSteps:\n  - name: Run\n    action: aws:executeScript\n    inputs:\n'
            "      Runtime: PowerShell Core 6.0\n      InputPayload: {a: 1}\n"
            "      Script: \"@{ twice = 2 * ($env:InputPayload | ConvertFrom-Json).a }\"\n"
        )
        self.create("Shell", text)
        run = self.ssm.start_automation_execution(DocumentName="Shell")["AutomationExecutionId"]
        found = self.until_ended(run)
        if shutil.which("pwsh"):
            self.assertEqual(json.loads(found["StepExecutions"][0]["Outputs"]["Payload"][0]), {"twice": 2}, found)
        else:
            self.assertEqual(found["AutomationExecutionStatus"], "Failed")
            self.assertIn("`pwsh` is not installed on this server", found["StepExecutions"][0]["FailureMessage"])

    def test_runtimes_of_python_are_known_to_311(self):
        for runtime, known in (("python3.6", True), ("python3.7", True), ("python3.9", True), ("python3.10", True), ("python3.99", False)):
            name = runtime.replace(".", "-")
            text = document("def run(e, c): return {'says': 'yes'}", role=False).replace("python3.11", runtime)
            self.create(name, text)
            run = self.ssm.start_automation_execution(DocumentName=name)["AutomationExecutionId"]
            if known:
                self.assertEqual(self.ended(run), {"says": "yes"}, runtime)
                continue
            found = self.until_ended(run)
            self.assertIn("no interpreter for runtime `python3.99`: known are python3.6", found["StepExecutions"][0]["FailureMessage"])

    def test_a_script_is_stopped_at_its_time_limit(self):
        text = document("import time\ndef run(e, c): print('began', flush=True); time.sleep(60)", role=False)
        self.create("Slow", text.replace("    action: aws:executeScript\n", "    action: aws:executeScript\n    timeoutSeconds: 2\n"))
        run = self.ssm.start_automation_execution(DocumentName="Slow")["AutomationExecutionId"]

        found = self.until_ended(run)
        self.assertEqual(found["StepExecutions"][0]["StepStatus"], "TimedOut")
        self.assertIn("Log: began", found["StepExecutions"][0]["FailureMessage"])

    def test_a_large_result_reaches_the_next_step(self):
        script = "def run(e, c): return {'text': 'x' * 90_000, 'got': len(e['text'])}"
        _, found = self.run_script("Large", script, role=False, text="y" * 70_000)
        self.assertEqual((len(found["text"]), found["got"]), (90_000, 70_000))

    def test_the_server_tells_its_walls_at_the_start(self):
        log = self.quell.log.read_text()
        self.assertRegex(log, re.compile("all walls of the script sandbox stand|the script sandbox is weaker on this system"))

    def test_a_strict_server_does_not_start_where_a_wall_is_missing(self):
        if "all walls of the script sandbox stand" in self.quell.log.read_text():
            self.skipTest("no wall is missing on this machine")
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "QUELL_SCRIPTS_SANDBOX": "strict", "QUELL_SCRIPTS_PYTHON": program("python3")}
            command = [binary(), "serve", "--data-dir", f"{folder}/data", "--listen", f"127.0.0.1:{free_port()}"]
            ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        self.assertNotEqual(ended.returncode, 0)
        self.assertIn("`scripts.sandbox` is `strict` and this system lacks walls: ", ended.stderr + ended.stdout)


if __name__ == "__main__":
    unittest.main()
