"""Single requests, signed by botocore and sent byte for byte: for what a well-behaved client never sends."""

import datetime
import http.client
import json
import unittest.mock
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from quelltest import DEADLINE, REGION

TARGETS = {"events": "AWSEvents", "ssm": "AmazonSSM", "ssm-contacts": "SSMContacts"}


class Answer:
    """What came back."""

    def __init__(self, status, headers, raw):
        self.status, self.headers, self.raw = status, headers, raw

    @property
    def body(self):
        """The parsed body."""
        return json.loads(self.raw) if self.raw else None

    @property
    def code(self):
        """The code of an error, wherever the service's protocol puts it."""
        body = self.body or {}
        return self.headers.get("x-amzn-errortype") or body.get("__type") or body.get("code")

    @property
    def message(self):
        """The message of an error, however the service spells the member."""
        body = self.body or {}
        return body.get("message") or body.get("Message") or body.get("detail")

    def __repr__(self):
        return f"{self.status} {self.headers.get('x-amzn-errortype', '')} {self.raw[:600]!r}"


class Wire:
    """Sends requests to one server."""

    def __init__(self, quell):
        self.quell = quell
        self.host = f"127.0.0.1:{quell.port}"

    def send(self, method, path, headers, body=b""):
        """Sends exactly this."""
        connection = http.client.HTTPConnection("127.0.0.1", self.quell.port, timeout=DEADLINE)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.putheader("content-length", str(len(body)))
            connection.endheaders()
            try:
                connection.send(body)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused before the end of the body: the answer is already there
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def signed(self, service, method, path, body=b"", **options):
        """The headers of a request, signed. Options: headers, region, key, secret, minutes (of the clock's error)."""
        key, secret = self.quell.keys()
        credentials = botocore.credentials.Credentials(options.get("key", key), options.get("secret", secret))
        url = f"http://{self.host}{path}"
        request = botocore.awsrequest.AWSRequest(method=method, url=url, data=body, headers=options.get("headers", {}))
        request.headers["host"] = self.host
        signer = botocore.auth.SigV4Auth(credentials, service, options.get("region", REGION))
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=options.get("minutes", 0))
        with unittest.mock.patch("botocore.auth.get_current_datetime", return_value=moment):
            signer.add_auth(request)
        return dict(request.headers.items())

    def json(self, service, operation, body, **options):
        """Calls an operation of a JSON service; `body` is an object, or bytes."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {
            "content-type": "application/x-amz-json-1.1",
            "x-amz-target": f"{TARGETS[service]}.{operation}",
            **options.pop("headers", {}),
        }
        signed = self.signed(service, "POST", "/", data, headers=headers, **options)
        return self.send("POST", "/", signed, data)

    def rest(self, service, method, path, body=None, **options):
        """Calls a path of a rest service; `body` is an object, bytes or None."""
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = options.pop("headers", {"content-type": "application/json"} if data else {})
        return self.send(method, path, self.signed(service, method, path, data, headers=headers, **options), data)

    def presigned(self, service, path, expires=60, minutes=0):
        """A path with the signature in its query, as a link carries it."""
        credentials = botocore.credentials.Credentials(*self.quell.keys())
        request = botocore.awsrequest.AWSRequest(method="GET", url=f"http://{self.host}{path}")
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
        with unittest.mock.patch("botocore.auth.get_current_datetime", return_value=moment):
            botocore.auth.SigV4QueryAuth(credentials, service, REGION, expires=expires).add_auth(request)
        parts = urllib.parse.urlsplit(request.url)
        return f"{parts.path}?{parts.query}"
