"""Requests of the wrong shape, for every operation that is served: refused with a client's error, never a fault."""

import copy
import json
import unittest
import urllib.error
import urllib.parse
import urllib.request

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.session

from quelltest import ACCOUNT, REGION, QuellTest, plan_of

# One value of each JSON type, and some that are right in type and wrong in all else.
WRONG = [
    5,
    -1.5,
    1e308,
    True,
    "",
    "x",
    "\u0000\u202e\U0001f525",
    "x" * 100_000,
    f"arn:aws:ssm-incidents::{ACCOUNT}:response-plan/{'x' * 500}",
    f"arn:aws:ssm-contacts:{REGION}:{ACCOUNT}:page/a/b/c",
    [],
    [[]],
    [None],
    [{}] * 200,
    {},
    {"": None},
    {"x": {"x": {"x": []}}},
]
SERVICES = ["ssm-incidents", "ssm-contacts"]


def sample(shape, depth=0):
    """A value of a shape's type that a client would let pass."""
    if shape.type_name == "structure":
        members = shape.members
        if getattr(shape, "is_tagged_union", False):
            members = dict(list(members.items())[:1])
        return {name: sample(member, depth + 1) for name, member in members.items() if depth < 6}
    if shape.type_name == "list":
        return [sample(shape.member, depth + 1)]
    if shape.type_name == "map":
        return {"key": sample(shape.value, depth + 1)}
    if shape.type_name in ("integer", "long"):
        return 1
    if shape.type_name == "boolean":
        return True
    if shape.type_name == "timestamp":
        return 1_700_000_000
    return (shape.enum or ["123456"])[0]


def places(value, path=()):
    """The paths of all parts of a value."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


def replaced(value, path, new):
    """The value with one part replaced."""
    if not path:
        return new
    result = copy.copy(value)
    result[path[0]] = replaced(value[path[0]], path[1:], new)
    return result


class BadInput(QuellTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.incidents, cls.contacts = cls.set_up_incident_manager()
        plan = plan_of(cls.incidents, "target")
        incident = cls.incidents.start_incident(responsePlanArn=plan)["incidentRecordArn"]
        contact = cls.contacts.create_contact(Alias="target", Type="PERSONAL", Plan={"Stages": []})["ContactArn"]
        cls.known = {"arn": plan, "responsePlanArn": plan, "resourceArn": plan, "incidentRecordArn": incident,
                     "ContactId": contact, "ContactArn": contact, "ResourceARN": contact}
        cls.session = botocore.session.Session()

    def send(self, service, operation, body):
        """Sends a body as it is, signed; gives status and answer."""
        model = self.session.get_service_model(service)
        wire = model.operation_model(operation)
        headers = {"Content-Type": "application/json"}
        path = wire.http["requestUri"]
        if model.metadata["protocol"] == "json":
            headers = {
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": f"{model.metadata['targetPrefix']}.{operation}",
            }
        else:
            path = path.replace("{resourceArn}", urllib.parse.quote(self.known["resourceArn"], safe=""))
            queried = {"arn": self.known["arn"], "resourceArn": self.known["resourceArn"], "eventId": "x", "tagKeys": "x"}
            queried["incidentRecordArn"] = self.known["incidentRecordArn"]
            wanted = [m.serialization["name"] for m in wire.input_shape.members.values() if m.serialization.get("location") == "querystring"]
            path += "?" + urllib.parse.urlencode({name: queried[name] for name in wanted}) if wanted else ""
        data = json.dumps(body).encode()
        url = self.quell.url + path
        request = botocore.awsrequest.AWSRequest(method=wire.http["method"], url=url, data=data, headers=headers)
        credentials = botocore.credentials.Credentials(*self.quell.keys())
        botocore.auth.SigV4Auth(credentials, service, REGION).add_auth(request)
        prepared = request.prepare()
        sent = urllib.request.Request(prepared.url, data=data, headers=dict(prepared.headers), method=prepared.method)
        try:
            with urllib.request.urlopen(sent, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def check(self, service, operation, body):
        status, answer = self.send(service, operation, body)
        self.assertIn(status // 100, (2, 4), f"{service} {operation} {json.dumps(body)[:300]}: {status} {answer[:300]}")
        if status // 100 == 4 and len(json.dumps(body)) < 200_000:
            told = json.loads(answer)
            self.assertTrue(told.get("message") or told.get("Message"), f"{operation}: {answer[:300]}")
        return status

    def test_every_member_of_every_operation(self):
        for service in SERVICES:
            model = self.session.get_service_model(service)
            for operation in model.operation_names:
                if "Rotation" in operation or operation == "DeleteReplicationSet":
                    continue
                shape = model.operation_model(operation).input_shape
                body = {**sample(shape), **{name: arn for name, arn in self.known.items() if name in shape.members}}
                with self.subTest(service=service, operation=operation):
                    for number, path in enumerate(places(body)):
                        # Each part gets one wrong value of each third of the list: all come up, the time stays short.
                        for wrong in WRONG[number % 3 :: 3]:
                            self.check(service, operation, replaced(body, path, wrong))
        self.incidents.list_response_plans()

    def test_bodies_that_are_no_objects(self):
        for service, operation in (("ssm-incidents", "CreateResponsePlan"), ("ssm-contacts", "CreateContact")):
            for body in ([], "x", 5, None, [[[[]]]]):
                self.assertEqual(self.check(service, operation, body), 400)
            deep = []
            for _ in range(200):
                deep = [deep]
            self.assertEqual(self.check(service, operation, {"name": deep, "Alias": deep}), 400)
            status = self.check(service, operation, {"name": "x" * 400_000})
            self.assertIn(status, (400, 413))


if __name__ == "__main__":
    unittest.main()
