"""ssm-incidents under boto3: replication set, response plans, incidents, timeline, related items, tags."""

import datetime
import json
import re
import unittest
import urllib.parse

import botocore.exceptions

from quelltest import ACCOUNT, REGION, QuellTest, plan_of, wait_until

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Responder"


def contact_arn(alias):
    return f"arn:aws:ssm-contacts:{REGION}:{ACCOUNT}:contact/{alias}"


class ReplicationSet(QuellTest):
    """Each test begins and ends without a replication set."""

    def setUp(self):
        self.incidents = self.quell.client("ssm-incidents")
        self.contacts = self.quell.client("ssm-contacts")
        for arn in self.incidents.list_replication_sets()["replicationSetArns"]:
            self.incidents.update_deletion_protection(arn=arn, deletionProtected=False)
            self.incidents.delete_replication_set(arn=arn)

    def create(self, regions=(REGION,), **members):
        regions = {region: {} for region in regions}
        return self.incidents.create_replication_set(regions=regions, **members)

    def test_contacts_are_closed_without_a_set(self):
        for call in (
            lambda: self.contacts.list_contacts(),
            lambda: self.contacts.create_contact(Alias="a", Type="PERSONAL", Plan={"Stages": []}),
            lambda: self.contacts.get_contact(ContactId=contact_arn("a")),
        ):
            with self.refused(self.contacts, "ValidationException", 400, "Account not found for the request"):
                call()

    def test_plans_need_a_set(self):
        with self.refused(self.incidents, "ResourceNotFoundException", 404, "CreateReplicationSet") as caught:
            plan_of(self.incidents, "early")
        self.assertEqual(caught.exception.response["resourceType"], "REPLICATION_SET")

    def test_create_and_get(self):
        answer = self.create(tags={"team": "security"})
        self.assertEqual(self.status(answer), 201)
        arn = answer["arn"]
        self.assertRegex(arn, rf"^arn:aws:ssm-incidents::{ACCOUNT}:replication-set/{UUID}$")
        self.incidents.get_waiter("wait_for_replication_set_active").wait(arn=arn)
        found = self.incidents.get_replication_set(arn=arn)["replicationSet"]
        self.assertEqual(found["status"], "ACTIVE")
        self.assertIs(found["deletionProtected"], False)
        region = found["regionMap"][REGION]
        self.assertEqual((region["sseKmsKeyId"], region["status"]), ("DefaultKey", "ACTIVE"))
        for member in ("createdTime", "lastModifiedTime"):
            self.assertIsInstance(found[member], datetime.datetime)
        self.assertRegex(found["createdBy"], rf"^arn:aws:iam::{ACCOUNT}:user/")
        self.assertEqual(found["createdBy"], found["lastModifiedBy"])
        self.assertNotIn("tags", found)
        self.assertEqual(self.incidents.list_tags_for_resource(resourceArn=arn)["tags"], {"team": "security"})
        self.assertEqual(self.incidents.list_replication_sets()["replicationSetArns"], [arn])

    def test_one_to_three_regions(self):
        for regions in ((), ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1"), ("not a region",)):
            with self.refused(self.incidents, "ValidationException", 400, "regions"):
                self.create(regions)
        self.assertEqual(self.incidents.list_replication_sets()["replicationSetArns"], [])

    def test_one_set_per_account(self):
        arn = self.create(clientToken="first")["arn"]
        self.assertEqual(self.create(clientToken="first")["arn"], arn)
        with self.refused(self.incidents, "ConflictException", 409):
            self.create(("eu-west-1",), clientToken="first")
        with self.refused(self.incidents, "ConflictException", 409) as caught:
            self.create()
        self.assertEqual(caught.exception.response["resourceType"], "REPLICATION_SET")
        self.assertEqual(caught.exception.response["resourceIdentifier"], arn)

    def test_regions_come_and_go(self):
        arn = self.create()["arn"]
        add = {"addRegionAction": {"regionName": "eu-west-1", "sseKmsKeyId": "key-1"}}
        self.assertEqual(self.status(self.incidents.update_replication_set(arn=arn, actions=[add])), 204)
        regions = self.incidents.get_replication_set(arn=arn)["replicationSet"]["regionMap"]
        self.assertEqual({name: info["sseKmsKeyId"] for name, info in regions.items()}, {REGION: "DefaultKey", "eu-west-1": "key-1"})
        with self.refused(self.incidents, "ConflictException", 409):
            self.incidents.update_replication_set(arn=arn, actions=[add])
        remove = {"deleteRegionAction": {"regionName": "eu-west-1"}}
        with self.refused(self.incidents, "ValidationException", 400, "actions"):
            self.incidents.update_replication_set(arn=arn, actions=[remove, add])
        self.incidents.update_replication_set(arn=arn, actions=[remove])
        self.assertEqual(list(self.incidents.get_replication_set(arn=arn)["replicationSet"]["regionMap"]), [REGION])
        with self.refused(self.incidents, "ValidationException", 400, "eu-west-1"):
            self.incidents.update_replication_set(arn=arn, actions=[remove])

    def test_protection_and_deletion(self):
        arn = self.create()["arn"]
        answer = self.incidents.update_deletion_protection(arn=arn, deletionProtected=True)
        self.assertEqual(self.status(answer), 204)
        self.assertIs(self.incidents.get_replication_set(arn=arn)["replicationSet"]["deletionProtected"], True)
        with self.refused(self.incidents, "ValidationException", 400, "protect"):
            self.incidents.delete_replication_set(arn=arn)
        last = [{"deleteRegionAction": {"regionName": REGION}}]
        with self.refused(self.incidents, "ValidationException", 400, "protect"):
            self.incidents.update_replication_set(arn=arn, actions=last)
        self.incidents.update_deletion_protection(arn=arn, deletionProtected=False)
        self.assertEqual(self.status(self.incidents.delete_replication_set(arn=arn)), 204)
        with self.refused(self.incidents, "ResourceNotFoundException", 404) as caught:
            self.incidents.get_replication_set(arn=arn)
        self.assertEqual(caught.exception.response["resourceType"], "REPLICATION_SET")
        self.incidents.get_waiter("wait_for_replication_set_deleted").wait(arn=arn)
        for call in (
            lambda: self.incidents.delete_replication_set(arn=arn),
            lambda: self.incidents.update_deletion_protection(arn=arn, deletionProtected=True),
        ):
            with self.refused(self.incidents, "ResourceNotFoundException", 404):
                call()

    def test_deletion_takes_all_data(self):
        arn = self.create()["arn"]
        contact = self.contacts.create_contact(Alias="gone", Type="PERSONAL", Plan={"Stages": []}, IdempotencyToken="t1")["ContactArn"]
        channel = self.contacts.create_contact_channel(
            ContactId=contact, Name="n", Type="EMAIL", DeliveryAddress={"SimpleAddress": "gone@example.com"}, DeferActivation=True
        )["ContactChannelArn"]
        plan = plan_of(self.incidents, "gone")
        incident = self.incidents.start_incident(responsePlanArn=plan)["incidentRecordArn"]
        self.incidents.delete_replication_set(arn=arn)
        with self.refused(self.incidents, "ResourceNotFoundException", 404):
            self.incidents.get_response_plan(arn=plan)
        with self.refused(self.contacts, "ValidationException", 400):
            self.contacts.get_contact(ContactId=contact)
        self.create()
        for call in (
            lambda: self.contacts.get_contact(ContactId=contact),
            lambda: self.contacts.get_contact_channel(ContactChannelId=channel),
        ):
            with self.refused(self.contacts, "ResourceNotFoundException", 400):
                call()
        with self.refused(self.incidents, "ResourceNotFoundException", 404):
            self.incidents.get_incident_record(arn=incident)
        self.assertEqual(self.incidents.list_incident_records()["incidentRecordSummaries"], [])
        # The token of the first contact is forgotten with it: this creates another one.
        again = self.contacts.create_contact(Alias="gone", Type="PERSONAL", Plan={"Stages": []}, IdempotencyToken="t1")
        self.contacts.get_contact(ContactId=again["ContactArn"])

    def test_the_last_region_is_the_set(self):
        arn = self.create()["arn"]
        self.incidents.update_replication_set(arn=arn, actions=[{"deleteRegionAction": {"regionName": REGION}}])
        with self.refused(self.incidents, "ResourceNotFoundException", 404):
            self.incidents.get_replication_set(arn=arn)

    def test_the_cli_speaks_to_it(self):
        arn = self.quell.aws("ssm-incidents", "create-replication-set", "--regions", json.dumps({REGION: {}}))["arn"]
        self.quell.aws("ssm-incidents", "update-deletion-protection", "--arn", arn, "--deletion-protected")
        found = self.quell.aws("ssm-incidents", "get-replication-set", "--arn", arn)["replicationSet"]
        self.assertIs(found["deletionProtected"], True)
        failed = self.quell.aws_run("ssm-incidents", "delete-replication-set", "--arn", arn)
        self.assertIn("ValidationException", failed.stderr)
        self.quell.aws("ssm-incidents", "update-deletion-protection", "--arn", arn, "--no-deletion-protected")
        self.quell.aws("ssm-incidents", "delete-replication-set", "--arn", arn)


class ResponsePlans(QuellTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.incidents, cls.contacts = cls.set_up_incident_manager()

    def test_create_and_get(self):
        answer = self.incidents.create_response_plan(name="rp1", incidentTemplate={"title": "t", "impact": 3})
        self.assertEqual(self.status(answer), 201)
        arn = answer["arn"]
        self.assertEqual(arn, f"arn:aws:ssm-incidents::{ACCOUNT}:response-plan/rp1")
        found = self.incidents.get_response_plan(arn=arn)
        self.assertEqual((found["arn"], found["name"]), (arn, "rp1"))
        self.assertEqual(found["incidentTemplate"], {"title": "t", "impact": 3})
        self.assertFalse(found.get("actions"))
        self.assertNotIn("tags", found)

    def test_everything_comes_back(self):
        action = {
            "ssmAutomation": {
                "documentName": "Quell-EC2-Isolate",
                "documentVersion": "$DEFAULT",
                "roleArn": ROLE,
                "targetAccount": "IMPACTED_ACCOUNT",
                "parameters": {"InstanceId": ["{{ resource.id }}"]},
                "dynamicParameters": {
                    "IncidentArn": {"variable": "INCIDENT_RECORD_ARN"},
                    "Involved": {"variable": "INVOLVED_RESOURCES"},
                },
            }
        }
        duty = {
            "pagerDutyConfiguration": {
                "name": "pd",
                "secretId": "secret",
                "pagerDutyIncidentConfiguration": {"serviceId": "P1"},
            }
        }
        whole = {
            "displayName": "Whole plan",
            "incidentTemplate": {
                "title": "t",
                "impact": 1,
                "summary": "what happened",
                "dedupeString": "{{ event.account }}/{{ resource.id }}",
                "incidentTags": {"k": ""},
                "notificationTargets": [{"snsTopicArn": TOPIC}],
            },
            "engagements": [contact_arn("one"), contact_arn("two")],
            "chatChannel": {"chatbotSns": [TOPIC]},
            "actions": [action],
            "integrations": [duty],
        }
        arn = self.incidents.create_response_plan(name="whole", tags={"a": "b"}, **whole)["arn"]
        found = self.incidents.get_response_plan(arn=arn)
        for member, value in whole.items():
            self.assertEqual(found[member], value, member)
        self.assertEqual(self.incidents.list_tags_for_resource(resourceArn=arn)["tags"], {"a": "b"})

    def test_names_are_unique_and_tokens_remembered(self):
        arn = plan_of(self.incidents, "unique", clientToken="token-1")
        self.assertEqual(plan_of(self.incidents, "unique", clientToken="token-1"), arn)
        with self.refused(self.incidents, "ConflictException", 409) as caught:
            plan_of(self.incidents, "unique")
        self.assertEqual(caught.exception.response["resourceType"], "RESPONSE_PLAN")
        with self.refused(self.incidents, "ConflictException", 409, "client token"):
            plan_of(self.incidents, "other", clientToken="token-1")
        with self.refused(self.incidents, "ResourceNotFoundException", 404):
            self.incidents.get_response_plan(arn=arn.replace("unique", "other"))

    def test_limits(self):
        topics = [{"snsTopicArn": f"{TOPIC}{number}"} for number in range(11)]
        automation = {"ssmAutomation": {"documentName": "Doc", "roleArn": ROLE}}
        cases = [
            ("engagements", {"engagements": [contact_arn(f"c{number}") for number in range(6)]}),
            ("notificationTargets", {"template": {"notificationTargets": topics}}),
            ("actions", {"actions": [automation, automation]}),
            ("chatbotSns", {"chatChannel": {"chatbotSns": [f"{TOPIC}{number}" for number in range(6)]}}),
            ("engagements", {"engagements": [f"arn:aws:ssm-contacts:{REGION}:{ACCOUNT}:rotation/abc"]}),
            ("engagements", {"engagements": [f"arn:aws:ssm-contacts:{REGION}:{ACCOUNT}:contact-channel/a/b"]}),
            ("impact", {"template": {"impact": 9}}),
            ("title", {"template": {"title": "x" * 201}}),
            ("summary", {"template": {"summary": "x" * 8001}}),
            ("dedupeString", {"template": {"dedupeString": "x" * 1001}}),
            ("incidentTags", {"template": {"incidentTags": {"aws:x": "y"}}}),
            ("documentName", {"actions": [{"ssmAutomation": {"documentName": "a b", "roleArn": ROLE}}]}),
            ("roleArn", {"actions": [{"ssmAutomation": {"documentName": "Doc", "roleArn": TOPIC}}]}),
            ("displayName", {"displayName": "x" * 201}),
        ]
        for place, members in cases:
            with self.subTest(place=place), self.refused(self.incidents, "ValidationException", 400, place):
                plan_of(self.incidents, "limits", **members)
        with self.refused(self.incidents, "ValidationException", 400, "name"):
            plan_of(self.incidents, "no spaces")
        with self.refused(self.incidents, "ResourceNotFoundException", 404):
            self.incidents.get_response_plan(arn=f"arn:aws:ssm-incidents::{ACCOUNT}:response-plan/limits")

    def test_what_terraform_sends(self):
        action = {"ssmAutomation": {"documentName": "Doc", "roleArn": ROLE, "documentVersion": "", "parameters": {}, "dynamicParameters": {}}}
        arn = plan_of(
            self.incidents,
            "terraform",
            displayName="",
            chatChannel={"empty": {}},
            actions=[action],
            template={"dedupeString": "", "summary": ""},
        )
        found = self.incidents.get_response_plan(arn=arn)
        self.assertFalse(found.get("displayName"))
        self.assertIn(found.get("chatChannel"), (None, {"empty": {}}))
        self.assertFalse(found["incidentTemplate"].get("dedupeString"))
        self.assertEqual(found["actions"][0]["ssmAutomation"]["documentName"], "Doc")

    def test_update_changes_what_is_given(self):
        arn = plan_of(
            self.incidents,
            "patched",
            displayName="before",
            engagements=[contact_arn("one")],
            chatChannel={"chatbotSns": [TOPIC]},
            template={"summary": "kept"},
        )
        answer = self.incidents.update_response_plan(arn=arn, incidentTemplateTitle="n")
        self.assertEqual(self.status(answer), 204)
        found = self.incidents.get_response_plan(arn=arn)
        self.assertEqual(found["incidentTemplate"], {"title": "n", "impact": 3, "summary": "kept"})
        self.assertEqual(found["engagements"], [contact_arn("one")])
        self.assertEqual(found["displayName"], "before")
        self.incidents.update_response_plan(
            arn=arn, engagements=[], chatChannel={"empty": {}}, incidentTemplateSummary="", incidentTemplateTags={}
        )
        found = self.incidents.get_response_plan(arn=arn)
        self.assertFalse(found.get("engagements"))
        self.assertFalse(found.get("chatChannel"))
        self.assertFalse(found["incidentTemplate"].get("summary"))
        with self.refused(self.incidents, "ValidationException", 400, "impact"):
            self.incidents.update_response_plan(arn=arn, incidentTemplateImpact=0 + 9)
        self.assertEqual(self.incidents.get_response_plan(arn=arn)["incidentTemplate"]["impact"], 3)

    def test_unknown_and_deleted_plans(self):
        arn = plan_of(self.incidents, "short-lived")
        self.assertEqual(self.status(self.incidents.delete_response_plan(arn=arn)), 204)
        self.assertEqual(self.status(self.incidents.delete_response_plan(arn=arn)), 204)
        for call in (
            lambda: self.incidents.get_response_plan(arn=arn),
            lambda: self.incidents.update_response_plan(arn=arn, displayName="x"),
            lambda: self.incidents.start_incident(responsePlanArn=arn),
        ):
            with self.refused(self.incidents, "ResourceNotFoundException", 404) as caught:
                call()
            self.assertEqual(caught.exception.response["resourceType"], "RESPONSE_PLAN")
            self.assertEqual(caught.exception.response["resourceIdentifier"], arn)

    def test_pages_of_plans(self):
        made = {plan_of(self.incidents, f"page-{number}", displayName=f"P{number}") for number in range(3)}
        paginator = self.incidents.get_paginator("list_response_plans")
        pages = list(paginator.paginate(PaginationConfig={"PageSize": 1}))
        summaries = [summary for page in pages for summary in page["responsePlanSummaries"]]
        self.assertTrue(all(len(page["responsePlanSummaries"]) == 1 for page in pages))
        self.assertNotIn("nextToken", pages[-1])
        self.assertLessEqual(made, {summary["arn"] for summary in summaries})
        self.assertEqual(len(summaries), len({summary["arn"] for summary in summaries}))
        self.assertIn({"arn": sorted(made)[0], "name": "page-0", "displayName": "P0"}, summaries)
        for members in ({"maxResults": 101}, {"nextToken": "garbage"}):
            with self.refused(self.incidents, "ValidationException", 400):
                self.incidents.list_response_plans(**members)

    def test_resource_policies(self):
        arn = plan_of(self.incidents, "shared")
        document = json.dumps({"Version": "2012-10-17", "Statement": []})
        policy = self.incidents.put_resource_policy(resourceArn=arn, policy=document)["policyId"]
        self.assertRegex(policy, "^[0-9a-f]{32}$")
        kept = self.incidents.get_resource_policies(resourceArn=arn)["resourcePolicies"]
        self.assertEqual(kept, [{"policyDocument": document, "policyId": policy, "ramResourceShareRegion": REGION}])
        answer = self.incidents.delete_resource_policy(resourceArn=arn, policyId=policy)
        self.assertEqual(self.status(answer), 200)
        self.assertEqual(self.incidents.get_resource_policies(resourceArn=arn)["resourcePolicies"], [])
        with self.refused(self.incidents, "ResourceNotFoundException", 404):
            self.incidents.delete_resource_policy(resourceArn=arn, policyId=policy)
        with self.refused(self.incidents, "ValidationException", 400, "policy"):
            self.incidents.put_resource_policy(resourceArn=arn, policy="not json")

    def test_tags(self):
        arn = plan_of(self.incidents, "tagged")
        tags = lambda: self.incidents.list_tags_for_resource(resourceArn=arn)["tags"]
        answer = self.incidents.tag_resource(resourceArn=arn, tags={"a": "", "b": "2", "c": "3"})
        self.assertEqual(self.status(answer), 204)
        self.assertEqual(tags(), {"a": "", "b": "2", "c": "3"})
        self.assertEqual(self.status(self.incidents.untag_resource(resourceArn=arn, tagKeys=["a", "b"])), 204)
        self.assertEqual(tags(), {"c": "3"})
        with self.refused(self.incidents, "ValidationException", 400, "aws:"):
            self.incidents.tag_resource(resourceArn=arn, tags={"aws:x": "1"})
        with self.refused(self.incidents, "ServiceQuotaExceededException", 402):
            self.incidents.tag_resource(resourceArn=arn, tags={f"k{number}": "v" for number in range(50)})
        self.assertEqual(tags(), {"c": "3"})
        for unknown in (arn + "x", f"arn:aws:ssm-incidents::{ACCOUNT}:nothing/x"):
            with self.refused(self.incidents, "ResourceNotFoundException", 404):
                self.incidents.tag_resource(resourceArn=unknown, tags={"a": "b"})


class Incidents(QuellTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.incidents, cls.contacts = cls.set_up_incident_manager()

    def plan(self, **members):
        return plan_of(self.incidents, self.id().rsplit(".", 1)[-1], **members)

    def start(self, plan, **members):
        return self.incidents.start_incident(responsePlanArn=plan, **members)["incidentRecordArn"]

    def record(self, arn):
        return self.incidents.get_incident_record(arn=arn)["incidentRecord"]

    def events(self, arn, *types):
        """Details of an incident's events, oldest first; `types` keeps only some."""
        filters = [{"key": "eventType", "condition": {"equals": {"stringValues": list(types)}}}] if types else []
        pages = self.incidents.get_paginator("list_timeline_events").paginate(
            incidentRecordArn=arn, filters=filters, sortOrder="ASCENDING"
        )
        summaries = [event for page in pages for event in page["eventSummaries"]]
        get = self.incidents.get_timeline_event
        return [get(incidentRecordArn=arn, eventId=event["eventId"])["event"] for event in summaries]

    def test_start(self):
        plan = self.plan()
        arn = self.start(plan)
        self.assertRegex(arn, rf"^arn:aws:ssm-incidents::{ACCOUNT}:incident-record/test_start/{UUID}$")
        record = self.record(arn)
        self.assertEqual((record["status"], record["title"], record["impact"]), ("OPEN", "Incident of test_start", 3))
        self.assertEqual(record["incidentRecordSource"]["source"], "aws.ssm-incidents.custom")
        self.assertTrue(record["dedupeString"])
        self.assertEqual(record["notificationTargets"], [])
        self.assertNotIn("resolvedTime", record)
        changed = self.record(self.start(plan, title="Other", impact=1))
        self.assertEqual((changed["title"], changed["impact"]), ("Other", 1))

    def test_one_key_one_open_incident(self):
        plan = self.plan(template={"dedupeString": "db"})
        first = self.start(plan)
        self.assertEqual(self.start(plan), first)
        events = self.events(first, "SSM Incident Trigger")
        self.assertEqual([json.loads(event["eventData"])["createdIncident"] for event in events], [True, False])
        self.incidents.update_incident_record(arn=first, status="RESOLVED")
        second = self.start(plan)
        self.assertNotEqual(second, first)
        # The key counts across plans.
        other = plan_of(self.incidents, "same-key", template={"dedupeString": "db"})
        self.assertEqual(self.start(other), second)

    def test_without_a_key(self):
        plan = self.plan()
        self.assertNotEqual(self.start(plan), self.start(plan))
        now = datetime.datetime.now(datetime.timezone.utc)
        alarm = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:cpu"
        details = {"source": "aws.cloudwatch", "timestamp": now, "triggerArn": alarm, "rawData": "{}"}
        first = self.start(plan, triggerDetails=details)
        self.assertEqual(self.start(plan, triggerDetails=details), first)
        self.assertEqual(self.record(first)["incidentRecordSource"]["resourceArn"], alarm)

    def test_client_tokens(self):
        plan = self.plan()
        first = self.start(plan, clientToken="once", title="a")
        self.assertEqual(self.start(plan, clientToken="once", title="a"), first)
        with self.refused(self.incidents, "ConflictException", 409):
            self.start(plan, clientToken="once", title="b")

    def test_bad_starts(self):
        plan = self.plan()
        now = datetime.datetime.now(datetime.timezone.utc)
        long = {"source": "app", "timestamp": now, "rawData": "x" * 10_001}
        for members, place in (
            ({"impact": 9}, "impact"),
            ({"title": "x" * 201}, "title"),
            ({"triggerDetails": long}, "rawData"),
            ({"triggerDetails": {"source": "x" * 51, "timestamp": now}}, "source"),
            ({"relatedItems": [{"identifier": {"type": "METRIC", "value": {"arn": "nonsense"}}}]}, "relatedItems"),
        ):
            with self.subTest(place=place), self.refused(self.incidents, "ValidationException", 400, place):
                self.start(plan, **members)
        with self.refused(self.incidents, "ValidationException", 400, "responsePlanArn"):
            self.start("not-an-arn")
        with self.assertRaises(botocore.exceptions.ParamValidationError):
            self.start(plan, triggerDetails={"timestamp": now})
        listed = self.incidents.list_incident_records()["incidentRecordSummaries"]
        self.assertNotIn("/test_bad_starts/", json.dumps([summary["arn"] for summary in listed]))

    def test_related_items(self):
        instance = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-1"
        involved = {"identifier": {"type": "INVOLVED_RESOURCE", "value": {"arn": instance}}, "title": "the victim"}
        arn = self.start(self.plan(), relatedItems=[involved])
        items = lambda: self.incidents.list_related_items(incidentRecordArn=arn)["relatedItems"]
        by_type = {item["identifier"]["type"]: item for item in items()}
        self.assertRegex(by_type["INVOLVED_RESOURCE"]["generatedId"], "^related-item/INVOLVED_RESOURCE/[0-9A-F]{32}$")
        self.assertEqual(by_type["INVOLVED_RESOURCE"]["identifier"], involved["identifier"])
        self.assertEqual(by_type["PARENT"]["title"], "parentItem")
        link = {"type": "OTHER", "value": {"url": "https://wiki.example.com/case"}}
        add = {"itemToAdd": {"identifier": link, "title": "case"}}
        answer = self.incidents.update_related_items(incidentRecordArn=arn, relatedItemsUpdate=add)
        self.assertEqual(self.status(answer), 204)
        self.assertIn(link, [item["identifier"] for item in items()])
        pages = self.incidents.get_paginator("list_related_items").paginate(
            incidentRecordArn=arn, PaginationConfig={"PageSize": 1}
        )
        self.assertEqual([item for page in pages for item in page["relatedItems"]], items())
        self.incidents.update_related_items(incidentRecordArn=arn, relatedItemsUpdate={"itemToRemove": link})
        self.assertNotIn(link, [item["identifier"] for item in items()])
        with self.refused(self.incidents, "ValidationException", 400, "generatedId"):
            own_id = {**add["itemToAdd"], "generatedId": by_type["PARENT"]["generatedId"]}
            self.incidents.update_related_items(incidentRecordArn=arn, relatedItemsUpdate={"itemToAdd": own_id})

    def test_a_runbook_that_is_not_there(self):
        action = {"ssmAutomation": {"documentName": "No-Such-Document", "roleArn": ROLE}}
        arn = self.start(self.plan(actions=[action]))
        failure = "SSM Automation Execution Start Failure for Incident"
        event = wait_until("the start failure", lambda: self.events(arn, failure))[0]
        ids = [reference.get("relatedItemId", "") for reference in event["eventReferences"]]
        self.assertTrue(any(item.startswith("related-item/AUTOMATION/") for item in ids), ids)
        self.assertIn("No-Such-Document", event["eventData"])
        self.assertEqual(self.record(arn)["status"], "OPEN")

    def test_resolve_and_reopen(self):
        arn = self.start(self.plan())
        answer = self.incidents.update_incident_record(arn=arn, status="RESOLVED")
        self.assertEqual(self.status(answer), 204)
        record = self.record(arn)
        self.assertEqual(record["status"], "RESOLVED")
        self.assertGreaterEqual(record["resolvedTime"], record["creationTime"])
        filters = [{"key": "status", "condition": {"equals": {"stringValues": ["RESOLVED"]}}}]
        listed = self.incidents.list_incident_records(filters=filters)["incidentRecordSummaries"]
        self.assertIn(arn, [summary["arn"] for summary in listed])
        updates = [json.loads(event["eventData"]) for event in self.events(arn, "SSM Incident Record Update")]
        changes = [change for update in updates for change in update["modifiedAttributes"]]
        self.assertIn({"attributeName": "status", "newValue": "RESOLVED"}, changes)
        self.incidents.update_incident_record(arn=arn, status="OPEN")
        self.assertNotIn("resolvedTime", self.record(arn))

    def test_update(self):
        arn = self.start(self.plan())
        before = self.record(arn)
        self.incidents.update_incident_record(arn=arn, summary="s", impact=2, notificationTargets=[{"snsTopicArn": TOPIC}])
        after = self.record(arn)
        self.assertEqual((after["title"], after["summary"], after["impact"]), (before["title"], "s", 2))
        self.assertRegex(after["lastModifiedBy"], rf"^arn:aws:iam::{ACCOUNT}:user/")
        self.assertGreaterEqual(after["lastModifiedTime"], before["lastModifiedTime"])
        for members in ({"impact": 9}, {"status": "CLOSED"}, {"title": "x" * 201}, {"notificationTargets": [{"snsTopicArn": TOPIC}] * 11}):
            with self.subTest(members=list(members)), self.refused(self.incidents, "ValidationException", 400):
                self.incidents.update_incident_record(arn=arn, **members)
        self.assertEqual(self.record(arn)["impact"], 2)

    def test_unknown_incidents(self):
        arn = f"arn:aws:ssm-incidents::{ACCOUNT}:incident-record/rp/7d2b9a54-0000-4000-8000-000000000000"
        for call in (
            lambda: self.incidents.get_incident_record(arn=arn),
            lambda: self.incidents.update_incident_record(arn=arn, title="x"),
            lambda: self.incidents.list_incident_findings(incidentRecordArn=arn),
        ):
            with self.refused(self.incidents, "ResourceNotFoundException", 404) as caught:
                call()
            self.assertEqual(caught.exception.response["resourceType"], "INCIDENT_RECORD")
        self.assertEqual(self.status(self.incidents.delete_incident_record(arn=arn)), 204)
        self.assertEqual(self.incidents.list_timeline_events(incidentRecordArn=arn)["eventSummaries"], [])

    def test_delete(self):
        plan = self.plan(template={"dedupeString": "deleted"})
        arn = self.start(plan)
        self.assertEqual(self.status(self.incidents.delete_incident_record(arn=arn)), 204)
        with self.refused(self.incidents, "ResourceNotFoundException", 404):
            self.incidents.get_incident_record(arn=arn)
        self.assertEqual(self.incidents.list_related_items(incidentRecordArn=arn)["relatedItems"], [])
        self.assertNotEqual(self.start(plan), arn)

    def test_filters_and_pages(self):
        plan = self.plan()
        made = {impact: self.start(plan, impact=impact) for impact in (1, 2, 3, 5)}
        self.incidents.update_incident_record(arn=made[2], status="RESOLVED")

        def listed(*filters):
            pages = self.incidents.get_paginator("list_incident_records").paginate(
                filters=list(filters), PaginationConfig={"PageSize": 1}
            )
            arns = [summary["arn"] for page in pages for summary in page["incidentRecordSummaries"]]
            return [arn for arn in arns if arn in made.values()]

        impacts = {"key": "impact", "condition": {"equals": {"integerValues": [1, 2]}}}
        is_open = {"key": "status", "condition": {"equals": {"stringValues": ["OPEN"]}}}
        self.assertEqual(listed(impacts, is_open), [made[1]])
        self.assertEqual(listed(), [made[5], made[3], made[2], made[1]])
        tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        self.assertEqual(listed({"key": "creationTime", "condition": {"after": tomorrow}}), [])
        for filters in ([{"key": "nope", "condition": {"after": tomorrow}}], [is_open] * 6, [{"key": "impact", "condition": {"after": tomorrow}}]):
            with self.refused(self.incidents, "ValidationException", 400, "filters"):
                self.incidents.list_incident_records(filters=filters)

    def test_tags_of_incidents(self):
        arn = self.start(self.plan(template={"incidentTags": {"from": "template"}}))
        self.incidents.tag_resource(resourceArn=arn, tags={"own": "x"})
        tags = self.incidents.list_tags_for_resource(resourceArn=arn)["tags"]
        self.assertEqual(tags, {"from": "template", "own": "x"})
        self.incidents.untag_resource(resourceArn=arn, tagKeys=["from"])
        self.assertEqual(self.incidents.list_tags_for_resource(resourceArn=arn)["tags"], {"own": "x"})

    def test_findings(self):
        arn = self.start(self.plan())
        self.assertEqual(self.incidents.list_incident_findings(incidentRecordArn=arn)["findings"], [])
        answer = self.incidents.batch_get_incident_findings(incidentRecordArn=arn, findingIds=["nope"])
        self.assertEqual(answer["findings"], [])
        self.assertEqual([error["findingId"] for error in answer["errors"]], ["nope"])
        with self.refused(self.incidents, "ValidationException", 400, "findingIds"):
            self.incidents.batch_get_incident_findings(incidentRecordArn=arn, findingIds=[str(n) for n in range(21)])

    def test_timeline_events(self):
        arn = self.start(self.plan())
        past = datetime.datetime(2020, 1, 1, 12, 0, 0, tzinfo=datetime.timezone.utc)
        create = lambda **members: self.incidents.create_timeline_event(
            **{"incidentRecordArn": arn, "eventType": "Custom Event", "eventData": '"x"', "eventTime": past, **members}
        )
        answer = create()
        self.assertEqual(self.status(answer), 201)
        self.assertEqual(answer["incidentRecordArn"], arn)
        event = self.incidents.get_timeline_event(incidentRecordArn=arn, eventId=answer["eventId"])["event"]
        self.assertEqual((event["eventData"], event["eventTime"], event["eventType"]), ('"x"', past, "Custom Event"))
        listed = self.incidents.list_timeline_events(incidentRecordArn=arn, maxResults=100)["eventSummaries"]
        self.assertNotIn("eventData", listed[0])
        self.assertEqual(listed[-1]["eventId"], answer["eventId"], "newest first: the oldest is last")
        note = create(eventType="Note", eventReferences=[{"resource": arn}])["eventId"]
        by_reference = [{"key": "eventReference", "condition": {"equals": {"stringValues": [arn]}}}]
        by_type = [{"key": "eventType", "condition": {"equals": {"stringValues": ["Note"]}}}]
        found = self.incidents.list_timeline_events(incidentRecordArn=arn, filters=by_reference + by_type)
        self.assertEqual([summary["eventId"] for summary in found["eventSummaries"]], [note])
        self.assertEqual(create(clientToken="t")["eventId"], create(clientToken="t")["eventId"])
        with self.refused(self.incidents, "ConflictException", 409):
            create(clientToken="t", eventData='"y"')
        for members, place in (
            ({"eventData": "x" * 12_001}, "eventData"),
            ({"eventType": "x" * 101}, "eventType"),
            ({"eventReferences": [{"resource": arn}] * 11}, "eventReferences"),
            ({"eventType": "SSM Incident Trigger"}, "eventType"),
        ):
            with self.subTest(place=place), self.refused(self.incidents, "ValidationException", 400, place):
                create(**members)

    def test_timeline_changes(self):
        arn = self.start(self.plan())
        now = datetime.datetime.now(datetime.timezone.utc)
        first, second = ({"resource": f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-{n}"} for n in (1, 2))
        event_id = self.incidents.create_timeline_event(
            incidentRecordArn=arn, eventType="Note", eventData='"n"', eventTime=now, eventReferences=[first]
        )["eventId"]
        get = lambda: self.incidents.get_timeline_event(incidentRecordArn=arn, eventId=event_id)["event"]
        before = get()
        answer = self.incidents.update_timeline_event(incidentRecordArn=arn, eventId=event_id, eventReferences=[second])
        self.assertEqual(self.status(answer), 204)
        after = get()
        self.assertEqual((after["eventReferences"], after["eventData"]), ([second], '"n"'))
        self.assertGreater(after["eventUpdatedTime"], before["eventUpdatedTime"])
        own = self.events(arn, "SSM Incident Start")[0]["eventId"]
        for call in (self.incidents.update_timeline_event, self.incidents.delete_timeline_event):
            with self.refused(self.incidents, "ValidationException", 400):
                call(incidentRecordArn=arn, eventId=own)
        self.assertEqual(self.status(self.incidents.delete_timeline_event(incidentRecordArn=arn, eventId=event_id)), 204)
        self.assertEqual(self.status(self.incidents.delete_timeline_event(incidentRecordArn=arn, eventId=event_id)), 204)
        for call in (get, lambda: self.incidents.update_timeline_event(incidentRecordArn=arn, eventId=event_id)):
            with self.refused(self.incidents, "ResourceNotFoundException", 404) as caught:
                call()
            self.assertEqual(caught.exception.response["resourceType"], "TIMELINE_EVENT")

    def test_the_trigger_event(self):
        now = datetime.datetime.now(datetime.timezone.utc)
        raw = json.dumps({"detail-type": "Alarm", "detail": {"state": "ALARM"}})
        details = {"source": "my.app", "timestamp": now, "rawData": raw}
        arn = self.start(self.plan(), triggerDetails=details)
        data = json.loads(self.events(arn, "SSM Incident Trigger")[0]["eventData"])
        self.assertEqual((data["incidentSource"], data["createdIncident"]), ("my.app", True))
        self.assertEqual(json.loads(data["rawData"]), json.loads(raw))

    def test_numbers_and_paths_on_the_wire(self):
        plan = self.plan()
        arn = self.start(plan)
        seen = []
        client = self.quell.client("ssm-incidents")
        client.meta.events.register("before-send.ssm-incidents", lambda request, **_: seen.append(request.url) and None)
        client.list_tags_for_resource(resourceArn=plan)
        self.assertTrue(seen[0].endswith("/tags/" + urllib.parse.quote(plan, safe="")), seen)
        raw = {}
        client.meta.events.register(
            "after-call.ssm-incidents.GetIncidentRecord", lambda http_response, **_: raw.update(json.loads(http_response.content))
        )
        client.get_incident_record(arn=arn)
        for member in ("creationTime", "lastModifiedTime"):
            self.assertIsInstance(raw["incidentRecord"][member], (int, float))

    def test_pages_of_the_timeline(self):
        arn = self.start(self.plan())
        now = datetime.datetime.now(datetime.timezone.utc)
        for number in range(5):
            self.incidents.create_timeline_event(
                incidentRecordArn=arn, eventType="Note", eventData=str(number), eventTime=now
            )
        by_type = [{"key": "eventType", "condition": {"equals": {"stringValues": ["Note"]}}}]
        for order, wanted in (("ASCENDING", "01234"), ("DESCENDING", "43210")):
            pages = self.incidents.get_paginator("list_timeline_events").paginate(
                incidentRecordArn=arn, filters=by_type, sortBy="EVENT_TIME", sortOrder=order, PaginationConfig={"PageSize": 2}
            )
            ids = [event["eventId"] for page in pages for event in page["eventSummaries"]]
            data = [self.incidents.get_timeline_event(incidentRecordArn=arn, eventId=id)["event"]["eventData"] for id in ids]
            self.assertEqual("".join(data), wanted)

    def test_the_record_outlives_a_kill(self):
        plan = self.plan(template={"dedupeString": "survivor"})
        arn = self.start(plan)
        before, events = self.record(arn), self.events(arn)
        self.quell.restart()
        self.assertEqual(self.record(arn), before)
        self.assertEqual(self.events(arn), events)
        self.assertEqual(self.start(plan), arn)


if __name__ == "__main__":
    unittest.main()
