"""The logs of executions: in a log group of this server, and in CloudWatch Logs that moto plays."""

import json
import unittest
import uuid

import botocore.exceptions
from quelltest import ACCOUNT, REGION, wait_until
from states_world import StatesTest, machine

GROUPS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
PASS = machine({"Only": {"Type": "Pass", "Result": {"found": 1}, "End": True}})
FAIL = machine({"Only": {"Type": "Fail", "Error": "Broken", "Cause": "on purpose"}})


def logging(level, group, data=True):
    destination = {"cloudWatchLogsLogGroup": {"logGroupArn": f"{GROUPS}{group}:*"}}
    return {"level": level, "includeExecutionData": data, "destinations": [destination]}


class Logs(StatesTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.logs = cls.moto.client("logs")

    def setUp(self):
        self.token = uuid.uuid4().hex[:8]

    def made(self, definition, level, group, data=True, **members):
        name = f"m-{uuid.uuid4().hex[:8]}"
        return self.create(name, definition, loggingConfiguration=logging(level, group, data), **members)

    def kept(self):
        """The lines of this test's group of the server."""
        path = self.quell.data / "logs" / REGION / f"{self.token}.log"
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(json.loads(line)["message"]) for line in lines]

    def own(self, count):
        wait_until("the lines", lambda: len(self.kept()) >= count)
        return self.kept()

    def streams(self, group):
        return self.logs.describe_log_streams(logGroupName=group)["logStreams"]

    def sent(self, group, count):
        """What CloudWatch Logs got, by stream."""

        def look():
            found = {
                stream["logStreamName"]: [
                    json.loads(event["message"])
                    for event in self.logs.get_log_events(
                        logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
                    )["events"]
                ]
                for stream in self.streams(group)
            }
            return found if sum(map(len, found.values())) >= count else None

        return wait_until("the events", look)

    def test_a_group_of_this_server_gets_what_the_level_says(self):
        group = f"/aws/events/{self.token}"
        execution = self.start(self.made(PASS, "ALL", group), {"a": 1})
        lines = self.own(4)
        kinds = ["ExecutionStarted", "PassStateEntered", "PassStateExited", "ExecutionSucceeded"]
        self.assertEqual([line["type"] for line in lines], kinds)
        self.assertEqual([line["execution_arn"] for line in lines], [execution] * 4)
        events = self.events(execution)
        self.assertEqual([line["id"] for line in lines], [str(event["id"]) for event in events])
        self.assertEqual(lines[0]["details"]["input"], '{"a": 1}')
        self.assertEqual(lines[3]["details"], {"output": '{"found":1}', "outputDetails": {"truncated": False}})
        self.assertEqual((lines[2]["previous_event_id"], lines[2]["redrive_count"]), ("2", "0"))
        self.assertRegex(lines[0]["event_timestamp"], r"^\d{13}$")
        for level, data, wanted in (
            ("ERROR", False, ["FailStateEntered", "ExecutionFailed"]),
            ("FATAL", True, ["ExecutionFailed"]),
        ):
            before = len(self.kept())
            failed = self.start(self.made(FAIL, level, group, data))
            found = self.own(before + len(wanted))[before:]
            self.assertEqual([line["type"] for line in found], wanted)
            self.assertEqual({line["execution_arn"] for line in found}, {failed})
            self.assertEqual(found[-1]["details"], {"error": "Broken", "cause": "on purpose"})
        # Without data, what an execution was given and gave stays in its history.
        before = len(self.kept())
        self.ended(self.start(self.made(PASS, "OFF", group)))
        self.ended(self.start(self.made(PASS, "ERROR", group)))
        self.start(self.made(PASS, "ALL", group, False), {"secret": 1})
        found = self.own(before + 4)[before:]
        self.assertEqual([line["type"] for line in found], kinds)
        self.assertNotIn("secret", json.dumps(found))
        self.assertEqual(found[1]["details"], {"name": "Only"})

    def test_cloudwatch_logs_gets_them_in_a_stream_of_the_execution(self):
        group = f"/aws/vendedlogs/states/{self.token}"
        self.logs.create_log_group(logGroupName=group)
        arn = self.made(PASS, "ALL", group)
        executions = [self.start(arn, {"number": number}) for number in range(2)]
        found = self.sent(group, 8)
        self.assertEqual(len(found), 2)
        name = arn.rpartition(":")[2]
        for stream, lines in found.items():
            self.assertRegex(stream, rf"^states/{name}/\d{{4}}-\d\d-\d\d/[0-9a-f-]{{36}}$")
            self.assertEqual([line["id"] for line in lines], ["1", "2", "3", "4"])
            self.assertEqual(len({line["execution_arn"] for line in lines}), 1)
        told = {lines[0]["execution_arn"] for lines in found.values()}
        self.assertEqual(told, set(executions))

    def test_express_executions_are_seen_in_their_log(self):
        arn = self.made(PASS, "ALL", f"/aws/events/{self.token}", type="EXPRESS")
        execution = self.start(arn, {"a": 1})
        lines = self.own(4)
        self.assertEqual(lines[-1]["type"], "ExecutionSucceeded")
        self.assertEqual({line["execution_arn"] for line in lines}, {execution})
        self.assertIn(":express:", execution)
        done = self.states.start_sync_execution(stateMachineArn=arn, input="{}")
        self.assertEqual({line["execution_arn"] for line in self.own(8)[4:]}, {done["executionArn"]})

    def test_a_group_that_is_gone_holds_up_nothing(self):
        ended = self.ended(self.start(self.made(PASS, "ALL", f"/aws/vendedlogs/states/none-{self.token}")))
        self.assertEqual(ended["status"], "SUCCEEDED")

    def test_configurations_are_shown_and_checked(self):
        group = f"/aws/events/{self.token}"
        arn = self.made(PASS, "ERROR", group, False)
        shown = self.states.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"]
        self.assertEqual(shown, logging("ERROR", group, False))
        execution = self.start(arn)
        shown = self.states.describe_state_machine_for_execution(executionArn=execution)["loggingConfiguration"]
        self.assertEqual(shown, logging("ERROR", group, False))
        self.states.update_state_machine(stateMachineArn=arn, loggingConfiguration={})
        shown = self.states.describe_state_machine(stateMachineArn=arn)["loggingConfiguration"]
        self.assertEqual(shown, {"level": "OFF", "includeExecutionData": False})
        both = logging("ALL", group)["destinations"] * 2
        elsewhere = [{"cloudWatchLogsLogGroup": {"logGroupArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:x"}}]
        outside = [{"cloudWatchLogsLogGroup": {"logGroupArn": f"{GROUPS}/aws/events/../x:*"}}]
        for given, says in (
            ({"level": "ALL"}, "Must specify exactly one Log Destination."),
            ({"level": "ALL", "destinations": []}, "Must specify exactly one Log Destination."),
            ({"level": "ALL", "destinations": both}, "Must specify exactly one Log Destination."),
            ({"level": "ALL", "destinations": elsewhere}, "is not the ARN of a log group"),
            ({"level": "ALL", "destinations": outside}, "is no log group that this server keeps"),
        ):
            with self.subTest(given), self.assertRaises(botocore.exceptions.ClientError) as caught:
                self.states.update_state_machine(stateMachineArn=arn, loggingConfiguration=given)
            error = caught.exception.response["Error"]
            self.assertEqual(error["Code"], "InvalidLoggingConfiguration")
            self.assertTrue(error["Message"].startswith("Invalid Logging Configuration: "), error)
            self.assertIn(says, error["Message"])


if __name__ == "__main__":
    unittest.main()
