"""The real binary under real clients: one Quell per test class, its mail caught, its AWS account played by moto.

Needs boto3, the AWS CLI and moto (``cargo xtask setup`` makes the environment; ``QUELL_VENV`` names another one).
Nothing here waits for a fixed time: every wait looks for a condition and gives up at a deadline.
"""

import configparser
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

import boto3
import botocore.config
import botocore.exceptions

ROOT = pathlib.Path(__file__).resolve().parents[2]
REGION = "us-east-1"
ACCOUNT = "123456789012"
# Long for a loaded machine; a passing test comes nowhere near it.
DEADLINE = 60.0


def wait_until(what, look, deadline=DEADLINE):
    """Looks until `look` gives something true, and gives that back."""
    end = time.monotonic() + deadline
    pause = 0.01
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline:.0f} s for {what}")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def free_port():
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def program(name):
    """The path of a program of the environment, or of the search path."""
    venv = os.environ.get("QUELL_VENV")
    places = [pathlib.Path(venv) / "bin"] if venv else []
    places += [pathlib.Path(sys.executable).parent, ROOT / ".venv/bin"]
    for place in places:
        if (place / name).exists():
            return str(place / name)
    found = shutil.which(name)
    if found is None:
        raise RuntimeError(f"`{name}` was not found: run `cargo xtask setup`, or name its environment in QUELL_VENV")
    return found


def binary():
    """The program under test."""
    path = pathlib.Path(os.environ.get("QUELL_BIN", ROOT / "target/debug/quell"))
    if not path.exists():
        raise RuntimeError(f"{path} was not found: run `cargo build -p quell`, or name the program in QUELL_BIN")
    return str(path)


class Mail:
    """One mail that was taken."""

    def __init__(self, sender, recipients, text):
        self.sender, self.recipients, self.text = sender, recipients, text

    def code(self):
        """The first number of six to ten digits that stands alone in the mail's text."""
        _, _, body = self.text.partition("\n\n")
        body = body.replace("=\n", "")
        found = re.search(r"(?<![\w/-])(\d{6,10})(?![\w/-])", body)
        if found is None:
            raise AssertionError(f"no code in this mail:\n{self.text}")
        return found.group(1)


class MailSink:
    """A mail server that takes everything and keeps it in memory."""

    def __init__(self):
        self.mails = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection):
        with contextlib.suppress(OSError, ValueError), connection, connection.makefile("rwb") as stream:
            self._session(stream)

    def _session(self, stream):
        def say(line):
            stream.write(line.encode() + b"\r\n")
            stream.flush()

        sender, recipients = "", []
        say("220 sink ready")
        for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            verb = line[:4].upper()
            if verb == "EHLO":
                say("250-sink")
                say("250 8BITMIME")
            elif verb == "MAIL":
                sender, recipients = self._address(line), []
                say("250 ok")
            elif verb == "RCPT":
                recipients.append(self._address(line))
                say("250 ok")
            elif verb == "DATA":
                say("354 go on")
                self.mails.append(Mail(sender, recipients, self._data(stream)))
                self.kept(self.mails[-1])
                say("250 kept")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 ok")

    def kept(self, mail):
        """Called for a mail that is kept, before its sender is told so; a test may make the sender wait."""

    @staticmethod
    def _address(line):
        found = re.search(r"<([^>]*)>", line)
        return found.group(1) if found else ""

    @staticmethod
    def _data(stream):
        lines = []
        for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if line == ".":
                break
            lines.append(line[1:] if line.startswith(".") else line)
        return "\n".join(lines)

    def to(self, address):
        """The mails to one address so far."""
        return [mail for mail in list(self.mails) if address in mail.recipients]

    def wait_for(self, address, count=1):
        """Waits until so many mails to one address are there, and gives the last one."""
        wait_until(f"mail {count} to {address}", lambda: len(self.to(address)) >= count)
        return self.to(address)[count - 1]

    def close(self):
        self._socket.close()


def account_client(url, service, region=REGION):
    """A boto3 client of the account that is played at this address."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="AKIDMOTO",
        aws_secret_access_key="moto-secret-moto-secret",
    )


class Moto:
    """A moto server of its own: an AWS account in memory."""

    def __init__(self, folder, account=ACCOUNT):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # Where it is told its account, it knows no other: calls as a role of another one would be of this one.
        environment = dict(os.environ) if account == ACCOUNT else {**os.environ, "MOTO_ACCOUNT_ID": account}
        self._log = open(pathlib.Path(folder) / "moto.log", "wb")
        command = [program("moto_server"), "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=self._log, stderr=self._log, env=environment, start_new_session=True
        )
        wait_until("moto", self._answers)

    def _answers(self):
        if self._process.poll() is not None:
            raise AssertionError(f"moto ended with {self._process.returncode}; see {self._log.name}")
        try:
            with urllib.request.urlopen(f"{self.url}/moto-api/data.json", timeout=2):
                return True
        except (urllib.error.URLError, OSError):
            return False

    def client(self, service, region=REGION):
        return account_client(self.url, service, region)

    def close(self):
        stop(self._process)
        self._log.close()


def stop(process, how=signal.SIGTERM):
    """Ends a process and waits for its end."""
    if process.poll() is None:
        process.send_signal(how)
        try:
            process.wait(timeout=DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


class Quell:
    """A running server on a data directory of its own."""

    def __init__(self, folder, extra_config="", aws_url=None, mail=None, environment=None):
        self.folder = pathlib.Path(folder)
        self._environment = environment or {}
        self.mail = mail or MailSink()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.data = self.folder / "data"
        self.credentials = self.data / "credentials"
        self.log = self.folder / "quell.log"
        self.config = self.folder / "quell.toml"
        self.config.write_text(self._config(aws_url) + extra_config)
        self._process = None
        self._clients = {}
        self.start()

    def _config(self, aws_url):
        lines = [
            "[server]",
            f'listen = "127.0.0.1:{self.port}"',
            f'data_dir = "{self.data}"',
            "[smtp]",
            'host = "127.0.0.1"',
            f"port = {self.mail.port}",
            'encryption = "none"',
            'from = "Quell <quell@example.com>"',
        ]
        if aws_url:
            lines += ["[aws]", f'endpoint_url = "{aws_url}"']
        return "\n".join(lines) + "\n"

    def start(self):
        """Starts the server and waits until it answers."""
        # The tests' own variables are no settings of the server.
        outside = {name: value for name, value in os.environ.items() if name == "QUELL_LOG" or not name.startswith("QUELL_")}
        environment = {
            **outside,
            "AWS_ACCESS_KEY_ID": "AKIDOUTSIDE",
            "AWS_SECRET_ACCESS_KEY": "outside-secret-outside",
            "AWS_EC2_METADATA_DISABLED": "true",
            **self._environment,
        }
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                [binary(), "serve", "--config", str(self.config)],
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        wait_until("the server's health", self._healthy)

    def _healthy(self):
        if self._process.poll() is not None:
            raise AssertionError(f"quell ended with {self._process.returncode}:\n{self.log.read_text()[-4000:]}")
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def ended(self):
        """Whether the server has ended by itself."""
        return self._process.poll() is not None

    def kill(self):
        """Ends the server as a power cut would."""
        stop(self._process, signal.SIGKILL)

    def stop(self):
        """Asks the server to end, and gives its exit status."""
        return stop(self._process)

    def restart(self):
        """Kills the server and starts it on the same data."""
        self.kill()
        self.start()

    def keys(self):
        """The minted key: id and secret."""
        parser = configparser.ConfigParser()
        parser.read(self.credentials)
        profile = parser["default"]
        return profile["aws_access_key_id"], profile["aws_secret_access_key"]

    def client(self, service, region=REGION, key=None, secret=None, **config):
        """A boto3 client that speaks to this server."""
        own_id, own_secret = self.keys()
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=key or own_id,
            aws_secret_access_key=secret or own_secret,
            config=botocore.config.Config(retries={"max_attempts": 0}, **config),
        )

    def aws(self, *arguments, region=REGION):
        """Runs the AWS CLI against this server; gives its parsed answer."""
        done = self.aws_run(*arguments, region=region)
        if done.returncode != 0:
            raise AssertionError(f"aws {' '.join(arguments)}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    def aws_run(self, *arguments, region=REGION):
        """Runs the AWS CLI against this server; gives the finished process."""
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.credentials),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
        }
        command = [program("aws"), "--endpoint-url", self.url, "--region", region, "--output", "json", *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=DEADLINE * 2)

    def close(self):
        self.stop()
        self.mail.close()


class QuellTest(unittest.TestCase):
    """A test class with one server for all its tests.

    A class that sets `with_moto` gets a moto server as its AWS account, of the number `account`; one that sets
    `extra_config` adds TOML.
    """

    with_moto = False
    account = ACCOUNT
    extra_config = ""
    moto = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.mkdtemp(prefix="quell-e2e-")
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        if cls.with_moto:
            cls.moto = Moto(folder, cls.account)
            cls.addClassCleanup(cls.moto.close)
        cls.quell = Quell(folder, cls.extra_config, cls.account_url())
        cls.addClassCleanup(cls.quell.close)
        cls.mail = cls.quell.mail

    @classmethod
    def account_url(cls):
        """Where the server finds its AWS account; a class may put something in front of moto."""
        return cls.moto.url if cls.moto else None

    @classmethod
    def set_up_incident_manager(cls):
        """Makes the account's replication set; gives clients of ssm-incidents and ssm-contacts."""
        incidents, contacts = cls.quell.client("ssm-incidents"), cls.quell.client("ssm-contacts")
        if not incidents.list_replication_sets()["replicationSetArns"]:
            incidents.create_replication_set(regions={REGION: {}})
        return incidents, contacts

    @contextlib.contextmanager
    def refused(self, client, code, status=None, saying=None):
        """Expects the modelled exception `code`, an HTTP status, and words in the message."""
        expected = getattr(client.exceptions, code)
        with self.assertRaises(expected) as caught:
            yield caught
        answer = caught.exception.response
        if status is not None:
            self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], status, answer)
        if saying is not None:
            self.assertIn(saying, answer["Error"]["Message"])

    def status(self, answer):
        """The HTTP status of a boto3 answer."""
        return answer["ResponseMetadata"]["HTTPStatusCode"]


def active_person(contacts, mail, alias, address, minutes=5, retry=0):
    """A person with one activated e-mail channel and a plan of one stage; gives contact and channel ARNs."""
    contact = contacts.create_contact(Alias=alias, Type="PERSONAL", Plan={"Stages": []})["ContactArn"]
    channel = contacts.create_contact_channel(
        ContactId=contact, Name="work", Type="EMAIL", DeliveryAddress={"SimpleAddress": address}
    )["ContactChannelArn"]
    code = mail.wait_for(address).code()
    contacts.activate_contact_channel(ContactChannelId=channel, ActivationCode=code)
    target = {"ChannelTargetInfo": {"ContactChannelId": channel, "RetryIntervalInMinutes": retry}}
    contacts.update_contact(
        ContactId=contact, Plan={"Stages": [{"DurationInMinutes": minutes, "Targets": [target]}]}
    )
    return contact, channel


def plan_of(incidents, name, **members):
    """A response plan with a short template; gives its ARN."""
    template = {"title": f"Incident of {name}", "impact": 3, **members.pop("template", {})}
    return incidents.create_response_plan(name=name, incidentTemplate=template, **members)["arn"]
