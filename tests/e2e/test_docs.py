"""What the documentation says is tried: examples run, lists are compared with the program, links lead somewhere.

How a page is read:

* ```` ```sh ```` blocks run in order, in one shell per page, against a server of the page's own. `127.0.0.1:8710` is
  replaced by that server's address. ```` ```text ```` blocks are not run.
* A ```` ```json ````, ```` ```yaml ```` or ```` ```toml ```` block behind a line such as `` `plan.json`: `` is first
  written to that file. YAML runbooks are created, TOML is checked by `quell config check`, JSON must parse.
* `<!-- run: command -->` is a shell line that readers do not see: see `TOOLS` below for what such lines can use.
"""

import json
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions

from quelltest import DEADLINE, REGION, ROOT, MailSink, Moto, Quell, QuellTest, binary, free_port, program, wait_until

README = ROOT / "README.md"
DOCS = ROOT / "docs"
# Written with its runbooks and tried with them.
ELSEWHERE = DOCS / "playbooks.md"
PAGES = [README, *sorted(page for page in DOCS.rglob("*.md") if page != ELSEWHERE)]
LANGUAGES = {"sh", "json", "yaml", "toml", "text"}
FENCE = re.compile(r"^```(\w*)\s*$")
HIDDEN = re.compile(r"^<!-- (run: )?(.*?) -->$")
FILE = re.compile(r"^`([\w.-]+\.(?:json|yaml|toml))`:$")


def named(page):
    return str(page.relative_to(ROOT))


class Block:
    """A fenced block: its language, text, line, the file it is for, and the marks before it."""

    def __init__(self, language, line, file, marks):
        self.language, self.line, self.file, self.marks = language, line, file, marks
        self.text = ""


class Page:
    """A page taken apart: blocks and hidden commands in order, and its prose."""

    def __init__(self, path):
        self.path, self.items, self.prose = path, [], []
        block, marks, before = None, [], ""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            fence = FENCE.match(line)
            if block is not None:
                if fence:
                    block = None
                else:
                    block.text += line + "\n"
                continue
            hidden = HIDDEN.match(line)
            if fence:
                file = FILE.match(before)
                block = Block(fence[1], number, file[1] if file else None, marks)
                self.items.append(block)
                marks = []
            elif hidden and hidden[1]:
                self.items.append((number, hidden[2]))
            elif hidden:
                marks.append(hidden[2])
            else:
                self.prose.append((number, line))
            before = line if line.strip() else before
        if block is not None:
            raise AssertionError(f"{named(path)}: the block of line {block.line} has no end")

    def blocks(self, language):
        return [item for item in self.items if isinstance(item, Block) and item.language == language]

    def table(self, heading):
        """The rows of all tables below a heading of level two, without their heads."""
        rows, here = [], False
        for _, line in self.prose:
            if line.startswith("## "):
                here = line[3:].strip().strip("`") == heading
            elif here and line.startswith("|"):
                rows.append([cell.strip() for cell in line.strip("|").split("|")])
        return [row for row in rows if row[0].startswith("`")]


class Outbox(list):
    """Keeps mails in a folder as well, where the page's shell finds them."""

    def __init__(self, folder):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir()

    def append(self, mail):
        super().append(mail)
        draft = self.folder / f"{len(self)}.draft"
        draft.write_text(json.dumps({"to": mail.recipients, "code": mail.code()}))
        draft.rename(draft.with_suffix(".json"))


class Dropper:
    """An AWS endpoint that takes every request and breaks the connection: nobody knows what became of it."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(DEADLINE)
                connection.recv(1 << 16)

    def close(self):
        self._socket.close()


# What hidden lines can use, beside `quell` and `aws` ------------------------------------------------------------


def mail_code(address, count="1"):
    """The code in the newest of `count` mails to an address."""
    folder = pathlib.Path(os.environ["MAILS"])

    def codes():
        files = sorted(folder.glob("*.json"), key=lambda file: int(file.stem))
        mails = [json.loads(file.read_text()) for file in files]
        return [mail["code"] for mail in mails if address in mail["to"]]

    return wait_until(f"mail {count} to {address}", lambda: len(codes()) >= int(count) and codes()[int(count) - 1])


def make_instance():
    """An instance in the account."""
    ec2 = boto3.client("ec2", endpoint_url=os.environ["ACCOUNT_URL"])
    return ec2.run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]


def run_status(run):
    return boto3.client("ssm").get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]["AutomationExecutionStatus"]


def make_unknown_run():
    """A run whose step lost its answer."""
    step = {"name": "Reboot", "action": "aws:executeAwsApi"}
    step["inputs"] = {"Service": "ec2", "Api": "RebootInstances", "InstanceIds": ["i-0123456789abcdef0"]}
    ssm = boto3.client("ssm")
    content = json.dumps({"schemaVersion": "0.3", "mainSteps": [step]})
    ssm.create_document(Name="Reboot-Instance", DocumentType="Automation", Content=content)
    run = ssm.start_automation_execution(DocumentName="Reboot-Instance")["AutomationExecutionId"]
    wait_until("the unknown outcome", lambda: run_status(run) == "Waiting")
    return run


def await_run(run, status):
    """Waits until a run ends as expected, or waits for a person if that is expected."""
    ends = {"Success", "Failed", "TimedOut", "Cancelled", status}
    found = wait_until(f"the end of run {run}", lambda: (now := run_status(run)) in ends and now)
    if found != status:
        raise AssertionError(f"run {run} ended with {found}, not {status}")


def await_execution(execution, status):
    """Waits until an execution ends, and checks how."""
    states = boto3.client("stepfunctions")

    def found():
        now = states.describe_execution(executionArn=execution)["status"]
        return now if now != "RUNNING" else None

    ended = wait_until(f"the end of {execution}", found)
    if ended != status:
        raise AssertionError(f"{execution} ended with {ended}, not {status}")


def await_incident(title, triggers):
    """Waits until one incident has taken so many triggers, and checks that it is the only one and its title."""
    incidents = boto3.client("ssm-incidents")

    def found():
        return incidents.list_incident_records()["incidentRecordSummaries"]

    def taken():
        arns = [incident["arn"] for incident in found()]
        told = [incidents.list_timeline_events(incidentRecordArn=arn)["eventSummaries"] for arn in arns]
        return sum(event["eventType"] == "SSM Incident Trigger" for events in told for event in events) == int(triggers)

    wait_until(f"{triggers} triggers", taken)
    if [incident["title"] for incident in found()] != [title]:
        raise AssertionError(f"incidents: {found()}")


def sqlite(file, statement):
    """The sqlite3 program, for machines that have none."""
    with sqlite3.connect(file) as connection:
        connection.execute(statement)


def restores(restored):
    """A server starts on a restored data directory and has all that the page's server had."""
    kept = pathlib.Path("quell-data")
    with tempfile.TemporaryDirectory() as folder:
        data = shutil.copytree(restored, pathlib.Path(folder) / "data")
        # The function's role is assumed in the account.
        quell = Quell(folder, aws_url=os.environ["ACCOUNT_URL"])
        try:
            answer = quell.client("lambda").invoke(FunctionName="kept")
            said = json.loads(answer["Payload"].read())
            # A link to code makes the file if there is none.
            quell.client("lambda").get_function(FunctionName="kept")
        finally:
            quell.close()
        if said != "still here":
            raise AssertionError(f"the restored function says {said}")
        for name in ("credentials", "secrets.keys", "topic-signing.pem"):
            if (data / name).read_bytes() != (kept / name).read_bytes():
                raise AssertionError(f"the restored server has another {name}")
            if (data / name).stat().st_mode & 0o077:
                raise AssertionError(f"others can read the restored {name}")


def await_health(url):
    def healthy():
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    wait_until("the page's server", healthy)


TOOLS = {
    "mail-code": mail_code,
    "make-instance": make_instance,
    "make-unknown-run": make_unknown_run,
    "await-run": await_run,
    "await-execution": await_execution,
    "await-incident": await_incident,
    "await-health": await_health,
    "restores": restores,
    "sqlite3": sqlite,
}

# `quell serve` in a page goes to the background on the page's own port and ends with the page's shell.
PREAMBLE = """
set -euo pipefail
quell() {
  if [ "$1" = serve ]; then
    QUELL_SERVER_LISTEN="$ADDRESS" "$QUELL" "$@" >>serve.log 2>&1 &
    SERVER=$!
    trap 'kill $SERVER 2>/dev/null; wait $SERVER || true' EXIT
    await-health "http://$ADDRESS"
  elif [ "$1" = run ]; then
    "$QUELL" "$@" --endpoint-url "http://$ADDRESS"
  else
    "$QUELL" "$@"
  fi
}
""" + "\n".join(f'{name}() {{ "$PYTHON" "$TOOL" {name} "$@"; }}' for name in TOOLS)


def script_of(page, address):
    """The page's shell script; each part announces its line."""
    parts = [PREAMBLE]
    for item in page.items:
        if isinstance(item, Block) and item.language == "sh":
            line, text = item.line, item.text
        elif isinstance(item, Block):
            continue
        else:
            line, text = item
        parts.append(f"echo '@ line {line}' >&2\n{text.replace('127.0.0.1:8710', address)}")
    return "\n".join(parts) + "\n"


def is_served_by_itself(page):
    return any(block.text.startswith("quell serve") for block in page.blocks("sh"))


class Examples(unittest.TestCase):
    """The pages' shell examples, each page on a server of its own."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="quell-docs-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.moto = Moto(cls.folder)
        cls.addClassCleanup(cls.moto.close)

    def test_examples_run(self):
        for path in PAGES:
            page = Page(path)
            if page.blocks("sh"):
                with self.subTest(page=named(path)):
                    self.run_page(page)

    def run_page(self, page):
        folder = self.folder / named(page.path).replace("/", "-")
        work = folder / "work"
        work.mkdir(parents=True)
        for name in ("examples", "playbooks"):
            (work / name).symlink_to(ROOT / name)
        for item in page.items:
            if isinstance(item, Block) and item.file:
                (work / item.file).write_text(item.text)
        environment = {
            "PATH": f"{pathlib.Path(program('aws')).parent}:{os.environ.get('PATH', '')}",
            "HOME": str(folder),
            "PYTHON": sys.executable,
            "TOOL": __file__,
            "QUELL": binary(),
            "MAILS": str(folder / "mails"),
            "ACCOUNT_URL": self.moto.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }
        if is_served_by_itself(page):
            environment["ADDRESS"] = f"127.0.0.1:{free_port()}"
        else:
            quell = self.serve(page, folder)
            environment["ADDRESS"] = f"127.0.0.1:{quell.port}"
            environment["AWS_ENDPOINT_URL"] = quell.url
            environment["AWS_SHARED_CREDENTIALS_FILE"] = str(quell.credentials)
        script = script_of(page, environment["ADDRESS"])
        done = subprocess.run(
            ["bash"], input=script, capture_output=True, text=True, cwd=work, env=environment, timeout=DEADLINE * 4
        )
        self.assertEqual(done.returncode, 0, f"{named(page.path)}:\n{done.stderr[-3000:]}\n{done.stdout[-1000:]}")

    def serve(self, page, folder):
        mail = MailSink()
        mail.mails = Outbox(folder / "mails")
        aws_url = self.moto.url
        if any(item[1].startswith("RUN=$(make-unknown-run)") for item in page.items if isinstance(item, tuple)):
            dropper = Dropper()
            self.addCleanup(dropper.close)
            aws_url = dropper.url
        quell = Quell(folder, aws_url=aws_url, mail=mail)
        self.addCleanup(quell.close)
        return quell

    def test_configurations_are_valid(self):
        for path in PAGES:
            for block in Page(path).blocks("toml"):
                with self.subTest(page=named(path), line=block.line):
                    file = self.folder / "quell.toml"
                    file.write_text(block.text)
                    command = [binary(), "config", "check", "--config", str(file)]
                    done = subprocess.run(command, capture_output=True, text=True, env={}, timeout=DEADLINE)
                    self.assertEqual(done.returncode, 0, done.stderr)

    def test_json_can_be_read(self):
        for path in [*PAGES, ELSEWHERE]:
            for block in Page(path).blocks("json"):
                with self.subTest(page=named(path), line=block.line):
                    json.loads(block.text)


class AgainstTheServer(QuellTest):
    """Lists and documents that only the server can judge."""

    maxDiff = None

    def test_runbooks_are_accepted(self):
        ssm, count = self.quell.client("ssm"), 0
        for path in PAGES:
            for block in Page(path).blocks("yaml"):
                with self.subTest(page=named(path), line=block.line):
                    count += 1
                    ssm.create_document(
                        Name=f"Page-{count}", DocumentType="Automation", DocumentFormat="YAML", Content=block.text
                    )
        self.assertGreater(count, 2)

    def test_patterns_say_what_the_page_says(self):
        events = self.quell.client("events")
        event, *patterns = Page(DOCS / "reference/event-patterns.md").blocks("json")
        other = False
        for block in patterns:
            other |= "other events" in block.marks
            with self.subTest(line=block.line):
                matches = events.test_event_pattern(Event=event.text, EventPattern=block.text)["Result"]
                if not other:
                    self.assertEqual(matches, "no match" not in block.marks)
        self.assertTrue(other)

    def served(self, service, prefix):
        """What the server names when it is asked for an operation that it does not have."""
        headers, data = {"Content-Type": "application/x-amz-json-1.1"}, b"{}"
        if prefix == "query":
            headers, data = {"Content-Type": "application/x-www-form-urlencoded"}, b"Action=Nothing&Version=2010-03-31"
        elif prefix == "cbor":
            headers, data = {"Content-Type": "application/cbor", "Smithy-Protocol": "rpc-v2-cbor"}, b"\xa0"
        elif prefix:
            headers["X-Amz-Target"] = f"{prefix}.Nothing"
        paths = {None: "/nothing", "cbor": "/service/Any/operation/Nothing"}
        url = self.quell.url + paths.get(prefix, "/")
        request = botocore.awsrequest.AWSRequest("POST", url, headers=headers, data=data)
        keys = botocore.credentials.Credentials(*self.quell.keys())
        botocore.auth.SigV4Auth(keys, service, REGION).add_auth(request)
        sent = urllib.request.Request(url, data=data, headers=dict(request.headers), method="POST")
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(sent, timeout=DEADLINE)
        with caught.exception as answer:
            self.assertIn(answer.code, (400, 404))
            text = answer.read().decode(errors="replace")
        if prefix in ("query", "cbor"):
            return re.search(r"has: ([\w, ]+)", text)[1].split(", ")
        body = json.loads(text)
        message = next(body[key] for key in ("Message", "message", "detail") if key in body)
        return message.rpartition("has: ")[2].split(", ")

    def test_operations_are_those_served(self):
        page = Page(DOCS / "reference/aws-apis.md")
        services = {"events": "AWSEvents", "ssm-contacts": "SSMContacts", "ssm": "AmazonSSM", "states": "AWSStepFunctions"}
        services |= {"ssm-incidents": None, "lambda": None, "quell": None, "sns": "query", "monitoring": "cbor"}
        for service, prefix in services.items():
            with self.subTest(service=service):
                told = [row[0].strip("`") for row in page.table(service) if re.match(r"`[A-Z]\w+`$", row[0])]
                self.assertEqual(sorted(told), sorted(self.served(service, prefix)))

    def refusal(self, action):
        step = {"name": "A", "action": action, "inputs": {}}
        content = json.dumps({"schemaVersion": "0.3", "mainSteps": [step]})
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            self.quell.client("ssm").create_document(Name="Refused", DocumentType="Automation", Content=content)
        return caught.exception.response["Error"]["Message"]

    def test_actions_are_those_supported(self):
        page = Page(DOCS / "reference/automation.md")
        told = [row[0].strip("`") for row in page.table("Actions")]
        text = json.dumps({"schemaVersion": "0.3", "mainSteps": [{"name": "A", "action": "x"}]})
        command = [binary(), "playbook", "check", "--format", "json", "-"]
        checked = subprocess.run(command, capture_output=True, text=True, input=text, timeout=DEADLINE)
        [finding] = json.loads(checked.stdout)["files"][0]["findings"]
        self.assertEqual(told, finding["remedy"].removeprefix("use one of ").split(", "))
        prose = "\n".join(line for _, line in page.prose)
        absent = re.search(r"Not there yet: (.*?)\.\s", prose, re.S)
        for action in re.findall(r"`(aws:\w+)`", absent[1]) if absent else []:
            with self.subTest(action=action):
                self.assertIn("is not supported by this version", self.refusal(action))


class Pages(unittest.TestCase):
    """What can be told from the files alone."""

    maxDiff = None

    def test_blocks_have_a_language(self):
        for path in PAGES:
            for item in Page(path).items:
                if isinstance(item, Block):
                    with self.subTest(page=named(path), line=item.line):
                        self.assertIn(item.language, LANGUAGES)

    def test_settings_are_those_of_the_default(self):
        page = Page(DOCS / "reference/configuration.md")
        default = (ROOT / "app/src/config/config.default.toml").read_text()
        wanted, section = {}, None
        for line in default.splitlines():
            if found := re.match(r"^\[(\w+)\]$", line):
                section = found[1]
                wanted[section] = []
            elif found := re.match(r"^(\w+) = (.*)$", line):
                wanted[section].append((found[1], found[2], f"QUELL_{section}_{found[1]}".upper()))
        self.assertGreater(len(wanted), 5)
        for section, settings in wanted.items():
            with self.subTest(section=section):
                told = [[cell.strip("`") for cell in row[:3]] for row in page.table(section)]
                told = [tuple(row) for row in told if row[2].startswith("QUELL_")]
                self.assertEqual(told, settings)
        keys = re.findall(r"^# (\w+) = ", default, re.M)
        told = [row[0].strip("`") for row in page.table("auth") if "QUELL_" not in row[2]]
        self.assertEqual(told, keys)

    def test_the_command_line_is_the_programs(self):
        text = (DOCS / "reference/cli.md").read_text()
        sections = re.findall(r"^## `(quell[\w -]*)`\n\n```text\n(.*?)^```$", text, re.M | re.S)
        told = {command: help_text for command, help_text in sections}
        wanted, waiting = {}, ["quell"]
        while waiting:
            command = waiting.pop()
            words = [binary(), *command.split()[1:], "--help"]
            done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE, check=True)
            wanted[command] = done.stdout
            _, _, commands = done.stdout.partition("\nCommands:\n")
            names = re.findall(r"^  ([a-z-]+) ", commands.partition("\n\n")[0], re.M)
            waiting += [f"{command} {name}" for name in names if name != "help"]
        self.assertEqual(told, wanted)

    def test_the_demos_excerpt_names_steps_of_the_playbook(self):
        steps = re.findall(r"Success +[\d.]+ s  (\w+) \((aws:\w+)\)", README.read_text())
        self.assertGreater(len(steps), 3)
        playbook = (ROOT / "playbooks/ec2-isolate.yaml").read_text()
        for name, action in steps:
            with self.subTest(step=name):
                self.assertRegex(playbook, rf"name: {name}\n +(?:description: .*\n +)?action: {action}\b")

    def test_the_readme_names_the_right_rust(self):
        version = re.search(r'^rust-version = "(\d+\.\d+)', (ROOT / "Cargo.toml").read_text(), re.M)[1]
        self.assertIn(f"Rust {version}", README.read_text())

    def test_links_and_paths_lead_somewhere(self):
        readers = [*PAGES, ELSEWHERE, *(ROOT / name for name in ("ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"))]
        readers += sorted((ROOT / "examples").rglob("README.md"))
        for path in readers:
            page = Page(path)
            for number, line in page.prose:
                for target in re.findall(r"\]\(([^)\s]+)\)", line):
                    with self.subTest(page=named(path), line=number, target=target):
                        self.follow(path, target)
                if path not in PAGES:
                    continue
                for target in re.findall(r"`((?:app|crates|docs|examples|playbooks|tests|xtask)/[\w./-]+)`", line):
                    with self.subTest(page=named(path), line=number, target=target):
                        self.assertTrue((ROOT / target).exists())

    def follow(self, path, target):
        if target.startswith("https://"):
            return
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        self.assertTrue(found.is_relative_to(ROOT) and found.exists(), "there is no such file")
        if anchor:
            titles = [line.lstrip("#").strip() for _, line in Page(found).prose if re.match(r"#+ ", line)]
            self.assertIn(anchor, [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles])

    def test_every_page_can_be_reached_from_the_readme(self):
        reached, waiting = set(), [README]
        while waiting:
            path = waiting.pop()
            if path in reached:
                continue
            reached.add(path)
            for _, line in Page(path).prose:
                for target in re.findall(r"\]\(([^)#\s]+\.md)(?:#[^)]*)?\)", line):
                    if not target.startswith("https://"):
                        waiting.append((path.parent / target).resolve())
        self.assertEqual([named(page) for page in PAGES if page not in reached], [])

    def test_no_page_names_a_place_of_this_machine(self):
        for path in PAGES:
            self.assertNotRegex(path.read_text(), r"(?<![\w.])/(?:work|root|home|tmp)/", named(path))


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in TOOLS:
        said = TOOLS[sys.argv[1]](*sys.argv[2:])
        if said:
            print(said)
    else:
        unittest.main()
