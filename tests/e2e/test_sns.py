"""Topics under the AWS CLI and boto3: handshake, signatures, filters, mail, queues, and a Slack-shaped webhook."""

import base64
import http.server
import json
import pathlib
import re
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from quelltest import ACCOUNT, REGION, QuellTest, free_port, wait_until

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:"
SAMPLES = pathlib.Path(__file__).resolve().parents[3] / "shared/samples/eb_securityhub"


class Receiver:
    """A web server that keeps what is posted to it; `statuses` answers the next posts otherwise than with 200."""

    def __init__(self, port=0):
        self.posts, self.statuses = [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                outer.posts.append((self.path, dict(self.headers.items()), body))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def bodies(self, path):
        return [body for at, _, body in list(self.posts) if at == path]

    def wait_for(self, path, count=1):
        wait_until(f"post {count} to {path}", lambda: len(self.bodies(path)) >= count)
        return self.bodies(path)[count - 1]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def get(url, method="GET"):
    """Status, headers and text of an address."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def verify(envelope, origin, fetch=get):
    """Checks a message as a strict receiver does; raises if it is not what the certificate's owner signed."""
    url = urllib.parse.urlsplit(envelope["SigningCertURL"])
    assert f"{url.scheme}://{url.netloc}" == origin, url
    assert re.fullmatch(r"/sns/SimpleNotificationService-[0-9a-f]{32}\.pem", url.path) and not url.query, url
    status, _, pem = fetch(envelope["SigningCertURL"])
    assert status == 200 and "PRIVATE" not in pem
    certificate = x509.load_pem_x509_certificate(pem.encode())
    if envelope["Type"] == "Notification":
        names = ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"]
    else:
        names = ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    text = "".join(f"{name}\n{envelope[name]}\n" for name in names if name in envelope)
    digest = {"1": hashes.SHA1, "2": hashes.SHA256}[envelope["SignatureVersion"]]()
    certificate.public_key().verify(
        base64.b64decode(envelope["Signature"], validate=True), text.encode(), padding.PKCS1v15(), digest
    )
    return certificate


SLACK = free_port()


class Topics(QuellTest):
    with_moto = True
    extra_config = (
        "[webhooks]\nallow_http = true\nallow_private = true\n"
        "[[chat.slack]]\nname = \"security\"\n"
        f'webhook_url = "http://127.0.0.1:{SLACK}/services/T0/B0/secret-path"\n'
        f'topics = ["{TOPIC}chat"]\n'
    )

    @classmethod
    def setUpClass(cls):
        cls.slack = Receiver(SLACK)
        cls.addClassCleanup(cls.slack.close)
        super().setUpClass()
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.close)
        cls.sns = cls.quell.client("sns")

    def subscribed(self, topic, path, **attributes):
        """A confirmed web subscription; gives its ARN."""
        arn = self.sns.subscribe(
            TopicArn=topic, Protocol="http", Endpoint=self.receiver.url + path,
            Attributes=attributes, ReturnSubscriptionArn=True,
        )["SubscriptionArn"]
        question = json.loads(self.receiver.wait_for(path))
        self.assertEqual(get(question["SubscribeURL"])[0], 200)
        return arn

    def test_the_cli_creates_subscribes_and_publishes(self):
        topic = self.quell.aws("sns", "create-topic", "--name", "cli", "--tags", "Key=team,Value=sec")["TopicArn"]
        self.assertEqual(topic, TOPIC + "cli")
        endpoint = self.receiver.url + "/cli"
        answer = self.quell.aws(
            "sns", "subscribe", "--topic-arn", topic, "--protocol", "http", "--notification-endpoint", endpoint
        )
        self.assertEqual(answer, {"SubscriptionArn": "pending confirmation"})
        question = json.loads(self.receiver.wait_for("/cli"))
        verify(question, self.quell.url)
        self.assertEqual(question["Type"], "SubscriptionConfirmation")
        listed = self.quell.aws("sns", "list-subscriptions-by-topic", "--topic-arn", topic)["Subscriptions"]
        self.assertEqual([one["SubscriptionArn"] for one in listed], ["PendingConfirmation"])
        # Nothing goes to an endpoint that has not confirmed.
        self.quell.aws("sns", "publish", "--topic-arn", topic, "--message", "too early")
        confirmed = self.quell.aws(
            "sns", "confirm-subscription", "--topic-arn", topic, "--token", question["Token"]
        )["SubscriptionArn"]
        self.assertTrue(confirmed.startswith(topic + ":"), confirmed)
        published = self.quell.aws(
            "sns", "publish", "--topic-arn", topic, "--message", "hello", "--subject", "Greeting",
            "--message-attributes", '{"kind":{"DataType":"String","StringValue":"x"}}',
        )["MessageId"]
        message = json.loads(self.receiver.wait_for("/cli", 2))
        verify(message, self.quell.url)
        self.assertEqual(
            (message["Type"], message["MessageId"], message["Message"], message["Subject"], message["SignatureVersion"]),
            ("Notification", published, "hello", "Greeting", "2"),
        )
        self.assertEqual(message["MessageAttributes"], {"kind": {"Type": "String", "Value": "x"}})
        headers = {name.lower(): value for _, one, _ in self.receiver.posts for name, value in one.items()
                   if one.get("x-amz-sns-message-id") == published}
        self.assertEqual(headers["x-amz-sns-message-type"], "Notification")
        self.assertEqual(headers["x-amz-sns-subscription-arn"], confirmed)
        self.assertEqual(self.quell.aws("sns", "list-tags-for-resource", "--resource-arn", topic)["Tags"],
                         [{"Key": "team", "Value": "sec"}])
        # The link in the message ends the subscription.
        status, _, text = get(message["UnsubscribeURL"])
        self.assertEqual(status, 200, text)
        self.assertEqual(self.quell.aws("sns", "list-subscriptions-by-topic", "--topic-arn", topic)["Subscriptions"], [])

    def test_a_changed_message_or_a_foreign_token_is_refused(self):
        topic = self.sns.create_topic(Name="strict", Attributes={"SignatureVersion": "1"})["TopicArn"]
        arn = self.subscribed(topic, "/strict")
        self.sns.publish(TopicArn=topic, Message="true")
        message = json.loads(self.receiver.wait_for("/strict", 2))
        self.assertEqual(message["SignatureVersion"], "1")
        verify(message, self.quell.url)
        with self.assertRaises(Exception):
            verify({**message, "Message": "false"}, self.quell.url)
        question = json.loads(self.receiver.bodies("/strict")[0])
        verify(question, self.quell.url)
        # Confirming again tells the same; another token does nothing.
        status, _, text = get(question["SubscribeURL"])
        self.assertEqual(status, 200)
        self.assertIn(f"<SubscriptionArn>{arn}</SubscriptionArn>", text)
        for wrong in [question["Token"][:-1] + ("0" if question["Token"][-1] != "0" else "1"), "", "0" * 96]:
            url = question["SubscribeURL"].replace(question["Token"], wrong)
            self.assertIn(get(url)[0], (400, 404), url)
        with self.refused(self.sns, "InvalidParameterException", 400, "Token"):
            self.sns.confirm_subscription(TopicArn=topic, Token="0" * 96)
        ending = urllib.parse.urlsplit(message["UnsubscribeURL"])
        self.assertEqual(get(message["UnsubscribeURL"][:-2] + "zz")[0], 400, ending)
        self.assertEqual(get(self.quell.url + "/sns/SimpleNotificationService-0.pem")[0], 404)
        self.assertEqual(get(self.quell.url + "/sns/?Action=Publish")[0], 400)
        attributes = self.sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
        self.assertEqual(
            (attributes["PendingConfirmation"], attributes["ConfirmationWasAuthenticated"], attributes["Protocol"]),
            ("false", "false", "http"),
        )

    def test_filters_look_at_attributes_or_at_the_body(self):
        topic = self.sns.create_topic(Name="filters")["TopicArn"]
        self.subscribed(topic, "/attributes", FilterPolicy=json.dumps(
            {"kind": ["finding"], "severity": [{"numeric": [">=", 7]}], "tags": ["a"]}))
        self.subscribed(topic, "/body", FilterPolicyScope="MessageBody", RawMessageDelivery="true",
                        FilterPolicy=json.dumps({"detail": {"type": [{"prefix": "Backdoor:"}]}}))
        self.subscribed(topic, "/all", RawMessageDelivery="true")

        def attributes(severity):
            return {"kind": {"DataType": "String", "StringValue": "finding"},
                    "severity": {"DataType": "Number", "StringValue": severity},
                    "tags": {"DataType": "String.Array", "StringValue": '["b","a"]'}}

        body = json.dumps({"detail": {"type": "Backdoor:EC2/C&CActivity.B"}})
        self.sns.publish(TopicArn=topic, Message="low", MessageAttributes=attributes("4"))
        self.sns.publish(TopicArn=topic, Message="high", MessageAttributes=attributes("8.5"))
        self.sns.publish(TopicArn=topic, Message=body)
        self.sns.publish(TopicArn=topic, Message="end")
        self.receiver.wait_for("/all", 5)
        self.assertEqual(sorted(self.receiver.bodies("/all")[1:]), sorted(["low", "high", body, "end"]))
        self.assertEqual(json.loads(self.receiver.wait_for("/attributes", 2))["Message"], "high")
        self.assertEqual(self.receiver.wait_for("/body", 2), body)
        self.assertEqual((len(self.receiver.bodies("/attributes")), len(self.receiver.bodies("/body"))), (2, 2))
        with self.refused(self.sns, "InvalidParameterException", 400, "Attributes Reason: FilterPolicy"):
            self.sns.subscribe(TopicArn=topic, Protocol="http", Endpoint="http://x.example/",
                               Attributes={"FilterPolicy": '{"a":[{"wrong":1}]}'})

    def test_a_mailbox_confirms_by_a_button_and_gets_messages(self):
        topic = self.sns.create_topic(Name="mail", Attributes={"DisplayName": "Alerts"})["TopicArn"]
        self.sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ana@example.com")
        self.sns.subscribe(TopicArn=topic, Protocol="email-json", Endpoint="robot@example.com")

        def text(mail):
            return re.sub(r"=\n", "", mail.text).replace("=3D", "=")

        def link(mail, action):
            return re.search(rf"http://\S*Action=3?D?={action}\S*|http://\S*Action={action}[^\s\"\\]*", text(mail)).group(0)

        question = self.mail.wait_for("ana@example.com")
        url = link(question, "ConfirmSubscription")
        # Programs that open links before people do confirm nothing.
        status, headers, page = get(url)
        self.assertEqual((status, headers["Referrer-Policy"]), (200, "no-referrer"))
        self.assertIn("<button>", page)
        self.assertIn("PendingConfirmation", str(self.sns.list_subscriptions_by_topic(TopicArn=topic)))
        self.assertEqual(get(url, "POST")[0], 200)
        self.assertEqual(get(link(self.mail.wait_for("robot@example.com"), "ConfirmSubscription"), "POST")[0], 200)
        self.assertNotIn("PendingConfirmation", str(self.sns.list_subscriptions_by_topic(TopicArn=topic)))
        self.sns.publish(TopicArn=topic, MessageStructure="json", Subject="Now",
                         Message=json.dumps({"default": "for all", "email": "for people"}))
        mail = self.mail.wait_for("ana@example.com", 2)
        self.assertIn("for people", text(mail))
        self.assertIn("Subject: Now", mail.text)
        self.assertIn('"Message":"for all"', text(self.mail.wait_for("robot@example.com", 2)))
        ending = link(mail, "Unsubscribe")
        self.assertIn("<button>", get(ending)[2])
        self.assertEqual(get(ending, "POST")[0], 200)
        self.assertEqual(get(ending)[0], 404)

    def test_a_queue_of_the_account_gets_envelopes_or_the_message_alone(self):
        sqs = self.moto.client("sqs")
        topic = self.sns.create_topic(Name="queues")["TopicArn"]
        urls = {}
        for name, raw in [("wrapped", "false"), ("raw", "true")]:
            urls[name] = sqs.create_queue(QueueName=name)["QueueUrl"]
            answer = self.sns.subscribe(TopicArn=topic, Protocol="sqs", Attributes={"RawMessageDelivery": raw},
                                        Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
            self.assertTrue(answer["SubscriptionArn"].startswith(topic), answer)
        self.sns.publish(TopicArn=topic, Message="m", Subject="s", MessageAttributes={
            "a": {"DataType": "String", "StringValue": "x"}, "b": {"DataType": "Binary", "BinaryValue": b"\x00\x01"}})

        def received(name):
            answer = sqs.receive_message(QueueUrl=urls[name], MessageAttributeNames=["All"])
            return answer.get("Messages")

        (wrapped,) = wait_until("the envelope", lambda: received("wrapped"))
        envelope = json.loads(wrapped["Body"])
        verify(envelope, self.quell.url)
        self.assertEqual((envelope["Message"], envelope["Subject"]), ("m", "s"))
        self.assertEqual(envelope["MessageAttributes"]["b"], {"Type": "Binary", "Value": "AAE="})
        (raw,) = wait_until("the message", lambda: received("raw"))
        self.assertEqual(raw["Body"], "m")
        self.assertEqual(raw["MessageAttributes"]["a"]["StringValue"], "x")
        # As from boto3 itself: moto gives binary attributes back in a form of its own.
        sqs.send_message(QueueUrl=urls["wrapped"], MessageBody="m", MessageAttributes={
            "b": {"DataType": "Binary", "BinaryValue": b"\x00\x01"}})
        own = wait_until("boto3's message", lambda: [one for one in received("wrapped") or [] if one["Body"] == "m"])
        self.assertEqual(raw["MessageAttributes"]["b"], own[0]["MessageAttributes"]["b"])

    def test_a_refused_message_goes_to_the_dead_letter_queue(self):
        sqs = self.moto.client("sqs")
        queue = sqs.create_queue(QueueName="dead")["QueueUrl"]
        topic = self.sns.create_topic(Name="dead")["TopicArn"]
        self.subscribed(topic, "/dead", RedrivePolicy=json.dumps(
            {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"}))
        self.receiver.statuses.append(403)
        self.sns.publish(TopicArn=topic, Message="lost")
        (found,) = wait_until("the dead letter", lambda: sqs.receive_message(QueueUrl=queue).get("Messages"))
        self.assertEqual(json.loads(found["Body"])["Message"], "lost")

    def test_a_batch_fails_entry_by_entry(self):
        topic = self.sns.create_topic(Name="batch")["TopicArn"]
        self.subscribed(topic, "/batch", RawMessageDelivery="true")
        answer = self.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=[
            {"Id": "1", "Message": "one"}, {"Id": "2", "Message": "two", "Subject": "bad\nsubject"}, {"Id": "3", "Message": "three"}])
        self.assertEqual([one["Id"] for one in answer["Successful"]], ["1", "3"])
        self.assertEqual([(one["Id"], one["Code"], one["SenderFault"]) for one in answer["Failed"]],
                         [("2", "InvalidParameter", True)])
        self.receiver.wait_for("/batch", 3)
        self.assertEqual(sorted(self.receiver.bodies("/batch")[1:]), ["one", "three"])
        for entries, code in [
            ([], "EmptyBatchRequestException"),
            ([{"Id": str(n), "Message": "m"} for n in range(11)], "TooManyEntriesInBatchRequestException"),
            ([{"Id": "a", "Message": "m"}] * 2, "BatchEntryIdsNotDistinctException"),
            ([{"Id": "a b", "Message": "m"}], "InvalidBatchEntryIdException"),
            ([{"Id": str(n), "Message": "m" * 200_000} for n in range(2)], "BatchRequestTooLongException"),
        ]:
            with self.refused(self.sns, code, 400):
                self.sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)

    def test_what_is_not_there_or_not_served_is_refused(self):
        absent = TOPIC + "absent"
        with self.refused(self.sns, "NotFoundException", 404, "Topic does not exist"):
            self.sns.publish(TopicArn=absent, Message="m")
        with self.refused(self.sns, "NotFoundException", 404):
            self.sns.get_topic_attributes(TopicArn=absent)
        self.sns.delete_topic(TopicArn=absent)
        topic = self.sns.create_topic(Name="refusals")["TopicArn"]
        for code, words, call, members in [
            ("InvalidParameterException", "no text messages", "publish", {"PhoneNumber": "+15550100", "Message": "m"}),
            ("InvalidParameterException", "Empty message", "publish", {"TopicArn": topic, "Message": ""}),
            ("InvalidParameterException", "too long", "publish", {"TopicArn": topic, "Message": "x" * 262_145}),
            ("InvalidParameterException", "without .fifo", "create_topic", {"Name": "a.fifo"}),
            ("InvalidParameterException", "standard topics", "create_topic", {"Name": "a", "Attributes": {"FifoTopic": "true"}}),
            ("InvalidParameterException", "different attributes", "create_topic",
             {"Name": "refusals", "Attributes": {"DisplayName": "other"}}),
            ("InvalidParameterException", "does not deliver to sms", "subscribe",
             {"TopicArn": topic, "Protocol": "sms", "Endpoint": "+15550100"}),
            ("InvalidParameterException", "must match the specified protocol", "subscribe",
             {"TopicArn": topic, "Protocol": "https", "Endpoint": "http://x.example/"}),
            ("InvalidParameterException", "password", "subscribe",
             {"TopicArn": topic, "Protocol": "https", "Endpoint": "https://user:word@x.example/"}),
            ("InvalidParameterException", "Email address", "subscribe",
             {"TopicArn": topic, "Protocol": "email", "Endpoint": "nobody"}),
            ("InvalidParameterValueException", "to number", "publish",
             {"TopicArn": topic, "Message": "m", "MessageAttributes": {"a": {"DataType": "Number", "StringValue": "x"}}}),
            ("InvalidParameterException", "mobile push", "list_platform_applications", {}),
        ]:
            with self.subTest(call=call, words=words), self.refused(self.sns, code, 400, words):
                getattr(self.sns, call)(**members)

    def test_attributes_policies_and_tags_are_kept_over_a_restart(self):
        topic = self.sns.create_topic(Name="kept")["TopicArn"]
        self.assertEqual(self.sns.create_topic(Name="kept")["TopicArn"], topic)
        policy = {"http": {"defaultHealthyRetryPolicy": {"numRetries": 5, "minDelayTarget": 1, "maxDelayTarget": 2}}}
        self.sns.set_topic_attributes(TopicArn=topic, AttributeName="DeliveryPolicy", AttributeValue=json.dumps(policy))
        self.sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="Kept")
        self.sns.add_permission(TopicArn=topic, Label="other", AWSAccountId=["111122223333"], ActionName=["Publish"])
        self.sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
        self.sns.untag_resource(ResourceArn=topic, TagKeys=["a"])
        arn = self.subscribed(topic, "/kept", RawMessageDelivery="true")
        self.quell.restart()
        attributes = self.sns.get_topic_attributes(TopicArn=topic)["Attributes"]
        self.assertEqual((attributes["DisplayName"], attributes["SubscriptionsConfirmed"]), ("Kept", "1"))
        effective = json.loads(attributes["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]
        self.assertEqual((effective["numRetries"], effective["minDelayTarget"]), (5, 1))
        statements = json.loads(attributes["Policy"])["Statement"]
        self.assertEqual(statements[-1]["Principal"], {"AWS": ["arn:aws:iam::111122223333:root"]})
        self.sns.remove_permission(TopicArn=topic, Label="other")
        self.assertEqual(self.sns.list_tags_for_resource(ResourceArn=topic)["Tags"], [{"Key": "b", "Value": "2"}])
        # The same filters and subscriptions after the restart, and the waits of the policy: one, then two seconds.
        self.receiver.statuses += [500] * 3
        self.sns.publish(TopicArn=topic, Message="again")
        self.assertEqual(self.receiver.wait_for("/kept", 4), "again")
        self.sns.unsubscribe(SubscriptionArn=arn)
        self.sns.delete_topic(TopicArn=topic)
        self.assertNotIn(topic, [one["TopicArn"] for one in self.sns.list_topics()["Topics"]])

    def test_a_topic_is_shown_in_chat(self):
        topic = self.sns.create_topic(Name="chat")["TopicArn"]
        self.sns.publish(TopicArn=topic, Subject="Look", Message="<!channel> see https://evil.example")
        path = "/services/T0/B0/secret-path"
        text = json.loads(self.slack.wait_for(path))["text"]
        self.assertEqual(text, "*Look*\n&lt;!channel&gt; see https[:]//evil.example")
        shown = self.quell.aws_run("sns", "list-subscriptions-by-topic", "--topic-arn", topic).stdout
        self.assertNotIn("secret-path", shown + self.quell.log.read_text())


if __name__ == "__main__":
    unittest.main()
