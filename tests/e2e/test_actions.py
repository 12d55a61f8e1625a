"""The actions that start something in the account and wait for its end, against moto."""

import http.server
import json
import threading
import unittest
import urllib.request
import uuid

from quelltest import QuellTest, wait_until

ENDED = ("Success", "Failed", "TimedOut", "Cancelled")
FOLDER = "/d9d01087-4a3f-49e0-b0b4-d568d7826553/ssm/integrations/webhook/"


class Receiver:
    """A web server that keeps what is posted to it and sends it back."""

    def __init__(self):
        self.seen = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
                outer.seen.append((self.path, self.headers.get("X-Key"), body))
                answer = json.dumps({"path": self.path, "key": self.headers.get("X-Key"), "ok": True}).encode()
                self.send_response(202)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Actions(QuellTest):
    with_moto = True
    extra_config = "[webhooks]\nallow_http = true\nallow_private = true\n"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        request = urllib.request.Request(
            f"{cls.moto.url}/moto-api/config",
            data=json.dumps({"lambda": {"use_docker": False}}).encode(),
            headers={"content-type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()
        cls.ssm = cls.quell.client("ssm")
        cls.ec2 = cls.moto.client("ec2")
        cls.image = cls.ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]

    def start_document(self, steps, parameters=None, given=None, outputs=()):
        """Starts a document of these steps; gives the execution's id."""
        document = {"schemaVersion": "0.3", "parameters": parameters or {}, "mainSteps": steps, "outputs": list(outputs)}
        name = f"Doc-{uuid.uuid4().hex[:12]}"
        self.ssm.create_document(Name=name, Content=json.dumps(document), DocumentType="Automation")
        return self.ssm.start_automation_execution(DocumentName=name, Parameters=given or {})["AutomationExecutionId"]

    def look(self, run):
        return self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]

    def wait_for_end(self, run):
        def ended():
            execution = self.look(run)
            return execution if execution["AutomationExecutionStatus"] in ENDED else None

        return wait_until("the end of the run", ended)

    def run_document(self, steps, parameters=None, given=None, outputs=()):
        """Runs a document of these steps; gives the ended execution."""
        return self.wait_for_end(self.start_document(steps, parameters, given, outputs))

    def outputs_of(self, execution, step):
        found = [s for s in execution["StepExecutions"] if s["StepName"] == step]
        return found[-1].get("Outputs", {})

    def assert_success(self, execution):
        self.assertEqual(
            execution["AutomationExecutionStatus"], "Success", json.dumps(execution, default=str, indent=1)
        )

    def test_instances_and_images_live_and_die(self):
        steps = [
            {
                "name": "start",
                "action": "aws:runInstances",
                "inputs": {
                    "ImageId": "{{ Image }}",
                    "InstanceType": "t3.micro",
                    "UserData": "IyEvYmluL3NoCmVjaG8gaGkK",
                    "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "made-by", "Value": "playbook"}]}],
                },
            },
            {
                "name": "picture",
                "action": "aws:createImage",
                "inputs": {"InstanceId": "{{ start.InstanceIds[0] }}", "ImageName": "before", "NoReboot": True},
            },
            {
                "name": "copy",
                "action": "aws:copyImage",
                "inputs": {
                    "SourceRegion": "{{ global:REGION }}",
                    "SourceImageId": "{{ picture.ImageId }}",
                    "ImageName": "copied",
                },
            },
            {"name": "drop", "action": "aws:deleteImage", "inputs": {"ImageId": "{{ picture.ImageId }}"}},
        ]
        execution = self.run_document(
            steps, {"Image": {"type": "String"}}, {"Image": [self.image]}, ["start.InstanceIds", "copy.ImageState"]
        )
        self.assert_success(execution)
        [instance] = execution["Outputs"]["start.InstanceIds"]
        self.assertEqual(execution["Outputs"]["copy.ImageState"], ["available"])
        attribute = self.ec2.describe_instance_attribute(InstanceId=instance, Attribute="userData")
        self.assertEqual(attribute["UserData"]["Value"], "IyEvYmluL3NoCmVjaG8gaGkK")
        images = {i["Name"]: i for i in self.ec2.describe_images(Owners=["self"])["Images"]}
        self.assertIn("copied", images)
        self.assertNotIn("before", images)
        dropped = self.outputs_of(execution, "picture")["ImageId"][0]
        for snapshot in self.ec2.describe_snapshots(OwnerIds=["self"])["Snapshots"]:
            self.assertNotIn(dropped, snapshot["Description"])

    def test_a_command_is_run(self):
        [instance] = self.ec2.run_instances(ImageId=self.image, MinCount=1, MaxCount=1)["Instances"]
        steps = [
            {
                "name": "look",
                "action": "aws:runCommand",
                "inputs": {
                    "DocumentName": "AWS-RunShellScript",
                    "InstanceIds": ["{{ Id }}"],
                    "Parameters": {"commands": ["uptime"]},
                },
            }
        ]
        execution = self.run_document(
            steps, {"Id": {"type": "String"}}, {"Id": [instance["InstanceId"]]}, ["look.CommandId", "look.Status"]
        )
        self.assert_success(execution)
        self.assertEqual(execution["Outputs"]["look.Status"], ["Success"])
        commands = self.moto.client("ssm").list_commands(CommandId=execution["Outputs"]["look.CommandId"][0])["Commands"]
        self.assertEqual(commands[0]["Parameters"], {"commands": ["uptime"]})

    def test_a_stack_stands_and_goes(self):
        template = {
            "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "made-by-stack"}}},
            "Outputs": {"Url": {"Value": {"Ref": "Queue"}}},
        }
        steps = [
            {
                "name": "make",
                "action": "aws:createStack",
                "inputs": {"StackName": "evidence", "TemplateBody": json.dumps(template)},
            },
            {
                "name": "look",
                "action": "aws:executeAwsApi",
                "inputs": {
                    "Service": "sqs",
                    "Api": "GetQueueAttributes",
                    "QueueUrl": "{{ make.Url }}",
                    "AttributeNames": ["QueueArn"],
                },
                "outputs": [{"Name": "Arn", "Selector": "$.Attributes.QueueArn", "Type": "String"}],
            },
            {"name": "drop", "action": "aws:deleteStack", "inputs": {"StackName": "evidence"}},
            {"name": "again", "action": "aws:deleteStack", "inputs": {"StackName": "never-was"}},
        ]
        execution = self.run_document(steps, outputs=["look.Arn", "make.StackStatus"])
        self.assert_success(execution)
        self.assertTrue(execution["Outputs"]["look.Arn"][0].endswith(":made-by-stack"))
        self.assertEqual(execution["Outputs"]["make.StackStatus"], ["CREATE_COMPLETE"])
        self.assertNotIn("QueueUrls", self.moto.client("sqs").list_queues(QueueNamePrefix="made-by-stack"))

    def make_role(self, service):
        trust = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}],
        }
        iam = self.moto.client("iam")
        name = f"role-{uuid.uuid4().hex[:8]}"
        return iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]

    def test_a_function_is_invoked(self):
        function = self.moto.client("lambda").create_function(
            FunctionName="f",
            Runtime="python3.11",
            Role=self.make_role("lambda.amazonaws.com"),
            Handler="m.f",
            Code={"ZipFile": b"PK\x05\x06" + b"\0" * 18},
        )["FunctionArn"]
        steps = [
            {
                "name": "call",
                "action": "aws:invokeLambdaFunction",
                "inputs": {"FunctionName": function, "InputPayload": {"instance": "i-1", "quote": "\"'"}},
            },
        ]
        execution = self.run_document(steps, outputs=["call.Payload", "call.StatusCode"])
        self.assert_success(execution)
        # moto's function answers what it was given.
        self.assertEqual(json.loads(execution["Outputs"]["call.Payload"][0]), {"instance": "i-1", "quote": "\"'"})
        self.assertEqual(execution["Outputs"]["call.StatusCode"], ["200"])

    def test_a_state_machine_is_started_and_stopped_with_its_step(self):
        machines = self.moto.client("stepfunctions")
        machine = machines.create_state_machine(
            name="m",
            definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 900, "End": True}}}),
            roleArn=self.make_role("states.amazonaws.com"),
        )["stateMachineArn"]
        steps = [
            {
                "name": "machine",
                "action": "aws:executeStateMachine",
                "inputs": {"stateMachineArn": machine, "input": "{\"n\": 1}"},
            },
        ]
        run = self.start_document(steps)

        def started():
            return machines.list_executions(stateMachineArn=machine)["executions"]

        [execution] = wait_until("the machine's execution", started)
        # The name is the intent's id, so that a repeat after a crash is the same execution.
        uuid.UUID(execution["name"])
        self.assertEqual(execution["status"], "RUNNING")
        wait_until("its ARN in the step's outputs", lambda: self.outputs_of(self.look(run), "machine"))
        self.ssm.stop_automation_execution(AutomationExecutionId=run, Type="Cancel")
        ended = self.wait_for_end(run)
        self.assertEqual(ended["AutomationExecutionStatus"], "Cancelled")
        self.assertEqual(started()[0]["status"], "ABORTED")

    def test_a_webhook_is_called_and_its_secret_stays_one(self):
        receiver = Receiver()
        self.addCleanup(receiver.close)
        value = {
            "description": "chat",
            "url": f"{receiver.url}/hook/very-secret-path",
            "headers": {"X-Key": "very-secret-key", "Content-Type": "application/json"},
            "body": "{\"text\": \"default\"}",
        }
        self.moto.client("ssm").put_parameter(Name=f"{FOLDER}chat", Value=json.dumps(value), Type="SecureString")
        steps = [
            {"name": "own", "action": "aws:invokeWebhook", "inputs": {"IntegrationName": "chat"}},
            {
                "name": "given",
                "action": "aws:invokeWebhook",
                "inputs": {"IntegrationName": "chat", "Body": "{\"text\": \"{{ What }}\"}"},
            },
        ]
        execution = self.run_document(steps, {"What": {"type": "String"}}, {"What": ["{{ global:REGION }}"]})
        self.assert_success(execution)
        self.assertEqual([path for path, _, _ in receiver.seen], ["/hook/very-secret-path"] * 2)
        self.assertEqual([key for _, key, _ in receiver.seen], ["very-secret-key"] * 2)
        self.assertEqual(
            [body for _, _, body in receiver.seen], ["{\"text\": \"default\"}", "{\"text\": \"{{ global:REGION }}\"}"]
        )
        outputs = self.outputs_of(execution, "given")
        self.assertEqual(outputs["ResponseCode"], ["202"])
        self.assertEqual(json.loads(outputs["Response"][0]), {"path": "***", "key": "***", "ok": True})
        # Neither the store (journal, intents, frames) nor the log has seen the integration.
        kept = [path for path in self.quell.data.rglob("*") if path.is_file()] + [self.quell.log]
        self.assertGreater(len(kept), 1)
        for path in kept:
            content = path.read_bytes()
            self.assertNotIn(b"very-secret", content, path)


if __name__ == "__main__":
    unittest.main()
