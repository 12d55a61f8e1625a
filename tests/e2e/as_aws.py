"""An account that answers as AWS where moto answers otherwise, in what recorded cases show.

It stands in front of moto, and changes an answer only where the two are known to differ. It knows nothing of Quell.
"""

import json
import re

from recording_proxy import RecordingProxy

TABLE = re.compile(r"[a-zA-Z0-9_.-]+")
SECRET = re.compile(r"[A-Za-z0-9/_+=.@!-]+")


def refused(kind, message, status=400, **members):
    """A JSON error."""
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-errortype", kind), ("x-amzn-RequestId", "as-aws")]
    return status, headers, json.dumps({"__type": kind, "message": message, "Message": message, **members}).encode()


class AsAws(RecordingProxy):
    """Forwards to moto, and mends what comes back."""

    def _forward(self, handler, seen, body):
        params = dict(seen.params)
        answer = self._refused(seen, params)
        if answer is not None:
            return answer
        status, headers, answer = super()._forward(handler, seen, body)
        if seen.service == "s3":
            return status, self._of_s3(handler, seen, headers), answer
        if seen.service == "dynamodb" and status == 200 and "ReturnConsumedCapacity" not in params:
            # It is told to those who ask for it.
            told = json.loads(answer)
            told.pop("ConsumedCapacity", None)
            answer = json.dumps(told).encode()
        if seen.name == "sns:Publish":
            answer = answer.replace(b"Endpoint does not exist", b"Topic does not exist")
            if "MessageGroupId" in params:
                number = b"</MessageId><SequenceNumber>10000000000000003000</SequenceNumber>"
                answer = answer.replace(b"</MessageId>", number, 1)
        return status, headers, answer

    def _refused(self, seen, params):
        """What AWS refuses and moto takes."""
        if seen.name == "secretsmanager:CreateSecret" and not SECRET.fullmatch(params["Name"]):
            signs = "alphanumeric characters, or any of the following: -/_+=.@!"
            return refused("ValidationException", f"Invalid name. Must be a valid name containing {signs}")
        table = params.get("TableName", "-")
        if seen.service == "dynamodb" and not TABLE.fullmatch(table):
            said = f"1 validation error detected: Value '{table}' at 'tableName' failed to satisfy constraint: "
            return refused("ValidationException", f"{said}Member must satisfy regular expression pattern: {TABLE.pattern}")
        if seen.service == "states" and seen.operation.startswith("SendTask"):
            return refused("InvalidToken", "Invalid Token: 'Invalid token'")
        if seen.service == "lambda" and seen.path.endswith("/invocations"):
            # Functions are this server's: whichever gets here is none.
            name = seen.path.split("/")[-2]
            arn = f"arn:aws:lambda:us-east-1:111111111111:function:{name}:$LATEST"
            return refused("ResourceNotFoundException", f"Function not found: {arn}", 404, Type="User")
        return None

    @staticmethod
    def _of_s3(handler, seen, headers):
        """Every answer has a second id; checksums come with what was put, or are asked for."""
        checksums = [name for name, _ in headers if name.lower().startswith("x-amz-checksum-")]
        wanted = seen.method == "PUT" or handler.headers.get("x-amz-checksum-mode")
        if not wanted:
            headers = [(name, value) for name, value in headers if name not in checksums]
        elif checksums:
            headers = [*headers, ("x-amz-checksum-type", "FULL_OBJECT")]
        return [*headers, ("x-amz-id-2", "c2Vjb25kIGlk")]
