"""Scheduled rules with the AWS CLI and boto3. That they fire when they say is tried in the engine, by a clock that moves."""

from quelltest import QuellTest


class Schedules(QuellTest):
    def test_rules_with_schedules(self):
        cli = self.quell.aws
        put = cli("events", "put-rule", "--name", "nightly", "--schedule-expression", "cron(30 2 * * ? *)")
        self.assertTrue(put["RuleArn"].endswith(":rule/nightly"))
        events = self.quell.client("events")
        events.put_rule(Name="both", ScheduleExpression="rate(5 minutes)", EventPattern='{"source":["x"]}', State="DISABLED")
        shown = events.describe_rule(Name="both")
        self.assertEqual(
            (shown["ScheduleExpression"], shown["EventPattern"], shown["State"]),
            ("rate(5 minutes)", '{"source":["x"]}', "DISABLED"),
        )
        found = {rule["Name"]: rule.get("ScheduleExpression") for rule in events.list_rules()["Rules"]}
        self.assertEqual(found, {"nightly": "cron(30 2 * * ? *)", "both": "rate(5 minutes)"})
        events.create_event_bus(Name="own")
        for expression, bus, message in [
            ("rate(1 minutes)", "default", "Parameter ScheduleExpression is not valid."),
            ("cron(0 1 * * * *)", "default", "Parameter ScheduleExpression is not valid."),
            ("rate(5 minutes)", "own", "ScheduleExpression is supported only on the default event bus."),
        ]:
            with self.assertRaises(events.exceptions.ClientError) as caught:
                events.put_rule(Name="bad", ScheduleExpression=expression, EventBusName=bus)
            self.assertEqual(caught.exception.response["Error"]["Message"], message)
            self.assertEqual(caught.exception.response["Error"]["Code"], "ValidationException")

    def test_a_schedule_survives_a_kill(self):
        events = self.quell.client("events")
        events.put_rule(Name="kept", ScheduleExpression="rate(1 day)")
        self.quell.kill()
        self.quell.start()
        events = self.quell.client("events")
        self.assertEqual(events.describe_rule(Name="kept")["ScheduleExpression"], "rate(1 day)")
        events.delete_rule(Name="kept")
