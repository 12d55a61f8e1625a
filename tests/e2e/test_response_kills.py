"""The shipped state machines under `kill -9` at random points: they come to the end that they come to without, and the account
sees each change once, or again only where that does no harm."""

import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import uuid

from quelltest import REGION, Moto, Quell, binary, wait_until
from recording_proxy import RecordingProxy
from states_world import ROLE
from test_crash import HARMLESS, grouped, is_client_token
from test_response_machines import definition

KILLS = 6
PATIENCE = 180.0
CONFIG = """
[engine]
consistency_delay_secs = 2
"""
# As in test_crash, for what only these machines call.
HARMLESS_HERE = {
    **HARMLESS,
    "iam:PutUserPolicy": "writes the policy of that name: the same document again",
    "iam:UpdateAccessKey": "sets the status of a key",
    "iam:DeleteUserPolicy": "a policy that is gone cannot be deleted again: NoSuchEntity",
}
# Calls that no service recognises and that a repeat does again: a person says what became of them.
ASKED = ("sns:Publish", "sqs:SendMessage")


def harmless(seen):
    return seen.name in HARMLESS_HERE or (seen.service == "s3" and seen.method == "PUT")


class Kills(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.mkdtemp(prefix="quell-response-kills-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        self.moto = Moto(folder)
        self.addCleanup(self.moto.close)
        self.proxy = RecordingProxy(self.moto.url)
        self.addCleanup(self.proxy.close)
        self.quell = Quell(folder, CONFIG, self.proxy.url)
        self.addCleanup(self.quell.close)
        seed = int(os.environ.get("QUELL_SEED") or random.randrange(1 << 32))
        print(f"QUELL_SEED={seed}", flush=True)
        self.chance, self.kills = random.Random(seed), []
        self.token = uuid.uuid4().hex[:8]
        self.sqs = self.moto.client("sqs")
        self.queue = self.sqs.create_queue(QueueName=f"ask-{self.token}")["QueueUrl"]
        self.topic = self.moto.client("sns").create_topic(Name=f"soc-{self.token}")["TopicArn"]
        heard = self.sqs.create_queue(QueueName=f"heard-{self.token}")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=heard, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        self.moto.client("sns").subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        self.answers = 0

    def states(self):
        # The server is another one after each kill.
        return self.quell.client("stepfunctions", inject_host_prefix=False)

    def respond(self, name, detail, answer):
        """Runs a machine on a finding, with kills on its way; gives its output."""
        made = self.states().create_state_machine(name=name, definition=definition(name), roleArn=ROLE)
        settings = {"approvalQueue": self.queue, "notifyTopics": [self.topic], "evidenceBucket": f"evidence-{self.token}"}
        data = {"detail": {"id": self.token, "severity": 8, **detail}, "settings": settings}
        arn = self.states().start_execution(stateMachineArn=made["stateMachineArn"], input=json.dumps(data))["executionArn"]
        for _ in range(KILLS):
            self.kill_somewhere(arn, answer)
        found = wait_until("the end", lambda: self.attended(arn, answer), PATIENCE)
        self.assertEqual(found["status"], "SUCCEEDED", f"{found}; kills: {self.kills}")
        self.assert_each_change_once()
        return json.loads(found["output"])

    def kill_somewhere(self, arn, answer):
        """At some moment, or exactly before or after a call reaches the account."""
        hold = None
        if self.chance.random() < 0.6:
            after, skipped = self.chance.random() < 0.5, self.chance.randrange(3)

            def wanted(seen):
                nonlocal skipped
                skipped -= not seen.reads()
                return skipped < 0 and not seen.reads()

            hold = self.proxy.hold(wanted, after)
        end = time.monotonic() + self.chance.uniform(0.05, 1.5)
        while time.monotonic() < end and not (hold and hold.caught.is_set()):
            if self.attended(arn, answer):
                break
            time.sleep(0.02)
        where = "somewhere"
        self.quell.kill()
        if hold:
            if hold.caught.is_set():
                where = f"{'after' if hold.after else 'before'} {hold.seen.name}"
            self.proxy.cancel(hold)
        self.kills.append(where)
        self.quell.start()

    def attended(self, arn, answer):
        """What people do meanwhile: they answer questions, and say what became of calls. The execution, once it has ended."""
        found = self.states().describe_execution(executionArn=arn)
        if found["status"] != "RUNNING":
            return found
        for message in self.sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=0).get("Messages", []):
            token = json.loads(message["Body"])["taskToken"]
            self.states().send_task_success(taskToken=token, output=json.dumps({"answer": answer}))
            self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
            self.answers += 1
        execution = None
        for line in self.said("list", "--unknown").splitlines():
            waits = re.match(r"\s+state (\S+) waits: ", line)
            if waits:
                self.settle(execution, waits[1])
            else:
                execution = line.split()[0]
        return None

    def settle(self, execution, state):
        operation = "SendMessage" if state.startswith("Ask") else "Publish"
        made = [seen for seen in self.proxy.requests() if seen.operation == operation and seen.status == 200]
        if not made:
            self.said("resolve", execution, "--state", state, "--outcome", "retry")
        elif operation == "Publish":
            self.said("resolve", execution, "--state", state, "--outcome", "succeeded", "--result", '{"MessageId": "m"}')
        # A question that was sent is answered with its token.

    def said(self, *arguments):
        command = [binary(), "machine", *arguments, "--endpoint-url", self.quell.url]
        command += ["--credentials", str(self.quell.credentials), "--region", REGION]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, f"{done.stderr}; kills: {self.kills}")
        return done.stdout

    def assert_each_change_once(self):
        forwarded = [seen for seen in self.proxy.requests() if seen.forwarded and not seen.reads()]
        changes = [seen for seen in forwarded if seen.method not in ("GET", "HEAD")]
        for same in grouped(changes, lambda seen: seen.key).values():
            services_token = any(is_client_token(name) for name, _ in same[0].params)
            self.assertTrue(len(same) == 1 or harmless(same[0]) or services_token, f"{len(same)} times: {same[0]}; {self.kills}")
        for same in grouped(changes, lambda seen: seen.key_without_token).values():
            self.assertEqual(len({seen.tokens for seen in same}), 1, f"with different tokens: {same[0]}; {self.kills}")
        asked = [seen.name for seen in changes if seen.name in ASKED]
        self.assertEqual(asked.count("sqs:SendMessage"), 1, f"one question; {self.kills}")
        self.assertEqual(self.answers, 1)

    def test_an_instance_is_quarantined_once(self):
        ec2 = self.moto.client("ec2")
        self.moto.client("s3").create_bucket(Bucket=f"evidence-{self.token}")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24")["Subnet"]["SubnetId"]
        made = ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, SubnetId=subnet)["Instances"][0]
        finding = {"type": "CryptoCurrency:EC2/BitcoinTool.B!DNS"}
        finding["resource"] = {"instanceDetails": {"instanceId": made["InstanceId"]}}
        output = self.respond("ec2-response", finding, "quarantine")
        self.assertEqual((output["contained"], output["how"]), (True, "quarantined"), self.kills)
        now = ec2.describe_instances(InstanceIds=[made["InstanceId"]])["Reservations"][0]["Instances"][0]
        self.assertEqual([it["GroupName"] for it in now["NetworkInterfaces"][0]["Groups"]], ["quell-quarantine"])
        filters = [{"Name": "tag:quell:finding", "Values": [self.token]}]
        self.assertEqual(len(ec2.describe_snapshots(OwnerIds=["self"], Filters=filters)["Snapshots"]), 1, self.kills)

    def test_a_key_is_made_inactive_once(self):
        iam, user = self.moto.client("iam"), f"build-{self.token}"
        iam.create_user(UserName=user)
        key = iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
        details = {"accessKeyDetails": {"userType": "IAMUser", "userName": user, "accessKeyId": key}}
        output = self.respond("iam-response", {"type": "UnauthorizedAccess:IAMUser/X", "resource": details}, "keep")
        self.assertTrue(output["contained"], f"{output}; {self.kills}")
        (found,) = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
        self.assertEqual(found["Status"], "Inactive", self.kills)
        self.assertEqual(iam.list_user_policies(UserName=user)["PolicyNames"], ["QuellRevokeOlderSessions"])


if __name__ == "__main__":
    unittest.main()
