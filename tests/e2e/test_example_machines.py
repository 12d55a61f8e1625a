"""The state machines of `examples/machines/`, run by the server against an account that moto plays."""

import io
import json
import unittest
import uuid
import zipfile

from quelltest import ROOT, wait_until
from states_world import StatesTest

EXAMPLES = ROOT / "examples" / "machines"
LOOK = """
schemaVersion: '0.3'
parameters:
  Volume: {type: StringList}
mainSteps:
  - name: Look
    action: aws:executeAwsApi
    inputs: {Service: ec2, Api: DescribeVolumes, VolumeIds: '{{ Volume }}'}
"""


class Examples(StatesTest):
    def setUp(self):
        self.token = uuid.uuid4().hex[:8]
        self.ec2, self.s3 = self.moto.client("ec2"), self.moto.client("s3")

    def make(self, name, **members):
        return self.create(f"{name}-{self.token}", (EXAMPLES / f"{name}.asl.json").read_text(), **members)

    def instances(self):
        made = self.ec2.run_instances(ImageId="ami-12c6146b", MinCount=2, MaxCount=2)["Instances"]
        return [one["InstanceId"] for one in made]

    def tags(self, instance):
        found = self.ec2.describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])["Tags"]
        return {tag["Key"]: tag["Value"] for tag in found}

    def test_what_lacks_a_tag_gets_it_from_the_list(self):
        first, second = self.instances()
        tag, bucket = f"owner-{self.token}", f"inventory-{self.token}"
        self.ec2.create_tags(Resources=[first], Tags=[{"Key": tag, "Value": "web"}])
        self.s3.create_bucket(Bucket=bucket)
        self.s3.put_object(Bucket=bucket, Key="tags.csv", Body=f"resource,key,value\n{second},{tag},db\n")
        find, label = self.make("find-untagged", type="EXPRESS"), self.make("tag-listed")
        data = {"findMachine": find, "tagMachine": label, "tag": tag, "bucket": bucket, "key": "tags.csv"}
        ended = self.ended(self.start(self.make("nightly"), data))
        self.assertEqual(ended["status"], "SUCCEEDED", ended)
        output = json.loads(ended["output"])
        self.assertGreaterEqual(output["untagged"], 1)
        manifest = self.s3.get_object(Bucket=bucket, Key=output["results"]["Key"])["Body"].read()
        self.assertIn("SUCCEEDED", json.loads(manifest)["ResultFiles"])
        self.assertEqual((self.tags(first)[tag], self.tags(second)[tag]), ("web", "db"))

    def test_a_document_runs_when_a_person_agrees(self):
        volume = self.ec2.create_volume(AvailabilityZone="us-east-1a", Size=1)["VolumeId"]
        document = f"look-{self.token}"
        self.quell.client("ssm").create_document(
            Name=document, Content=LOOK, DocumentType="Automation", DocumentFormat="YAML"
        )
        owner = self.sqs.create_queue(QueueName=f"owner-{self.token}")["QueueUrl"]
        arn = self.make("approval")
        data = {"document": document, "parameters": {"Volume": [volume]}, "ownerQueue": owner, "managerQueue": owner}
        for approved, status, error in ((False, "FAILED", "Refused"), (True, "SUCCEEDED", None)):
            execution = self.start(arn, data)
            asked = wait_until("the question", lambda: self.question(owner))
            self.assertEqual((asked["execution"], asked["document"]), (execution, document))
            self.states.send_task_success(taskToken=asked["taskToken"], output=json.dumps({"approved": approved}))
            ended = self.ended(execution)
            self.assertEqual((ended["status"], ended.get("error")), (status, error), ended)
        self.assertEqual(json.loads(ended["output"])["status"], "Success")

    def test_an_alias_moves_or_is_put_back(self):
        functions, alarms = self.moto.client("lambda"), self.moto.client("cloudwatch")
        trust = json.dumps({"Version": "2012-10-17", "Statement": []})
        role = self.moto.client("iam").create_role(RoleName=f"orders-{self.token}", AssumeRolePolicyDocument=trust)
        code, name = io.BytesIO(), f"orders-{self.token}"
        with zipfile.ZipFile(code, "w") as file:
            file.writestr("orders.py", "def handler(event, context): return event")
        functions.create_function(
            FunctionName=name, Runtime="python3.12", Handler="orders.handler", Role=role["Role"]["Arn"],
            Code={"ZipFile": code.getvalue()}, Publish=True)
        functions.update_function_configuration(FunctionName=name, Description="another")
        after = functions.publish_version(FunctionName=name)["Version"]
        functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
        alarms.put_metric_alarm(
            AlarmName=name, MetricName="Errors", Namespace="AWS/Lambda", Statistic="Sum", Period=60, EvaluationPeriods=1,
            Threshold=1, ComparisonOperator="GreaterThanThreshold")
        arn = self.make("shift-alias")
        data = {"function": name, "alias": "live", "version": after, "alarm": name, "notifyTopic": "", "watchSeconds": 1}
        for state, status, version in (("ALARM", "FAILED", "1"), ("OK", "SUCCEEDED", after)):
            alarms.set_alarm_state(AlarmName=name, StateValue=state, StateReason="the test")
            ended = self.ended(self.start(arn, data))
            found = functions.get_alias(FunctionName=name, Name="live")
            self.assertEqual((ended["status"], found["FunctionVersion"]), (status, version), ended)
            self.assertFalse(found.get("RoutingConfig", {}).get("AdditionalVersionWeights"))
            if status == "FAILED":
                self.assertEqual((ended["error"], "The alarm is ALARM." in ended["cause"]), ("RolledBack", True), ended)

    def question(self, queue):
        for message in self.sqs.receive_message(QueueUrl=queue).get("Messages", []):
            self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return json.loads(message["Body"])
        return None


if __name__ == "__main__":
    unittest.main()
