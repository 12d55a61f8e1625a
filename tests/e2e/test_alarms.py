"""A CloudWatch alarm by its three ways (EventBridge, SNS, a direct action): one rule, and the same incident of each."""

import http.client
import json
import unittest
import urllib.parse
import uuid

from quelltest import ACCOUNT, REGION, QuellTest, plan_of, wait_until

SECRET = "a-sender's-random-key-0123456789"
PLAN = f"arn:aws:ssm-incidents::{ACCOUNT}:response-plan/alarms"
MOMENT = "2026-03-01T03:00:00.500+0000"


def arn(name):
    return f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"


def direct(name, value="ALARM"):
    """What CloudWatch gives a function that is an alarm's action."""
    metric = {"namespace": "AWS/EC2", "name": "CPUUtilization", "dimensions": {"InstanceId": "i-0abc"}}
    stat = {"metric": metric, "period": 60, "stat": "Average"}
    return {
        "source": "aws.cloudwatch",
        "alarmArn": arn(name),
        "accountId": ACCOUNT,
        "time": "2026-03-01T03:00:01.000+0000",
        "region": REGION,
        "alarmData": {
            "alarmName": name,
            "state": {"value": value, "reason": "Threshold Crossed", "timestamp": MOMENT},
            "previousState": {"value": "OK"},
            "configuration": {"metrics": [{"id": "m1", "metricStat": stat, "returnData": True}]},
        },
    }


def event(name):
    """What EventBridge sends."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": ACCOUNT,
        "time": "2026-03-01T03:00:01Z",
        "region": REGION,
        "resources": [arn(name)],
        "detail": direct(name)["alarmData"],
    }


def notification(name):
    """What a topic sends."""
    alarm = {
        "AlarmName": name,
        "AWSAccountId": ACCOUNT,
        "NewStateValue": "ALARM",
        "NewStateReason": "Threshold Crossed",
        "StateChangeTime": MOMENT,
        "AlarmArn": arn(name),
        "OldStateValue": "OK",
        "Trigger": {
            "MetricName": "CPUUtilization",
            "Namespace": "AWS/EC2",
            "Statistic": "AVERAGE",
            "Dimensions": [{"name": "InstanceId", "value": "i-0abc"}],
            "Period": 60,
            "Threshold": 80.0,
        },
    }
    return {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alarms",
        "Message": json.dumps(alarm),
        "Timestamp": "2026-03-01T03:00:01.000Z",
    }


class Alarms(QuellTest):
    with_moto = False
    extra_config = f"""
[[intake.sources]]
name = "alarms"
type = "http"
ingest = true
credentials = [{{ kind = "bearer", secret = "{SECRET}" }}]
"""

    def post(self, body):
        where = urllib.parse.urlsplit(self.quell.url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
        try:
            headers = {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}
            connection.request("POST", "/intake/alarms", body=json.dumps(body), headers=headers)
            answer = connection.getresponse()
            text = answer.read()
            self.assertEqual(answer.status, 200, text)
            return json.loads(text)
        finally:
            connection.close()

    def incident(self, incidents, name):
        records = incidents.get_paginator("list_incident_records").paginate().search("incidentRecordSummaries")
        return next((record["arn"] for record in records if record["title"] == name), None)

    def related(self, incidents, incident):
        items = incidents.list_related_items(incidentRecordArn=incident)["relatedItems"]
        return {kind: [item for item in items if item["identifier"]["type"] == kind] for kind in ("METRIC", "INVOLVED_RESOURCE")}

    def test_each_way_opens_an_incident_with_metric_and_resource(self):
        incidents, _ = self.set_up_incident_manager()
        template = {"title": "{{ event.detail.alarmName }}", "dedupeString": "{{ event.resources[0] }}"}
        plan_of(incidents, "alarms", template=template)
        events = self.quell.client("events")
        pattern = {
            "source": ["aws.cloudwatch"],
            "detail-type": ["CloudWatch Alarm State Change"],
            "detail": {"state": {"value": ["ALARM"]}, "configuration": {"metrics": {"metricStat": {"metric": {"name": ["CPUUtilization"]}}}}},
        }
        events.put_rule(Name="alarms", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="alarms", Targets=[{"Id": "plan", "Arn": PLAN}])
        for way, make in (("by-event", event), ("by-topic", notification), ("by-action", direct)):
            with self.subTest(way=way):
                self.assertEqual(self.post(make(way))["accepted"], 1)
                incident = wait_until(way, lambda: self.incident(incidents, way))
                related = self.related(incidents, incident)
                [metric] = related["METRIC"]
                self.assertEqual(metric["title"], way)
                shown = json.loads(metric["identifier"]["value"]["metricDefinition"])
                self.assertEqual(shown["metrics"][0][:4], ["AWS/EC2", "CPUUtilization", "InstanceId", "i-0abc"])
                involved = {item["identifier"]["value"]["arn"] for item in related["INVOLVED_RESOURCE"]}
                self.assertEqual(involved, {f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0abc", arn(way)})
        # The topic and the action tell of one change: it is taken once. The end of an alarm is an event that this rule
        # does not want.
        self.assertEqual(self.post(notification("by-action"))["duplicates"], 1)
        self.assertEqual(self.post(direct("over", value="OK"))["accepted"], 1)
        self.assertIsNone(self.incident(incidents, "over"))


if __name__ == "__main__":
    unittest.main()
