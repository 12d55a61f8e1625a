"""What is wrong with a request is said with its reason and place, and nothing of it is kept.

After every test the lists are as they were before it, and the server is well.
"""

import copy
import json
import unittest
import urllib.request

import botocore.exceptions

from quelltest import ACCOUNT, DEADLINE, REGION, QuellTest
from wire import Wire

STEP = "  - name: Rest\n    action: aws:sleep\n    inputs:\n      Duration: PT1S\n"
HEAD = 'schemaVersion: "0.3"\nmainSteps:\n'
GOOD = HEAD + STEP
PARAMETERS = """schemaVersion: "0.3"
parameters:
  InstanceId:
    type: String
    allowedPattern: ^i-[0-9a-f]+$
  Count:
    type: Integer
    default: 1
  Mode:
    type: String
    allowedValues: [slow, fast]
    default: slow
mainSteps:
""" + STEP
RULE = '{"source": ["my.app"]}'
ENTRY = {"Source": "my.app", "DetailType": "something", "Detail": "{}"}


class BadInput(QuellTest):
    """A server with one good thing of each kind; every test must leave it so."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wire = Wire(cls.quell)
        cls.incidents, cls.contacts = cls.set_up_incident_manager()
        cls.events, cls.ssm = cls.quell.client("events"), cls.quell.client("ssm")
        cls.events.put_rule(Name="good", EventPattern=RULE)
        cls.events.put_targets(Rule="good", Targets=[{"Id": "kept", "Arn": "https://hooks.example.com/kept"}])
        cls.document("Good", GOOD)
        cls.document("Parameters", PARAMETERS)

    @classmethod
    def document(cls, name, content, kind="YAML"):
        return cls.ssm.create_document(Name=name, Content=content, DocumentType="Automation", DocumentFormat=kind)

    def everything(self):
        """All that is listed, and what hangs on it."""
        looks = (
            (self.events.list_rules, {}),
            (self.events.list_targets_by_rule, {"Rule": "good"}),
            (self.events.list_event_buses, {}),
            (self.ssm.list_documents, {}),
            (self.ssm.list_document_versions, {"Name": "Good"}),
            (self.ssm.describe_automation_executions, {}),
            (self.incidents.list_replication_sets, {}),
            (self.incidents.list_response_plans, {}),
            (self.incidents.list_incident_records, {}),
            (self.contacts.list_contacts, {}),
        )
        answers = [look(**arguments) for look, arguments in looks]
        for answer in answers:
            del answer["ResponseMetadata"]
        return answers

    def setUp(self):
        self.before = self.everything()

    def tearDown(self):
        self.assertEqual(self.everything(), self.before)
        with urllib.request.urlopen(f"{self.quell.url}/health", timeout=DEADLINE) as answer:
            self.assertEqual(json.load(answer)["status"], "ok")
        self.assertFalse(self.quell.ended())
        log = self.quell.log.read_text()
        self.assertNotIn("panicked", log)
        self.assertNotIn(" ERROR ", log)

    def fails(self, code, words, call, *arguments, status=400, **members):
        """A call that must fail with this code and all these words in its message."""
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(*arguments, **members)
        answer = caught.exception.response
        self.assertEqual((answer["Error"]["Code"], self.status(answer)), (code, status), answer)
        for word in (words,) if isinstance(words, str) else words:
            self.assertIn(word, answer["Error"]["Message"])
        return answer


class Patterns(BadInput):
    REASONS = (
        ("", "must be specified"),
        ("nonsense", "Unrecognized token 'nonsense'"),
        ("{", ("Unexpected end-of-input", "line: 1, column: 2")),
        ('{"a": ["x"}', ("Unexpected close marker", "column: 11")),
        ("[]", "Filter is not an object"),
        ('"x"', "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        ('{"a": []}', "Empty arrays are not allowed"),
        ('{"source": "my.app"}', '"source" must be an object or an array'),
        ('{"source": ["x"],\n "detail": {"n": [{"numeric": [">", "x"]}]}}', ("must be numeric", "line: 2")),
        ('{"a": [{"startswith": "x"}]}', "Unrecognized match type startswith"),
        ('{"a": [{"numeric": [">", 5, "<", 1]}]}', "Bottom must be less than top"),
        ('{"a": [{"wildcard": "**"}]}', "Consecutive wildcard characters"),
        ('{"a": [{"cidr": "1.2.3"}]}', "Malformed CIDR"),
        ('{"a": [{"exists": "yes"}]}', "must be either true or false"),
        ('{"$or": [{"a": ["x"]}]}', "at least 2 Objects"),
        ('{"a":' * 70 + '["x"]' + "}" * 70, "nested deeper than 64 levels"),
        ("[" * 4000, ""),
    )

    def test_bad_patterns_are_refused_with_reason_and_place(self):
        for pattern, words in self.REASONS:
            with self.subTest(pattern=pattern[:60]):
                if pattern:
                    self.fails("InvalidEventPatternException", words, self.events.put_rule, Name="bad", EventPattern=pattern)
                    self.fails("InvalidEventPatternException", words, self.events.put_rule, Name="good", EventPattern=pattern)
                    event = json.dumps(self.event("my.app", "x", {}))
                    code = "InvalidEventPatternException"
                    self.fails(code, words, self.events.test_event_pattern, EventPattern=pattern, Event=event)
                else:
                    self.fails("ValidationException", words, self.events.put_rule, Name="bad", EventPattern=pattern)

    def test_every_reason_comes_in_the_words_of_aws(self):
        answer = self.fails("InvalidEventPatternException", (), self.events.put_rule, Name="bad", EventPattern='{"a": []}')
        self.assertEqual(
            answer["Error"]["Message"],
            "Event pattern is not valid. Reason: Empty arrays are not allowed\n"
            ' at [Source: (String)"{"a": []}"; line: 1, column: 9]',
        )

    def test_rules_with_other_mistakes(self):
        put = self.events.put_rule
        self.fails("ValidationException", ("'eventPattern'", "4096"), put, Name="bad", EventPattern='{"a":["%s"]}' % ("x" * 4100))
        self.fails("ValidationException", "'name'", put, Name="bad name", EventPattern=RULE)
        self.fails("ValidationException", "'name'", put, Name="x" * 65, EventPattern=RULE)
        self.fails("ValidationException", "EventPattern", put, Name="bad")
        self.fails("ValidationException", "ScheduleExpression", put, Name="bad", ScheduleExpression="rate(1 minutes)")
        self.fails("ValidationException", "'state'", put, Name="bad", EventPattern=RULE, State="MAYBE")
        self.fails("ResourceNotFoundException", "absent", put, Name="bad", EventPattern=RULE, EventBusName="absent")
        tags = [{"Key": f"k{number}", "Value": "v"} for number in range(51)]
        self.fails("LimitExceededException", "50 tags", put, Name="bad", EventPattern=RULE, Tags=tags)

    def test_events_that_are_none_cannot_be_tested(self):
        test = self.events.test_event_pattern
        for event, words in (
            ("{", "JSON object"),
            ("[]", "JSON object"),
            ("{}", "`id`"),
            (json.dumps({**self.event("a", "b", {}), "account": None, "region": None})[:-1], "JSON object"),
            ("[" * 100_000, "JSON object"),
        ):
            self.fails("ValidationException", ("Parameter Event is not valid", words), test, EventPattern=RULE, Event=event)

    @staticmethod
    def event(source, kind, detail):
        return {
            "version": "0",
            "id": "cd2d702e-ab31-411b-9344-793ce56b1bc7",
            "detail-type": kind,
            "source": source,
            "account": ACCOUNT,
            "time": "2026-03-01T12:00:00Z",
            "region": REGION,
            "resources": [],
            "detail": detail,
        }

    def matches(self, pattern, event):
        return self.events.test_event_pattern(EventPattern=json.dumps(pattern), Event=json.dumps(event))["Result"]

    def changed(self, event, *path, to):
        """The event with one place changed, or removed when `to` is None."""
        event = copy.deepcopy(event)
        place = event
        for name in path[:-1]:
            place = place[name]
        if to is None:
            del place[path[-1]]
        else:
            place[path[-1]] = to
        return event

    def test_root_activity(self):
        pattern = {
            "detail-type": ["AWS API Call via CloudTrail", "AWS Console Sign In via CloudTrail"],
            "detail": {"userIdentity": {"type": ["Root"]}},
        }
        identity = {"type": "Root", "principalId": ACCOUNT, "arn": f"arn:aws:iam::{ACCOUNT}:root", "accountId": ACCOUNT}
        detail = {"eventVersion": "1.08", "userIdentity": identity, "eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin"}
        event = self.event("aws.signin", "AWS Console Sign In via CloudTrail", detail)
        self.assertTrue(self.matches(pattern, event))
        self.assertTrue(self.matches(pattern, self.changed(event, "detail-type", to="AWS API Call via CloudTrail")))
        for other in (
            self.changed(event, "detail", "userIdentity", "type", to="IAMUser"),
            self.changed(event, "detail", "userIdentity", "type", to="root"),
            self.changed(event, "detail", "userIdentity", "type", to=None),
            self.changed(event, "detail-type", to="AWS Service Event via CloudTrail"),
        ):
            self.assertFalse(self.matches(pattern, other), other)

    def test_guardduty_of_high_severity(self):
        severities = [severity for whole in range(70, 90) for severity in ([whole // 10] if whole % 10 == 0 else [])]
        severities = sorted({*severities, *(tenth / 10 for tenth in range(70, 90))})
        pattern = {"source": ["aws.guardduty"], "detail-type": ["GuardDuty Finding"], "detail": {"severity": severities}}
        detail = {"schemaVersion": "2.0", "type": "UnauthorizedAccess:EC2/TorClient", "severity": 8}
        event = self.event("aws.guardduty", "GuardDuty Finding", detail)
        for severity in ("7", "7.0", "7.5", "8", "8.0", "8.00", "8.9", "80e-1"):
            text = json.dumps(event).replace('"severity": 8', f'"severity": {severity}')
            answer = self.events.test_event_pattern(EventPattern=json.dumps(pattern), Event=text)
            self.assertTrue(answer["Result"], severity)
        for severity in ("6.9", "9", "8.95", "7.05", '"8"', "80", "null", "[]"):
            text = json.dumps(event).replace('"severity": 8', f'"severity": {severity}')
            answer = self.events.test_event_pattern(EventPattern=json.dumps(pattern), Event=text)
            self.assertFalse(answer["Result"], severity)
        self.assertFalse(self.matches(pattern, self.changed(event, "source", to="my.guardduty")))

    def test_config_rule_not_compliant(self):
        pattern = {
            "source": ["aws.config"],
            "detail-type": ["Config Rules Compliance Change"],
            "detail": {
                "messageType": ["ComplianceChangeNotification"],
                "configRuleName": ["s3-bucket-public-write-prohibited"],
                "newEvaluationResult": {"complianceType": ["NON_COMPLIANT"]},
            },
        }
        detail = {
            "resourceId": "bucket",
            "resourceType": "AWS::S3::Bucket",
            "awsRegion": REGION,
            "awsAccountId": ACCOUNT,
            "configRuleName": "s3-bucket-public-write-prohibited",
            "messageType": "ComplianceChangeNotification",
            "newEvaluationResult": {"complianceType": "NON_COMPLIANT", "resultRecordedTime": "2026-03-01T12:00:00.000Z"},
            "oldEvaluationResult": {"complianceType": "COMPLIANT"},
        }
        event = self.event("aws.config", "Config Rules Compliance Change", detail)
        self.assertTrue(self.matches(pattern, event))
        for other in (
            self.changed(event, "detail", "newEvaluationResult", "complianceType", to="COMPLIANT"),
            self.changed(event, "detail", "newEvaluationResult", to=None),
            self.changed(event, "detail", "configRuleName", to="s3-bucket-public-read-prohibited"),
            self.changed(event, "source", to="aws.s3"),
        ):
            self.assertFalse(self.matches(pattern, other), other)


class Targets(BadInput):
    def put(self, *targets, rule="good"):
        return self.events.put_targets(Rule=rule, Targets=list(targets))

    def test_unknown_targets_fail_alone_with_the_reason(self):
        for arn, words in (
            (f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/c", "nothing that Quell delivers to"),
            (f"arn:aws:sqs:{REGION}:{ACCOUNT}:", "nothing that Quell delivers to"),
            ("nonsense", "nothing that Quell delivers to"),
            ("ftp://example.com", "nothing that Quell delivers to"),
            ("arn:aws:ssm-incidents::999999999999:response-plan/p", f"this server's account is {ACCOUNT}"),
            (f"arn:aws:ssm:eu-west-1:{ACCOUNT}:automation-definition/Good", f"must be in the rule's region {REGION}"),
        ):
            answer = self.put({"Id": "bad", "Arn": arn})
            self.assertEqual(answer["FailedEntryCount"], 1, arn)
            (failed,) = answer["FailedEntries"]
            self.assertEqual((failed["TargetId"], failed["ErrorCode"]), ("bad", "ValidationException"))
            self.assertIn(words, failed["ErrorMessage"])

    def test_a_bad_target_does_not_take_a_good_one_along(self):
        good = {"Id": "new", "Arn": f"arn:aws:ssm:{REGION}:{ACCOUNT}:automation-definition/Good"}
        answer = self.put(good, {"Id": "bad", "Arn": "nonsense"})
        self.assertEqual([failed["TargetId"] for failed in answer["FailedEntries"]], ["bad"])
        kept = self.events.list_targets_by_rule(Rule="good")["Targets"]
        self.assertEqual(sorted(target["Id"] for target in kept), ["kept", "new"])
        self.events.remove_targets(Rule="good", Ids=["new"])

    def test_a_request_with_a_mistake_keeps_none_of_its_targets(self):
        good = {"Id": "new", "Arn": "https://hooks.example.com/new"}
        for more, words in (
            ({"Input": "{"}, ("JSON syntax error", "(1,1)")),
            ({"InputPath": "x"}, ("not a valid JSONPath", "`x`")),
            ({"Input": "{}", "InputPath": "$.a"}, "Only one of Input, InputPath, or InputTransformer"),
            ({"InputTransformer": {"InputTemplate": "<a>"}}, "invalid placeholder a"),
            ({"InputTransformer": {"InputTemplate": '"<a>"', "InputPathsMap": {"a": "$["}}}, "`$[`"),
            ({"RetryPolicy": {"MaximumRetryAttempts": 999}}, ("maximumRetryAttempts", "185")),
        ):
            bad = {"Id": "bad", "Arn": "https://hooks.example.com/bad", **more}
            self.fails("ValidationException", words, self.put, good, bad)
        many = [{"Id": f"t{number}", "Arn": "https://hooks.example.com/"} for number in range(5)]
        self.fails("LimitExceededException", "5 targets", self.put, *many)
        self.fails("ResourceNotFoundException", "Rule absent does not exist", self.put, good, rule="absent")


class Documents(BadInput):
    LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{chr(98 + level)}: &{chr(98 + level)} [{', '.join(['*' + chr(97 + level)] * 9)}]\n" for level in range(9)
    )
    YAML = (
        ("x", "InvalidDocumentContent", ("line 1, column 1", "must be a map")),
        ("- a\n", "InvalidDocumentContent", ("line 1, column 1", "must be a map")),
        ('schemaVersion: "2.2"\nmainSteps: []\n', "InvalidDocumentSchemaVersion", ("line 1, column 16", '"0.3"', "line 2")),
        ('schemaVersion: "0.3"\n', "InvalidDocumentContent", "mainSteps"),
        (GOOD + "  - name: B\n    action: aws:teleport\n", "InvalidDocumentContent", ("line 8, column 13", "aws:teleport")),
        (HEAD + "  - name: A\n    action: aws:runRockets\n", "InvalidDocumentContent", ("line 4, column 13", "aws:runRockets")),
        (HEAD + '  - name: "A\n', "InvalidDocumentContent", ("line 4", "not valid YAML")),
        (HEAD + "\t- x\n", "InvalidDocumentContent", ("line 3", "tabs")),
        (GOOD + 'schemaVersion: "0.3"\n', "InvalidDocumentContent", ("line 7, column 1", "duplicate mapping key: schemaVersion")),
        (GOOD + STEP, "InvalidDocumentContent", ("line 7, column 11", "Duplicate step names")),
        (HEAD + "  - name: A\n    action: aws:sleep\n", "InvalidDocumentContent", ("line 3", "Duration")),
        (GOOD + "    nextStep: Nowhere\n", "InvalidDocumentContent", ("line 7, column 15", '"Nowhere"')),
        (GOOD.replace("PT1S", '"{{ B.c }}"'), "InvalidDocumentContent", ("line 6", '"B"')),
        ("parameters:\n  P:\n    type: Wrong\n" + GOOD, "InvalidDocumentContent", ("line 3", '"Wrong"')),
        ("a\0b", "InvalidDocumentContent", ("line 1, column 2", "not valid YAML")),
        (LAUGHS, "InvalidDocumentContent", ("line 1", "anchors", "not allowed")),
        ("[" * 60_000, "InvalidDocumentContent", ("line 1", "nested deeper than 32 levels")),
        ("a: " + "{b: " * 5_000, "InvalidDocumentContent", ("line 1", "nested deeper than 32 levels")),
        ("".join(f"{' ' * level}a:\n" for level in range(300)), "InvalidDocumentContent", "nested deeper than 32 levels"),
        ("a: [" + "1," * 25_000 + "1]", "InvalidDocumentContent", ("too large", "20000")),
        ("[" * 100_000, "MaxDocumentSizeExceeded", ("100000 bytes", "65536")),
        (GOOD + "# " + "x" * 70_000, "MaxDocumentSizeExceeded", "65536"),
    )
    JSON = (
        ('{"schemaVersion": "0.3",\n"mainSteps": [}', "InvalidDocumentContent", "line 2"),
        ('{"schemaVersion": "0.3", "schemaVersion": "0.3"}', "InvalidDocumentContent", ("line 1", "schemaVersion")),
        (GOOD, "InvalidDocumentContent", ("line 1", "JSON")),
        ("[" * 60_000, "InvalidDocumentContent", "line 1"),
        ('{"a":' * 12_000, "InvalidDocumentContent", "line 1"),
        ('"\\ud800"', "InvalidDocumentContent", "line 1"),
    )

    def test_bad_documents_are_refused_with_line_and_column(self):
        for kind, cases in (("YAML", self.YAML), ("JSON", self.JSON)):
            for content, code, words in cases:
                with self.subTest(kind=kind, content=content[:80]):
                    answer = self.fails(code, words, self.document, "Bad", content, kind)
                    self.assertRegex(answer["Error"]["Message"], r"^line \d+, column \d+: ")
                    self.assertNotRegex(answer["Error"]["Message"], r"\w+ \{ \w+: \d+ \}", "an internal value is shown")
                    self.fails(code, words, self.ssm.update_document, Name="Good", Content=content, DocumentFormat=kind, DocumentVersion="1")
        current = self.ssm.get_document(Name="Good", DocumentFormat="YAML")
        self.assertEqual((current["Content"], current["DocumentVersion"]), (GOOD, "1"))

    def test_all_mistakes_are_told_at_once(self):
        content = GOOD + "  - name: B\n    action: aws:teleport\n  - name: C\n    action: aws:vanish\n    nextStep: Nowhere\n"
        words = ("line 8, column 13", "aws:teleport", "line 10, column 13", "aws:vanish", "line 11", '"Nowhere"')
        self.fails("InvalidDocumentContent", words, self.document, "Bad", content)

    def test_names_and_types(self):
        self.fails("ValidationException", "'name'", self.document, "no spaces", GOOD)
        self.fails("ValidationException", "prefix", self.document, "AWS-Mine", GOOD)
        self.fails("DocumentAlreadyExists", "Good", self.document, "Good", GOOD)
        self.fails("ValidationException", "documentType", self.ssm.create_document, Name="Bad", Content=GOOD, DocumentType="Command", DocumentFormat="YAML")
        self.fails("InvalidDocumentContent", "TEXT", self.document, "Bad", GOOD, "TEXT")
        self.fails("InvalidDocument", "Absent", self.ssm.get_document, Name="Absent")
        self.fails("InvalidDocumentVersion", "7", self.ssm.get_document, Name="Good", DocumentVersion="7")


class Runs(BadInput):
    def test_parameters(self):
        code = "InvalidAutomationExecutionParametersException"
        for parameters, words in (
            ({}, ('"InstanceId"', "required")),
            ({"InstanceId": ["web"]}, ('"InstanceId"', "^i-[0-9a-f]+$")),
            ({"InstanceId": ["i-1", "i-2"]}, ('"InstanceId"', "2 values")),
            ({"InstanceId": ["i-1"], "Other": ["x"]}, ('"Other"', "not declared", "InstanceId, Count, Mode")),
            ({"InstanceId": ["i-1"], "Count": ["many"]}, ('"Count"', "whole number")),
            ({"InstanceId": ["i-1"], "Mode": ["medium"]}, ('"Mode"', "slow, fast")),
        ):
            self.fails(code, words, self.ssm.start_automation_execution, DocumentName="Parameters", Parameters=parameters)

    def test_documents_that_are_not_there(self):
        start = self.ssm.start_automation_execution
        self.fails("AutomationDefinitionNotFoundException", ("`Absent`", "CreateDocument"), start, DocumentName="Absent")
        code = "AutomationDefinitionVersionNotFoundException"
        self.fails(code, ("`Good`", "`7`"), start, DocumentName="Good", DocumentVersion="7")
        self.fails("ValidationException", "'documentName'", start, DocumentName="x")
        self.fails("ValidationException", "clientToken", start, DocumentName="Good", ClientToken="x" * 36)
        absent = "00000000-0000-4000-8000-000000000000"
        for call in (self.ssm.get_automation_execution, self.ssm.stop_automation_execution):
            words = "no automation execution information for the requested automation execution ID"
            self.fails("AutomationExecutionNotFoundException", words, call, AutomationExecutionId=absent)


class Events(BadInput):
    def test_eleven_entries(self):
        words = ("'entries'", "less than or equal to 10")
        self.fails("ValidationException", words, self.events.put_events, Entries=[ENTRY] * 11)
        self.assertEqual(self.wire.json("events", "PutEvents", {"Entries": []}).code, "ValidationException")
        self.assertEqual(self.wire.json("events", "PutEvents", {}).code, "ValidationException")

    def test_sizes(self):
        large = {**ENTRY, "Detail": json.dumps({"text": "x" * 1024 * 1024})}
        words = "Total size of the entries in the request is over the limit."
        self.fails("ValidationException", words, self.events.put_events, Entries=[large])
        half = {**ENTRY, "Detail": json.dumps({"text": "x" * 600 * 1024})}
        self.fails("ValidationException", words, self.events.put_events, Entries=[half, half])
        body = json.dumps({"Entries": [{**ENTRY, "Detail": json.dumps({"text": "x" * 5_000_000})}]}).encode()
        answer = self.wire.json("events", "PutEvents", body)
        self.assertEqual((answer.status, answer.code), (413, "RequestEntityTooLargeException"), answer)

    def test_a_bad_entry_fails_alone(self):
        for entry, code, words in (
            ({**ENTRY, "Detail": "nonsense"}, "MalformedDetail", "Detail is malformed."),
            ({**ENTRY, "Detail": "[]"}, "MalformedDetail", "Detail is malformed."),
            ({**ENTRY, "Detail": "null"}, "MalformedDetail", "Detail is malformed."),
            ({**ENTRY, "Detail": "{} {}"}, "MalformedDetail", "Detail is malformed."),
            ({**ENTRY, "Detail": '{"a": "\\ud800"}'}, "MalformedDetail", "Detail is malformed."),
            ({**ENTRY, "Detail": '{"a":' * 100_000 + "1" + "}" * 100_000}, "MalformedDetail", "Detail is malformed."),
            ({"Source": "x"}, "InvalidArgument", "DetailType is a required argument."),
            ({**ENTRY, "Source": ""}, "InvalidArgument", "Source is a required argument."),
            ({**ENTRY, "EventBusName": f"arn:aws:events:{REGION}:999999999999:event-bus/x"}, "InvalidArgument", "EventBusName"),
        ):
            with self.subTest(entry=str(entry)[:120]):
                answer = self.events.put_events(Entries=[ENTRY, entry, ENTRY])
                self.assertEqual(answer["FailedEntryCount"], 1)
                first, second, third = answer["Entries"]
                self.assertEqual(second["ErrorCode"], code)
                self.assertIn(words, second["ErrorMessage"])
                self.assertTrue(first["EventId"] and third["EventId"])


class Requests(BadInput):
    """Below what a client of AWS can be made to send."""

    def test_bodies_that_are_no_json_object(self):
        for body, words in (
            (b'{"Name": "bad", "EventPattern":', "line 1 column"),
            (b'{"Name": "bad",\n "Name": "worse"}', ("`Name` stands twice", "line 2")),
            (b'{"Name": "\xff\xfe"}', ("unicode", "line 1")),
            (b"\xef\xbb\xbf{}", "line 1"),
            (b"\x00", "line 1"),
            (b"[]", "one JSON object"),
            (b"null", "one JSON object"),
            (b'"text"', "one JSON object"),
            (b'{"Name": "bad"} {}', "trailing characters"),
            (b"[" * 100_000, "nested deeper than 64 levels"),
            (b'{"a":' * 40_000, "nested deeper than 64 levels"),
            (b'{"a": [' + b"1," * 110_000 + b"1]}", "more than 100000 values"),
            (b'{"Name": 1e999}', "line 1"),
        ):
            for service, operation, code in (
                ("events", "PutRule", "SerializationException"),
                ("ssm", "CreateDocument", "SerializationException"),
                ("ssm-contacts", "CreateContact", "ValidationException"),
            ):
                answer = self.wire.json(service, operation, body)
                self.assertEqual((answer.status, answer.code), (400, code), (body[:40], answer))
                for word in (words,) if isinstance(words, str) else words:
                    self.assertIn(word, answer.message)
            answer = self.wire.rest("ssm-incidents", "POST", "/createResponsePlan", body)
            self.assertEqual((answer.status, answer.code), (400, "ValidationException"), (body[:40], answer))

    def test_bodies_that_are_too_long(self):
        body = b'{"x": "' + b"y" * 300_000 + b'"}'
        for answer in (
            self.wire.json("events", "PutRule", body),
            self.wire.json("ssm-contacts", "CreateContact", body),
            self.wire.rest("ssm-incidents", "POST", "/createResponsePlan", body),
        ):
            self.assertEqual((answer.status, answer.code), (413, "RequestEntityTooLargeException"), answer)
            self.assertIn("262144", answer.message)

    def test_members_of_the_wrong_type_are_named(self):
        for body, words in (
            ({"Name": 5, "EventPattern": RULE}, "`name`"),
            ({"Name": "bad", "EventPattern": {"source": ["x"]}}, "`eventPattern`"),
            ({"Name": "bad", "EventPattern": RULE, "Tags": "x"}, "`tags`"),
            ({"Name": "bad", "EventPattern": RULE, "Tags": [{"Key": "k", "Value": 1}]}, "value"),
        ):
            answer = self.wire.json("events", "PutRule", body)
            self.assertEqual((answer.status, answer.code), (400, "SerializationException"), answer)
            self.assertIn(words, answer.message)

    def test_content_types(self):
        good = {"Name": "bad", "EventPattern": RULE}
        for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "application/cbor", "json"):
            answer = self.wire.json("events", "PutRule", good, headers={"content-type": kind})
            self.assertEqual((answer.status, answer.code), (415, "UnsupportedMediaTypeException"), answer)
            self.assertIn(f"`{kind}`", answer.message)
            answer = self.wire.rest("ssm-incidents", "POST", "/createResponsePlan", {}, headers={"content-type": kind})
            self.assertEqual((answer.status, answer.code), (415, "UnsupportedMediaTypeException"), answer)
        for kind in ("application/json", "application/x-amz-json-1.1", "Application/JSON; charset=utf-8"):
            answer = self.wire.json("events", "ListRules", {}, headers={"content-type": kind})
            self.assertEqual(answer.status, 200, answer)

    def test_methods(self):
        body = json.dumps({"Name": "bad", "EventPattern": RULE}).encode()
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSEvents.PutRule"}
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"):
            signed = self.wire.signed("events", method, "/", body, headers=headers)
            answer = self.wire.send(method, "/", signed, body)
            self.assertEqual((answer.status, answer.code), (400, "UnknownOperationException"), answer)
            self.assertIn("POST", answer.message)
            answer = self.wire.rest("ssm-incidents", method, "/createResponsePlan", {})
            self.assertEqual((answer.status, answer.code), (404, "UnknownOperationException"), answer)

    def test_paths_that_are_not_canonical(self):
        body = {"name": "bad", "incidentTemplate": {"title": "t", "impact": 1}}
        for path in (
            "//createResponsePlan",
            "/./createResponsePlan",
            "/x/../createResponsePlan",
            "/x/%2e%2E/createResponsePlan",
            "/%2e/createResponsePlan",
            "/createResponsePlan%",
            "/createResponsePlan%zz",
            "/\\createResponsePlan",
            "/" + "a" * 9_000,
        ):
            answer = self.wire.rest("ssm-incidents", "POST", path, body)
            self.assertEqual((answer.status, answer.code), (400, "ValidationException"), (path[:40], answer))
            self.assertIn("canonical", answer.message)
        for path in ("/createResponsePlan/", "/CreateResponsePlan", "/%63reateResponsePlan", "/x/createResponsePlan", "/"):
            answer = self.wire.rest("ssm-incidents", "POST", path, body)
            self.assertEqual((answer.status, answer.code), (404, "UnknownOperationException"), (path, answer))

    def test_unknown_operations_and_services(self):
        answer = self.wire.json("events", "LaunchRockets", {})
        self.assertEqual((answer.status, answer.code), (400, "UnknownOperationException"))
        for words in ("`AWSEvents.LaunchRockets`", "PutRule"):
            self.assertIn(words, answer.message)
        answer = self.wire.json("ssm", "PutParameter", {"Name": "x"})
        self.assertEqual((answer.status, answer.code), (400, "UnknownOperationException"))
        # Another service's operation under this service's name, and no operation at all.
        signed = self.wire.signed("events", "POST", "/", b"{}", headers={"x-amz-target": "AmazonSSM.ListDocuments"})
        self.assertEqual(self.wire.send("POST", "/", signed, b"{}").code, "UnknownOperationException")
        signed = self.wire.signed("events", "POST", "/", b"{}")
        self.assertEqual(self.wire.send("POST", "/", signed, b"{}").code, "UnknownOperationException")
        answer = self.wire.rest("eks", "GET", "/clusters")
        self.assertEqual((answer.status, answer.code), (404, "UnknownOperationException"))
        self.assertIn("ssm-incidents", answer.message)
        # Clients of S3 read XML.
        answer = self.wire.rest("s3", "PUT", "/bucket")
        self.assertEqual(answer.status, 404)
        for words in (b"<Error><Code>UnknownOperationException</Code>", b"ssm-incidents"):
            self.assertIn(words, answer.raw)

    def test_heads_that_are_too_large(self):
        for headers in ({"x-long": "y" * 20_000}, {f"x-{number}": "y" for number in range(150)}):
            answer = self.wire.send("GET", "/health", {"host": self.wire.host, **headers})
            self.assertEqual(answer.status, 431, answer)


if __name__ == "__main__":
    unittest.main()
