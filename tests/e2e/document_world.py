"""Runs of third-party Automation documents, unmodified, against an account played by moto.

A case is a document, what must be there before, the parameters, and what the account must be like afterwards. All cases
of a test class run at the same time against one server; each looks for its own effect only.
"""

import concurrent.futures
import itertools
import json
import os
import pathlib
import threading
import traceback
import unittest

from quelltest import ACCOUNT, REGION, ROOT, QuellTest, program, wait_until
from recording_proxy import RecordingProxy

CASES = pathlib.Path(os.environ.get("QUELL_CASES", ROOT.parent / "shared/cases")) / "automation-documents"
ENDED = ("Success", "Failed", "TimedOut", "Cancelled")
# Runs at once: more than the machine has cores, since they wait for the account most of the time.
AT_ONCE = 6
PATIENCE = 240.0
ROLE = f"arn:aws:iam::{ACCOUNT}:role/quell-documents"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
    }
)
# A document that does nothing.
NOTHING = json.dumps(
    {
        "schemaVersion": "0.3",
        "mainSteps": [{"name": "Nothing", "action": "aws:sleep", "inputs": {"Duration": "PT0S"}}],
    }
)
AMI = "ami-12c6146b"


class World:
    """The account with its clients, and the server in front of it."""

    def __init__(self, moto, quell, proxy):
        self.moto, self.quell, self.proxy = moto, quell, proxy
        self._clients, self._making = {}, threading.Lock()
        self._numbers = itertools.count(1)

    def aws(self, service):
        """A client of the account itself."""
        return self._client(("aws", service), lambda: self.moto.client(service))

    @property
    def ssm(self):
        """A client of the server's `ssm`."""
        return self._client(("quell", "ssm"), lambda: self.quell.client("ssm"))

    def _client(self, key, make):
        # boto3's default session may not be shared by threads; what it makes may.
        with self._making:
            if key not in self._clients:
                self._clients[key] = make()
            return self._clients[key]

    def number(self):
        """Another number at each call, for names that nobody else uses."""
        return next(self._numbers)

    def instance(self, **more):
        """A running instance."""
        made = self.aws("ec2").run_instances(ImageId=AMI, MinCount=1, MaxCount=1, **more)
        return made["Instances"][0]["InstanceId"]

    def instance_state(self, instance):
        found = self.aws("ec2").describe_instances(InstanceIds=[instance])
        return found["Reservations"][0]["Instances"][0]["State"]["Name"]

    def vpc(self):
        """A VPC with a subnet."""
        ec2 = self.aws("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.9.1.0/24", AvailabilityZone=f"{REGION}a")
        return vpc, subnet["Subnet"]["SubnetId"]

    def bucket(self):
        name = f"third-party-{self.number()}"
        self.aws("s3").create_bucket(Bucket=name)
        return name

    def key(self):
        """ARN of a new key."""
        return self.aws("kms").create_key()["KeyMetadata"]["Arn"]

    def alarm(self, state="OK"):
        """Name of an alarm in that state."""
        name = f"alarm-{self.number()}"
        self.aws("cloudwatch").put_metric_alarm(
            AlarmName=name,
            MetricName="Errors",
            Namespace="Test",
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        self.aws("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason="test")
        return name

    def create(self, file, name):
        """The document of a file under a name, created once."""
        text = (CASES / file).read_bytes().decode()
        kind = "JSON" if file.endswith(".json") else "YAML"
        self.ssm.create_document(Name=name, Content=text, DocumentType="Automation", DocumentFormat=kind)

    def caller(self):
        """Who we are to the server."""
        run = self.ssm.start_automation_execution(DocumentName="Nothing")["AutomationExecutionId"]
        return self.execution(run)["ExecutedBy"]

    def execution(self, run):
        return self.ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]


class Case:
    """One document. A subclass names it, and says what is before and after."""

    # File of the corpus, without the folder.
    file = ""
    # Name that others call it by; made from the file's otherwise.
    document = ""
    # Files of documents that this one calls.
    children = ()
    # How the run ends.
    ends = "Success"

    def __init__(self, world):
        self.world = world
        self.run = None

    @classmethod
    def name(cls):
        # Names that begin with `aws` are AWS's own.
        return cls.document or pathlib.Path(cls.file).stem.split("__")[-1].removeprefix("aws-")

    def before(self):
        """Makes what must be there; gives the parameters, as texts or lists of texts."""
        return {}

    def during(self):
        """What a person does while it runs."""

    def after(self):
        """Asserts the effect in the account."""
        raise NotImplementedError

    # What follows is for the runner and for subclasses to ask.

    def aws(self, service):
        return self.world.aws(service)

    def play(self):
        """The whole case; gives the steps as name and status."""
        parameters = {"AutomationAssumeRole": ROLE, **self.before()}
        described = self.world.ssm.describe_document(Name=self.name())["Document"]
        declared = {parameter["Name"] for parameter in described.get("Parameters", [])}
        if "AutomationAssumeRole" not in declared:
            del parameters["AutomationAssumeRole"]
        lists = {name: value if isinstance(value, list) else [value] for name, value in parameters.items()}
        started = self.world.ssm.start_automation_execution(DocumentName=self.name(), Parameters=lists)
        self.run = started["AutomationExecutionId"]
        self.during()
        wait_until(f"the end of {self.name()}", lambda: self.execution()["AutomationExecutionStatus"] in ENDED, PATIENCE)
        execution = self.execution()
        steps = [(step["StepName"], step["StepStatus"]) for step in execution["StepExecutions"]]
        assert execution["AutomationExecutionStatus"] == self.ends, f"{self._story(execution)}"
        self.after()
        return steps

    def execution(self):
        return self.world.execution(self.run)

    def step(self, name):
        """The record of a step."""
        return next(step for step in self.execution()["StepExecutions"] if step["StepName"] == name)

    def outputs(self):
        return self.execution().get("Outputs", {})

    @staticmethod
    def _story(execution):
        told = [f"{execution['AutomationExecutionStatus']}: {execution.get('FailureMessage')}"]
        for step in execution["StepExecutions"]:
            told.append(f"  {step['StepName']} {step['StepStatus']} {step.get('FailureMessage') or ''}")
        return "\n".join(told)


def equal(found, wanted):
    """Asserts equality with both in the message."""
    assert found == wanted, f"{found!r} is not {wanted!r}"


class DocumentsTest(QuellTest):
    """Plays all cases of a class at once; each has a test of its own."""

    cases = ()
    with_moto = True
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        if not CASES.is_dir():
            raise unittest.SkipTest(f"not run: no third-party documents at {CASES}; set QUELL_CASES")
        os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
        cls.extra_config = f'[scripts]\npython = {json.dumps(program("python3"))}\n[engine]\nconsistency_delay_secs = 1\n'
        super().setUpClass()
        cls.world = World(cls.moto, cls.quell, cls.proxy)
        cls.world.aws("iam").create_role(RoleName=ROLE.rsplit("/", 1)[-1], AssumeRolePolicyDocument=TRUST)
        cls.set_up_account()
        files = {case.file: case.name() for case in cls.cases}
        for case in cls.cases:
            for child in case.children:
                files.setdefault(child.file, child.name())
        for file, name in files.items():
            cls.world.create(file, name)
        cls.world.ssm.create_document(Name="Nothing", Content=NOTHING, DocumentType="Automation", DocumentFormat="JSON")
        cls._pool = concurrent.futures.ThreadPoolExecutor(AT_ONCE)
        cls.addClassCleanup(cls._pool.shutdown, cancel_futures=True)
        cls._plays = {case.__name__: cls._pool.submit(cls._play, case) for case in cls.cases}

    @classmethod
    def set_up_account(cls):
        """What several cases expect of the account."""

    @classmethod
    def account_url(cls):
        """The account as the server sees it: moto behind a proxy that stands in for what moto lacks."""
        cls.proxy = RecordingProxy(cls.moto.url)
        cls.addClassCleanup(cls.proxy.close)
        return cls.proxy.url

    @classmethod
    def _play(cls, case):
        try:
            return case(cls.world).play(), None
        except BaseException:
            return None, traceback.format_exc()

    @classmethod
    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        for case in cls.cases:
            setattr(cls, f"test_{case.__name__}", cls._test_of(case))

    @staticmethod
    def _test_of(case):
        def test(self):
            steps, problem = self._plays[case.__name__].result(PATIENCE * 4)
            if problem:
                self.fail(f"{case.file}\n{problem}")
            print(f"{case.name()}: {' '.join(f'{name}={status}' for name, status in steps)}")

        test.__doc__ = (case.__doc__ or "").strip().split("\n")[0]
        return test
