"""Every operation of Step Functions by the AWS CLI, as it is."""

import json

from quelltest import ACCOUNT, REGION, wait_until
from states_world import ROLE, SLEEPER, StatesTest, machine

ACTIVITY = f"arn:aws:states:{REGION}:{ACCOUNT}:activity:by-hand"
DONE = machine({"Done": {"Type": "Pass", "Result": "done", "End": True}})


class CommandLine(StatesTest):
    def setUp(self):
        self.called = set()

    def aws(self, command, **options):
        """What `aws stepfunctions COMMAND` answers; `member_name=value` is `--member-name value`."""
        self.called.add(command)
        given = []
        for name, value in options.items():
            given.append("--" + name.replace("_", "-"))
            given += value if isinstance(value, list) else [str(value)]
        return self.quell.aws("stepfunctions", command, *given)

    def test_every_operation(self):
        self.machines()
        self.versions()
        self.executions()
        self.map_runs()
        operations = self.states.meta.service_model.operation_names
        commands = {"".join(f"-{c.lower()}" if c.isupper() else c for c in name)[1:] for name in operations}
        self.assertEqual(self.called, commands)

    def machines(self):
        self.assertEqual(self.aws("validate-state-machine-definition", definition=DONE)["result"], "OK")
        state = json.dumps({"Type": "Pass", "Result": "x", "End": True})
        self.assertEqual(self.aws("test-state", definition=state)["output"], '"x"')
        arn = self.aws("create-state-machine", name="cli", definition=DONE, role_arn=ROLE)["stateMachineArn"]
        listed = self.aws("list-state-machines", max_items=1, page_size=1)["stateMachines"]
        self.assertEqual([it["stateMachineArn"] for it in listed], [arn])
        self.aws("tag-resource", resource_arn=arn, tags=["key=team,value=ir", "key=stage,value=test"])
        self.aws("untag-resource", resource_arn=arn, tag_keys=["stage"])
        tags = self.aws("list-tags-for-resource", resource_arn=arn)["tags"]
        self.assertEqual(tags, [{"key": "team", "value": "ir"}])
        changed = self.aws("update-state-machine", state_machine_arn=arn, definition=json.dumps(SLEEPER))
        described = self.aws("describe-state-machine", state_machine_arn=arn)
        self.assertEqual(described["revisionId"], changed["revisionId"])
        self.assertEqual(json.loads(described["definition"]), SLEEPER)
        self.aws("delete-state-machine", state_machine_arn=arn)
        refused = self.quell.aws_run("stepfunctions", "describe-state-machine", "--state-machine-arn", arn)
        self.assertIn("(StateMachineDoesNotExist)", refused.stderr)

    def versions(self):
        made = self.aws("create-state-machine", name="quick", definition=DONE, role_arn=ROLE, type="EXPRESS")
        arn = made["stateMachineArn"]
        self.assertEqual(self.aws("start-sync-execution", state_machine_arn=arn)["output"], '"done"')
        version = self.aws("publish-state-machine-version", state_machine_arn=arn)["stateMachineVersionArn"]
        listed = self.aws("list-state-machine-versions", state_machine_arn=arn)["stateMachineVersions"]
        self.assertEqual([it["stateMachineVersionArn"] for it in listed], [version])
        routes = f"stateMachineVersionArn={version},weight=100"
        alias = self.aws("create-state-machine-alias", name="prod", routing_configuration=routes)["stateMachineAliasArn"]
        self.aws("update-state-machine-alias", state_machine_alias_arn=alias, description="what is called")
        described = self.aws("describe-state-machine-alias", state_machine_alias_arn=alias)
        self.assertEqual(described["description"], "what is called")
        listed = self.aws("list-state-machine-aliases", state_machine_arn=arn)["stateMachineAliases"]
        self.assertEqual([it["stateMachineAliasArn"] for it in listed], [alias])
        self.aws("delete-state-machine-alias", state_machine_alias_arn=alias)
        self.aws("delete-state-machine-version", state_machine_version_arn=version)
        self.assertEqual(self.aws("list-state-machine-versions", state_machine_arn=arn)["stateMachineVersions"], [])

    def executions(self):
        """An execution whose worker fails first, and does its task when the execution is redriven."""
        self.assertEqual(self.aws("create-activity", name="by-hand")["activityArn"], ACTIVITY)
        self.assertEqual(self.aws("describe-activity", activity_arn=ACTIVITY)["name"], "by-hand")
        listed = self.aws("list-activities")["activities"]
        self.assertEqual([it["activityArn"] for it in listed], [ACTIVITY])
        work = machine({"Work": {"Type": "Task", "Resource": ACTIVITY, "HeartbeatSeconds": 600, "End": True}})
        arn = self.create("works", work)
        execution = self.aws("start-execution", state_machine_arn=arn, name="one", input='{"n": 1}')["executionArn"]
        task = self.aws("get-activity-task", activity_arn=ACTIVITY, worker_name="hand")
        self.assertEqual(json.loads(task["input"]), {"n": 1})
        self.aws("send-task-heartbeat", task_token=task["taskToken"])
        self.aws("send-task-failure", task_token=task["taskToken"], error="Tired", cause="late")
        self.ended(execution)
        described = self.aws("describe-execution", execution_arn=execution)
        self.assertEqual((described["status"], described["error"]), ("FAILED", "Tired"))
        self.aws("redrive-execution", execution_arn=execution)
        task = self.aws("get-activity-task", activity_arn=ACTIVITY, worker_name="hand")
        self.aws("send-task-success", task_token=task["taskToken"], task_output='{"n": 2}')
        self.assertEqual(json.loads(self.ended(execution)["output"]), {"n": 2})
        whole = self.aws("get-execution-history", execution_arn=execution, page_size=3)["events"]
        self.assertEqual([event["id"] for event in whole], list(range(1, len(whole) + 1)))
        self.assertEqual(whole[-1]["type"], "ExecutionSucceeded")
        newest = self.aws("get-execution-history", execution_arn=execution, max_items=2, reverse_order=[])["events"]
        self.assertEqual(newest, whole[:-3:-1])
        ran = self.aws("describe-state-machine-for-execution", execution_arn=execution)
        self.assertEqual(ran["definition"], work)
        other = self.aws("start-execution", state_machine_arn=arn, name="two")["executionArn"]
        self.aws("stop-execution", execution_arn=other, error="Over", cause="by hand")
        listed = self.aws("list-executions", state_machine_arn=arn, status_filter="ABORTED")["executions"]
        self.assertEqual([it["executionArn"] for it in listed], [other])
        self.aws("delete-activity", activity_arn=ACTIVITY)
        self.assertEqual(self.aws("list-activities")["activities"], [])

    def map_runs(self):
        processor = {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, **SLEEPER}
        each = {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": processor, "End": True}
        execution = self.start(self.create("spread", machine({"Each": each})), [1, 2, 3])
        (run,) = wait_until("the map run", lambda: self.aws("list-map-runs", execution_arn=execution)["mapRuns"])
        arn = run["mapRunArn"]
        self.aws("update-map-run", map_run_arn=arn, max_concurrency=2)
        counts = lambda: self.aws("describe-map-run", map_run_arn=arn)["executionCounts"]
        wait_until("two to live", lambda: counts()["running"] == 2)
        self.states.stop_execution(executionArn=execution)
