"""Tasks of state machines that wait: for workers of activities, and for machines and runbooks of this server (.sync)."""

import json
import tempfile
import threading

from quelltest import ACCOUNT, REGION, Moto, Quell, QuellTest, wait_until
from states_world import ROLE, SLEEPER, StatesTest, machine

ACTIVITY = f"arn:aws:states:{REGION}:{ACCOUNT}:activity"


def asks(activity, **members):
    """A machine with one task for workers."""
    return machine({"Ask": {"Type": "Task", "Resource": activity, "End": True, **members}})


class Activities(StatesTest):
    def worker(self, **config):
        return self.quell.client("stepfunctions", inject_host_prefix=False, read_timeout=70, **config)

    def test_activities_are_made_described_listed_tagged_and_deleted(self):
        made = self.states.create_activity(name="count", tags=[{"key": "team", "value": "ir"}])
        arn = made["activityArn"]
        self.assertEqual(arn, f"{ACTIVITY}:count")
        self.assertEqual(self.states.create_activity(name="count")["creationDate"], made["creationDate"])
        described = self.states.describe_activity(activityArn=arn)
        self.assertEqual((described["name"], described["creationDate"]), ("count", made["creationDate"]))
        self.states.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": "test"}])
        self.states.untag_resource(resourceArn=arn, tagKeys=["team"])
        tags = self.states.list_tags_for_resource(resourceArn=arn)["tags"]
        self.assertEqual(tags, [{"key": "stage", "value": "test"}])
        for name in ("second", "third"):
            self.states.create_activity(name=name)
        pages = self.states.get_paginator("list_activities").paginate(PaginationConfig={"PageSize": 1})
        names = [it["name"] for page in pages for it in page["activities"]]
        self.assertEqual([name for name in names if name in ("count", "second", "third")], ["count", "second", "third"])
        for _ in range(2):
            self.states.delete_activity(activityArn=arn)
        for call in (self.states.describe_activity, self.states.get_activity_task):
            with self.refused(self.states, "ActivityDoesNotExist", 400, saying=f"'{arn}'"):
                call(activityArn=arn)
        with self.refused(self.states, "InvalidName", 400, saying="Invalid Name: 'two words'"):
            self.states.create_activity(name="two words")
        with self.refused(self.states, "InvalidArn", 400, saying="Resource type not valid in this context: stateMachine"):
            self.states.describe_activity(activityArn=f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:x")

    def test_a_worker_waits_for_a_task_beats_and_finishes_it(self):
        arn = self.states.create_activity(name="shift")["activityArn"]
        done = {}

        def work():
            states = self.worker()
            done["task"] = task = states.get_activity_task(activityArn=arn, workerName="night")
            states.send_task_heartbeat(taskToken=task["taskToken"])
            states.send_task_success(taskToken=task["taskToken"], output=json.dumps({"seen": json.loads(task["input"])}))

        worker = threading.Thread(target=work, daemon=True)
        worker.start()
        of = self.create("shifts", asks(arn, TimeoutSeconds=600, HeartbeatSeconds=300))
        execution = self.start(of, {"id": 7})
        found = self.ended(execution)
        worker.join(timeout=10)
        self.assertEqual(json.loads(found["output"]), {"seen": {"id": 7}}, found)
        events = self.events(execution)
        kinds = [event["type"] for event in events]
        self.assertEqual(kinds[2:5], ["ActivityScheduled", "ActivityStarted", "ActivitySucceeded"])
        scheduled = events[2]["activityScheduledEventDetails"]
        self.assertEqual((scheduled["resource"], scheduled["timeoutInSeconds"], scheduled["heartbeatInSeconds"]), (arn, 600, 300))
        self.assertEqual(events[3]["activityStartedEventDetails"], {"workerName": "night"})
        with self.refused(self.states, "TaskTimedOut", 400):
            self.states.send_task_success(taskToken=done["task"]["taskToken"], output="{}")

    def test_a_machine_may_be_the_worker_of_another_one(self):
        arn = self.states.create_activity(name="by-machine")["activityArn"]
        sdk = "arn:aws:states:::aws-sdk:sfn"
        take = {"Type": "Task", "Resource": f"{sdk}:getActivityTask", "Parameters": {"ActivityArn": arn, "WorkerName": "other"}}
        tell = {"TaskToken.$": "$.TaskToken", "Output": {"seen.$": "$.Input"}}
        give = {"Type": "Task", "Resource": f"{sdk}:sendTaskSuccess", "Parameters": tell, "End": True}
        worker = self.start(self.create("by-machine", machine({"Take": {**take, "Next": "Give"}, "Give": give})))
        found = self.ended(self.start(self.create("asks-machine", asks(arn)), {"id": 7}))
        self.assertEqual(json.loads(found["output"]), {"seen": '{"id":7}'}, found)
        self.assertEqual(self.ended(worker)["status"], "SUCCEEDED")

    def test_tasks_go_out_in_order_and_fail_as_the_worker_says(self):
        arn = self.states.create_activity(name="queue")["activityArn"]
        ask = {"Type": "Task", "Resource": arn, "Catch": [{"ErrorEquals": ["Broken"], "Next": "Told"}], "End": True}
        of = self.create("queued", machine({"Ask": ask, "Told": {"Type": "Pass", "End": True}}))
        executions = []
        for n in range(3):
            executions.append(self.start(of, {"n": n}))
            waits = lambda: "ActivityScheduled" in [event["type"] for event in self.events(executions[-1])]
            wait_until("the task to wait", waits)
        taken = [self.states.get_activity_task(activityArn=arn) for _ in range(3)]
        self.assertEqual([json.loads(task["input"])["n"] for task in taken], [0, 1, 2])
        self.states.send_task_failure(taskToken=taken[0]["taskToken"], error="Broken", cause="a bone")
        self.states.send_task_failure(taskToken=taken[1]["taskToken"], error="Other")
        self.states.send_task_success(taskToken=taken[2]["taskToken"], output="3")
        ends = [self.ended(execution) for execution in executions]
        self.assertEqual([end["status"] for end in ends], ["SUCCEEDED", "FAILED", "SUCCEEDED"])
        self.assertEqual(json.loads(ends[0]["output"]), {"Error": "Broken", "Cause": "a bone"})
        self.assertEqual((ends[1]["error"], ends[2]["output"]), ("Other", "3"))

    def test_limits_pass_and_what_is_not_there_is_told(self):
        arn = self.states.create_activity(name="slow")["activityArn"]
        execution = self.start(self.create("late", asks(arn, TimeoutSeconds=1)))
        found = self.ended(execution)
        self.assertEqual((found["status"], found["error"]), ("FAILED", "States.Timeout"))
        self.assertEqual([event["type"] for event in self.events(execution)][2:4], ["ActivityScheduled", "ActivityTimedOut"])
        self.assertEqual(self.states.delete_activity(activityArn=arn)["ResponseMetadata"]["HTTPStatusCode"], 200)
        found = self.ended(self.start(self.create("nobody", asks(f"{ACTIVITY}:none"))))
        self.assertEqual(found["error"], "States.Runtime")
        self.assertTrue(found["cause"].endswith(f"The activity {ACTIVITY}:none does not exist."), found["cause"])


RUNBOOK = """
schemaVersion: '0.3'
parameters: {Word: {type: String}}
mainSteps:
  - {name: wait, action: 'aws:sleep', inputs: {Duration: PT1S}}
  - {name: check, action: 'aws:assertAwsResourceProperty', inputs: {Service: sqs, Api: GetQueueUrl, QueueName: '{{ Word }}', PropertySelector: '$.QueueUrl', DesiredValues: ['%s']}}
"""


class Jobs(StatesTest):
    def sync(self, resource, parameters, **members):
        return machine({"Job": {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True, **members}})

    def test_a_machine_waits_for_another_machine_of_this_server(self):
        nap = {"Type": "Wait", "Seconds": 1, "Next": "Tell"}
        tell = {"Type": "Pass", "Parameters": {"told.$": "$.word"}, "End": True}
        child = self.create("child", machine({"Nap": nap, "Tell": tell}))
        asked = {"StateMachineArn": child, "Input": {"word.$": "$.word"}, "Name.$": "$$.Execution.Name"}
        for form, output in ((".sync", '{"told":"hello"}'), (".sync:2", {"told": "hello"})):
            with self.subTest(form):
                parent = self.create(f"parent{len(form)}", self.sync(f"states:startExecution{form}", asked))
                execution = self.start(parent, {"word": "hello"}, name=f"both{len(form)}")
                found = self.ended(execution)
                self.assertEqual(found["status"], "SUCCEEDED", found)
                job = json.loads(found["output"])
                self.assertEqual((job["Status"], job["Output"]), ("SUCCEEDED", output))
                self.assertEqual(job["ExecutionArn"], f"arn:aws:states:{REGION}:{ACCOUNT}:execution:child:both{len(form)}")
                kinds = [event["type"] for event in self.events(execution)]
                self.assertEqual(kinds[2:6], ["TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskSucceeded"])

    def test_a_child_that_fails_fails_its_parent_and_a_stopped_parent_stops_its_child(self):
        child = self.create("bad", machine({"F": {"Type": "Fail", "Error": "Bad", "Cause": "on purpose"}}))
        parent = self.create("of-bad", self.sync("states:startExecution.sync:2", {"StateMachineArn": child}))
        found = self.ended(self.start(parent))
        self.assertEqual(found["error"], "States.TaskFailed", found)
        self.assertEqual(json.loads(found["cause"])["Error"], "Bad")
        child = self.create("long", SLEEPER)
        parent = self.create("of-long", self.sync("states:startExecution.sync", {"StateMachineArn": child, "Name": "nap"}))
        execution = self.start(parent)
        napping = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:long:nap"
        wait_until("the child", lambda: self.states.list_executions(stateMachineArn=child)["executions"])
        submitted = lambda: "TaskSubmitted" in [event["type"] for event in self.events(execution)]
        wait_until("the answer", submitted)
        self.states.stop_execution(executionArn=execution)
        self.assertEqual(self.ended(napping)["status"], "ABORTED")

    def test_a_machine_waits_for_a_runbook_of_this_server(self):
        url = self.sqs.create_queue(QueueName="checked")["QueueUrl"]
        self.quell.client("ssm").create_document(
            Name="Check", Content=RUNBOOK % url, DocumentType="Automation", DocumentFormat="YAML"
        )
        asked = {"DocumentName": "Check", "Parameters": {"Word": ["checked"]}}
        parent = self.create("runs", self.sync("ssm:startAutomationExecution.sync", asked))
        found = self.ended(self.start(parent))
        self.assertEqual(found["status"], "SUCCEEDED", found)
        self.assertEqual(json.loads(found["output"])["AutomationExecutionStatus"], "Success")

    def test_a_runbook_starts_a_machine_of_this_server_and_so_does_a_rule(self):
        arn = self.create("called", machine({"Tell": {"Type": "Pass", "Parameters": {"from.$": "$.from"}, "End": True}}))
        ssm = self.quell.client("ssm")
        content = json.dumps({
            "schemaVersion": "0.3",
            "mainSteps": [{
                "name": "call", "action": "aws:executeStateMachine",
                "inputs": {"stateMachineArn": arn, "input": '{"from": "runbook"}', "name": "by-runbook"},
            }],
        })
        ssm.create_document(Name="Calls", Content=content, DocumentType="Automation", DocumentFormat="JSON")
        run = ssm.start_automation_execution(DocumentName="Calls")["AutomationExecutionId"]
        status = lambda: ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]["AutomationExecutionStatus"]
        wait_until("the run", lambda: status() not in ("Pending", "InProgress"))
        self.assertEqual(status(), "Success")
        execution = f"arn:aws:states:{REGION}:{ACCOUNT}:execution:called:by-runbook"
        self.assertEqual(self.ended(execution)["output"], '{"from":"runbook"}')
        events = self.quell.client("events")
        events.put_rule(Name="calls", EventPattern='{"source": ["my.app"]}')
        target = {"Id": "machine", "Arn": arn, "RoleArn": ROLE, "Input": '{"from": "rule"}'}
        events.put_targets(Rule="calls", Targets=[target])
        events.put_events(Entries=[{"Source": "my.app", "DetailType": "t", "Detail": "{}"}])
        listed = lambda: self.states.list_executions(stateMachineArn=arn)["executions"]
        wait_until("the rule's execution", lambda: len(listed()) == 2)
        newest = listed()[0]["executionArn"]
        self.assertEqual(self.ended(newest)["output"], '{"from":"rule"}')


class Kill(QuellTest):
    """Tasks that wait survive kill -9."""

    @classmethod
    def setUpClass(cls):
        """The test makes its own server."""

    @classmethod
    def tearDownClass(cls):
        """It ends its own server."""

    def test_tasks_of_workers_and_jobs_outlive_the_server(self):
        folder = tempfile.mkdtemp()
        moto = Moto(folder)
        self.addCleanup(moto.close)
        quell = Quell(folder, "", moto.url)
        self.addCleanup(quell.close)
        states = quell.client("stepfunctions")
        activity = states.create_activity(name="kept")["activityArn"]
        make = lambda name, definition: states.create_state_machine(name=name, definition=definition, roleArn=ROLE)
        child = make("child", asks(activity))["stateMachineArn"]
        job = {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "End": True}
        parent = make("parent", machine({"Job": {**job, "Parameters": {"StateMachineArn": child, "Name": "kept"}}}))
        execution = states.start_execution(stateMachineArn=parent["stateMachineArn"], name="kept")["executionArn"]
        kinds = lambda arn: [it["type"] for it in states.get_execution_history(executionArn=arn)["events"]]
        of_child = execution.replace(":parent:", ":child:")
        wait_until("the child", lambda: states.list_executions(stateMachineArn=child)["executions"])
        wait_until("the task to wait", lambda: "ActivityScheduled" in kinds(of_child))
        quell.restart()
        states = quell.client("stepfunctions", read_timeout=70)
        task = states.get_activity_task(activityArn=activity, workerName="after")
        quell.restart()
        states = quell.client("stepfunctions")
        states.send_task_success(taskToken=task["taskToken"], output='{"kept": true}')
        found = lambda: states.describe_execution(executionArn=execution)
        wait_until("the parent's end", lambda: found()["status"] != "RUNNING")
        self.assertEqual(json.loads(found()["output"])["Output"], {"kept": True}, found())
        for word in ("ActivityScheduled", "ActivityStarted", "ActivitySucceeded"):
            self.assertEqual(kinds(of_child).count(word), 1, kinds(of_child))
