"""`quell serve` and `quell config`: the first start, restarts, refused starts, TLS, callers and their signatures."""

import datetime
import hashlib
import http.client
import ipaddress
import json
import os
import pathlib
import re
import shutil
import sqlite3
import ssl
import stat
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

import boto3
import botocore.config
import botocore.exceptions
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from quelltest import DEADLINE, REGION, Quell, QuellTest, binary, free_port, program, stop, wait_until
from wire import Wire

MINTED = "A new access key was minted"
PAUSE = """schemaVersion: "0.3"
description: waits for a person, then for a moment
mainSteps:
  - name: Wait
    action: aws:pause
    inputs: {}
  - name: Rest
    action: aws:sleep
    inputs:
      Duration: PT1S
"""
SLEEP = """schemaVersion: "0.3"
mainSteps:
  - name: Rest
    action: aws:sleep
    inputs:
      Duration: PT2S
"""


def outside():
    """The environment without settings of Quell."""
    return {name: value for name, value in os.environ.items() if not name.startswith("QUELL_")}


def quell(*arguments, **variables):
    """Runs `quell` to its end."""
    return subprocess.run(
        [binary(), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**outside(), **variables},
        timeout=DEADLINE,
        check=False,
    )


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="quell-serve-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def server(self, extra_config=""):
        """A server that runs until the test ends."""
        server = Quell(self.folder, extra_config)
        self.addCleanup(server.close)
        return server

    def config(self, text):
        path = self.folder / "own.toml"
        path.write_text(text)
        return path

    def refused(self, *arguments, saying=(), **variables):
        """A command that must end at once with an error that says all this; gives what it said."""
        done = quell(*arguments, **variables)
        self.assertEqual(done.returncode, 1, done)
        self.assertTrue(done.stderr.strip().splitlines()[-1].strip(), done)
        self.assertNotIn("panicked", done.stderr)
        for words in saying:
            self.assertIn(words, done.stderr)
        return done

    def start(self, *arguments, **variables):
        """A server by its command line, for what the harness does not do; ends with the test."""
        log = open(self.folder / "own.log", "ab")
        self.addCleanup(log.close)
        process = subprocess.Popen([binary(), "serve", *map(str, arguments)], stdout=log, stderr=log, env={**outside(), **variables})
        self.addCleanup(stop, process)

        def said():
            if process.poll() is not None:
                raise AssertionError(f"quell ended with {process.returncode}: {self.own_log()}")
            return re.search(r"Quell listens on (https?)://\S+:(\d+)", self.own_log())

        scheme, port = wait_until("the server's address", said).groups()
        return scheme, int(port)

    def own_log(self):
        return (self.folder / "own.log").read_text()


class FirstStart(Folder):
    def test_a_key_is_minted_once_and_told_once(self):
        server = self.server()
        log = server.log.read_text()
        self.assertEqual(log.count(MINTED), 1)
        self.assertIn(str(server.credentials), log)
        for path, mode in ((server.credentials, 0o600), (server.data, 0o700), (server.data / "quell.sqlite", 0o600)):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode), mode, path)
        first = server.keys()
        self.assertEqual(server.aws("events", "list-rules"), {"Rules": []})
        self.assertEqual(server.stop(), 0)
        server.start()
        self.assertEqual(server.keys(), first)
        self.assertEqual(server.aws("events", "list-rules"), {"Rules": []})
        log = server.log.read_text()
        self.assertEqual(log.count(MINTED), 1)
        self.assertNotIn(first[1], log)

    def test_a_start_that_fails_does_not_use_up_the_message(self):
        config = self.config('[server]\ntls_certificate = "absent.pem"\ntls_key = "absent.key"\n')
        data = self.folder / "data"
        listen = ("--data-dir", data, "--listen", "127.0.0.1:0")
        done = self.refused("serve", "--config", config, *listen, saying=["absent.pem"])
        self.assertNotIn(MINTED, done.stdout)
        self.assertFalse((data / "credentials").exists())
        self.start(*listen)
        self.assertEqual(self.own_log().count(MINTED), 1)

    def test_a_broken_credentials_file_is_refused_and_an_absent_one_minted_again(self):
        server = self.server()
        first = server.keys()
        server.stop()
        server.credentials.write_text("[default]\naws_access_key_id = X\n")
        self.refused("serve", "--config", server.config, saying=[str(server.credentials), "aws_secret_access_key", "remove the file"])
        server.credentials.unlink()
        server.start()
        self.assertNotEqual(server.keys(), first)
        self.assertEqual(server.log.read_text().count(MINTED), 2)
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            server.client("events", key=first[0], secret=first[1]).list_rules()
        self.assertEqual(caught.exception.response["Error"]["Code"], "UnrecognizedClientException")

    def test_the_system_may_choose_the_port(self):
        scheme, port = self.start("--data-dir", self.folder / "data", "--listen", "127.0.0.1:0")
        self.assertEqual(scheme, "http")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=DEADLINE) as answer:
            self.assertEqual(answer.status, 200)

    def test_the_command_that_is_printed_works(self):
        server = self.server()
        command = re.search(r"Try: (.+)", server.log.read_text()).group(1)
        path = f"{pathlib.Path(program('aws')).parent}{os.pathsep}{os.environ['PATH']}"
        environment = {"PATH": path, "HOME": str(self.folder), "AWS_PAGER": "", "AWS_DEFAULT_OUTPUT": "json"}
        done = subprocess.run(
            command, shell=True, capture_output=True, text=True, env=environment, timeout=DEADLINE, check=False
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(json.loads(done.stdout), {"incidentRecordSummaries": []})


class Health(QuellTest):
    def test_health_needs_no_signature_and_tells_little(self):
        with urllib.request.urlopen(f"{self.quell.url}/health", timeout=DEADLINE) as answer:
            body = json.load(answer)
        self.assertEqual(sorted(body), ["status", "version"])
        self.assertEqual(body["status"], "ok")

    def test_nothing_else_answers_without_a_signature(self):
        wire = Wire(self.quell)
        host = {"host": wire.host}
        for method, path in (("GET", "/"), ("GET", "/api/v1/runs"), ("GET", "/getReplicationSet")):
            answer = wire.send(method, path, host)
            self.assertEqual((answer.status, answer.code), (403, "MissingAuthenticationTokenException"), (path, answer))
        self.assertEqual(wire.send("POST", "/health", host, b"{}").status, 405)

    def test_what_has_credentials_of_its_own_asks_for_them(self):
        wire = Wire(self.quell)
        host = {"host": wire.host}
        numbers = wire.send("GET", "/metrics", host)
        self.assertEqual((numbers.status, b"quell_" in numbers.raw), (401, False), numbers)
        for method, path in (("POST", "/intake/unknown"), ("POST", "/oauth/token"), ("POST", "/v2/enqueue")):
            self.assertIn(wire.send(method, path, host, b"{}").status, (400, 401, 404), path)


class Restart(Folder):
    def run_of(self, ssm, name, content):
        ssm.create_document(Name=name, Content=content, DocumentType="Automation", DocumentFormat="YAML")
        return ssm.start_automation_execution(DocumentName=name)["AutomationExecutionId"]

    def status(self, ssm, run):
        return ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]["AutomationExecutionStatus"]

    def test_a_restart_goes_on_where_it_was(self):
        server = self.server()
        ssm, events = server.client("ssm"), server.client("events")
        events.put_rule(Name="kept", EventPattern='{"source": ["x"]}')
        sleeping = self.run_of(ssm, "Sleeps", SLEEP)
        paused = self.run_of(ssm, "Pauses", PAUSE)
        wait_until("the pause", lambda: self.status(ssm, paused) == "Waiting")
        server.restart()
        self.assertEqual([rule["Name"] for rule in events.list_rules()["Rules"]], ["kept"])
        self.assertEqual(self.status(ssm, paused), "Waiting")
        ssm.send_automation_signal(AutomationExecutionId=paused, SignalType="Resume")
        self.assertEqual(server.stop(), 0)
        server.start()
        for run in (sleeping, paused):
            wait_until("the run's end", lambda run=run: self.status(ssm, run) == "Success")

    def test_a_stop_is_orderly(self):
        server = self.server()
        self.run_of(server.client("ssm"), "Pauses", PAUSE)
        self.assertEqual(server.stop(), 0)
        self.assertIn("stopped", server.log.read_text())
        self.assertFalse((server.data / "quell.sqlite-wal").exists(), "the log was copied back")


class RefusedStart(Folder):
    def test_a_data_directory_has_one_server(self):
        server = self.server()
        process = re.search(r"\d+", (server.data / "quell.sqlite.lock").read_text()).group(0)
        self.refused(
            *("serve", "--data-dir", server.data, "--listen", "127.0.0.1:0"),
            saying=["in use by another process", f"process {process}", "its own data directory"],
        )
        self.assertEqual(server.client("events").list_rules()["Rules"], [])

    def test_a_port_has_one_server(self):
        server = self.server()
        other = self.folder / "other"
        listen = f"127.0.0.1:{server.port}"
        self.refused("serve", "--data-dir", other, "--listen", listen, saying=["cannot listen", listen])
        self.assertFalse(other.exists())

    def test_a_newer_database_is_refused_and_left_alone(self):
        server = self.server()
        server.client("events").put_rule(Name="kept", EventPattern='{"source": ["x"]}')
        server.stop()
        copy = self.folder / "newer"
        shutil.copytree(server.data, copy)
        with sqlite3.connect(copy / "quell.sqlite") as database:
            (known,) = database.execute("SELECT max(version) FROM schema_version").fetchone()
            database.execute("INSERT INTO schema_version (version, name) VALUES (?, 'of the future')", (known + 1,))
        database.close()
        before = hashlib.sha256((copy / "quell.sqlite").read_bytes()).hexdigest()
        self.refused(
            *("serve", "--data-dir", copy, "--listen", "127.0.0.1:0"),
            saying=[f"schema version {known + 1}", f"up to {known}", "start the newer Quell"],
        )
        self.assertEqual(hashlib.sha256((copy / "quell.sqlite").read_bytes()).hexdigest(), before)
        server.start()
        self.assertEqual([rule["Name"] for rule in server.client("events").list_rules()["Rules"]], ["kept"])

    def test_a_database_of_something_else_is_refused_and_left_alone(self):
        for name, fill, words in (
            ("foreign", self.fill_foreign, "not one of Quell's"),
            ("garbage", lambda path: path.write_bytes(b"no database at all " * 500), "not a database"),
        ):
            data = self.folder / name
            data.mkdir()
            fill(data / "quell.sqlite")
            before = (data / "quell.sqlite").read_bytes()
            self.refused("serve", "--data-dir", data, "--listen", "127.0.0.1:0", saying=["quell.sqlite", words])
            self.assertEqual((data / "quell.sqlite").read_bytes(), before)
            self.assertFalse((data / "credentials").exists())

    @staticmethod
    def fill_foreign(path):
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE shopping (item TEXT)")
        database.close()

    def test_the_data_directory_must_be_one(self):
        file = self.folder / "file"
        file.write_text("")
        self.refused("serve", "--data-dir", file, "--listen", "127.0.0.1:0", saying=[str(file)])

    def test_off_loopback_needs_tls_or_a_word(self):
        data, listen = self.folder / "data", f"0.0.0.0:{free_port()}"
        self.refused(
            *("serve", "--data-dir", data, "--listen", listen),
            saying=[listen, "server.tls_certificate", "server.tls_key", "--insecure-listen"],
        )
        self.assertFalse(data.exists())
        _, port = self.start("--data-dir", data, "--listen", listen, "--insecure-listen")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=DEADLINE) as answer:
            self.assertEqual(answer.status, 200)

    def test_the_environment_may_say_the_word(self):
        data = self.folder / "data"
        _, port = self.start("--data-dir", data, "--listen", "0.0.0.0:0", QUELL_SERVER_INSECURE_LISTEN="true")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=DEADLINE) as answer:
            self.assertEqual(answer.status, 200)

    def test_an_address_that_is_none_is_refused(self):
        for listen in ("nonsense", "8710", "127.0.0.1:99999", "localhost"):
            self.refused("serve", "--data-dir", self.folder / "data", "--listen", listen, saying=["--listen", f"`{listen}`"])


class Tls(Folder):
    def setUp(self):
        super().setUp()
        self.certificate, self.key = self.folder / "server.pem", self.folder / "server.key"
        self.make_certificate(self.certificate, self.key)

    @staticmethod
    def make_certificate(certificate, key):
        private = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "quell under test")])
        now = datetime.datetime.now(datetime.timezone.utc)
        loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([loopback]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(private, hashes.SHA256())
        )
        certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        form = serialization.PrivateFormat.PKCS8
        key.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))

    def tls_config(self, certificate=None, key=None):
        return self.config(
            f'[server]\ntls_certificate = "{certificate or self.certificate}"\ntls_key = "{key or self.key}"\n'
        )

    def client(self, port, verify):
        key, secret = Quell.keys(self)
        return boto3.client(
            "ssm",
            endpoint_url=f"https://127.0.0.1:{port}",
            region_name=REGION,
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            verify=verify,
            config=botocore.config.Config(retries={"max_attempts": 0}),
        )

    def test_clients_that_trust_the_certificate_get_in_also_off_loopback(self):
        self.credentials = self.folder / "data/credentials"
        arguments = ("--config", self.tls_config(), "--data-dir", self.folder / "data", "--listen", "0.0.0.0:0")
        scheme, port = self.start(*arguments)
        self.assertEqual(scheme, "https")
        ssm = self.client(port, str(self.certificate))
        ssm.create_document(Name="Sleeps", Content=SLEEP, DocumentType="Automation", DocumentFormat="YAML")
        self.assertEqual([found["Name"] for found in ssm.list_documents()["DocumentIdentifiers"]], ["Sleeps"])
        with self.assertRaises(botocore.exceptions.SSLError):
            self.client(port, None).list_documents()
        trusting = ssl.create_default_context(cafile=self.certificate)
        with urllib.request.urlopen(f"https://127.0.0.1:{port}/health", timeout=DEADLINE, context=trusting) as answer:
            self.assertRegex(answer.headers["strict-transport-security"], r"max-age=\d{7,}")
        # Whoever speaks no TLS gets no answer of HTTP.
        with self.assertRaises((http.client.HTTPException, OSError)) as caught:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=DEADLINE)
        self.assertNotIsInstance(caught.exception, urllib.error.HTTPError)

    def test_unusable_files_are_refused_with_their_name(self):
        other_certificate, other_key = self.folder / "other.pem", self.folder / "other.key"
        self.make_certificate(other_certificate, other_key)
        empty = self.folder / "empty.pem"
        empty.write_text("")
        absent = self.folder / "absent.pem"
        data = self.folder / "data"
        for certificate, key, words in (
            (absent, None, str(absent)),
            (None, absent, str(absent)),
            (empty, None, str(empty)),
            (None, empty, str(empty)),
            (None, other_key, "key"),
        ):
            config = self.tls_config(certificate, key)
            self.refused("serve", "--config", config, "--data-dir", data, "--listen", "127.0.0.1:0", saying=[words])
            self.assertFalse(data.exists())
        half = self.config(f'[server]\ntls_certificate = "{self.certificate}"\n')
        self.refused("config", "check", "--config", half, saying=["tls_certificate", "tls_key", "together"])


class Settings(Folder):
    def test_mistakes_name_their_place(self):
        for text, words in (
            ("[server]\nlissten = 1\n", ["own.toml, line 2", "server.lissten", "`listen`"]),
            ("[server]\nlisten = 5\n", ["own.toml, line 2, column 10", "server.listen", "socket address"]),
            ("[serwer]\n", ["own.toml", "serwer"]),
            ("\n\n[server\n", ["own.toml", "line 3"]),
            ("[smtp]\nport = 99999\n", ["smtp.port"]),
            ('[smtp]\nencryption = "rot13"\n', ["smtp.encryption", "starttls"]),
            ('[smtp]\nhost = "mx.example.com"\nencryption = "none"\n', ["smtp.encryption", "mx.example.com"]),
            ('[auth]\naccount_id = "12"\n', ["auth.account_id", "`12`", "twelve digits"]),
            ('[[auth.access_keys]]\nid = "AKID"\n', ["auth.access_keys", "secret"]),
            ('[[auth.access_keys]]\nid = "AKID"\nsecret = "short"\n', ["`AKID`", "16 characters"]),
            ('[[auth.access_keys]]\nid = "A/B"\nsecret = "0123456789abcdef"\n', ["`A/B`", "letters and digits"]),
            ('[[auth.access_keys]]\nid = "AKID"\nsecret = "0123456789abcdef"\n' * 2, ["`AKID`", "twice"]),
            ('[aws]\nendpoint_url = "nonsense"\n', ["aws.endpoint_url", "nonsense"]),
            ("[server]\nmax_connections = 0\n", ["server.max_connections", "at least 1"]),
        ):
            with self.subTest(text=text):
                config = self.config(text)
                for command in (("config", "check"), ("config", "show"), ("serve",)):
                    self.refused(*command, "--config", config, saying=words)

    def test_mistakes_do_not_tell_secrets(self):
        for text in ('[smtp]\npassword = "hunter2\n', '[[auth.access_keys]]\nid = "AKID"\nsecret = "hunter2"\n'):
            done = self.refused("config", "check", "--config", self.config(text))
            self.assertNotIn("hunter2", done.stdout + done.stderr)

    def test_files_that_cannot_be_read(self):
        self.refused("config", "check", "--config", self.folder / "absent.toml", saying=["absent.toml"])
        self.refused("config", "check", QUELL_CONFIG=str(self.folder / "gone.toml"), saying=["gone.toml"])
        binary_file = self.folder / "binary.toml"
        binary_file.write_bytes(b"\xff\xfe")
        self.refused("config", "check", "--config", binary_file, saying=["binary.toml"])

    def test_what_is_shown_is_in_force_and_can_be_read_again(self):
        config = self.config(
            '[smtp]\nhost = "127.0.0.1"\nencryption = "none"\npassword = "hunter2-hunter2"\n'
            '[[auth.access_keys]]\nid = "AKID"\nsecret = "s3cret-s3cret-s3cret"\ningest = true\n'
        )
        self.assertEqual(quell("config", "check", "--config", config).stdout, "the configuration is valid\n")
        environment = {"QUELL_SMTP_PORT": "2525", "QUELL_SERVER_LISTEN": "127.0.0.1:1234", "QUELL_SMTP_PASSWORD": "hunter3-hunter3"}
        done = quell("config", "show", "--config", config, **environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for words in ('listen = "127.0.0.1:1234"', "port = 2525", 'id = "AKID"', "ingest = true", 'account_id = "123456789012"'):
            self.assertIn(words, done.stdout)
        for secret in ("hunter2", "hunter3", "s3cret"):
            self.assertNotIn(secret, done.stdout)
        # Stars are no secret: a masked configuration must not become one in force.
        self.refused("config", "check", "--config", self.written(done.stdout), saying=["`AKID`"])
        plain = quell("config", "show").stdout
        self.assertEqual(quell("config", "show", "--config", self.written(plain)).stdout, plain)

    def written(self, text):
        path = self.folder / "shown.toml"
        path.write_text(text)
        return path

    def test_variables_are_checked_as_the_file_is(self):
        for name, value, words in (
            ("QUELL_SERVER_LISSTEN", "x", "no setting"),
            ("QUELL_NOTHING", "x", "no setting"),
            ("QUELL_SMTP_PORT", "x", "whole number"),
            ("QUELL_SMTP_PORT", "-1", "smtp.port"),
            ("QUELL_SERVER_INSECURE_LISTEN", "yes", "true or false"),
            ("QUELL_SERVER_LISTEN", "0.0.0.0:1", "insecure_listen"),
        ):
            self.refused("config", "check", saying=[words], **{name: value})

    def test_the_command_line_wins_over_the_environment_over_the_file(self):
        config = self.config('[server]\nlisten = "127.0.0.1:1"\ndata_dir = "/nowhere/at/all"\n')
        port = free_port()
        environment = {"QUELL_SERVER_LISTEN": f"127.0.0.1:{port}", "QUELL_SERVER_DATA_DIR": "/nowhere/either"}
        _, found = self.start("--config", config, "--data-dir", self.folder / "data", **environment)
        self.assertEqual(found, port)


EXTRA_KEYS = """
[auth]
account_id = "210987654321"

[[auth.access_keys]]
id = "AKIDPLAIN"
secret = "plain-secret-plain-secret"
name = "ci"

[[auth.access_keys]]
id = "AKIDSENSOR"
secret = "sensor-secret-sensor-secret"
name = "sensor"
ingest = true
"""


class Callers(QuellTest):
    extra_config = EXTRA_KEYS

    def entry(self, source="aws.guardduty"):
        return {"Source": source, "DetailType": "GuardDuty Finding", "Detail": "{}"}

    def test_sources_of_aws_need_a_key_that_may_ingest(self):
        plain = self.quell.client("events", key="AKIDPLAIN", secret="plain-secret-plain-secret")
        answer = plain.put_events(Entries=[self.entry(), self.entry("my.app"), self.entry("aws.ec2")])
        self.assertEqual(answer["FailedEntryCount"], 2)
        first, second, third = answer["Entries"]
        for refused in (first, third):
            self.assertEqual(refused["ErrorCode"], "NotAuthorizedForSourceException")
            self.assertIn("ingest = true", refused["ErrorMessage"])
        self.assertRegex(second["EventId"], r"^[0-9a-f-]{36}$")
        sensor = self.quell.client("events", key="AKIDSENSOR", secret="sensor-secret-sensor-secret")
        for client in (sensor, self.quell.client("events")):
            self.assertEqual(client.put_events(Entries=[self.entry()])["FailedEntryCount"], 0)

    def test_the_configured_account_and_name_stand_in_arns(self):
        incidents = self.quell.client("ssm-incidents", key="AKIDPLAIN", secret="plain-secret-plain-secret")
        arn = incidents.create_replication_set(regions={REGION: {}})["arn"]
        self.assertTrue(arn.startswith("arn:aws:ssm-incidents::210987654321:replication-set/"), arn)
        found = incidents.get_replication_set(arn=arn)["replicationSet"]
        self.assertEqual(found["createdBy"], "arn:aws:iam::210987654321:user/ci")

    def test_a_call_belongs_to_the_region_it_was_signed_for(self):
        east, west = self.quell.client("ssm"), self.quell.client("ssm", "eu-west-1")
        for client, content in ((east, SLEEP), (west, PAUSE)):
            client.create_document(Name="Regional", Content=content, DocumentType="Automation", DocumentFormat="YAML")
        for client, content in ((east, SLEEP), (west, PAUSE)):
            found = client.get_document(Name="Regional", DocumentFormat="YAML")
            self.assertEqual(found["Content"], content)
        west.delete_document(Name="Regional")
        self.assertEqual(west.list_documents()["DocumentIdentifiers"], [])
        self.assertEqual([found["Name"] for found in east.list_documents()["DocumentIdentifiers"]], ["Regional"])
        rule = self.quell.client("events", "eu-west-1").put_rule(Name="r", EventPattern='{"source": ["x"]}')
        self.assertEqual(rule["RuleArn"], "arn:aws:events:eu-west-1:210987654321:rule/r")
        self.assertEqual(self.quell.client("events").list_rules()["Rules"], [])


class Signatures(QuellTest):
    """What is not rightly signed, in the words of a JSON service (400 throughout) and of a rest service (403)."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wire = Wire(cls.quell)

    def each(self, **options):
        """The same request to a JSON service and to a rest service: answers with the status each should have."""
        yield self.wire.json("events", "ListRules", {}, **options), 400
        yield self.wire.json("ssm", "ListDocuments", {}, **options), 400
        yield self.wire.json("ssm-contacts", "ListContacts", {}, **options), 400
        yield self.wire.rest("ssm-incidents", "POST", "/listReplicationSets", {}, **options), 403
        yield self.wire.rest("quell", "GET", "/api/v1/runs", **options), 403

    def check(self, code, words, **options):
        for answer, status in self.each(**options):
            self.assertEqual((answer.status, answer.code), (status, code), answer)
            self.assertIn(words, answer.message)
            self.assertRegex(answer.headers["x-amzn-requestid"], r"^[0-9a-f-]{36}$")

    def test_wrong_secret(self):
        self.check("InvalidSignatureException", "does not match", secret="another-secret-another")

    def test_unknown_key(self):
        self.check("UnrecognizedClientException", "security token included in the request is invalid", key="AKIDNOBODY")

    def test_clocks_twenty_minutes_off(self):
        self.check("InvalidSignatureException", "Signature expired", minutes=-20)
        self.check("InvalidSignatureException", "Signature not yet current", minutes=20)

    def test_clocks_ten_minutes_off_are_right_enough(self):
        for minutes in (-10, 10):
            answer = self.wire.json("events", "ListRules", {}, minutes=minutes)
            self.assertEqual(answer.status, 200, answer)
            answer = self.wire.rest("ssm-incidents", "POST", "/listReplicationSets", {}, minutes=minutes)
            self.assertEqual(answer.status, 200, answer)

    def test_unsigned(self):
        host = {"host": self.wire.host, "content-type": "application/x-amz-json-1.1"}
        answer = self.wire.send("POST", "/", {**host, "x-amz-target": "AWSEvents.ListRules"}, b"{}")
        self.assertEqual((answer.status, answer.code), (400, "MissingAuthenticationTokenException"), answer)
        answer = self.wire.send("POST", "/listReplicationSets", host, b"{}")
        self.assertEqual((answer.status, answer.code), (403, "MissingAuthenticationTokenException"), answer)

    def test_a_signed_request_cannot_be_changed(self):
        headers = {"content-type": "application/x-amz-json-1.1", "x-amz-target": "AWSEvents.DescribeRule"}
        body = b'{"Name": "a"}'
        signed = self.wire.signed("events", "POST", "/", body, headers=headers)
        target = next(name for name in signed if name.lower() == "x-amz-target")
        for changed in (
            ({**signed, target: "AWSEvents.DeleteRule"}, "/", body),
            (signed, "/", b'{"Name": "b"}'),
            (signed, "/?x=y", body),
            (signed, "/x", body),
            ({**signed, "host": "elsewhere.example.com"}, "/", body),
        ):
            answer = self.wire.send("POST", changed[1], changed[0], changed[2])
            self.assertEqual((answer.status, answer.code), (400, "InvalidSignatureException"), (changed, answer))
        self.assertEqual(self.wire.send("POST", "/", signed, body).code, "ResourceNotFoundException")

    def test_modelled_for_boto3(self):
        for service, call in (("events", "list_rules"), ("ssm", "list_documents"), ("ssm-incidents", "list_replication_sets")):
            client = self.quell.client(service, secret="another-secret-another")
            with self.assertRaises(botocore.exceptions.ClientError) as caught:
                getattr(client, call)()
            self.assertEqual(caught.exception.response["Error"]["Code"], "InvalidSignatureException")

    def test_presigned_links_read_until_they_expire(self):
        arn = self.quell.client("ssm-incidents").create_replication_set(regions={REGION: {}})["arn"]
        path = "/getReplicationSet?arn=" + arn.replace(":", "%3A").replace("/", "%2F")
        host = {"host": self.wire.host}
        answer = self.wire.send("GET", self.wire.presigned("ssm-incidents", path), host)
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(answer.body["replicationSet"]["arn"], arn)
        # Older than the quarter of an hour that a header may be off, but within what the link allows itself.
        answer = self.wire.send("GET", self.wire.presigned("ssm-incidents", path, expires=3600, minutes=-30), host)
        self.assertEqual(answer.status, 200, answer)
        for link in (
            self.wire.presigned("ssm-incidents", path, expires=60, minutes=-20),
            self.wire.presigned("ssm-incidents", path).replace("replication-set", "replication-sex"),
            self.wire.presigned("ssm-incidents", path, expires=8 * 24 * 3600),
        ):
            answer = self.wire.send("GET", link, host)
            self.assertIn(answer.status, (400, 403), answer)
            self.assertIn(answer.code, ("InvalidSignatureException", "IncompleteSignatureException"), answer)


if __name__ == "__main__":
    unittest.main()
