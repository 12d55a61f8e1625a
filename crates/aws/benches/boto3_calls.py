"""The calls of the bench through boto3, without the network: median microseconds of each as a JSON list.

The whole call is made (validation, endpoint, serializing, signing, parsing); only the sending is replaced, by the
answer that the case brings.
"""

import json
import statistics
import sys
import time

import boto3
from botocore import xform_name
from botocore.awsrequest import AWSResponse

SLICE = 1.5


class Raw:
    """A body as urllib3 would give it."""

    def __init__(self, body):
        self.body = body

    def stream(self, *_args, **_kwargs):
        yield self.body

    def read(self, *_args, **_kwargs):
        return self.body


def measure(case):
    client = boto3.client(
        case["service"],
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    )
    body = case["body"].encode()
    headers = {"content-type": case["contentType"], "x-amzn-requestid": "4f1c-e7"}

    def answer(request, **_kwargs):
        return AWSResponse(request.url, 200, dict(headers), Raw(body))

    client.meta.events.register("before-send", answer)
    call = getattr(client, xform_name(case["operation"]))
    result = call(**case["params"])
    assert result["ResponseMetadata"]["HTTPStatusCode"] == 200
    times = []
    begun = time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begun < SLICE:
        one = time.perf_counter()
        result = call(**case["params"])
        times.append(time.perf_counter() - one)
    return statistics.median(times) * 1e6


with open(sys.argv[1], encoding="utf-8") as file:
    cases = json.load(file)
print(json.dumps([measure(case) for case in cases]))
