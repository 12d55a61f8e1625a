"""An AWS account in which calls can fail: a recording proxy that knows which role a request acts as, refuses chosen
calls as IAM would, loses answers, and answers what moto does not know (CloudTrail's LookupEvents).

Attributing requests by role lets many runs, each with a role of its own, fail each in its own way at the same time.
It knows nothing of Quell.
"""

import json
import re
import time

import boto3
import botocore.exceptions
from recording_proxy import READING, RecordingProxy

# Services that say with the HTTP method what they do.
BY_METHOD = ("s3", "lambda", "s3express", "backup")


def changes(seen):
    """Whether a request changes the account."""
    if seen.operation.startswith(("GET ", "HEAD ")):
        return False
    if " " in seen.operation:
        return True
    return not seen.reads() and not seen.operation.startswith((*READING, "Lookup", "BatchGet"))


def refusal(seen):
    """Status, headers and body with which the service of a request says that it is not allowed."""
    message = f"not authorized to perform {seen.name}"
    if seen.service in ("ec2", "iam", "sts", "rds", "autoscaling", "elasticloadbalancing", "sns"):
        error = f"<Error><Code>AccessDenied</Code><Message>{message}</Message></Error>"
        if seen.service == "ec2":
            text = f"<Response><Errors>{error.replace('AccessDenied', 'UnauthorizedOperation')}</Errors><RequestID>r</RequestID></Response>"
        else:
            text = f"<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"
        return 403, [("Content-Type", "text/xml")], text.encode()
    if seen.service == "s3":
        text = f"<Error><Code>AccessDenied</Code><Message>{message}</Message><RequestId>r</RequestId></Error>"
        return 403, [("Content-Type", "application/xml")], text.encode()
    kind = "AccessDeniedException"
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-errortype", kind)]
    return 400 if " " not in seen.operation else 403, headers, json.dumps({"__type": kind, "message": message}).encode()


class FaultyAccount(RecordingProxy):
    """Forwards to moto; faults are set for one role at a time."""

    def __init__(self, target):
        super().__init__(target)
        self._roles = {}
        self._refused = {}
        self._losing = {}
        self._events = {}
        self._s3 = boto3.client(
            "s3", endpoint_url=target, region_name="us-east-1", aws_access_key_id="AKIDTAGS", aws_secret_access_key="tags"
        )
        # moto knows no conditions in a bucket's policy, and takes the reading of an object's tags for that of the object:
        # once tagged objects are forbidden it would forbid even to look for the tag. So it keeps another action.
        said, kept = b'["s3:GetObject", "s3:GetObjectVersion"]', b'["s3:GetTaggedObject", "s3:GetObjectVersion"]'
        about_policies = lambda seen: seen.service == "s3" and seen.path.endswith("?policy")
        self.change_requests(about_policies, lambda body: body.replace(said, kept))
        self.change_answers(about_policies, lambda body: body.replace(kept, said))

    def refuse(self, role, wanted):
        """Refuses requests of a role of which `wanted` says true; `None` refuses no more."""
        self._refused[role] = wanted

    def lose_first_answers(self, role):
        """Cuts the connection after the first request of each kind that changes something."""
        self._losing[role] = set()

    def answer_lookup(self, name, events):
        """What CloudTrail knows of a principal."""
        self._events[name] = events

    def of(self, role):
        """All requests of a role so far, oldest first."""
        return [seen for seen in self.requests() if getattr(seen, "role", None) == role]

    def changes_of(self, role):
        """Those that were forwarded and change the account."""
        return [seen for seen in self.of(role) if changes(seen) and seen.forwarded]

    def _tagged(self, seen):
        """The tags of the buckets that a request asks for; those without tags are left out, as AWS does."""
        found = []
        for arn in [value for name, value in seen.params if name.startswith("ResourceARNList.")]:
            try:
                tags = self._s3.get_bucket_tagging(Bucket=arn.rpartition(":")[2])["TagSet"]
            except botocore.exceptions.ClientError:
                continue
            found.append({"ResourceARN": arn, "Tags": tags})
        return {"ResourceTagMappingList": found, "PaginationToken": ""}

    def role_of(self, handler):
        """The role that a request acts as, by its key."""
        scope = re.search(r"Credential=([^/]+)/", handler.headers.get("Authorization", ""))
        return self._roles.get(scope.group(1)) if scope else None

    def _forward(self, handler, seen, body):
        seen.role = self.role_of(handler)
        wanted = self._refused.get(seen.role)
        if wanted is not None and wanted(seen):
            return refusal(seen)
        if seen.operation == "LookupEvents":
            asked = next((value for name, value in seen.params if name.endswith("AttributeValue")), "")
            answer = json.dumps({"Events": self._events.get(asked, [])}).encode()
            return 200, [("Content-Type", "application/x-amz-json-1.1")], answer
        if seen.operation == "GetResources":
            # moto gives all that has tags, whatever was asked for.
            return 200, [("Content-Type", "application/x-amz-json-1.1")], json.dumps(self._tagged(seen)).encode()
        if seen.operation == "RotateSecret":
            # moto names the secrets of managed passwords, but has none.
            return 200, [("Content-Type", "application/x-amz-json-1.1")], b"{}"
        status, headers, answer = super()._forward(handler, seen, body)
        if status == 500 and not changes(seen):
            # moto lists things while another thread makes some, and breaks.
            status, headers, answer = super()._forward(handler, seen, body)
        if seen.operation == "AssumeRole" and status == 200:
            role = dict(seen.params)["RoleArn"].rsplit("/", 1)[-1]
            key = re.search(rb"<AccessKeyId>([^<]+)<", answer)
            self._roles[key.group(1).decode()] = role
        lost = self._losing.get(seen.role)
        if lost is not None and changes(seen) and seen.key not in lost:
            lost.add(seen.key)
            raise ConnectionResetError("the answer is lost")
        return status, headers, answer


def looked_up(name, source, reads=False, resources=()):
    """An event as CloudTrail's LookupEvents tells it."""
    return {
        "EventId": f"e-{name}",
        "EventName": name,
        "EventSource": source,
        "ReadOnly": "true" if reads else "false",
        "EventTime": time.time(),
        "Resources": [{"ResourceType": kind, "ResourceName": made} for kind, made in resources],
    }
