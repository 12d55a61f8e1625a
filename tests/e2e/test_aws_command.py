"""`quell aws` against a moto account: the command itself, its record, dry runs, formats, errors, and a server behind it.

The table of calls that are tried for every service is in `test_aws_calls`.
"""

import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.request
import uuid

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import botocore.session
import yaml

from quelltest import ACCOUNT, DEADLINE, REGION, Moto, Quell, binary, wait_until
from recording_proxy import RecordingProxy

IMAGE = "ami-12c6146b"

_moto = None
_folder = None


def setUpModule():
    global _moto, _folder
    _folder = tempfile.mkdtemp(prefix="quell-aws-")
    unittest.addModuleCleanup(shutil.rmtree, _folder, ignore_errors=True)
    _moto = Moto(_folder)
    unittest.addModuleCleanup(_moto.close)


def variables(folder, url):
    """The environment of a command: keys and endpoint of the account, and nothing of the tests' own."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "QUELL_"))}
    return {
        **outside,
        "HOME": str(folder),
        "AWS_ACCESS_KEY_ID": "AKIDMOTO",
        "AWS_SECRET_ACCESS_KEY": "moto-secret-moto-secret",
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def normal(value):
    """A boto3 answer as JSON has it: instants in ISO form, bytes and streams as text, no metadata of HTTP."""
    if isinstance(value, dict):
        return {name: normal(member) for name, member in value.items() if name != "ResponseMetadata"}
    if isinstance(value, list):
        return [normal(item) for item in value]
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat()
    if hasattr(value, "read"):
        value = value.read()
    if isinstance(value, bytes):
        return value.decode()
    return value


def waiters_of(service):
    """Names of a service's waiters as botocore has them."""
    loader = botocore.session.get_session().get_component("data_loader")
    return list(loader.load_service_model(service, "waiters-2")["waiters"])


class CommandTest(unittest.TestCase):
    """A test with a folder of its own, in which commands run."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=_folder))
        self.url = _moto.url

    @property
    def record_file(self):
        return self.folder / "quell-data/aws-calls.jsonl"

    def start(self, *words, **variables_):
        environment = {**variables(self.folder, self.url), **variables_}
        environment = {name: value for name, value in environment.items() if value is not None}
        return subprocess.Popen(
            [binary(), "aws", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=environment,
        )

    def run_it(self, *words, status=0, given="", **variables_):
        """Runs `quell aws`; gives what it wrote on standard output and standard error."""
        words = [json.dumps(word) if isinstance(word, dict) else word for word in words]
        process = self.start(*words, **variables_)
        out, err = process.communicate(given, timeout=DEADLINE * 2)
        self.assertEqual(process.returncode, status, f"quell aws {' '.join(words)}\n{err}{out}")
        return out, err

    def answer(self, *words, **options):
        """The parsed answer of a call that goes well."""
        return json.loads(self.run_it(*words, **options)[0])

    def lines(self):
        return [json.loads(line) for line in self.record_file.read_text().splitlines()]


class TheCall(CommandTest):
    def test_names_in_every_spelling(self):
        want = normal(_moto.client("ec2").describe_regions())
        for name in ("DescribeRegions", "describe_regions", "describe-regions"):
            self.assertEqual(self.answer("ec2", name), want)

    def test_parameters_from_everywhere(self):
        (self.folder / "params.yaml").write_text("RegionNames:\n  - us-east-1\n")
        want = ["us-east-1"]
        regions = lambda answer: [region["RegionName"] for region in answer["Regions"]]
        self.assertEqual(regions(self.answer("ec2", "describe-regions", {"RegionNames": want})), want)
        self.assertEqual(regions(self.answer("ec2", "describe-regions", "--params-file", "params.yaml")), want)
        self.assertEqual(regions(self.answer("ec2", "describe-regions", "-", given='{"RegionNames": ["us-east-1"]}')), want)
        self.assertEqual(regions(self.answer("ec2", "describe-regions", "RegionNames: [us-east-1]")), want)
        for words in (["i-1"], ["[]"], ["{"], ["--params-file", "absent.json"], ["{}", "--params-file", "params.yaml"]):
            out, err = self.run_it("ec2", "describe-regions", *words, status=2)
            self.assertEqual(out, "")
            self.assertIn("quell: ", err)
        self.assertEqual(len(self.lines()), 8, "what was refused is not on record")

    def test_output_formats_hold_the_same_and_move_no_cursor(self):
        evil = "\x1b[2J\x9b31m\u202e#; x: y"
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": evil}]}]
        params = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "TagSpecifications": tags}
        made, said = self.run_it("ec2", "run-instances", params)
        self.assertRegex(said, r"^quell: ec2 RunInstances: changes, repeatable with its token; call [0-9a-f-]{36}\n$")
        instance = json.loads(made)["Instances"][0]["InstanceId"]
        look = ("ec2", "describe-instances", {"InstanceIds": [instance]})
        as_json, said = self.run_it(*look)
        self.assertEqual(said, "", "a call that reads says nothing")
        self.assertEqual(json.loads(as_json)["Reservations"][0]["Instances"][0]["Tags"][0]["Value"], evil)
        as_yaml, _ = self.run_it(*look, "--output", "yaml")
        self.assertEqual(yaml.safe_load(as_yaml), json.loads(as_json))
        as_table, _ = self.run_it(*look, "--output", "table", COLUMNS="60")
        for text in (as_json, as_yaml, as_table):
            self.assertNotRegex(text, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
            self.assertIn(instance, text)
        self.assertLessEqual(max(map(len, as_table.splitlines())), 60)
        self.run_it(*look, "--output", "xml", status=2)

    def test_a_query_selects_of_the_answer(self):
        names = self.answer("ec2", "describe-regions", "--query", "Regions[?RegionName=='us-east-1'].RegionName | [0]")
        self.assertEqual(names, "us-east-1")
        text, _ = self.run_it("ec2", "describe-regions", "--query", "Regions[].RegionName", "--output", "table")
        self.assertIn("\nus-east-1\n", f"\n{text}")
        before = self.lines()
        _, err = self.run_it("ec2", "describe-regions", "--query", "Regions[", status=2)
        self.assertIn("--query", err)
        self.assertEqual(self.lines(), before, "nothing was sent")

    def test_a_reader_that_leaves_is_no_error(self):
        process = self.start("ec2", "describe-instance-types")
        process.stdout.close()
        process.stdin.close()
        said = process.stderr.read()
        process.stderr.close()
        self.assertEqual((process.wait(timeout=DEADLINE), said), (0, ""))

    def test_errors_are_in_boto3s_words(self):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            _moto.client("ec2").describe_instances(InstanceIds=["i-0123456789abcdef0"])
        out, err = self.run_it("ec2", "describe-instances", {"InstanceIds": ["i-0123456789abcdef0"]}, status=1)
        self.assertEqual(out, "")
        self.assertIn(str(caught.exception), err)
        self.assertRegex(err, r"request id: \S+; HTTP 400")
        for params in ({"Instances": []}, {"InstanceIds": 1}, {"MaxResults": "x"}, {"Filters": [{"name": "a"}]}):
            with self.assertRaises(botocore.exceptions.ParamValidationError) as caught:
                _moto.client("ec2").describe_instances(**params)
            _, err = self.run_it("ec2", "describe-instances", params, status=2)
            words = err.replace("quell: ", "")
            for line in str(caught.exception).splitlines()[:1]:
                self.assertIn(line, words)
            first = str(caught.exception).splitlines()[1]
            self.assertIn(first.partition(", type:")[0].partition(", valid types")[0], words)

    def test_unknown_names_offer_the_nearest(self):
        for words, near in (
            (("ec3", "describe-instances"), "`ec2`"),
            (("ec2", "describe-instance"), "`DescribeInstances`"),
            (("guardutty", "list-detectors"), "`guardduty`"),
            (("list", "ec2", "run-instance"), "`RunInstances`"),
        ):
            out, err = self.run_it(*words, status=2)
            self.assertEqual(out, "")
            self.assertIn(near, err)

    def test_what_there_is_to_call(self):
        services = json.loads(self.run_it("list", "--output", "json")[0])
        self.assertEqual(services, sorted(services))
        self.assertGreater(len(services), 300)
        table, _ = self.run_it("ec2", "help")
        self.assertRegex(table, r"(?m)^DescribeInstances +reads$")
        self.assertRegex(table, r"(?m)^RunInstances +changes, repeatable with its token$")
        operations = json.loads(self.run_it("list", "ec2", "--output", "json")[0])
        names = _moto.client("ec2").meta.service_model.operation_names
        self.assertEqual([operation["operation"] for operation in operations], sorted(names))
        text, _ = self.run_it("iam", "create-user", "help")
        self.assertEqual(text, self.run_it("list", "iam", "CreateUser")[0])
        for line in ("UserName: string, required", "Tags: list of structure", "  Key: string, required"):
            self.assertRegex(text, rf"(?m)^ +{line}$")
        told = json.loads(self.run_it("list", "iam", "create-user", "--output", "json")[0])
        self.assertEqual([p["name"] for p in told["parameters"] if p["required"]], ["UserName"])


class Lists(CommandTest):
    """Pages and waiters."""

    def setUp(self):
        super().setUp()
        self.proxy = RecordingProxy(_moto.url)
        self.addCleanup(self.proxy.close)
        self.url = self.proxy.url

    def test_a_list_is_followed_to_its_end(self):
        iam, prefix = _moto.client("iam"), {"PathPrefix": "/listed/"}
        for number in range(7):
            iam.create_role(RoleName=f"r-{number}", Path="/listed/", AssumeRolePolicyDocument="{}")
            self.addCleanup(iam.delete_role, RoleName=f"r-{number}")
        whole = normal(iam.get_paginator("list_roles").paginate(**prefix, PaginationConfig={"PageSize": 3}).build_full_result())
        pages = {**prefix, "MaxItems": 3}
        one = self.answer("iam", "list-roles", pages)
        self.assertEqual((len(one["Roles"]), one["IsTruncated"]), (3, True))
        self.proxy.forget()
        every = self.answer("iam", "list-roles", pages, "--all-pages")
        self.assertEqual(sorted(role["RoleName"] for role in every["Roles"]), [f"r-{number}" for number in range(7)])
        self.assertEqual(len(every["Roles"]), len(whole["Roles"]))
        self.assertEqual(len(self.proxy.requests()), 3)
        first = self.answer("iam", "list-roles", pages, "--max-items", "4")
        rest = self.answer("iam", "list-roles", pages, "--all-pages", "--starting-token", first["NextToken"])
        self.assertEqual(first["Roles"] + rest["Roles"], every["Roles"])
        self.assertEqual([line["event"] for line in self.lines()], ["intent", "outcome"] * 4)
        _, err = self.run_it("iam", "list-groups", "--starting-token", "!", status=2)
        self.assertIn("starting token", err)
        _, err = self.run_it("sts", "get-caller-identity", "--max-items", "1", status=2)
        self.assertIn("does not come in pages", err)
        _, err = self.run_it("iam", "create-group", {"GroupName": "x"}, "--all-pages", status=2)
        self.assertIn("changes something", err)
        _, err = self.run_it("iam", "list-groups", "--max-items", "0", status=2)
        self.assertIn("--max-items must be a whole number", err)

    def test_waiters_wait_and_give_the_last_answer(self):
        made = self.answer("ec2", "run-instances", {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1})
        of_it = {"InstanceIds": [made["Instances"][0]["InstanceId"]]}
        answer = self.answer("ec2", "wait", "instance-running", of_it)
        self.assertEqual(answer["Reservations"][0]["Instances"][0]["State"]["Name"], "running")
        self.assertEqual(self.lines()[-2]["operation"], "DescribeInstances")
        self.answer("ec2", "terminate-instances", of_it)
        _, err = self.run_it("ec2", "wait", "InstanceRunning", of_it, status=1)
        self.assertIn("Waiter InstanceRunning failed: Waiter encountered a terminal failure state", err)
        _, err = self.run_it("ec2", "wait", "instance-runing", of_it, status=2)
        self.assertIn("InstanceRunning", err)
        _, err = self.run_it("ec2", "wait", status=2)
        self.assertIn("quell aws list ec2 wait", err)
        names = [waiter["waiter"] for waiter in json.loads(self.run_it("list", "ec2", "wait", "--output", "json")[0])]
        self.assertEqual(sorted(names), sorted(waiters_of("ec2")))


class Whom(CommandTest):
    def test_a_role_by_name_in_an_account(self):
        other = "111122223333"
        got = self.answer("sts", "get-caller-identity", "--role", "Responder", "--account", other)
        self.assertTrue(got["Arn"].startswith(f"arn:aws:sts::{other}:assumed-role/Responder/"), got)
        self.assertEqual(self.lines()[0]["role"], f"arn:aws:iam::{other}:role/Responder")
        self.assertEqual(self.lines()[0]["accessKeyId"], "AKIDMOTO")
        for words, saying in (
            (("--role", "Responder"), "give the account"),
            (("--role", f"arn:aws:iam::{other}:role/R", "--account", ACCOUNT), f"not of {ACCOUNT}"),
            (("--role", "a b", "--account", ACCOUNT), "names no role"),
        ):
            _, err = self.run_it("sts", "get-caller-identity", *words, status=2)
            self.assertIn(saying, err)
        china, _ = self.run_it("ec2", "describe-regions", "--role", "R", "--account", other, "--region", "cn-north-1", "--dry-run")
        self.assertIn(f"arn:aws-cn:iam::{other}:role/R", china)

    def test_another_account_is_refused_before_anything_is_sent(self):
        proxy = RecordingProxy(_moto.url)
        self.addCleanup(proxy.close)
        self.url = proxy.url
        stop = ("ec2", "reboot-instances", {"InstanceIds": ["i-1"]})
        _, err = self.run_it(*stop, "--account", "111122223333", status=1)
        self.assertIn(f"these keys are of account {ACCOUNT}, not of 111122223333", err)
        self.assertEqual([seen.name for seen in proxy.requests()], ["sts:GetCallerIdentity"])
        self.answer("sts", "get-caller-identity", "--account", ACCOUNT)

    def test_profiles_and_regions(self):
        (self.folder / ".aws").mkdir()
        (self.folder / ".aws/credentials").write_text("[ana]\naws_access_key_id = AKIDANA\naws_secret_access_key = anas-secret\n")
        (self.folder / ".aws/config").write_text("[profile ana]\nregion = eu-central-1\n")
        told = self.answer("ec2", "describe-regions", "--profile", "ana", "--dry-run", AWS_REGION=None)
        self.assertEqual((told["as"]["accessKeyId"], told["region"]), ("AKIDANA", "eu-central-1"))
        told = self.answer("ec2", "describe-regions", "--profile", "ana", "--dry-run", "--region", "eu-west-1")
        self.assertEqual(told["region"], "eu-west-1")
        self.answer("ec2", "describe-regions", "--profile", "ana")
        self.assertEqual(self.lines()[0]["accessKeyId"], "AKIDANA")
        _, err = self.run_it("ec2", "describe-regions", "--profile", "bo", status=2)
        self.assertIn("bo", err)
        _, err = self.run_it("ec2", "describe-regions", status=2, AWS_REGION=None)
        self.assertIn("--region", err)
        self.answer("iam", "list-users", AWS_REGION=None)
        _, err = self.run_it("ec2", "describe-regions", status=1, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
        self.assertIn("no aws credentials", err)

    def test_endpoints_of_the_environment(self):
        for variables_, words in (
            ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_ENDPOINT_URL_EC2": _moto.url}, ()),
            ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, ("--endpoint-url", _moto.url)),
        ):
            self.answer("ec2", "describe-regions", *words, **variables_)
        _, err = self.run_it("ec2", "describe-regions", "--timeout", "2", status=1, AWS_ENDPOINT_URL="http://127.0.0.1:1")
        self.assertIn("127.0.0.1:1", err)

    def aws_files(self, config):
        (self.folder / ".aws").mkdir(exist_ok=True)
        (self.folder / ".aws/config").write_text(config)

    def test_the_sources_of_keys_and_endpoints_are_the_servers(self):
        script = self.folder / "keys.sh"
        script.write_text('echo \'{"Version": 1, "AccessKeyId": "AKIDPROCESS", "SecretAccessKey": "s"}\'\n')
        self.aws_files(
            f"[profile lent]\nregion = {REGION}\ncredential_process = sh {script}\nservices = local\n"
            "use_dualstack_endpoint = true\ns3 =\n  addressing_style = path\n"
            f"[services local]\nec2 =\n  endpoint_url = {_moto.url}\n"
        )
        nothing = {name: None for name in variables(self.folder, "") if name.startswith("AWS_") and name != "AWS_EC2_METADATA_DISABLED"}
        self.answer("ec2", "describe-regions", "--profile", "lent", **nothing)
        self.assertEqual(self.lines()[0]["accessKeyId"], "AKIDPROCESS")
        self.assertEqual(self.lines()[0]["endpoint"], _moto.url)
        # The process is not asked for a request that is only shown.
        told = self.answer("s3", "list-objects-v2", {"Bucket": "b"}, "--profile", "lent", "--dry-run", **nothing)
        self.assertEqual(told["as"]["accessKeyId"], "(keys not at hand)")
        self.assertEqual(told["url"], f"https://s3.dualstack.{REGION}.amazonaws.com/b?list-type=2&encoding-type=url")
        for name, value in (("AWS_RETRY_MODE", "often"), ("AWS_USE_FIPS_ENDPOINT", "maybe"), ("AWS_ENDPOINT_URL_EC2", "nowhere")):
            _, err = self.run_it("ec2", "describe-regions", "--dry-run", status=2, **{name: value})
            self.assertIn(f"{name} is `{value}`", err)

    def test_quells_configuration_goes_before_the_environment(self):
        config = self.folder / "quell.toml"
        config.write_text(f'[aws]\nendpoint_urls = {{ ec2 = "{_moto.url}" }}\n')
        dead = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
        self.answer("ec2", "describe-regions", "--config", str(config), **dead)
        told = self.answer("sqs", "list-queues", "--config", str(config), "--dry-run", **dead)
        self.assertEqual(told["url"], "http://127.0.0.1:1/")
        told = self.answer("ec2", "describe-regions", "--config", str(config), "--dry-run", "--endpoint-url", "http://127.0.0.1:2")
        self.assertEqual(told["url"], "http://127.0.0.1:2/")

    def test_the_address_is_that_of_the_named_call_only(self):
        proxy = RecordingProxy(_moto.url)
        self.addCleanup(proxy.close)
        role = ("--role", "Responder", "--account", "111122223333")
        self.answer("sts", "get-caller-identity", *role, "--endpoint-url", proxy.url)
        self.assertEqual([seen.name for seen in proxy.requests()], ["sts:GetCallerIdentity"])

    def test_a_role_is_assumed_as_the_configuration_says(self):
        proxy = RecordingProxy(_moto.url)
        self.addCleanup(proxy.close)
        self.url = proxy.url
        role = "arn:aws:iam::111122223333:role/Responder"
        config = self.folder / "quell.toml"
        config.write_text(f'[aws.roles."{role}"]\nexternal_id = "of-the-operator"\nduration_secs = 1800\ntags = {{ team = "sec" }}\n')
        got = self.answer("sts", "get-caller-identity", "--role", role, "--config", str(config))
        self.assertTrue(got["Arn"].startswith("arn:aws:sts::111122223333:assumed-role/Responder/"), got)
        asked, _ = proxy.requests()
        self.assertEqual(asked.name, "sts:AssumeRole")
        expected = {"ExternalId": "of-the-operator", "DurationSeconds": "1800", "Tags.member.1.Key": "team"}
        self.assertLessEqual(expected.items(), dict(asked.params).items())
        config.write_text(f'[aws.roles."{role}"]\nduration_secs = 5\n')
        _, err = self.run_it("sts", "get-caller-identity", "--role", role, "--config", str(config), status=2)
        self.assertIn("from 900 to 43200", err)


class DryRun(CommandTest):
    def test_it_sends_nothing_and_shows_the_request(self):
        proxy = RecordingProxy(_moto.url)
        self.addCleanup(proxy.close)
        self.url = proxy.url
        params = {"InstanceIds": ["i-1"]}
        stop = ("ec2", "stop-instances", params, "--dry-run")
        told = self.answer(*stop, AWS_SESSION_TOKEN="session-token-of-the-test")
        self.assertEqual((told["method"], told["url"], told["class"]), ("POST", f"{proxy.url}/", "changes, repeatable"))
        self.assertEqual(told["as"], {"accessKeyId": "AKIDMOTO"})
        self.assertIn("Action=StopInstances", told["body"])
        self.assertRegex(told["headers"]["authorization"], r"Credential=AKIDMOTO/\d{8}/us-east-1/ec2/aws4_request, .*Signature=\*\*\*$")
        self.assertEqual(told["headers"]["x-amz-security-token"], "***")
        role = self.answer(*stop, "--role", "R", "--account", "111122223333")
        self.assertEqual(role["as"]["assumesRoleFirst"], "arn:aws:iam::111122223333:role/R")
        checked = self.answer(*stop, "--account", "111122223333")
        self.assertIn("111122223333", checked["as"]["checksFirst"])
        nobody = self.answer(*stop, AWS_ACCESS_KEY_ID=None, AWS_SECRET_ACCESS_KEY=None)
        self.assertEqual(nobody["as"]["accessKeyId"], "(keys not at hand)")
        self.run_it("ec2", "stop-instances", {"X": 1}, "--dry-run", status=2)
        self.assertEqual(proxy.requests(), [])
        self.assertFalse(self.record_file.exists())


class TheRecord(CommandTest):
    def test_a_line_before_and_a_line_after(self):
        params = {"UserName": "ana", "Password": "hunter2-hunter2"}
        self.answer("iam", "create-user", {"UserName": "ana"})
        self.answer("iam", "create-login-profile", params)
        self.run_it("iam", "create-login-profile", params, status=1)
        text = self.record_file.read_text()
        self.assertNotIn("hunter2", text)
        self.assertEqual(self.record_file.stat().st_mode & 0o777, 0o600)
        intents, outcomes = self.lines()[::2], self.lines()[1::2]
        for intent, outcome in zip(intents, outcomes, strict=True):
            self.assertEqual((intent["event"], outcome["event"]), ("intent", "outcome"))
            self.assertEqual(intent["id"], outcome["id"])
            self.assertLessEqual(intent["at"], outcome["at"])
        second = intents[1]
        self.assertEqual((second["service"], second["operation"], second["region"]), ("iam", "CreateLoginProfile", REGION))
        self.assertEqual(second["params"], {"UserName": "ana", "Password": "***"})
        self.assertEqual((second["accessKeyId"], second["endpoint"]), ("AKIDMOTO", _moto.url))
        self.assertEqual([o["outcome"] for o in outcomes], ["succeeded", "succeeded", "failed"])
        self.assertTrue(outcomes[0]["requestId"])
        self.assertEqual(outcomes[2]["code"], "EntityAlreadyExists")
        listed, _ = self.run_it("record")
        self.assertEqual([line.split()[0] for line in listed.splitlines()], [intent["id"] for intent in intents])
        self.assertEqual(self.run_it("record", "--unknown")[0].strip(), "")

    def test_no_call_goes_without_its_record(self):
        proxy = RecordingProxy(_moto.url)
        self.addCleanup(proxy.close)
        self.url = proxy.url
        (self.folder / "taken").mkdir()
        _, err = self.run_it("ec2", "describe-regions", "--record", "taken", status=1)
        self.assertIn("nothing was sent", err)
        self.assertEqual(proxy.requests(), [])

    def held(self, *words, after):
        """Starts a call that the proxy catches; gives proxy, hold and process."""
        proxy = RecordingProxy(_moto.url)
        self.addCleanup(proxy.close)
        self.url = proxy.url
        hold = proxy.hold(lambda seen: True, after=after)
        process = self.start(*words)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        self.assertTrue(hold.caught.wait(DEADLINE))
        return proxy, hold, process

    def test_a_kill_between_intent_and_outcome_is_told(self):
        run = ("ec2", "run-instances", json.dumps({"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "KeyName": "k"}))
        proxy, hold, process = self.held(*run, after=True)
        intent = self.lines()[-1]
        self.assertEqual(intent["event"], "intent", "announced before it was sent")
        self.assertEqual(self.run_it("record", "--unknown")[0].strip(), "", "it is under way")
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=DEADLINE)
        hold.drop()
        self.assertIn(intent["id"], self.run_it("record", "--unknown")[0])
        _, err = self.run_it("ec2", "describe-regions")
        self.assertIn(f"outcome unknown: {intent['id']}", err)
        _, err = self.run_it("ec2", "stop-instances", {"InstanceIds": ["i-1"]}, "--token", intent["id"], status=2)
        self.assertIn("was ec2 RunInstances", err)
        repeated = self.answer(*run, "--token", intent["id"])
        tokens = {seen.tokens for seen in proxy.requests() if seen.operation == "RunInstances"}
        self.assertEqual(tokens, {(intent["id"],)}, "both requests carry the call's id")
        self.assertTrue(repeated["Instances"][0]["InstanceId"])
        self.assertEqual(self.run_it("record", "--unknown")[0].strip(), "")

    def test_a_broken_connection_leaves_it_unknown(self):
        topic = _moto.client("sns").create_topic(Name="alerts")["TopicArn"]
        publish = ("sns", "publish", json.dumps({"TopicArn": topic, "Message": "x"}))
        proxy, hold, process = self.held(*publish, after=True)
        hold.drop()
        _, err = process.communicate(timeout=DEADLINE)
        self.assertEqual(process.returncode, 3, err)
        call = self.lines()[0]["id"]
        self.assertIn("outcome unknown", err)
        self.assertIn(call, err)
        self.assertEqual(self.lines()[1]["outcome"], "unknown")
        self.assertEqual(len(proxy.requests()), 1, "never repeated blindly")
        _, err = self.run_it("resolve", str(uuid.uuid4()), "--outcome", "failed", status=2)
        _, err = self.run_it("resolve", call, "--outcome", "retry", status=2)
        self.assertIn(f"--token {call}", err)
        self.run_it("resolve", call, "--outcome", "succeeded", "--message", "seen in the queue")
        self.assertEqual(self.lines()[-1]["message"], "seen in the queue")
        self.assertEqual(self.run_it("record", "--unknown")[0].strip(), "")
        self.run_it("resolve", call, "--outcome", "failed", status=1)


class ThroughAServer(CommandTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.proxy = RecordingProxy(_moto.url)
        cls.addClassCleanup(cls.proxy.close)
        folder = tempfile.mkdtemp(dir=_folder)
        cls.quell = Quell(folder, "[engine]\nconsistency_delay_secs = 1\n", cls.proxy.url)
        cls.addClassCleanup(cls.quell.close)

    def setUp(self):
        super().setUp()
        self.proxy.forget()
        # What is sent from here and not by the server would go nowhere.
        self.url = "http://127.0.0.1:1"
        self.server = ("--server", self.quell.url, "--credentials", str(self.quell.credentials))

    def journal(self, call):
        out = self.quell_api(f"/api/v1/journal?aggregate=call%2F{call}")
        return [fact["name"] for entry in out["entries"] for fact in entry["facts"]], out

    def quell_api(self, path):
        request = botocore.awsrequest.AWSRequest("GET", self.quell.url + path)
        keys = botocore.credentials.Credentials(*self.quell.keys())
        botocore.auth.SigV4Auth(keys, "quell", REGION).add_auth(request)
        sent = urllib.request.Request(self.quell.url + path, headers=dict(request.headers))
        with urllib.request.urlopen(sent, timeout=DEADLINE) as answer:
            return json.loads(answer.read())

    def test_the_same_answer_in_the_servers_journal(self):
        self.assertEqual(self.answer("ec2", "describe-regions", *self.server), normal(_moto.client("ec2").describe_regions()))
        self.assertFalse(self.record_file.exists(), "the server keeps the record")
        out, err = self.run_it("ec2", "create-security-group", {"GroupName": "g", "Description": "d"}, *self.server)
        group = json.loads(out)["GroupId"]
        call = re.search(r"call ([0-9a-f-]{36})", err)[1]
        self.assertEqual(self.journal(call)[0], ["call.started", "call.ended"])
        kept = self.quell_api(f"/api/v1/aws/calls/{call}")
        self.assertEqual((kept["status"], kept["answer"]["GroupId"]), ("succeeded", group))
        self.assertEqual(kept["by"], f"arn:aws:iam::{ACCOUNT}:user/quell")
        self.assertIn(call, self.run_it("record", *self.server)[0])
        again = self.answer("ec2", "create-security-group", {"GroupName": "g", "Description": "d"}, "--token", call, *self.server)
        self.assertEqual(again["GroupId"], group)
        creations = [seen for seen in self.proxy.requests() if seen.operation == "CreateSecurityGroup"]
        self.assertEqual(len(creations), 1, "the same call is not made again")

    def test_the_servers_words_and_exit_statuses(self):
        _, err = self.run_it("ec2", "describe-instances", {"InstanceIds": ["i-0123456789abcdef0"]}, *self.server, status=1)
        self.assertIn("An error occurred (InvalidInstanceID.NotFound) when calling the DescribeInstances operation: ", err)
        _, err = self.run_it("ec2", "describe-instances", {"X": 1}, *self.server, status=2)
        self.assertIn('Unknown parameter in input: "X"', err)
        _, err = self.run_it("ec2", "describe-instances", "--profile", "ana", *self.server, status=2)
        self.assertIn("--profile does not go with --server", err)
        _, err = self.run_it("ec2", "reboot-instances", {"InstanceIds": ["i-1"]}, "--account", "111122223333", *self.server, status=1)
        self.assertIn("AccountMismatch", err)
        told = self.answer("ec2", "reboot-instances", {"InstanceIds": ["i-1"]}, "--dry-run", *self.server)
        self.assertEqual((told["url"], told["class"]), (f"{self.proxy.url}/", "changes, not repeatable"))
        self.assertNotIn("RebootInstances", [seen.operation for seen in self.proxy.requests()])
        _, err = self.run_it("ec2", "describe-regions", "--server", self.quell.url, status=2)
        self.assertIn("--credentials", err)

    def killed(self, operation, params):
        """The server is killed when the account has acted and before the answer is back; gives the command's end."""
        hold = self.proxy.hold(lambda seen: seen.operation == operation, after=True)
        process = self.start("ec2", operation, json.dumps(params), *self.server)
        self.assertTrue(hold.caught.wait(DEADLINE))
        self.quell.kill()
        hold.drop()
        self.quell.start()
        out, err = process.communicate(timeout=DEADLINE * 2)
        return process.returncode, out, err

    def test_a_killed_server_settles_a_call_by_its_class(self):
        status, out, err = self.killed("RunInstances", {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1})
        self.assertEqual(status, 0, err)
        runs = [seen for seen in self.proxy.requests() if seen.operation == "RunInstances"]
        self.assertEqual(len(runs), 2)
        self.assertEqual(len({seen.tokens for seen in runs}), 1, "repeated with the same token")
        self.assertTrue(json.loads(out)["Instances"][0]["InstanceId"])

    def test_what_only_a_person_can_settle_waits(self):
        instance = _moto.client("ec2").run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
        status, out, err = self.killed("RebootInstances", {"InstanceIds": [instance]})
        self.assertEqual((status, out), (3, ""), err)
        call = re.search(r"quell aws resolve ([0-9a-f-]{36})", err)[1]
        reboots = lambda: sum(seen.operation == "RebootInstances" for seen in self.proxy.requests())
        self.assertEqual(reboots(), 1, "never repeated blindly")
        self.assertIn(call, self.run_it("record", "--unknown", *self.server)[0])
        said, _ = self.run_it("resolve", call, "--outcome", "retry", *self.server)
        wait_until("the repeated call", lambda: reboots() == 2)
        wait_until("its end", lambda: self.quell_api(f"/api/v1/aws/calls/{call}")["status"] == "succeeded")
        self.assertNotIn(call, self.run_it("record", "--unknown", *self.server)[0])
        facts, _ = self.journal(call)
        self.assertEqual(facts, ["call.started", "call.unknown", "call.repeated", "call.ended"])
        self.run_it("resolve", call, "--outcome", "failed", *self.server, status=1)


if __name__ == "__main__":
    unittest.main()
