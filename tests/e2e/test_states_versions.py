"""Versions and aliases of state machines, and machines of type EXPRESS, with boto3 and the AWS CLI."""

import json

from quelltest import ACCOUNT, REGION
from states_world import MACHINE, ROLE, SLEEPER, StatesTest, machine


def tells(word):
    """A machine that tells one word."""
    return machine({"Tell": {"Type": "Pass", "Result": word, "End": True}})


class Versions(StatesTest):
    def test_versions_are_published_started_listed_and_deleted(self):
        made = self.states.create_state_machine(
            name="told", definition=tells("one"), roleArn=ROLE, publish=True, versionDescription="first"
        )
        arn = made["stateMachineArn"]
        self.assertEqual(made["stateMachineVersionArn"], f"{MACHINE}:told:1")
        again = self.states.publish_state_machine_version(stateMachineArn=arn)
        self.assertEqual(again["stateMachineVersionArn"], f"{arn}:1", "nothing has changed")
        changed = self.states.update_state_machine(stateMachineArn=arn, definition=tells("two"))
        with self.refused(self.states, "ConflictException", 400, saying="revision INITIAL"):
            self.states.publish_state_machine_version(stateMachineArn=arn, revisionId="INITIAL")
        second = self.states.publish_state_machine_version(
            stateMachineArn=arn, revisionId=changed["revisionId"], description="second"
        )
        self.assertEqual(second["stateMachineVersionArn"], f"{arn}:2")
        third = self.states.update_state_machine(stateMachineArn=arn, definition=tells("three"), publish=True)
        self.assertEqual(third["stateMachineVersionArn"], f"{arn}:3")
        described = self.states.describe_state_machine(stateMachineArn=f"{arn}:2")
        self.assertEqual(described["description"], "second")
        self.assertEqual(described["definition"], tells("two"))
        self.assertEqual((described["name"], described["stateMachineArn"]), ("told", f"{arn}:2"))
        self.assertEqual(described["revisionId"], changed["revisionId"])
        execution = self.start(f"{arn}:1", name="by-version")
        self.assertEqual(execution, f"arn:aws:states:{REGION}:{ACCOUNT}:execution:told:by-version")
        found = self.ended(execution)
        self.assertEqual((found["output"], found["stateMachineArn"]), ('"one"', arn))
        self.assertEqual(found["stateMachineVersionArn"], f"{arn}:1")
        begun = self.events(execution)[0]["executionStartedEventDetails"]
        self.assertEqual(begun["stateMachineVersionArn"], f"{arn}:1")
        of_execution = self.states.describe_state_machine_for_execution(executionArn=execution)
        self.assertEqual(of_execution["definition"], tells("one"))
        self.ended(self.start(arn, name="as-it-is"))
        listed = lambda of: [it["name"] for it in self.states.list_executions(stateMachineArn=of)["executions"]]
        self.assertEqual(listed(f"{arn}:1"), ["by-version"])
        self.assertEqual(listed(arn), ["as-it-is", "by-version"])
        page = self.states.list_state_machine_versions(stateMachineArn=arn, maxResults=2)
        rest = self.states.list_state_machine_versions(stateMachineArn=arn, nextToken=page["nextToken"])
        versions = [it["stateMachineVersionArn"] for it in page["stateMachineVersions"] + rest["stateMachineVersions"]]
        self.assertEqual(versions, [f"{arn}:3", f"{arn}:2", f"{arn}:1"])
        self.assertNotIn("nextToken", rest)
        for _ in range(2):
            self.states.delete_state_machine_version(stateMachineVersionArn=f"{arn}:2")
        with self.refused(self.states, "StateMachineDoesNotExist", 400, saying=f"'{arn}:2'"):
            self.start(f"{arn}:2")
        with self.refused(self.states, "StateMachineDoesNotExist", 400, saying=f"'{arn}:3'"):
            self.states.update_state_machine(stateMachineArn=f"{arn}:3", definition=tells("four"))
        with self.refused(self.states, "ValidationException", 400, saying="only be set when publish is true"):
            self.states.update_state_machine(stateMachineArn=arn, definition=tells("x"), versionDescription="x")
        self.states.delete_state_machine(stateMachineArn=arn)
        with self.refused(self.states, "StateMachineDoesNotExist", 400):
            self.states.describe_state_machine(stateMachineArn=f"{arn}:1")
        self.assertEqual(self.states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"], [])

    def test_aliases_route_executions_by_weight(self):
        arn = self.create("split", tells("old"), publish=True)
        self.states.update_state_machine(stateMachineArn=arn, definition=tells("new"), publish=True)
        route = lambda *shares: [
            {"stateMachineVersionArn": f"{arn}:{version}", "weight": weight} for version, weight in shares
        ]
        made = self.states.create_state_machine_alias(
            name="live", description="what runs", routingConfiguration=route((1, 100))
        )
        alias = made["stateMachineAliasArn"]
        self.assertEqual(alias, f"{arn}:live")
        again = self.states.create_state_machine_alias(
            name="live", description="what runs", routingConfiguration=route((1, 100))
        )
        self.assertEqual(again["creationDate"], made["creationDate"])
        with self.refused(self.states, "ConflictException", 400, saying="a different routing configuration"):
            self.states.create_state_machine_alias(name="live", routingConfiguration=route((2, 100)))
        execution = self.start(alias, name="by-alias")
        found = self.ended(execution)
        self.assertEqual(found["output"], '"old"')
        self.assertEqual((found["stateMachineAliasArn"], found["stateMachineVersionArn"]), (alias, f"{arn}:1"))
        self.states.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=route((1, 40), (2, 60)))
        described = self.states.describe_state_machine_alias(stateMachineAliasArn=alias)
        self.assertEqual(described["routingConfiguration"], route((1, 40), (2, 60)))
        self.assertEqual((described["name"], described["description"]), ("live", "what runs"))
        outputs = {self.ended(self.start(alias))["output"] for _ in range(40)}
        self.assertEqual(outputs, {'"old"', '"new"'}, "40 executions, and all went to one version")
        told = self.states.list_executions(stateMachineArn=alias, maxResults=50)["executions"]
        self.assertEqual(len(told), 41)
        with self.refused(self.states, "ConflictException", 400, saying="referencing this version: [live]"):
            self.states.delete_state_machine_version(stateMachineVersionArn=f"{arn}:2")
        self.states.create_state_machine_alias(name="next", routingConfiguration=route((2, 100)))
        aliases = lambda of, **page: [
            it["stateMachineAliasArn"]
            for it in self.states.list_state_machine_aliases(stateMachineArn=of, **page)["stateMachineAliases"]
        ]
        self.assertEqual(aliases(arn), [alias, f"{arn}:next"])
        self.assertEqual(aliases(f"{arn}:1"), [alias])
        page = self.states.list_state_machine_aliases(stateMachineArn=arn, maxResults=1)
        self.assertEqual(aliases(arn, nextToken=page["nextToken"]), [f"{arn}:next"])
        self.states.delete_state_machine_alias(stateMachineAliasArn=alias)
        for call in (self.states.delete_state_machine_alias, self.states.describe_state_machine_alias):
            with self.refused(self.states, "ResourceNotFound", 400):
                call(stateMachineAliasArn=alias)

    def test_bad_routing_is_refused_with_its_reason(self):
        arn = self.create("routes", SLEEPER, publish=True)
        one = {"stateMachineVersionArn": f"{arn}:1", "weight": 100}
        for routes, saying in (
            ([{**one, "stateMachineVersionArn": arn}], f"must contain state machine version ARNs. Received: [{arn}]"),
            ([{**one, "weight": 70}], "weights must equal 100. Received: [70]"),
            ([{**one, "weight": 50}, {**one, "weight": 50}], "must contain distinct state machine version ARNs"),
            ([{**one, "weight": 101}], "Value '101' at 'routingConfiguration.1.member.weight'"),
        ):
            with self.subTest(saying), self.refused(self.states, "ValidationException", 400, saying=saying):
                self.states.create_state_machine_alias(name="bad", routingConfiguration=routes)
        for name in ("123", "two words", "a@b"):
            with self.refused(self.states, "ValidationException", 400, saying=f"Value '{name}' at 'name'"):
                self.states.create_state_machine_alias(name=name, routingConfiguration=[one])
        with self.refused(self.states, "ResourceNotFound", 400):
            missing = {**one, "stateMachineVersionArn": f"{arn}:9"}
            self.states.create_state_machine_alias(name="bad", routingConfiguration=[missing])

    def test_the_command_line_publishes_and_names(self):
        arn = self.create("cli", SLEEPER)
        made = self.quell.aws("stepfunctions", "publish-state-machine-version", "--state-machine-arn", arn)
        self.assertEqual(made["stateMachineVersionArn"], f"{arn}:1")
        routing = json.dumps([{"stateMachineVersionArn": f"{arn}:1", "weight": 100}])
        named = self.quell.aws(
            "stepfunctions", "create-state-machine-alias", "--name", "x", "--routing-configuration", routing
        )
        self.assertEqual(named["stateMachineAliasArn"], f"{arn}:x")


class Express(StatesTest):
    def test_an_express_machine_answers_with_its_result(self):
        arn = self.create("fast", tells("done"), type="EXPRESS")
        described = self.states.describe_state_machine(stateMachineArn=arn)
        self.assertEqual((described["type"], described["status"]), ("EXPRESS", "ACTIVE"))
        answer = self.states.start_sync_execution(stateMachineArn=arn, input='{"a": 1}', name="once")
        self.assertEqual((answer["status"], answer["output"], answer["input"]), ("SUCCEEDED", '"done"', '{"a": 1}'))
        prefix = f"arn:aws:states:{REGION}:{ACCOUNT}:express:fast:once:"
        self.assertTrue(answer["executionArn"].startswith(prefix), answer["executionArn"])
        self.assertEqual(answer["billingDetails"]["billedMemoryUsedInMB"], 64)
        self.assertEqual(answer["billingDetails"]["billedDurationInMilliseconds"] % 100, 0)
        again = self.states.start_sync_execution(stateMachineArn=arn, name="once", includedData="METADATA_ONLY")
        self.assertNotEqual(again["executionArn"], answer["executionArn"])
        self.assertNotIn("output", again)
        self.assertEqual(again["outputDetails"], {"included": False})
        started = self.states.start_execution(stateMachineArn=arn, name="later")
        self.assertIn(":express:fast:later:", started["executionArn"])
        not_here = "Resource type not valid in this context: express"
        for call in (
            self.states.describe_execution,
            self.states.get_execution_history,
            self.states.stop_execution,
            self.states.describe_state_machine_for_execution,
        ):
            with self.refused(self.states, "InvalidArn", 400, saying=not_here):
                call(executionArn=started["executionArn"])
        with self.refused(self.states, "StateMachineTypeNotSupported", 400, saying="not supported by this type"):
            self.states.list_executions(stateMachineArn=arn)
        types = {it["name"]: it["type"] for it in self.states.list_state_machines()["stateMachines"]}
        self.assertEqual(types["fast"], "EXPRESS")
        with self.refused(self.states, "StateMachineAlreadyExists", 400):
            self.create("fast", tells("done"))

    def test_the_command_line_waits_for_the_result(self):
        arn = self.create("awaited", tells("done"), type="EXPRESS")
        answer = self.quell.aws("stepfunctions", "start-sync-execution", "--state-machine-arn", arn)
        self.assertEqual(answer["output"], '"done"')

    def test_failures_and_time_limits_are_told_in_the_answer(self):
        arn = self.create("fails", machine({"F": {"Type": "Fail", "Error": "Bad", "Cause": "on purpose"}}), type="EXPRESS")
        answer = self.states.start_sync_execution(stateMachineArn=arn)
        self.assertEqual((answer["status"], answer["error"], answer["cause"]), ("FAILED", "Bad", "on purpose"))
        arn = self.create("slow", {**SLEEPER, "TimeoutSeconds": 1}, type="EXPRESS")
        answer = self.states.start_sync_execution(stateMachineArn=arn)
        self.assertEqual((answer["status"], answer["error"]), ("TIMED_OUT", "States.Timeout"))
        standard = self.create("standard", tells("x"))
        with self.refused(self.states, "StateMachineTypeNotSupported", 400):
            self.states.start_sync_execution(stateMachineArn=standard)

    def test_tasks_run_and_what_lasts_is_refused(self):
        self.sqs.create_queue(QueueName="express")
        look = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl", "End": True}
        arn = self.create("looks", machine({"Look": {**look, "Parameters": {"QueueName": "express"}}}), type="EXPRESS")
        answer = self.states.start_sync_execution(stateMachineArn=arn)
        self.assertIn("/express", json.loads(answer["output"])["QueueUrl"], answer)
        for resource, saying in (
            ("arn:aws:states:::sqs:sendMessage.waitForTaskToken", "does not support '.waitForTaskToken'"),
            ("arn:aws:states:::states:startExecution.sync", "does not support '.sync'"),
            (f"arn:aws:states:{REGION}:{ACCOUNT}:activity:a", "does not support Activity ARN"),
        ):
            definition = machine({"Look": {**look, "Resource": resource}})
            with self.subTest(resource), self.refused(self.states, "InvalidDefinition", 400, saying=saying):
                self.create("lasts", definition, type="EXPRESS")

    def test_versions_of_express_machines_are_started_through_aliases(self):
        arn = self.create("tracked", tells("one"), type="EXPRESS", publish=True)
        route = [{"stateMachineVersionArn": f"{arn}:1", "weight": 100}]
        alias = self.states.create_state_machine_alias(name="live", routingConfiguration=route)["stateMachineAliasArn"]
        self.states.update_state_machine(stateMachineArn=arn, definition=tells("two"))
        answer = lambda of: self.states.start_sync_execution(stateMachineArn=of)["output"]
        self.assertEqual([answer(alias), answer(f"{arn}:1"), answer(arn)], ['"one"', '"one"', '"two"'])
        with self.refused(self.states, "StateMachineDoesNotExist", 400):
            answer(f"{arn}:none")
