"""Runs one handler: a JSON request on stdin, one JSON line of result on the first stdout.

The handler is a function of an automation script's text, or of a function's package. What the code prints goes to stderr,
which is its log. Input values arrive as data; none becomes source text.
"""
import datetime
import decimal
import importlib
import json
import os
import resource
import sys
import time
import traceback
import types
import uuid

LIST_ITEMS = 100
MESSAGE_CHARS = 4_000
FILE_NAME = "<script>"
# Seconds of CPU time beyond the time limit, so that it is the time limit that ends a run.
CPU_GRACE = 5


class Refused(Exception):
    """The request or the result breaks the contract; the text is for the document's author."""

    def __init__(self, message, kind="Refused"):
        super().__init__(message)
        self.kind = kind


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


def encode_strictly(value, request):
    """As Lambda's runtime: what JSON does not have is an error, but for decimal numbers. Bytes are the answer as they are."""
    def number(other):
        if isinstance(other, decimal.Decimal):
            return int(other) if other == other.to_integral_value() else float(other)
        raise TypeError(f"Object of type {type(other).__name__} is not JSON serializable")

    try:
        if isinstance(value, bytes):
            text, size = json.dumps({"Text": value.decode()}), len(value)
        else:
            text = json.dumps({"Payload": value}, default=number, allow_nan=False)
            size = len(text) - len('{"Payload": }')
    except (TypeError, ValueError, RecursionError) as error:
        raise Refused(f"Unable to marshal response: {error}", "Runtime.MarshalError") from None
    if size > request["result_bytes"]:
        message = f"Response payload size exceeded maximum allowed payload size ({request['result_bytes']} bytes)."
        raise Refused(message, "Function.ResponseSizeTooLarge")
    return text


def encode(value, request):
    if request["kind"] == "lambda":
        return encode_strictly(value, request)
    if isinstance(value, (list, tuple)) and len(value) > LIST_ITEMS:
        print(f"the result is a list of {len(value)} items: the first {LIST_ITEMS} are kept", file=sys.stderr)
        value = value[:LIST_ITEMS]
    try:
        text = json.dumps({"Payload": keyed(value)}, default=plain, allow_nan=False, ensure_ascii=False)
    except ValueError as error:
        raise Refused(f"the result has no JSON form: {error}") from None
    # Half of a surrogate pair, as file names can have, is in no JSON text.
    data = text.encode("utf-8", "replace")
    size = len(data) - len(b'{"Payload": }')
    if size > request["result_bytes"]:
        raise Refused(f"the result has {size} bytes of JSON; at most {request['result_bytes']} are allowed")
    return data.decode()


def as_in_lambda(text, request):
    """A function's code lies in one place for whoever reads of it: where it lies on this server concerns nobody else."""
    return text.replace(request["directory"], "/var/task") if request["kind"] == "lambda" else text


def describe(error, request):
    """The exception and where in the code it arose; frames of this harness and of the import machinery tell nothing."""
    hidden = (__file__, "<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename not in hidden][-20:]
    lines = [line[:MESSAGE_CHARS] for line in traceback.format_list(frames)]
    lines = [as_in_lambda(line, request) for line in lines]
    head = as_in_lambda("".join(traceback.format_exception_only(type(error), error)).strip(), request)
    shown = head + ("\nTraceback (most recent call last):\n" + "".join(lines) if lines else "")
    return {
        "error": type(error).__name__,
        "message": as_in_lambda(text_of(error), request)[:MESSAGE_CHARS],
        "trace": lines,
        "shown": shown[:MESSAGE_CHARS],
    }


def text_of(error):
    """An exception's own text, also when its `__str__` is broken."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001
        return ""


def function_of_text(request):
    source, name = request["script"], request["handler"]
    scope = {"__name__": "script", "__file__": FILE_NAME, "__builtins__": __builtins__}
    # The traceback module shows source lines by way of linecache, which reads files unless told the text.
    import linecache

    linecache.cache[FILE_NAME] = (len(source), None, source.splitlines(True), FILE_NAME)
    exec(compile(source, FILE_NAME, "exec"), scope)
    handler = scope.get(name)
    if not callable(handler):
        raise Refused(f"the script defines no function `{name}`: `Handler` must name one of its functions")
    return handler


def function_of_package(request):
    """`module.function` of the package, the module by its path as Lambda spells it (`folder/module.function`)."""
    sys.path.insert(0, request["directory"])
    os.chdir(request["directory"])
    path, dot, name = request["handler"].rpartition(".")
    if not dot:
        raise Refused(f"Bad handler '{name}': write `module.function`", "Runtime.MalformedHandlerName")
    module = path.replace("/", ".")
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        raise Refused(f"Unable to import module '{path}': {error}", "Runtime.ImportModuleError") from error
    except SyntaxError as error:
        raise Refused(f"Syntax error in module '{path}': {error}", "Runtime.UserCodeSyntaxError") from error
    handler = getattr(loaded, name, None)
    if not callable(handler):
        raise Refused(f"Handler '{name}' missing on module '{path}'", "Runtime.HandlerNotFound")
    return handler


class Context(types.SimpleNamespace):
    """What a function's handler gets as its second argument."""

    def __init__(self, members, seconds):
        super().__init__(**members)
        self.client_context = client_context(members.get("client_context"))
        self.identity = types.SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self._end = time.monotonic() + seconds

    @staticmethod
    def log(message):
        print(message)

    def get_remaining_time_in_millis(self):
        return max(0, int((self._end - time.monotonic()) * 1000))


def client_context(given):
    """The client's context as an object: `client`, `custom` and `env`; None where the caller gave none."""
    if not isinstance(given, dict):
        return None
    client = given.get("client")
    names = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
    described = {name: client.get(name) for name in names} if isinstance(client, dict) else None
    return types.SimpleNamespace(
        client=described and types.SimpleNamespace(**described), custom=given.get("custom"), env=given.get("env")
    )


def limit_memory(request):
    """A function's memory: what the interpreter itself has is not counted."""
    most = (int(request["context"]["memory_limit_in_mb"]) + 64) << 20
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = most if hard == resource.RLIM_INFINITY else min(hard, most)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def log_as_lambda(request):
    """Lambda gives the root logger a handler before the function's own code runs."""
    import logging

    identity = request["context"]["aws_request_id"]
    handler = logging.StreamHandler(sys.stderr)
    form = f"[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t{identity}\t%(message)s\n"
    handler.setFormatter(logging.Formatter(form, "%Y-%m-%dT%H:%M:%S"))
    handler.terminator = ""
    logging.Formatter.converter = time.gmtime
    logging.getLogger().addHandler(handler)


# The script's own output is what it returns, as JSON; a text that is not JSON is a text.
POWERSHELL = """
$ErrorActionPreference = 'Stop'
$result = & ([scriptblock]::Create([IO.File]::ReadAllText($env:QUELL_SCRIPT)))
if ($null -eq $result) { 'null' } else { ConvertTo-Json -InputObject $result -Depth 64 -Compress }
"""


def run_powershell(request):
    """Runs the script by `pwsh`: the input as JSON in `InputPayload`, the result from its standard output."""
    import subprocess
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".ps1", delete=False, encoding="utf-8") as script:
        script.write(request["script"])
    environment = dict(
        os.environ,
        InputPayload=json.dumps(request["events"]),
        QUELL_SCRIPT=script.name,
        POWERSHELL_TELEMETRY_OPTOUT="1",
        POWERSHELL_UPDATECHECK="Off",
        POWERSHELL_DIAGNOSTICS_OPTOUT="1",
        DOTNET_EnableDiagnostics="0",
        DOTNET_EnableWriteXorExecute="0",
        DOTNET_GCHeapHardLimit=f"{request['address_space']:x}",
    )
    done = subprocess.run(
        [request["program"], "-NoLogo", "-NoProfile", "-NonInteractive", "-Command", POWERSHELL],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        raise Refused(f"the PowerShell script failed (exit code {done.returncode})")
    text = done.stdout.decode("utf-8", "replace").strip()
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def run(request):
    if request["kind"] == "powershell":
        return run_powershell(request)
    if request["kind"] == "lambda":
        limit_memory(request)
        log_as_lambda(request)
        handler, context = function_of_package(request), Context(request["context"], request["seconds"])
    else:
        of_directory = request["directory"] is not None
        handler = function_of_package(request) if of_directory else function_of_text(request)
        context = request["context"]
    return handler(request["events"], context)


def limit(request):
    """Lowered for good: the script cannot raise them again. Set here and not by the launcher, which must be able to start
    this process: an allocator may reserve more address space than a script is allowed, and this process may have waited."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + request["seconds"] + CPU_GRACE
    limits = [(resource.RLIMIT_CPU, seconds)]
    # PowerShell's runtime reserves address space that it never uses; its heap is limited by a setting of its own.
    if request["kind"] != "powershell":
        limits.append((resource.RLIMIT_AS, request["address_space"]))
    for kind, most in limits:
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(hard, most)
        resource.setrlimit(kind, (most, most))


def get_ready():
    """What a script that calls AWS will import; a script that does not needs no boto3."""
    try:
        import boto3  # noqa: F401
        import botocore.session  # noqa: F401
    except ImportError:
        pass


def say(request, text):
    """A function's error stands in its log, too."""
    if request["kind"] == "lambda":
        print(f"[ERROR] {text}", file=sys.stderr)


def write_all(channel, text):
    data = (text + "\n").encode()
    while data:
        data = data[os.write(channel, data):]


def main():
    # The first stdout becomes the result's channel; children of the script do not inherit it.
    channel = os.dup(1)
    os.dup2(2, 1)
    if "--early" in sys.argv[1:]:
        get_ready()
    sys.argv = [sys.argv[0]]
    text = sys.stdin.buffer.read()
    if not text:
        # Whoever started this process ahead does not need it any more.
        os._exit(0)
    request = json.loads(text)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    write_all(channel, "{}")
    os.environ.update(request["environment"])
    limit(request)
    try:
        answer = encode(run(request), request)
    except Refused as error:
        message = as_in_lambda(str(error), request)
        answer = json.dumps({"error": error.kind, "message": message})
        say(request, f"{error.kind}: {message}")
    except SystemExit as error:
        kind, message = "SystemExit", f"the script ended the interpreter by sys.exit({error.code!r})"
        if request["kind"] == "lambda":
            status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
            kind, message = "Runtime.ExitError", f"Runtime exited with error: exit status {status}"
        answer = json.dumps({"error": kind, "message": message})
        say(request, message)
    except BaseException as error:  # noqa: BLE001 - whatever the script raises is its failure
        described = describe(error, request)
        answer = json.dumps(described)
        said = f"{described['error']}: {described['message']}\nTraceback (most recent call last):\n"
        say(request, said + "".join(described["trace"]))
    sys.stdout.flush()
    sys.stderr.flush()
    write_all(channel, answer)
    write_all(channel, str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
    os.close(channel)
    # Ends at once: threads or exit handlers that a script left behind have no say any more.
    os._exit(0)


main()
