"""What botocore does, for `crates/aws/tests/it/differential.rs` to compare with.

    botocore_oracle.py requests|answers|invalid|odd|sent|served SEED COUNT

Writes one JSON object a line: random parameters made from botocore's own models, and the request that botocore would
have sent; random answers, and what botocore makes of them; random wrong parameters, and botocore's report of them; what botocore
makes of the answers on standard input (`served`).
Nothing is sent: the prepared request is taken from the event before sending. Equal seeds give equal lines.
"""

import base64
import datetime
import decimal
import http.client
import io
import json
import logging
import math
import os
import random
import sys
import types
import warnings
from xml.etree import ElementTree

for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]
os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_EC2_METADATA_DISABLED="true")

import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.exceptions
import botocore.handlers
import botocore.parsers
import botocore.response
import botocore.serialize
import botocore.session
import botocore.validate

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)

NOW = datetime.datetime(2026, 3, 4, 5, 6, 7)
TOKEN = "11111111-2222-4333-8444-555555555555"
ACCESS_KEY, SECRET_KEY, SESSION_TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token/with+signs=="
REGIONS = ["eu-west-1"] * 5 + ["us-east-1"] * 3 + ["us-west-2", "ap-southeast-2", "cn-north-1", "us-gov-west-1"]
UTC = datetime.timezone.utc

# Services: every protocol, every service with a request or response handler of its own, and what a responder uses.
SERVICES = """
accessanalyzer account acm apigateway apigatewayv2 appsync arc-region-switch athena autoscaling backup batch
bedrock-agentcore cloudformation cloudfront cloudsearchdomain cloudtrail cloudwatch codebuild cognito-identity
cognito-idp comprehendmedical compute-optimizer config detective docdb dynamodb ec2 ecr ecs efs eks elasticache elb
elbv2 es events firehose fms gamelift glacier glue guardduty iam inspector2 iot iot-data kafka kinesis kms lambda
lex-runtime logs machinelearning macie2 marketplace-entitlement mediastore-data neptune network-firewall opensearch
organizations polly quicksight rds redshift route53 route53domains s3 s3control sagemaker
sagemaker-runtime secretsmanager securityhub securitylake servicediscovery ses sesv2 shield snowball sns sqs ssm
ssm-incidents sso-oidc stepfunctions sts support wafv2 workspaces xray
""".split()
if os.environ.get("QUELL_DIFFERENTIAL_SERVICES") == "all":
    # SimpleDB wants Signature Version 2, which is refused here.
    SERVICES = sorted(set(botocore.session.Session().get_available_services()) - {"sdb"})
# Drawn more often: many operations, or many quirks.
HEAVY = ["ec2", "s3", "s3", "s3", "iam", "route53", "s3control", "sqs", "rds", "cloudfront", "lambda", "dynamodb", "glacier"]

TEXTS = [
    "a", "text", "two words", " lead", "trail ", "a&b=c", "1+1", "50%", "a/b//c", "quo\"te", "apo'strophe", "<tag>",
    "key: value; x, y", "gr\u00fc\u00dfe", "\u65e5\u672c\u8a9e", "emoji \U0001f600", "back\\slash", "q?x#y", "~tilde_-.",
    "%2F", "tab\there", "line\nbreak", "[x]{y}", "a*b", "$1", "0", "true", "null", "\u00e9", "@", "!()'*", "",
]
PLAIN = ["a", "text", "two words", "a&b=c", "1+1", "50%", "a/b//c", "key: value; x y", "~tilde_-.", "%2F", "0", "true", "x=y", "(a)"]
# A header's list is read back at its commas and quotes; texts with them are tried as single values.
HEADER = PLAIN + ["a,b", "quo\"te"]
LABELS = ["a", "text", "two words", "a&b", "1+1", "50%", "a/b", "gr\u00fc\u00dfe", "\u65e5", "~_-.", "%2F", "a:b", "x=y", "(a)", "a,b;c", "@!*'"]
MOMENTS = [
    datetime.datetime(1970, 1, 1, tzinfo=UTC), datetime.datetime(2015, 1, 25, 8, 0, 0, tzinfo=UTC),
    datetime.datetime(2015, 1, 25, 8, 0, 0, 123456, tzinfo=UTC), datetime.datetime(2024, 2, 29, 23, 59, 59, 500000, tzinfo=UTC),
    datetime.datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC), datetime.datetime(1969, 12, 31, 23, 59, 58, tzinfo=UTC),
    datetime.datetime(1901, 1, 1, 0, 0, 1, tzinfo=UTC), datetime.datetime(2000, 1, 1, 0, 0, 0, 1000, tzinfo=UTC),
]
FLOATS = [0.0, 1.0, -1.0, 0.5, -2.25, 1234.5678, 1e-7, 1e22, 123456789.125, 1.7e308]
BLOBS = [b"", b"bytes", b"\x00\xff\xfe", "gr\u00fc\u00dfe".encode(), b"a" * 70, bytes(range(256))]
DOCUMENTS = [{"a": 1, "b": [True, None, "x"]}, {}, {"nested": {"deep": [1.5, {"k": "v"}]}}, ["x", 1], "text", 7, True]

BUCKETS = ["my-bucket", "my-bucket-2", "a.b.c", "Upper_Case", "123", "arn:aws:s3:{region}:123456789012:accesspoint/my-ap"]
KEYS = ["key", "folder/key", "a b+c", "//x", "a/../b", "./x", "gr\u00fc\u00dfe", "100%&=?#", "trailing/", "~!*'()", "\u65e5\u672c"]
ACCOUNT = "123456789012"
# Members whose values the endpoint rules, a host prefix or a handler look into.
NAMED = {
    ("s3", "Bucket"): BUCKETS,
    ("s3", "Key"): KEYS,
    ("s3", "CopySource"): ["my-bucket/key", "my-bucket/a b+c", "my-bucket/gr\u00fc\u00dfe?versionId=v1",
                           {"Bucket": "my-bucket", "Key": "a b/c"}, {"Bucket": "b", "Key": "k?v", "VersionId": "x1"}],
    ("s3", "SSECustomerKey"): ["0123456789abcdef0123456789abcdef"],
    ("s3", "CopySourceSSECustomerKey"): ["fedcba9876543210fedcba9876543210"],
    ("s3", "Metadata"): [{}, {"a": "b"}, {"Key-1": "v w", "k2": "x=y"}],
    ("s3", "ChecksumAlgorithm"): ["CRC32", "SHA1", "SHA256"],
    ("s3control", "AccountId"): [ACCOUNT],
    ("s3control", "Bucket"): ["my-bucket", f"arn:aws:s3-outposts:{{region}}:{ACCOUNT}:outpost:op-01234567890123456:bucket:mybucket"],
    ("s3control", "Name"): ["my-ap", "name-2"],
    ("sqs", "QueueUrl"): ["https://sqs.eu-west-1.amazonaws.com/123456789012/q", "https://sqs.us-east-1.amazonaws.com/123456789012/q.fifo"],
    ("dynamodb", "TableName"): ["table", "my.table_1"],
    ("dynamodb", "ResourceArn"): ["arn:aws:dynamodb:{region}:123456789012:table/t"],
    ("kinesis", "StreamARN"): ["arn:aws:kinesis:{region}:123456789012:stream/s"],
    ("kinesis", "ConsumerARN"): ["arn:aws:kinesis:{region}:123456789012:stream/s/consumer/c:1"],
    ("kinesis", "ResourceARN"): ["arn:aws:kinesis:{region}:123456789012:stream/s"],
    ("machinelearning", "PredictEndpoint"): ["https://realtime.machinelearning.us-east-1.amazonaws.com"],
    ("route53", "HostedZoneId"): ["Z1", "/hostedzone/Z1", "/delegationset/N1"],
    ("route53", "Id"): ["Z1", "/hostedzone/Z1", "/change/C1"],
    ("route53", "DelegationSetId"): ["N1", "/delegationset/N1"],
    ("glacier", "accountId"): ["-", ACCOUNT],
}
# EventBridge's global endpoints and S3's multi-region access points want SigV4a, which botocore has only with its CRT.
LEFT_OUT = {("events", "EndpointId")}
# Answers are checked against these; the checks have tests of their own.
UNTOLD = ("x-amz-checksum-", "content-md5", "content-length")


class Captured(BaseException):
    """Carries the prepared request out of botocore."""

    def __init__(self, request):
        self.request = request


class Unfit(Exception):
    """No value fits here."""


def pick(rng, items):
    return items[rng.randrange(len(items))]


class Values:
    """Random values of shapes."""

    def __init__(self, rng, service, region, answers=False):
        self.rng, self.service, self.region, self.answers = rng, service, region, answers

    def root(self, shape):
        return {} if shape is None else self.structure(shape, 0)

    def structure(self, shape, depth):
        if getattr(shape, "is_document_type", False):
            return pick(self.rng, DOCUMENTS)
        members = {name: member for name, member in shape.members.items() if (self.service, name) not in LEFT_OUT}
        if any(getattr(member, "is_eventstream", False) or member.serialization.get("eventstream") for member in members.values()):
            raise Unfit("event stream")
        required = [name for name in shape.metadata.get("required", []) if name in members]
        if shape.is_tagged_union:
            names = list(members)
            self.rng.shuffle(names)
            for name in names:
                try:
                    return {name: self.value(members[name], name, depth + 1)}
                except Unfit:
                    continue
            raise Unfit("union")
        share = 0.45 if depth == 0 else 0.3 if depth < 4 else 0.0
        if len(members) > 20:
            share = share * 20 / len(members)
        value = {}
        for name, member in members.items():
            needed = name in required
            if not needed and self.rng.random() >= share:
                continue
            try:
                value[name] = self.value(member, name, depth + 1)
            except Unfit:
                if needed:
                    raise
        if self.rng.random() < 0.3:
            names = list(value)
            self.rng.shuffle(names)
            value = {name: value[name] for name in names}
        return value

    def value(self, shape, name, depth):
        if depth > 9:
            raise Unfit("depth")
        named = NAMED.get((self.service, name))
        if named and not self.answers:
            value = pick(self.rng, named)
            return value.replace("{region}", self.region) if isinstance(value, str) else dict(value)
        if is_json(shape):
            return pick(self.rng, [value for value in DOCUMENTS if isinstance(value, dict)])
        return getattr(self, shape.type_name)(shape, depth)

    def list(self, shape, depth):
        least = shape.metadata.get("min", 0)
        if least > 5:
            raise Unfit("long list")
        most = max(least, pick(self.rng, [0, 1, 1, 2, 3]) if depth < 6 else 0)
        try:
            return [self.value(shape.member, "", depth + 1) for _ in range(most)]
        except Unfit:
            if least:
                raise
            return []

    def map(self, shape, depth):
        least = shape.metadata.get("min", 0)
        most = max(least, pick(self.rng, [0, 1, 2]) if depth < 6 else 0)
        value = {}
        headers = shape.serialization.get("location") == "headers"
        try:
            while len(value) < most:
                key = f"Name-{len(value)}" if headers else self.value(shape.key, "", depth + 1)
                if shape.serialization.get("location") == "querystring" and not key:
                    key = "k"
                value[key + ("" if key not in value else str(len(value)))] = (
                    pick(self.rng, PLAIN) if headers else self.value(shape.value, "", depth + 1)
                )
        except Unfit:
            if least:
                raise
        return value

    def string(self, shape, depth):
        enum = shape.metadata.get("enum")
        if enum and self.rng.random() < 0.8:
            return pick(self.rng, enum)
        location = shape.serialization.get("location")
        if shape.serialization.get("hostLabel"):
            texts = ["label", "a-b.c", ACCOUNT]
        elif location == "uri":
            texts = LABELS
        elif location == "header":
            texts = PLAIN if self.answers else HEADER
        else:
            texts = TEXTS
        text = pick(self.rng, texts)
        least = shape.metadata.get("min", 0)
        if location == "uri":
            least = max(least, 1)
        if least > 3000:
            raise Unfit("long text")
        while len(text) < least:
            text += pick(self.rng, texts) or "x"
        return text

    character = string

    def integer(self, shape, depth):
        numbers = [0, 1, -1, 7, 300, 2**31 - 1, -(2**31)]
        least = shape.metadata.get("min", -(2**63))
        fitting = [number for number in numbers if number >= least]
        return pick(self.rng, fitting or [least])

    def long(self, shape, depth):
        numbers = [0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63) + 1]
        least = shape.metadata.get("min", -(2**63))
        return pick(self.rng, [number for number in numbers if number >= least] or [least])

    def float(self, shape, depth):
        least = shape.metadata.get("min", -math.inf)
        return pick(self.rng, [number for number in FLOATS if number >= least] or [float(least)])

    double = float

    def boolean(self, shape, depth):
        return self.rng.random() < 0.5

    def timestamp(self, shape, depth):
        return pick(self.rng, MOMENTS)

    def blob(self, shape, depth):
        blob = pick(self.rng, BLOBS)
        if len(blob) < shape.metadata.get("min", 0):
            blob = b"b" * shape.metadata["min"]
        if not self.answers and self.rng.random() < 0.3:
            return blob.decode("latin-1") if blob.isascii() else blob
        return blob


def wire(value):
    """A value as JSON, in the spelling that the crate takes."""
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return {"$base64": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, dict):
        return {key: wire(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [wire(item) for item in value]
    return value


def parsed(value):
    """A value of botocore's answer as JSON, in the spelling that the crate gives."""
    if isinstance(value, datetime.datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(bytes(value)).decode()
    if isinstance(value, botocore.response.StreamingBody):
        return payload(value.read())
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    if isinstance(value, dict):
        return {key: parsed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [parsed(item) for item in value]
    return value


def payload(body):
    try:
        return body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode()


def unframed(headers, body):
    """A body in AWS's chunks, with its checksum behind it, as one piece with the checksum in the headers."""
    if headers.get("Content-Encoding", headers.get("content-encoding", "")).split(",")[-1].strip() != "aws-chunked":
        return headers, body
    plain, rest = b"", body
    while True:
        size, _, rest = rest.partition(b"\r\n")
        size = int(size, 16)
        if size == 0:
            break
        plain, rest = plain + rest[:size], rest[size + 2 :]
    for line in rest.split(b"\r\n"):
        if line:
            name, _, value = line.partition(b":")
            headers[name.decode()] = value.decode()
    encodings = headers.pop("Content-Encoding").split(",")[:-1]
    if encodings:
        headers["Content-Encoding"] = ",".join(encodings)
    for name in ("X-Amz-Trailer", "Transfer-Encoding", "X-Amz-Decoded-Content-Length"):
        headers.pop(name, None)
    return headers, plain


class Clients:
    """A client for each service and region, made once."""

    def __init__(self, path_style=False):
        self.session = botocore.session.Session()
        self.s3 = {"addressing_style": "path"} if path_style else None
        self.known = {}
        self.answer = None
        botocore.auth.get_current_datetime = lambda *args, **kwargs: NOW
        botocore.handlers.uuid = types.SimpleNamespace(uuid4=lambda: TOKEN)

    def get(self, service, region, temporary):
        key = (service, region, temporary)
        if key not in self.known:
            client = self.session.create_client(
                service, region_name=region, aws_access_key_id=ACCESS_KEY, aws_secret_access_key=SECRET_KEY,
                aws_session_token=SESSION_TOKEN if temporary else None,
                config=botocore.config.Config(retries={"total_max_attempts": 1}, s3=self.s3),
            )
            client.meta.events.register("before-send", self.before_send)
            self.known[key] = client
        return self.known[key]

    def before_send(self, request, **kwargs):
        if self.answer is None:
            raise Captured(request)
        return self.answer(request)


def operations(service_model):
    """Operations without event streams."""
    names = []
    for name in service_model.operation_names:
        model = service_model.operation_model(name)
        if model.has_event_stream_input or model.has_event_stream_output:
            continue
        discovery = model.endpoint_discovery
        if discovery and discovery.get("required"):
            continue
        names.append(name)
    return names


def requests(rng, count, emit):
    clients = Clients()
    services = SERVICES + HEAVY
    # One region a service, and S3 in some more: a client is dear to make.
    regions = {service: pick(rng, REGIONS) for service in SERVICES}
    made = tries = 0
    while made < count and tries < count * 4:
        service = services[tries % len(services)]
        tries += 1
        region = regions[service] if service not in ("s3", "s3control") else REGIONS[tries % 8]
        temporary = SERVICES.index(service) % 2 == 0
        client = clients.get(service, region, temporary)
        model = client.meta.service_model
        operation = pick(rng, operations(model))
        line = {"service": service, "operation": operation, "region": region, "temporary": temporary}
        try:
            params = Values(rng, service, region).root(model.operation_model(operation).input_shape)
        except Unfit:
            continue
        line["params"] = wire(params)
        try:
            client._make_api_call(operation, params)
            raise AssertionError("the request was not captured")
        except Captured as captured:
            line.update(prepared(captured.request))
        except (botocore.exceptions.MissingDependencyException, botocore.exceptions.NoAuthTokenError):
            # Signatures that botocore cannot make here.
            continue
        except (botocore.exceptions.BotoCoreError, ValueError) as error:
            line["refused"] = f"{type(error).__name__}: {error}"
        emit(line)
        made += 1


def text(value):
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def prepared(request):
    body = request.body
    if body is None:
        body = b""
    elif hasattr(body, "read"):
        body = body.read()
    if isinstance(body, str):
        body = body.encode()
    headers = {name: text(value) for name, value in request.headers.items()}
    trailer = "X-Amz-Trailer" in headers
    signed_body = body
    headers, body = unframed(headers, body)
    return {
        "method": request.method, "url": request.url, "headers": [[name, value] for name, value in headers.items()],
        "body": base64.b64encode(body).decode(), "trailer": trailer,
    }


class Raw(io.BytesIO):
    """A body as botocore's HTTP session gives it."""

    def stream(self, amt=65536, decode_content=None):
        yield from iter(lambda: self.read(amt), b"")


class XmlAnswers(botocore.serialize.RestXMLSerializer):
    """Names flattened lists as botocore's parser looks for them."""

    def _serialize_type_list(self, xmlnode, params, shape, name):
        if shape.serialization.get("flattened"):
            name = shape.member.serialization.get("name", name)
        super()._serialize_type_list(xmlnode, params, shape, name)


class Encoder:
    """Answers of a service in its wire form. It stands on botocore's serializers, which know names and formats."""

    def __init__(self, rng, model, service):
        self.rng, self.model, self.service = rng, model, service
        self.protocol = model.service_model.resolved_protocol
        precision = {"timestamp_precision": pick(rng, ["default", "millisecond"])}
        kind = {"json": "json", "rest-json": "rest-json", "smithy-rpc-v2-cbor": "smithy-rpc-v2-cbor"}.get(self.protocol, "rest-xml")
        self.serializer = botocore.serialize.create_serializer(kind, include_validation=False, **precision)
        if kind == "rest-xml":
            self.serializer = XmlAnswers(**precision)

    def encode(self, params):
        shape = self.model.output_shape
        headers, status = {"x-amzn-RequestId": "req-1"}, 200
        # Where the body or another header tells the request id, the crate takes this one where botocore takes none.
        if self.protocol.startswith("rest") and self.rng.random() < 0.3:
            headers = {"x-amz-request-id": "req-2", "x-amz-id-2": "host-2"}
        if shape is None:
            return status, headers, self.nothing()
        if not self.protocol.startswith("rest"):
            return status, headers, self.body(params, shape)
        rest = {}
        for name, value in params.items():
            member = shape.members[name]
            location = member.serialization.get("location")
            key = member.serialization.get("name", name)
            if location == "header":
                if isinstance(value, list) and not value:
                    continue
                if not key.lower().startswith(UNTOLD):
                    headers[key] = str(self.serializer._convert_header_value(member, value))
            elif location == "headers":
                headers.update({key + entry: item for entry, item in value.items()})
            elif location == "statusCode":
                status = 202
            else:
                rest[name] = value
        chosen = shape.serialization.get("payload")
        if chosen is None:
            return status, headers, self.body(rest, shape) if self.unbound(shape) else b""
        value = rest.get(chosen)
        member = shape.members[chosen]
        if member.type_name in ("blob", "string"):
            value = b"" if value is None else value
            # Text: what is not is the crate's base64 and botocore's stream, or botocore's failure.
            return status, headers, value.encode() if isinstance(value, str) else value
        if value is None:
            return status, headers, b""
        return status, headers, self.body(value, member, member.serialization.get("name", chosen))

    def unbound(self, shape):
        return any("location" not in member.serialization for member in shape.members.values())

    def nothing(self):
        if self.protocol == "query":
            return f"<{self.model.name}Response><ResponseMetadata><RequestId>r-3</RequestId></ResponseMetadata></{self.model.name}Response>".encode()
        if self.protocol == "ec2":
            return b"<R><requestId>r-4</requestId><return>true</return></R>"
        return b"" if self.protocol in ("rest-json", "rest-xml", "smithy-rpc-v2-cbor") else b"{}"

    def body(self, value, shape, name="Answer"):
        if self.protocol in ("json", "rest-json"):
            out = {}
            self.serializer._serialize(out, value, shape, "answer")
            out = out["answer"]
            if isinstance(out, dict) and not shape.is_tagged_union if shape.type_name == "structure" else False:
                if self.rng.random() < 0.2:
                    out["aMemberOfTheFuture"] = {"x": [1, None]}
            return json.dumps(out, ensure_ascii=self.rng.random() < 0.5).encode()
        if self.protocol == "smithy-rpc-v2-cbor":
            out = bytearray()
            self.serializer._serialize_data_item(out, value, shape)
            return bytes(out)
        return self.xml(value, shape, name)

    def xml(self, value, shape, name):
        if self.service == "s3" and self.model.name == "GetBucketLocation":
            root = ElementTree.Element("LocationConstraint", xmlns="http://s3.amazonaws.com/doc/2006-03-01/")
            root.text = value.get("LocationConstraint")
            return ElementTree.tostring(root)
        holder = ElementTree.Element("holder")
        wrapper = shape.serialization.get("resultWrapper")
        self.serializer._serialize(shape, value, holder, wrapper or name)
        root = holder[0]
        if self.protocol == "query":
            outer = ElementTree.Element(f"{self.model.name}Response", xmlns="http://example.amazonaws.com/doc/2010-01-01/")
            outer.append(root)
            ElementTree.SubElement(ElementTree.SubElement(outer, "ResponseMetadata"), "RequestId").text = "r-5"
            root = outer
        elif self.protocol == "ec2":
            ElementTree.SubElement(root, "requestId").text = "r-6"
        head = b'<?xml version="1.0" encoding="UTF-8"?>\n' if self.rng.random() < 0.5 else b""
        return head + ElementTree.tostring(root, encoding="utf-8", xml_declaration=False)


def error_answer(rng, encoder, model, code):
    """An error's status, headers and body, in one of the forms that services use."""
    message = pick(rng, ["it failed", "gr\u00fc\u00dfe & <tags>", "", "line one\nline two"])
    status = pick(rng, [400, 403, 404, 409, 429, 500, 503])
    headers = {"x-amzn-RequestId": "req-9"}
    protocol = encoder.protocol
    if protocol in ("json", "rest-json"):
        shapes = [f"com.amazon#{code}", code]
        body = {pick(rng, ["message", "Message"]): message}
        if protocol == "rest-json" and rng.random() < 0.6:
            headers["x-amzn-errortype"] = pick(rng, [code, f"{code}:http://internal.amazon.com/x/", f"ns#{code}"])
        elif protocol == "rest-json" and rng.random() < 0.5:
            body["code"] = code
        else:
            body["__type"] = pick(rng, shapes)
        if model.service_model.is_query_compatible and rng.random() < 0.5:
            headers["x-amzn-query-error"] = "AWS.Old.Code;Sender"
        return status, headers, json.dumps(body).encode()
    if protocol == "smithy-rpc-v2-cbor":
        text = lambda value: bytes([0x78, len(value.encode())]) + value.encode()
        body = b"\xa2" + text("__type") + text(f"com.amazon#{code}") + text("message") + text(message)
        if model.service_model.is_query_compatible and rng.random() < 0.5:
            headers["x-amzn-query-error"] = "AWS.Old.Code;Sender"
        return status, headers, body
    if protocol == "ec2":
        root = ElementTree.Element("Response")
        inner = ElementTree.SubElement(ElementTree.SubElement(root, "Errors"), "Error")
        ElementTree.SubElement(root, "RequestID").text = "req-ec2"
        headers = {}
    elif encoder.service in ("s3", "s3control") and rng.random() < 0.7:
        if rng.random() < 0.3 and model.name != "GetBucketLocation":
            return pick(rng, [404, 403, 400]), {"x-amz-request-id": "req-8", "x-amz-id-2": "h"}, b""
        root = inner = ElementTree.Element("Error")
        headers = {"x-amz-request-id": "req-7", "x-amz-id-2": "host"}
    else:
        root = ElementTree.Element("ErrorResponse", xmlns="http://example.amazonaws.com/doc/2010-01-01/")
        inner = ElementTree.SubElement(root, "Error")
        ElementTree.SubElement(inner, "Type").text = "Sender"
        ElementTree.SubElement(root, "RequestId").text = "req-xml"
    ElementTree.SubElement(inner, "Code").text = code
    ElementTree.SubElement(inner, "Message").text = message
    return status, headers, ElementTree.tostring(root)


def answers(rng, count, emit):
    clients = Clients()
    services = SERVICES + HEAVY
    made = tries = 0
    while made < count and tries < count * 6:
        service = services[tries % len(services)]
        tries += 1
        client = clients.get(service, "eu-west-1", False)
        operation = pick(rng, operations(client.meta.service_model))
        model = client.meta.service_model.operation_model(operation)
        failed = rng.random() < 0.3
        encoder = Encoder(rng, model, service)
        line = {"service": service, "operation": operation, "failed": failed}
        try:
            given = {}
            if model.input_shape is not None:
                given = Values(rng, service, "eu-west-1").structure(least(model.input_shape), 0)
            if failed:
                known = [shape.error_code or shape.name for shape in model.error_shapes]
                code = pick(rng, known + ["AccessDenied", "ThrottlingException", "Some.Code"])
                status, headers, body = error_answer(rng, encoder, model, code)
            else:
                status, headers, body = encoder.encode(Values(rng, service, "eu-west-1", True).root(model.output_shape))
        except (Unfit, OverflowError, ValueError):
            continue
        # What a body cannot carry, no service sends.
        if any(control in body for control in (b"\x00", b"\x0b")) and encoder.protocol.endswith("xml"):
            continue
        clients.answer = lambda request: botocore.awsrequest.AWSResponse(
            request.url, status, botocore.awsrequest.HeadersDict(headers), Raw(body)
        )
        try:
            line["expected"] = parsed(client._make_api_call(operation, given))
        except botocore.exceptions.ClientError as error:
            line["expected"] = parsed(error.response)
        except (botocore.exceptions.EndpointResolutionError, botocore.exceptions.NoAuthTokenError):
            # The request was refused before there could be an answer.
            continue
        except botocore.exceptions.ParamValidationError:
            continue
        except Exception as error:
            line["unread"] = f"{type(error).__name__}: {error}"
        line.update(status=status, headers=[[name, value] for name, value in headers.items()],
                    body=base64.b64encode(body).decode())
        emit(line)
        made += 1


# One service and operation of each protocol.
SPOKEN = [("ssm", "ListCommands"), ("sqs", "ListQueues"), ("lambda", "ListFunctions"), ("route53", "ListHostedZones"),
          ("s3", "ListBuckets"), ("iam", "ListUsers"), ("ec2", "DescribeInstances"), ("arc-region-switch", "ListPlans")]
# Later versions of Python have other words for these.
RENAMED = (413, 414, 416, 422)


def odd(rng, count, emit):
    """Refusals in no protocol's form: nothing, blanks, and plain words, under every status that has a name."""
    clients = Clients()
    statuses = [(int(status), phrase) for status, phrase in http.client.responses.items() if status >= 400]
    statuses = [(status, phrase) for status, phrase in statuses if status not in RENAMED]
    made = 0
    while made < count:
        service, operation = SPOKEN[made % len(SPOKEN)]
        status, phrase = statuses[made // len(SPOKEN) % len(statuses)]
        body = [b"", b" \n", b"no healthy upstream", "gr\u00fc\u00dfe".encode()][made // len(SPOKEN) // len(statuses) % 4]
        kind = pick(rng, ["text/plain", "application/octet-stream", "application/x-odd", ""])
        headers = {"content-type": kind} if kind else {}
        client = clients.get(service, "eu-west-1", False)
        clients.answer = lambda request: botocore.awsrequest.AWSResponse(
            request.url, status, botocore.awsrequest.HeadersDict(headers), Raw(body)
        )
        line = {"service": service, "operation": operation, "status": status, "phrase": phrase,
                "headers": [list(pair) for pair in headers.items()], "body": base64.b64encode(body).decode()}
        try:
            client._make_api_call(operation, {})
            raise AssertionError("taken for an answer")
        except botocore.exceptions.ClientError as error:
            line["error"] = error.response["Error"]
        except Exception as error:
            line["unread"] = f"{type(error).__name__}: {error}"
        emit(line)
        made += 1


# What the service's side is tried with: what Quell serves, and others over every protocol.
SERVED = """
events ssm ssm-incidents ssm-contacts dynamodb sqs kms arc-region-switch lambda apigateway guardduty iam sns rds ec2 s3 route53
cloudfront
""".split()


class Recorder:
    """A client's serializer that keeps the parameters as they are after boto3's own changes to them."""

    def __init__(self, serializer):
        self.serializer, self.params = serializer, None

    def serialize_to_request(self, params, model):
        request = self.serializer.serialize_to_request(params, model)
        self.params = kept(model.input_shape, params) if model.input_shape is not None else {}
        return request

    def __getattr__(self, name):
        return getattr(self.serializer, name)


def kept(shape, value):
    """A value in the form that the service's side gives parameters in."""
    if is_json(shape) or getattr(shape, "is_document_type", False):
        return wire(value)
    if shape.type_name == "structure":
        return {name: kept(shape.members[name], item) for name, item in value.items() if name in shape.members}
    if shape.type_name == "list":
        return [kept(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: kept(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if value.year >= 1000 else value.isoformat()
    if shape.type_name == "blob":
        if hasattr(value, "read"):
            stream, value = value, value.read()
            stream.seek(0)
        return base64.b64encode(value.encode() if isinstance(value, str) else bytes(value)).decode()
    if shape.type_name in ("float", "double"):
        return wire(float(value))
    return wire(value)


class Sent(Values):
    """Values that every wire form carries in full: whole seconds, and buckets that stand in the path, names of headers in lower case."""

    def timestamp(self, shape, depth):
        return pick(self.rng, [moment for moment in MOMENTS if not moment.microsecond])

    def value(self, shape, name, depth):
        if (self.service, name) == ("s3", "Bucket"):
            return "my-bucket"
        if (self.service, name) == ("s3", "Metadata"):
            return {"key-1": "v w", "k2": "x=y"}
        if name == "SourceRegion":
            raise Unfit("boto3 makes a URL of it")
        value = super().value(shape, name, depth)
        if shape.type_name == "list" and shape.serialization.get("location") == "header":
            # Blanks around the items of a header are not theirs.
            value = [item.strip() if isinstance(item, str) else item for item in value]
        return value


def sent(rng, count, emit):
    """Requests of botocore's clients for every operation, with the parameters that they were made of."""
    clients = Clients(path_style=True)
    for service in SERVED:
        client = clients.get(service, "eu-west-1", False)
        recorder = client._serializer = Recorder(client._serializer)
        for operation in operations(client.meta.service_model):
            shape = client.meta.service_model.operation_model(operation).input_shape
            made = 0
            for _ in range(count * 8):
                if made == count:
                    break
                try:
                    client._make_api_call(operation, Sent(rng, service, "eu-west-1").root(shape))
                    raise AssertionError("the request was not captured")
                except Captured as captured:
                    line = prepared(captured.request)
                except Unfit:
                    continue
                except (botocore.exceptions.BotoCoreError, ValueError):
                    # Refused before it was a request: the comparison of requests looks at that.
                    continue
                emit({"service": service, "operation": operation, "params": recorder.params, **line})
                made += 1
            if made < count and service in SERVED[:4]:
                raise AssertionError(f"no request of {service}:{operation}")


def served(rng, count, emit):
    """What botocore's parsers read in the answers that come on standard input."""
    session = botocore.session.Session()
    models = {}
    for line in sys.stdin:
        case = json.loads(line)
        service = case["service"]
        if service not in models:
            model = session.get_service_model(service)
            models[service] = model, botocore.parsers.create_parser(model.resolved_protocol)
        model, parser = models[service]
        operation = model.operation_model(case["operation"])
        answer = {
            "status_code": case["status"], "headers": botocore.awsrequest.HeadersDict(dict(case["headers"])),
            "body": base64.b64decode(case["body"]), "context": {"operation_name": operation.name},
        }
        if operation.has_streaming_output and case["status"] < 300:
            answer["body"] = botocore.response.StreamingBody(io.BytesIO(answer["body"]), None)
        try:
            read = parser.parse(answer, operation.output_shape)
            code = read.get("Error", {}).get("Code")
            shape = code and model.shape_for_error_code(code)
            if shape:
                read.update(parser.parse(answer, shape))
            case["read"] = parsed(read)
        except Exception as error:
            case["unread"] = f"{type(error).__name__}: {error}"
        emit(case)


class Least:
    """A structure with its required members only."""

    def __init__(self, shape):
        self._shape = shape
        required = shape.metadata.get("required", [])
        self.members = {name: member for name, member in shape.members.items() if name in required}

    def __getattr__(self, name):
        return getattr(self._shape, name)


def least(shape):
    return Least(shape)


WRONG = {
    "structure": [5, [1, "a"], "text", True, 1.5], "list": [5, {"a": 1}, "text", False], "map": [5, ["x"], "text"],
    "string": [[], ["it's"], {}, {"k": [1, None, True, "x\"y"]}], "integer": [[], {}, "many", 1.5, ""],
    "long": [[2], {"a": "b"}, "few", 0.25], "float": ["x", [], {}], "double": ["", [1.0], {"a": None}],
    "boolean": [5, "perhaps", [], 1.0], "timestamp": ["not a date", [], {}, ["2015-01-01"]],
}


def invalid(rng, count, emit):
    session = botocore.session.Session()
    models = {}
    made = 0
    while made < count:
        service = pick(rng, SERVICES)
        if service not in models:
            models[service] = session.get_service_model(service)
        model = models[service]
        operation = pick(rng, operations(model))
        shape = model.operation_model(operation).input_shape
        if shape is None or not shape.members:
            continue
        try:
            params = Values(rng, service, "eu-west-1").structure(shape, 0)
        except Unfit:
            continue
        for _ in range(pick(rng, [1, 1, 2, 3])):
            params = broken(rng, shape, params, 0)
        # Idempotency tokens are filled in before the check.
        for name in model.operation_model(operation).idempotent_members:
            params.setdefault(name, TOKEN)
        if service == "glacier":
            params.setdefault("accountId", "-")
        report = botocore.validate.ParamValidator().validate(params, shape)
        if not report.has_errors():
            continue
        emit({"service": service, "operation": operation, "params": wire(params), "report": report.generate_report()})
        made += 1


def is_json(shape):
    return shape.serialization.get("jsonvalue") and shape.serialization.get("location") == "header"


def broken(rng, shape, value, depth):
    """The value with one fault, here or deeper."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict) and not shape.is_document_type:
        value = dict(value)
        inner = [name for name in value if name in shape.members and not is_json(shape.members[name])]
        if inner and rng.random() < 0.7:
            name = pick(rng, inner)
            value[name] = broken(rng, shape.members[name], value[name], depth + 1)
            return value
        if depth and rng.random() < 0.2:
            return pick(rng, WRONG["structure"])
        if rng.random() < 0.5 and value:
            del value[pick(rng, list(value))]
            return value
        value[pick(rng, ["Unknown", "not-there", "gr\u00fc\u00dfe"])] = pick(rng, [1, "x", []])
        return value
    if kind == "list" and isinstance(value, list) and value and rng.random() < 0.7:
        at = rng.randrange(len(value))
        return value[:at] + [broken(rng, shape.member, value[at], depth + 1)] + value[at + 1 :]
    if kind == "list" and isinstance(value, list) and rng.random() < 0.3:
        return []
    if kind == "map" and isinstance(value, dict) and value and rng.random() < 0.6:
        key = pick(rng, list(value))
        return {**value, key: broken(rng, shape.value, value[key], depth + 1)}
    if kind == "string" and rng.random() < 0.3:
        return ""
    if kind in ("integer", "long") and rng.random() < 0.3:
        return -5
    return pick(rng, WRONG[kind]) if kind in WRONG and not getattr(shape, "is_document_type", False) else value


def main():
    kind, seed, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", write_through=False)
    {"requests": requests, "answers": answers, "invalid": invalid, "odd": odd, "sent": sent, "served": served}[kind](
        random.Random(f"{kind} {seed}"), count, lambda line: out.write(json.dumps(line) + "\n")
    )
    out.flush()


if __name__ == "__main__":
    main()
