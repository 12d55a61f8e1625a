"""Rules in numbers and words: why one did not fire, what nearly matched, and what dashboards and collectors read."""

import base64
import datetime
import json
import subprocess
import unittest
import urllib.error
import urllib.request

from quelltest import DEADLINE, REGION, QuellTest, binary, wait_until

TOKEN = "scrape-token-0123456789"
PATTERN = {"source": ["shop"], "detail": {"total": [{"numeric": [">", 100]}]}}


class Rules(QuellTest):
    """One rule, some events, and everything that can be asked about them."""

    maxDiff = None
    extra_config = f'[metrics]\nscrape_token = "{TOKEN}"\n'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        rule = ["events", "put-rule", "--name", "large", "--event-pattern", json.dumps(PATTERN)]
        cls.quell.aws(*rule)
        cls.put({"total": 90, "note": "\u001b[31m<b>"}, {"total": 190}, {"other": 1})

    @classmethod
    def put(cls, *details):
        entries = [{"Source": "shop", "DetailType": "Order", "Detail": json.dumps(detail)} for detail in details]
        answer = cls.quell.aws("events", "put-events", "--entries", json.dumps(entries))
        assert answer["FailedEntryCount"] == 0, answer

    def run_quell(self, *arguments, stdin=None):
        environment = {
            "PATH": "/usr/bin:/bin",
            "AWS_ENDPOINT_URL": self.quell.url,
            "AWS_SHARED_CREDENTIALS_FILE": str(self.quell.credentials),
            "AWS_DEFAULT_REGION": REGION,
        }
        command = [binary(), "rules", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, input=stdin, env=environment, timeout=DEADLINE
        )

    def test_an_event_is_explained_here_and_by_the_server(self):
        event = json.dumps({"source": "shop", "detail": {"total": 90}})
        for arguments in (["--pattern", json.dumps(PATTERN)], ["--rule", "large"]):
            with self.subTest(arguments=arguments[0]):
                done = self.run_quell("explain", *arguments, "--event", "-", stdin=event)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn("1 of 2 fields does not hold", done.stdout)
                self.assertRegex(done.stdout, r'FAIL  `detail.total`: wanted \{"numeric": ?\[">", ?100\]\}, found 90')
                told = self.run_quell("explain", *arguments, "--event", event, "--output", "json")
                answer = json.loads(told.stdout)
                self.assertEqual((answer["matches"], answer["failed"]), (False, 1))
                self.assertEqual(answer["fields"][0]["found"][0]["meets"], [False])
                hit = self.run_quell("explain", *arguments, "--event", event.replace("90", "101"))
                self.assertEqual((hit.returncode, hit.stdout.splitlines()[0]), (0, "the event matches"))

    def test_what_cannot_be_explained_ends_with_2(self):
        event = '{"a": 1}'
        for arguments, word in (
            (["--pattern", '{"a": 1}', "--event", event], "must be an object or an array"),
            (["--pattern", '{"a": [1]}', "--event", "{"], "not valid JSON"),
            (["--pattern", "/nowhere.json", "--event", event], "cannot read"),
            (["--rule", "none", "--event", event], "does not exist"),
            (["--rule", "large", "--bus", "none", "--event", event], "does not exist"),
        ):
            with self.subTest(arguments=arguments):
                done = self.run_quell("explain", *arguments)
                self.assertEqual(done.returncode, 2, done.stdout)
                self.assertIn(word, done.stderr)

    def test_the_events_that_nearly_matched_are_listed(self):
        done = self.run_quell("near-misses", "large")
        self.assertEqual(done.returncode, 0, done.stderr)
        first, *_ = done.stdout.splitlines()
        self.assertRegex(first, r"^\d+ events since \S+, \d+ of them match the rule as it is now$")
        self.assertIn("found 90", done.stdout)
        self.assertNotIn("\u001b", done.stdout)
        listed = self.run_quell("near-misses", "large", "--limit", "1", "--output", "json")
        answer = json.loads(listed.stdout)
        self.assertEqual(len(answer["nearMisses"]), 1)
        self.assertEqual(answer["nearMisses"][0]["explanation"]["failed"], 1)
        self.assertEqual(self.run_quell("near-misses", "none").returncode, 2)

    def scrape(self, authorization=None):
        request = urllib.request.Request(f"{self.quell.url}/metrics")
        if authorization:
            request.add_header("Authorization", authorization)
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            return answer.read().decode()

    def test_a_collector_reads_the_numbers(self):
        basic = base64.b64encode(f"prometheus:{TOKEN}".encode()).decode()
        for authorization in (f"Bearer {TOKEN}", f"Basic {basic}"):
            text = self.scrape(authorization)
            self.assertRegex(text, r'quell_rule_matches_total\{region="us-east-1",bus="default",rule="large"\} [1-9]')
            self.assertRegex(text, r"(?m)^quell_commits_total [1-9]\d*$")
        for authorization in (None, "Bearer wrong"):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                self.scrape(authorization)
            with caught.exception as refused:
                self.assertEqual(refused.code, 401)

    def matched(self):
        """What CloudWatch's clients are told: matches of the rule, all minutes together."""
        now = datetime.datetime.now(datetime.timezone.utc)
        metric = {
            "Namespace": "AWS/Events",
            "MetricName": "MatchedEvents",
            "Dimensions": [{"Name": "RuleName", "Value": "large"}],
        }
        answer = self.quell.client("cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "m", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}}],
            StartTime=now - datetime.timedelta(hours=1),
            EndTime=now + datetime.timedelta(minutes=1),
        )
        [result] = answer["MetricDataResults"]
        self.assertEqual((result["Label"], result["StatusCode"]), ("MatchedEvents", "Complete"))
        self.assertTrue(all(at.second == 0 and at.tzinfo for at in result["Timestamps"]))
        return sum(result["Values"])

    def test_the_numbers_survive_a_restart(self):
        before = self.matched()
        self.assertGreaterEqual(before, 1)
        self.put({"total": 300})
        self.assertEqual(self.matched(), before + 1)
        self.assertEqual(self.quell.stop(), 0)
        self.quell.start()
        self.assertEqual(self.matched(), before + 1, "a stop in order keeps the minute that runs")
        self.put({"total": 400})
        self.assertEqual(self.matched(), before + 2)

    def test_metrics_are_listed(self):
        wait_until("the rule's metric", lambda: self.listed("MatchedEvents"))
        [found] = self.listed("MatchedEvents")
        self.assertEqual(found["Dimensions"], [{"Name": "RuleName", "Value": "large"}])
        self.assertEqual(self.listed("Nonsense"), [])
        told = self.quell.aws("cloudwatch", "list-metrics", "--namespace", "AWS/EC2")
        self.assertEqual(told["Metrics"], [])

    def listed(self, name):
        pages = self.quell.client("cloudwatch").get_paginator("list_metrics")
        wanted = {"Namespace": "AWS/Events", "MetricName": name, "Dimensions": [{"Name": "RuleName"}]}
        return [metric for page in pages.paginate(**wanted) for metric in page["Metrics"]]


if __name__ == "__main__":
    unittest.main()
