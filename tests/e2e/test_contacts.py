"""ssm-contacts under boto3: contacts, channels and their activation, engagements and pages."""

import datetime
import json
import unittest

import botocore.exceptions

from quelltest import ACCOUNT, REGION, QuellTest, active_person, plan_of, wait_until

PREFIX = f"arn:aws:ssm-contacts:{REGION}:{ACCOUNT}"
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
EMPTY = {"Stages": []}


def to_contact(arn, essential=True):
    return {"ContactTargetInfo": {"ContactId": arn, "IsEssential": essential}}


def to_channel(arn, retry=0):
    return {"ChannelTargetInfo": {"ContactChannelId": arn, "RetryIntervalInMinutes": retry}}


def stage(minutes, *targets):
    return {"DurationInMinutes": minutes, "Targets": list(targets)}


class Contacts(QuellTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.incidents, cls.contacts = cls.set_up_incident_manager()

    def person(self, alias, **members):
        return self.contacts.create_contact(**{"Alias": alias, "Type": "PERSONAL", "Plan": EMPTY, **members})["ContactArn"]

    def channel(self, contact, address="ana@example.com", kind="EMAIL", **members):
        return self.contacts.create_contact_channel(
            **{
                "ContactId": contact,
                "Name": "work",
                "Type": kind,
                "DeliveryAddress": {"SimpleAddress": address},
                "DeferActivation": True,
                **members,
            }
        )["ContactChannelArn"]

    def test_create_and_get(self):
        arn = self.person("akuam", DisplayName="Akua Mansa")
        self.assertEqual(arn, f"{PREFIX}:contact/akuam")
        found = self.contacts.get_contact(ContactId=arn)
        self.assertEqual((found["Alias"], found["DisplayName"], found["Type"], found["Plan"]), ("akuam", "Akua Mansa", "PERSONAL", EMPTY))
        self.assertNotIn("Tags", found)

    def test_aliases_are_unique_and_tokens_remembered(self):
        arn = self.person("unique", IdempotencyToken="t-1")
        self.assertEqual(self.person("unique", IdempotencyToken="t-1"), arn)
        with self.refused(self.contacts, "ConflictException", 400) as caught:
            self.person("unique")
        answer = caught.exception.response
        self.assertEqual((answer["ResourceId"], answer["ResourceType"]), (arn, "CONTACT"))
        with self.refused(self.contacts, "ConflictException", 400):
            self.person("unique-2", IdempotencyToken="t-1")

    def test_bad_contacts(self):
        for members in (
            {"Alias": "Bad Alias"},
            {"Type": "NOPE"},
            {"DisplayName": "a/b"},
            {"Alias": "x" * 256},
            {"IdempotencyToken": "a:b"},
            {"Plan": {"RotationIds": [f"{PREFIX}:rotation/abc"]}},
        ):
            with self.subTest(members=members), self.refused(self.contacts, "ValidationException", 400) as caught:
                self.person("bad", **members)
            answer = caught.exception.response
            self.assertEqual(answer["Reason"], "FIELD_VALIDATION_FAILED")
            self.assertTrue(answer["Fields"][0]["Name"] and answer["Fields"][0]["Message"], answer)
        with self.refused(self.contacts, "ResourceNotFoundException", 400):
            self.contacts.get_contact(ContactId=f"{PREFIX}:contact/bad")

    def test_plans_target_what_fits(self):
        ana, bob = self.person("plan-ana"), self.person("plan-bob")
        own, other = self.channel(ana), self.channel(bob)
        escalation = self.contacts.create_contact(
            Alias="plan-escalation", Type="ESCALATION", Plan={"Stages": [stage(5, to_contact(ana)), stage(0, to_contact(bob, False))]}
        )["ContactArn"]
        plan = self.contacts.get_contact(ContactId=escalation)["Plan"]
        self.assertEqual(plan["Stages"], [stage(5, to_contact(ana)), stage(0, to_contact(bob, False))])
        cases = [
            (ana, [stage(1, to_contact(bob))]),
            (ana, [stage(1, to_channel(other))]),
            (ana, [stage(1, to_channel(f"{PREFIX}:contact-channel/plan-ana/7d2b9a54-0000-4000-8000-000000000000"))]),
            (ana, [stage(0)]),
            (ana, [stage(31, to_channel(own))]),
            (ana, [stage(1, to_channel(own, 61))]),
            (escalation, [stage(1, to_channel(own))]),
            (escalation, [stage(1, to_contact(f"{PREFIX}:contact/nobody"))]),
            (escalation, [stage(1, to_contact(escalation))]),
        ]
        for contact, stages in cases:
            with self.subTest(stages=stages), self.refused(self.contacts, "ValidationException", 400):
                self.contacts.update_contact(ContactId=contact, Plan={"Stages": stages})
        self.assertEqual(self.contacts.get_contact(ContactId=ana)["Plan"], EMPTY)
        self.contacts.update_contact(ContactId=ana, Plan={"Stages": [stage(1), stage(0, to_channel(own, 60))]})

    def test_schedules_have_no_stages(self):
        words = "Invalid value provided - ONCALL SCHEDULE contact cannot have stages in plan"
        with self.refused(self.contacts, "ValidationException", 400, words):
            self.contacts.create_contact(Alias="schedule", Type="ONCALL_SCHEDULE", Plan={"Stages": [stage(5)]})
        self.contacts.create_contact(Alias="schedule", Type="ONCALL_SCHEDULE", Plan=EMPTY)

    def test_update_changes_what_is_given(self):
        arn = self.person("patched", DisplayName="before")
        channel = self.channel(arn)
        self.contacts.update_contact(ContactId=arn, Plan={"Stages": [stage(2, to_channel(channel))]})
        self.contacts.update_contact(ContactId=arn, DisplayName="after")
        found = self.contacts.get_contact(ContactId=arn)
        self.assertEqual((found["DisplayName"], found["Plan"]["Stages"]), ("after", [stage(2, to_channel(channel))]))
        # A channel goes although a plan names it; the plan keeps the name.
        self.contacts.delete_contact_channel(ContactChannelId=channel)
        self.assertEqual(self.contacts.get_contact(ContactId=arn)["Plan"]["Stages"], [stage(2, to_channel(channel))])
        self.contacts.update_contact(ContactId=arn, Plan=EMPTY, DisplayName="")
        self.assertFalse(self.contacts.get_contact(ContactId=arn).get("DisplayName"))

    def test_what_is_not_there(self):
        contact, channel = f"{PREFIX}:contact/nobody", f"{PREFIX}:contact-channel/nobody/7d2b9a54-0000-4000-8000-000000000000"
        engagement, page = channel.replace("contact-channel", "engagement"), channel.replace("contact-channel", "page")
        for call in (
            lambda: self.contacts.get_contact(ContactId=contact),
            lambda: self.contacts.update_contact(ContactId=contact, DisplayName="x"),
            lambda: self.contacts.delete_contact(ContactId=contact),
            lambda: self.contacts.get_contact(ContactId=contact.replace(REGION, "eu-west-1")),
            lambda: self.contacts.list_contact_channels(ContactId=contact),
            lambda: self.contacts.get_contact_policy(ContactArn=contact),
            lambda: self.contacts.get_contact_channel(ContactChannelId=channel),
            lambda: self.contacts.send_activation_code(ContactChannelId=channel),
            lambda: self.contacts.activate_contact_channel(ContactChannelId=channel, ActivationCode="123456"),
            lambda: self.contacts.start_engagement(ContactId=contact, Sender="s", Subject="s", Content="c"),
            lambda: self.contacts.describe_engagement(EngagementId=engagement),
            lambda: self.contacts.stop_engagement(EngagementId=engagement),
            lambda: self.contacts.list_pages_by_engagement(EngagementId=engagement),
            lambda: self.contacts.describe_page(PageId=page),
            lambda: self.contacts.accept_page(PageId=page, AcceptType="READ", AcceptCode="123456"),
            lambda: self.contacts.list_tags_for_resource(ResourceARN=contact),
        ):
            with self.refused(self.contacts, "ResourceNotFoundException", 400) as caught:
                call()
            self.assertTrue(caught.exception.response["ResourceId"])
            self.assertTrue(caught.exception.response["ResourceType"])
        with self.refused(self.contacts, "ValidationException", 400):
            self.contacts.get_contact(ContactId="akuam")

    def test_listing(self):
        for alias in ("list-ab", "list-ac", "list-b"):
            self.person(alias)
        self.contacts.create_contact(Alias="list-ad", Type="ESCALATION", Plan=EMPTY)
        aliases = lambda **members: [
            contact["Alias"]
            for page in self.contacts.get_paginator("list_contacts").paginate(PaginationConfig={"PageSize": 1}, **members)
            for contact in page["Contacts"]
        ]
        self.assertEqual(aliases(AliasPrefix="list-"), ["list-ab", "list-ac", "list-ad", "list-b"])
        self.assertEqual(aliases(AliasPrefix="list-a", Type="PERSONAL"), ["list-ab", "list-ac"])
        first = self.contacts.list_contacts(AliasPrefix="list-", MaxResults=1)
        self.assertRegex(first["NextToken"], r"^[\\/a-zA-Z0-9_+=-]*$")
        for members in ({"MaxResults": 1025}, {"NextToken": "garbage"}, {"NextToken": first["NextToken"]}):
            with self.refused(self.contacts, "ValidationException", 400):
                self.contacts.list_contacts(**members)

    def test_deletion(self):
        ana = self.person("deleted")
        channel = self.channel(ana)
        escalation = self.contacts.create_contact(
            Alias="keeps-it", Type="ESCALATION", Plan={"Stages": [stage(5, to_contact(ana))]}
        )["ContactArn"]
        self.contacts.delete_contact(ContactId=ana)
        with self.refused(self.contacts, "ResourceNotFoundException", 400):
            self.contacts.get_contact_channel(ContactChannelId=channel)
        self.assertEqual(self.contacts.get_contact(ContactId=escalation)["Plan"]["Stages"], [stage(5, to_contact(ana))])

    def test_policies(self):
        arn = self.person("policy")
        self.assertNotIn("Policy", self.contacts.get_contact_policy(ContactArn=arn))
        document = json.dumps({"Version": "2012-10-17", "Statement": []})
        self.contacts.put_contact_policy(ContactArn=arn, Policy=document)
        self.assertEqual(self.contacts.get_contact_policy(ContactArn=arn)["Policy"], document)

    def test_tags(self):
        arn = self.person("tagged", Tags=[{"Key": "a", "Value": "1"}])
        self.contacts.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
        tags = lambda: {tag["Key"]: tag["Value"] for tag in self.contacts.list_tags_for_resource(ResourceARN=arn)["Tags"]}
        self.assertEqual(tags(), {"a": "1", "b": "2"})
        self.contacts.untag_resource(ResourceARN=arn, TagKeys=["a", "absent"])
        self.assertEqual(tags(), {"b": "2"})
        with self.refused(self.contacts, "ServiceQuotaExceededException", 400):
            self.contacts.tag_resource(ResourceARN=arn, Tags=[{"Key": f"k{n}", "Value": "v"} for n in range(50)])
        with self.refused(self.contacts, "ValidationException", 400):
            self.contacts.tag_resource(ResourceARN=arn, Tags=[{"Key": "a b", "Value": "v"}])

    def test_rotations_are_not_served(self):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            self.contacts.list_rotations()
        self.assertEqual(caught.exception.response["Error"]["Code"], "UnknownOperationException")
        self.assertIn("ListRotations", caught.exception.response["Error"]["Message"])

    def test_channels(self):
        ana = self.person("channels")
        sms = self.channel(ana, "+15005550199", "SMS", DeferActivation=False)
        self.assertRegex(sms, rf"^{PREFIX}:contact-channel/channels/{UUID}$")
        found = self.contacts.get_contact_channel(ContactChannelId=sms)
        self.assertEqual(found["ActivationStatus"], "NOT_ACTIVATED")
        self.assertEqual(found["DeliveryAddress"], {"SimpleAddress": "+15005550199"})
        self.assertEqual((found["ContactArn"], found["Type"], found["Name"]), (ana, "SMS", "work"))
        with self.refused(self.contacts, "ValidationException", 400, "SMS"):
            self.contacts.send_activation_code(ContactChannelId=sms)
        for address, kind in (("+15005550199", "EMAIL"), ("ana@example.com", "VOICE"), ("5005550199", "SMS"), ("no-address", "EMAIL")):
            with self.subTest(address=address, kind=kind), self.refused(self.contacts, "ValidationException", 400, "SimpleAddress"):
                self.channel(ana, address, kind)
        second = self.channel(ana, IdempotencyToken="c-1")
        self.assertEqual(self.channel(ana, IdempotencyToken="c-1"), second)
        listed = [
            channel["ContactChannelArn"]
            for page in self.contacts.get_paginator("list_contact_channels").paginate(ContactId=ana, PaginationConfig={"PageSize": 1})
            for channel in page["ContactChannels"]
        ]
        self.assertEqual(sorted(listed), sorted([sms, second]))
        escalation = self.contacts.create_contact(Alias="no-channels", Type="ESCALATION", Plan=EMPTY)["ContactArn"]
        with self.refused(self.contacts, "ValidationException", 400):
            self.channel(escalation)

    def test_activation(self):
        address = "activation@example.com"
        channel = self.channel(self.person("activation"), address)
        status = lambda: self.contacts.get_contact_channel(ContactChannelId=channel)["ActivationStatus"]
        activate = lambda code: self.contacts.activate_contact_channel(ContactChannelId=channel, ActivationCode=code)
        with self.refused(self.contacts, "ValidationException", 400, "SendActivationCode"):
            activate("123456")
        self.contacts.send_activation_code(ContactChannelId=channel)
        # A deferred activation has sent nothing before.
        first = self.mail.wait_for(address).code()
        self.assertEqual(len(self.mail.to(address)), 1)
        self.contacts.send_activation_code(ContactChannelId=channel)
        second = self.mail.wait_for(address, 2).code()
        wrong = "000000" if second != "000000" else "111111"
        with self.refused(self.contacts, "ValidationException", 400):
            activate(wrong)
        if first != second:
            with self.refused(self.contacts, "ValidationException", 400):
                activate(first)
        with self.refused(self.contacts, "ValidationException", 400):
            activate("letters")
        self.assertEqual(status(), "NOT_ACTIVATED")
        activate(second)
        self.assertEqual(status(), "ACTIVATED")
        self.contacts.update_contact_channel(ContactChannelId=channel, Name="renamed")
        self.assertEqual(status(), "ACTIVATED")
        self.contacts.update_contact_channel(ContactChannelId=channel, DeliveryAddress={"SimpleAddress": "other@example.com"})
        self.assertEqual(status(), "NOT_ACTIVATED")
        with self.refused(self.contacts, "ValidationException", 400):
            activate(second)

    def test_codes_wear_out(self):
        address = "guess@example.com"
        channel = self.channel(self.person("guess"), address)
        self.contacts.send_activation_code(ContactChannelId=channel)
        code = self.mail.wait_for(address).code()
        wrong = "000000" if code != "000000" else "111111"
        for _ in range(10):
            with self.refused(self.contacts, "ValidationException", 400):
                self.contacts.activate_contact_channel(ContactChannelId=channel, ActivationCode=wrong)
        with self.refused(self.contacts, "ValidationException", 400, "too many"):
            self.contacts.activate_contact_channel(ContactChannelId=channel, ActivationCode=code)

    def test_deactivation(self):
        _, channel = active_person(self.contacts, self.mail, "deactivated", "deactivated@example.com")
        self.contacts.deactivate_contact_channel(ContactChannelId=channel)
        self.assertEqual(self.contacts.get_contact_channel(ContactChannelId=channel)["ActivationStatus"], "NOT_ACTIVATED")


class Engagements(QuellTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.incidents, cls.contacts = cls.set_up_incident_manager()

    def person(self, minutes=5):
        alias = self.id().rsplit(".", 1)[-1].replace("test_", "").replace("_", "-")
        address = f"{alias}@example.com"
        contact, channel = active_person(self.contacts, self.mail, alias, address, minutes)
        return contact, channel, address

    def engage(self, contact, **members):
        return self.contacts.start_engagement(
            **{"ContactId": contact, "Sender": "tester", "Subject": "Database down", "Content": "It does not answer.", **members}
        )["EngagementArn"]

    def sent_page(self, engagement):
        """The engagement's first page, once it is sent."""
        def look():
            pages = self.contacts.list_pages_by_engagement(EngagementId=engagement)["Pages"]
            return next((page for page in pages if "SentTime" in page), None)

        return wait_until("a sent page", look)

    def test_a_person_is_paged(self):
        contact, _, address = self.person()
        engagement = self.engage(contact, PublicSubject="public", IncidentId="case-7")
        self.assertRegex(engagement, rf"^{PREFIX}:engagement/a-person-is-paged/{UUID}$")
        page = self.sent_page(engagement)
        self.assertEqual(page["ContactArn"], contact)
        self.assertNotIn("ReadTime", page)
        pages = self.contacts.list_pages_by_engagement(EngagementId=engagement)["Pages"]
        self.assertEqual(len(pages), 1)
        mail = self.mail.wait_for(address, 2)
        self.assertIn("Database down", mail.text)
        self.assertIn("It does not answer.", mail.text)
        found = self.contacts.describe_engagement(EngagementId=engagement)
        self.assertEqual((found["Sender"], found["Subject"], found["Content"]), ("tester", "Database down", "It does not answer."))
        self.assertEqual((found["PublicSubject"], found["IncidentId"], found["ContactArn"]), ("public", "case-7", contact))
        self.assertIsInstance(found["StartTime"], datetime.datetime)
        self.assertNotIn("StopTime", found)
        described = self.contacts.describe_page(PageId=page["PageArn"])
        self.assertEqual((described["EngagementArn"], described["Subject"]), (engagement, "Database down"))
        by_contact = self.contacts.list_pages_by_contact(ContactId=contact)["Pages"]
        self.assertEqual([item["PageArn"] for item in by_contact], [page["PageArn"]])

    def test_an_acknowledgement(self):
        contact, channel, address = self.person()
        page = self.sent_page(self.engage(contact))["PageArn"]
        code = self.mail.wait_for(address, 2).code()
        wrong = "000000" if code != "000000" else "111111"
        with self.refused(self.contacts, "ValidationException", 400, "AcceptCode"):
            self.contacts.accept_page(PageId=page, AcceptType="READ", AcceptCode=wrong, AcceptCodeValidation="ENFORCE")
        with self.refused(self.contacts, "ValidationException", 400):
            self.contacts.accept_page(PageId=page, AcceptType="READ", AcceptCode=wrong)
        with self.refused(self.contacts, "ValidationException", 400):
            self.contacts.accept_page(PageId=page, AcceptType="READ", AcceptCode="letters")
        with self.assertRaises(botocore.exceptions.ParamValidationError):
            self.contacts.accept_page(PageId=page, AcceptType="READ", AcceptCode="12345")
        self.assertNotIn("ReadTime", self.contacts.describe_page(PageId=page))
        self.contacts.accept_page(PageId=page, AcceptType="READ", AcceptCode=code, ContactChannelId=channel)
        described = self.contacts.describe_page(PageId=page)
        self.assertIn("DeliveryTime", described)
        self.assertIn("ReadTime", described)
        receipts = {receipt["ReceiptType"]: receipt for receipt in self.contacts.list_page_receipts(PageId=page)["Receipts"]}
        self.assertLessEqual({"SENT", "DELIVERED", "READ"}, set(receipts))
        self.assertEqual(receipts["READ"]["ReceiptInfo"], code)
        self.assertEqual(receipts["READ"]["ContactChannelArn"], channel)
        self.contacts.accept_page(PageId=page, AcceptType="READ", AcceptCode=code)
        self.assertEqual(self.contacts.describe_page(PageId=page)["ReadTime"], described["ReadTime"])

    def test_any_code_where_none_is_enforced(self):
        contact, _, _ = self.person()
        page = self.sent_page(self.engage(contact))["PageArn"]
        accept = lambda kind: self.contacts.accept_page(PageId=page, AcceptType=kind, AcceptCode="999999", AcceptCodeValidation="IGNORE")
        accept("DELIVERED")
        described = self.contacts.describe_page(PageId=page)
        self.assertIn("DeliveryTime", described)
        self.assertNotIn("ReadTime", described)
        accept("READ")
        self.assertIn("ReadTime", self.contacts.describe_page(PageId=page))

    def test_nobody_to_page(self):
        contact = self.contacts.create_contact(Alias="no-plan", Type="PERSONAL", Plan=EMPTY)["ContactArn"]
        with self.refused(self.contacts, "ValidationException", 400, "no engagement plan"):
            self.engage(contact)
        channel = self.contacts.create_contact_channel(
            ContactId=contact, Name="n", Type="EMAIL", DeliveryAddress={"SimpleAddress": "n@example.com"}, DeferActivation=True
        )["ContactChannelArn"]
        self.contacts.update_contact(ContactId=contact, Plan={"Stages": [stage(5, to_channel(channel))]})
        with self.refused(self.contacts, "ValidationException", 400, "activated"):
            self.engage(contact)

    def test_bad_engagements(self):
        contact, _, _ = self.person()
        for members in ({"Subject": "x" * 2049}, {"Content": "x" * 8193}, {"Sender": "<tester>"}, {"IncidentId": "x" * 1025}):
            with self.subTest(members=list(members)), self.refused(self.contacts, "ValidationException", 400) as caught:
                self.engage(contact, **members)
            self.assertEqual(caught.exception.response["Reason"], "FIELD_VALIDATION_FAILED")
        self.assertEqual(self.contacts.list_pages_by_contact(ContactId=contact)["Pages"], [])

    def test_tokens(self):
        contact, _, _ = self.person()
        first = self.engage(contact, IdempotencyToken="e-1")
        self.assertEqual(self.engage(contact, IdempotencyToken="e-1"), first)
        with self.refused(self.contacts, "ConflictException", 400):
            self.engage(contact, IdempotencyToken="e-1", Subject="other")

    def test_stop(self):
        contact, _, address = self.person()
        engagement = self.engage(contact)
        page = self.sent_page(engagement)["PageArn"]
        code = self.mail.wait_for(address, 2).code()
        self.contacts.stop_engagement(EngagementId=engagement, Reason="false alarm")
        stopped = self.contacts.describe_engagement(EngagementId=engagement)["StopTime"]
        self.contacts.stop_engagement(EngagementId=engagement)
        self.assertEqual(self.contacts.describe_engagement(EngagementId=engagement)["StopTime"], stopped)
        kinds = [receipt["ReceiptType"] for receipt in self.contacts.list_page_receipts(PageId=page)["Receipts"]]
        self.assertIn("STOP", kinds)
        # A page that went out can still be answered.
        self.contacts.accept_page(PageId=page, AcceptType="READ", AcceptCode=code)
        self.assertIn("ReadTime", self.contacts.describe_page(PageId=page))

    def test_an_escalation(self):
        ana, _, address = self.person()
        escalation = self.contacts.create_contact(
            Alias="two-stages", Type="ESCALATION", Plan={"Stages": [stage(30, to_contact(ana)), stage(0, to_contact(ana, False))]}
        )["ContactArn"]
        engagement = self.engage(escalation)
        page = self.sent_page(engagement)
        self.assertEqual(page["ContactArn"], ana)
        way = self.contacts.list_page_resolutions(PageId=page["PageArn"])["PageResolutions"]
        self.assertEqual([(hop["ContactArn"], hop["Type"], hop["StageIndex"]) for hop in way], [(escalation, "ESCALATION", 0), (ana, "PERSONAL", 0)])
        code = self.mail.wait_for(address, 2).code()
        self.contacts.accept_page(PageId=page["PageArn"], AcceptType="READ", AcceptCode=code)
        # The essential answer ends the whole: the second stage never starts.
        self.assertIn("StopTime", self.contacts.describe_engagement(EngagementId=engagement))
        self.assertEqual(len(self.contacts.list_pages_by_engagement(EngagementId=engagement)["Pages"]), 1)
        missing = self.contacts.create_contact(Alias="ghost", Type="PERSONAL", Plan=EMPTY)["ContactArn"]
        self.contacts.update_contact(ContactId=escalation, Plan={"Stages": [stage(0, to_contact(missing), to_contact(ana))]})
        self.contacts.delete_contact(ContactId=missing)
        self.assertEqual(self.sent_page(self.engage(escalation))["ContactArn"], ana)

    def test_an_incident_engages(self):
        contact, _, address = self.person()
        plan = plan_of(self.incidents, "engaging", engagements=[contact], template={"title": "Root was used", "impact": 1})
        incident = self.incidents.start_incident(responsePlanArn=plan)["incidentRecordArn"]
        engagements = wait_until("the engagement", lambda: self.contacts.list_engagements(IncidentId=incident)["Engagements"])
        self.assertEqual(len(engagements), 1)
        engagement = engagements[0]
        self.assertTrue(engagement["Sender"])
        self.assertEqual((engagement["IncidentId"], engagement["ContactArn"]), (incident, contact))
        page = self.sent_page(engagement["EngagementArn"])
        mail = self.mail.wait_for(address, 2)
        self.assertIn("Root was used", mail.text)
        self.assert_event(incident, "SSM Contacts Page for Incident", contact, engagement)
        self.contacts.accept_page(PageId=page["PageArn"], AcceptType="READ", AcceptCode=mail.code())
        self.assert_event(incident, "SSM Contacts Page Acknowledgement for Incident", contact, engagement)

    def assert_event(self, incident, kind, contact, engagement):
        filters = [{"key": "eventType", "condition": {"equals": {"stringValues": [kind]}}}]
        look = lambda: self.incidents.list_timeline_events(incidentRecordArn=incident, filters=filters)["eventSummaries"]
        found = wait_until(kind, look)[0]
        event = self.incidents.get_timeline_event(incidentRecordArn=incident, eventId=found["eventId"])["event"]
        data = json.loads(event["eventData"])
        self.assertEqual((data["contactArn"], data["engagementArn"]), (contact, engagement["EngagementArn"]))

    def test_resolving_stops_the_paging(self):
        contact, _, _ = self.person(minutes=30)
        plan = plan_of(self.incidents, "resolving", engagements=[contact])
        incident = self.incidents.start_incident(responsePlanArn=plan)["incidentRecordArn"]
        engagement = wait_until("the engagement", lambda: self.contacts.list_engagements(IncidentId=incident)["Engagements"])[0]["EngagementArn"]
        self.sent_page(engagement)
        self.incidents.update_incident_record(arn=incident, status="RESOLVED")
        wait_until("the stop", lambda: "StopTime" in self.contacts.describe_engagement(EngagementId=engagement))

    def test_a_fold_pages_nobody_again(self):
        contact, _, address = self.person()
        plan = plan_of(self.incidents, "folding", engagements=[contact], template={"dedupeString": "fold"})
        first = self.incidents.start_incident(responsePlanArn=plan)["incidentRecordArn"]
        self.mail.wait_for(address, 2)
        self.assertEqual(self.incidents.start_incident(responsePlanArn=plan)["incidentRecordArn"], first)
        self.assertEqual(len(self.contacts.list_engagements(IncidentId=first)["Engagements"]), 1)

    def test_lists_by_time(self):
        contact, _, _ = self.person()
        made = [self.engage(contact) for _ in range(3)]
        pages = self.contacts.get_paginator("list_engagements").paginate(PaginationConfig={"PageSize": 1})
        listed = [item["EngagementArn"] for page in pages for item in page["Engagements"]]
        self.assertEqual([arn for arn in listed if arn in made], made[::-1])
        tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
        self.assertEqual(self.contacts.list_engagements(TimeRangeValue={"StartTime": tomorrow})["Engagements"], [])
        found = self.contacts.list_engagements(TimeRangeValue={"EndTime": tomorrow})["Engagements"]
        self.assertLessEqual(set(made), {item["EngagementArn"] for item in found})
        pages = self.contacts.get_paginator("list_pages_by_contact").paginate(ContactId=contact, PaginationConfig={"PageSize": 2})
        shown = [item["EngagementArn"] for page in pages for item in page["Pages"]]
        self.assertEqual(shown, made[::-1])

    def test_a_kill_in_between(self):
        contact, _, address = self.person()
        engagement = self.engage(contact)
        page = self.sent_page(engagement)
        code = self.mail.wait_for(address, 2).code()
        self.quell.restart()
        self.assertEqual(self.contacts.describe_page(PageId=page["PageArn"])["SentTime"], page["SentTime"])
        self.assertEqual(len(self.mail.to(address)), 2, "a page that was sent is not sent again")
        self.contacts.accept_page(PageId=page["PageArn"], AcceptType="READ", AcceptCode=code)


if __name__ == "__main__":
    unittest.main()
