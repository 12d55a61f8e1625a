"""Runs the handler of one automation script: a JSON request on stdin, one JSON line of result on the first stdout.

What the script prints goes to stderr, which is its log. Input values arrive as data; none becomes source text.
"""
import datetime
import decimal
import json
import os
import resource
import sys
import traceback
import uuid

RESULT_BYTES = 100_000
LIST_ITEMS = 100
MESSAGE_CHARS = 4_000
FILE_NAME = "<script>"


class Refused(Exception):
    """The request or the result breaks the contract; the text is for the document's author."""


def plain(value):
    """Turns the types that scripts commonly return into JSON's."""
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (set, frozenset)):
        try:
            return sorted(value)
        except TypeError:
            return list(value)
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).decode("utf-8", "replace")
    if isinstance(value, uuid.UUID):
        return str(value)
    raise Refused(
        f"the handler returned a {type(value).__name__}, which has no JSON form: "
        "return text, numbers, lists and dictionaries"
    )


def keyed(value, depth=0):
    """Checks the depth and turns dictionary keys into text."""
    if depth > 64:
        raise Refused("the handler returned a value that is nested more than 64 levels deep")
    if isinstance(value, dict):
        return {
            key if isinstance(key, str) else json.dumps(key) if key is None or isinstance(key, (bool, int, float))
            else str(plain(key)): keyed(item, depth + 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [keyed(item, depth + 1) for item in value]
    return value


def encode(value):
    if isinstance(value, (list, tuple)) and len(value) > LIST_ITEMS:
        print(f"the result is a list of {len(value)} items: the first {LIST_ITEMS} are kept", file=sys.stderr)
        value = value[:LIST_ITEMS]
    try:
        text = json.dumps({"Payload": keyed(value)}, default=plain, allow_nan=False)
    except ValueError as error:
        raise Refused(f"the result has no JSON form: {error}") from None
    if len(text) > RESULT_BYTES + len('{"Payload": }'):
        raise Refused(f"the result has {len(text)} bytes of JSON; at most {RESULT_BYTES} are allowed")
    return text


def describe(error):
    """The exception and where in the script it arose; frames of this harness tell the author nothing."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    lines = traceback.format_list(frames[-20:])
    head = "".join(traceback.format_exception_only(type(error), error)).strip()
    text = head + ("\nTraceback (most recent call last):\n" + "".join(lines) if lines else "")
    return text[:MESSAGE_CHARS]


def run(request):
    source, name = request["script"], request["handler"]
    scope = {"__name__": "script", "__file__": FILE_NAME, "__builtins__": __builtins__}
    # The traceback module shows source lines by way of linecache, which reads files unless told the text.
    import linecache

    linecache.cache[FILE_NAME] = (len(source), None, source.splitlines(True), FILE_NAME)
    exec(compile(source, FILE_NAME, "exec"), scope)
    handler = scope.get(name)
    if not callable(handler):
        raise Refused(f"the script defines no function `{name}`: `Handler` must name one of its functions")
    return handler(request["events"], request["context"])


def main():
    # The first stdout becomes the result's channel; children of the script do not inherit it.
    channel = os.dup(1)
    os.dup2(2, 1)
    request = json.load(sys.stdin)
    # Set here and not by the launcher, which must be able to start this process: an allocator may reserve more address
    # space than a script is allowed. Lowered for good: the script cannot raise it again.
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    most = request["address_space"] if hard == resource.RLIM_INFINITY else min(hard, request["address_space"])
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        answer = encode(run(request))
    except Refused as error:
        answer = json.dumps({"error": "Refused", "message": str(error)})
    except SystemExit as error:
        answer = json.dumps({"error": "SystemExit", "message": f"the script ended the interpreter by sys.exit({error.code!r})"})
    except BaseException as error:  # noqa: BLE001 - whatever the script raises is its failure
        answer = json.dumps({"error": type(error).__name__, "message": describe(error)})
    sys.stdout.flush()
    sys.stderr.flush()
    data = (answer + "\n").encode()
    while data:
        data = data[os.write(channel, data):]
    os.close(channel)
    # Ends at once: threads or exit handlers that a script left behind have no say any more.
    os._exit(0)


main()
