"""What the account's event bus hears of executions, by a rule and a queue that moto plays."""

import json
import time

from quelltest import ACCOUNT, REGION, wait_until
from states_world import MACHINE, SLEEPER, StatesTest, machine

CHANGE = "Step Functions Execution Status Change"


class Events(StatesTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.events_api = cls.quell.client("events")

    def heard(self, machine_name):
        """A queue that hears of the executions of a machine."""
        queue = self.sqs.create_queue(QueueName=f"heard-{machine_name}")["QueueUrl"]
        pattern = {"source": ["aws.states"], "detail": {"stateMachineArn": [f"{MACHINE}:{machine_name}"]}}
        self.events_api.put_rule(Name=f"of-{machine_name}", EventPattern=json.dumps(pattern))
        target = {"Id": "queue", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:heard-{machine_name}"}
        self.events_api.put_targets(Rule=f"of-{machine_name}", Targets=[target])
        return queue

    def told(self, queue, count):
        """The first events that came, in the order of what they tell."""
        events = {}

        def look():
            for message in self.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
                event = json.loads(message["Body"])
                self.assertNotIn(event["id"], events, "an event came twice")
                events[event["id"]] = event
                self.sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            return len(events) >= count

        wait_until(f"{count} events", look)
        ends = ["RUNNING", "FAILED", "ABORTED", "SUCCEEDED"]
        detail = lambda event: (event["detail"]["redriveCount"], ends.index(event["detail"]["status"]))
        return sorted(events.values(), key=detail)

    def test_a_rule_hears_of_the_beginning_the_failure_the_redrive_and_the_end(self):
        queue = self.heard("retold")
        task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl", "End": True}
        arn = self.create("retold", machine({"Look": {**task, "Parameters": {"QueueName": "made-later"}}}))
        execution = self.start(arn, {"n": 1})
        self.assertEqual(self.ended(execution)["status"], "FAILED")
        running, failed = self.told(queue, 2)
        self.assertEqual((running["source"], running["detail-type"]), ("aws.states", CHANGE))
        self.assertEqual((running["account"], running["region"], running["resources"]), (ACCOUNT, REGION, [execution]))
        self.assertEqual(running["detail"]["input"], '{"n": 1}')
        self.assertEqual(failed["detail"]["redriveStatus"], "REDRIVABLE")
        described = self.states.describe_execution(executionArn=execution)
        told = [failed["detail"][member] for member in ("error", "cause")]
        self.assertEqual(told, [described["error"], described["cause"]])
        self.assertEqual(failed["detail"]["stopDate"], round(described["stopDate"].timestamp() * 1000))
        self.sqs.create_queue(QueueName="made-later")
        self.states.redrive_execution(executionArn=execution)
        again, succeeded = self.told(queue, 2)
        self.assertEqual((again["detail"]["status"], again["detail"]["redriveCount"]), ("RUNNING", 1))
        self.assertEqual(succeeded["detail"]["status"], "SUCCEEDED")
        self.assertIn("made-later", succeeded["detail"]["output"])

    def test_nothing_is_lost_or_told_twice_when_the_server_is_killed(self):
        queue = self.heard("killed")
        arn = self.create("killed", SLEEPER)
        execution = self.start(arn)
        self.quell.restart()
        self.states.stop_execution(executionArn=execution, error="Enough")
        self.quell.restart()
        running, aborted = self.told(queue, 2)
        self.assertEqual([running["detail"]["status"], aborted["detail"]["status"]], ["RUNNING", "ABORTED"])
        self.assertEqual(aborted["detail"]["error"], "Enough")
        # What came twice would have come before what is told later.
        self.states.stop_execution(executionArn=self.start(arn))
        later = self.told(queue, 2)
        self.assertNotIn(execution, [event["detail"]["executionArn"] for event in later])

    def test_a_failure_opens_an_incident(self):
        incidents, _ = self.set_up_incident_manager()
        plan = incidents.create_response_plan(
            name="not-contained", incidentTemplate={"title": "A containment failed", "impact": 1}
        )["arn"]
        pattern = {"source": ["aws.states"], "detail": {"status": ["FAILED"], "stateMachineArn": [f"{MACHINE}:containing"]}}
        self.events_api.put_rule(Name="not-contained", EventPattern=json.dumps(pattern))
        self.events_api.put_targets(Rule="not-contained", Targets=[{"Id": "plan", "Arn": plan}])
        arn = self.create("containing", machine({"No": {"Type": "Fail", "Error": "NotContained"}}))
        begun = time.time()
        self.start(arn)
        found = lambda: incidents.list_incident_records()["incidentRecordSummaries"]
        record = wait_until("an incident", found)[0]
        self.assertEqual(record["title"], "A containment failed")
        self.assertGreaterEqual(record["creationTime"].timestamp(), begun - 1)
