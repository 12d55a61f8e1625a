"""Functions: existing Python code for Lambda on this server, by boto3 and the AWS CLI, with an account played by moto.

Every function here is a zip made in the test and run as it is: nothing in it knows of this server.
"""

import base64
import io
import json
import shutil
import tempfile
import textwrap
import unittest
import urllib.error
import urllib.request
import zipfile

from quelltest import ACCOUNT, REGION, Moto, Quell, QuellTest, wait_until

ROLE = f"arn:aws:iam::{ACCOUNT}:role/function"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"

TAGGER = """
    import logging
    import os
    import boto3

    logger = logging.getLogger()
    logger.setLevel(logging.INFO)
    ec2 = boto3.client("ec2")

    def handler(event, context):
        logger.info("tagging %s", event["instance"])
        print("printed")
        ec2.create_tags(Resources=[event["instance"]], Tags=[{"Key": "by", "Value": os.environ["BY"]}])
        return {"tagged": event["instance"], "as": boto3.client("sts").get_caller_identity()["Arn"]}
"""

TELLER = """
    import os

    def handler(event, context):
        with open("beside.txt") as file:
            beside = file.read()
        return {
            "event": event,
            "beside": beside,
            "name": context.function_name,
            "version": context.function_version,
            "arn": context.invoked_function_arn,
            "memory": context.memory_limit_in_mb,
            "group": context.log_group_name,
            "identity": context.identity.cognito_identity_id,
            "custom": context.client_context and context.client_context.custom,
            "left": 0 < context.get_remaining_time_in_millis() <= 3000,
            "env": {name: os.environ.get(name) for name in
                    ("AWS_LAMBDA_FUNCTION_NAME", "_HANDLER", "AWS_REGION", "SECRET", "QUELL_LOG", "SMTP_PASSWORD")},
            "root": os.environ["LAMBDA_TASK_ROOT"] == os.getcwd(),
        }
"""

FAULTS = """
    import datetime
    import sys
    import time

    class Own(Exception):
        pass

    def handler(event, context):
        what = event["what"]
        if what == "raise":
            raise Own("it went wrong")
        if what == "exit":
            sys.exit(3)
        if what == "sleep":
            time.sleep(60)
        if what == "date":
            return {"at": datetime.datetime(2026, 1, 1)}
        if what == "memory":
            return len("x" * (600 << 20))
        if what == "bytes":
            return b"no JSON"
        if what == "bytes inside":
            return [b"no JSON"]
        if what == "large":
            return "x" * (7 << 20)
        if what == "noise":
            print("y" * 5000)
            print("the end")
        return what
"""


def packed(**files):
    """A zip of files: a name's `__` is a slash, `.py` is added to what has no ending."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            path = name.replace("__", "/")
            if not path.endswith("_txt"):
                path += ".py"
            else:
                path = path[:-4] + ".txt"
            archive.writestr(path, textwrap.dedent(text))
    return buffer.getvalue()


class Functions(QuellTest):
    with_moto = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.functions = cls.quell.client("lambda")

    def create(self, name, handler="main.handler", runtime="python3.12", **members):
        files = members.pop("files", None) or {"main": TELLER, "beside_txt": "here"}
        code = {"ZipFile": packed(**files)}
        return self.functions.create_function(
            FunctionName=name, Runtime=runtime, Role=ROLE, Handler=handler, Code=code, **members
        )

    def invoke(self, name, payload=None, **members):
        """Invokes and waits; gives the parsed answer, the error's kind and the whole answer."""
        given = {} if payload is None else {"Payload": json.dumps(payload)}
        answer = self.functions.invoke(FunctionName=name, **given, **members)
        return json.loads(answer["Payload"].read() or "null"), answer.get("FunctionError"), answer

    def queue(self, name):
        """A queue of the account; gives its ARN and a look at its messages."""
        sqs = self.moto.client("sqs")
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        found = []

        def messages():
            got = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MaxNumberOfMessages=10)
            found.extend(got.get("Messages", []))
            return found

        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", messages

    def instance(self):
        ec2 = self.moto.client("ec2")
        image = ec2.describe_images()["Images"][0]["ImageId"]
        return ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]

    def tags(self, instance):
        found = self.moto.client("ec2").describe_tags(Filters=[{"Name": "resource-id", "Values": [instance]}])
        return {tag["Key"]: tag["Value"] for tag in found["Tags"]}

    def test_a_state_machine_waits_for_a_function_that_works_longer_than_a_minute(self):
        work = "import time\n\ndef handler(event, context):\n    time.sleep(62)\n    return event"
        self.create("slow", files={"main": work}, Timeout=120)
        states = self.quell.client("stepfunctions")
        begun = {}
        for name, members in {"patient": {"TimeoutSeconds": 600}, "hasty": {"TimeoutSeconds": 2}}.items():
            task = {"Type": "Task", "Resource": FUNCTION + "slow", "End": True, **members}
            definition = json.dumps({"StartAt": "Work", "States": {"Work": task}})
            arn = states.create_state_machine(name=name, definition=definition, roleArn=ROLE)["stateMachineArn"]
            begun[name] = states.start_execution(stateMachineArn=arn, input='{"n": 1}')["executionArn"]

        def ended(name):
            found = states.describe_execution(executionArn=begun[name])
            return found if found["status"] != "RUNNING" else None

        hasty = wait_until("the time-out", lambda: ended("hasty"))
        self.assertEqual((hasty["status"], hasty["error"]), ("FAILED", "States.Timeout"))
        self.assertLess((hasty["stopDate"] - hasty["startDate"]).total_seconds(), 30)
        patient = wait_until("the function's answer", lambda: ended("patient"), deadline=150)
        self.assertEqual((patient["status"], patient.get("output")), ("SUCCEEDED", '{"n":1}'))
        self.assertGreater((patient["stopDate"] - patient["startDate"]).total_seconds(), 60)

    def test_existing_code_does_its_work_in_the_account(self):
        self.create("tagger", files={"main": TAGGER}, Timeout=60, Environment={"Variables": {"BY": "quell"}})
        instance = self.instance()
        answer, error, whole = self.invoke("tagger", {"instance": instance}, LogType="Tail")
        self.assertIsNone(error, answer)
        self.assertEqual(answer["tagged"], instance)
        self.assertIn(":assumed-role/function/tagger", answer["as"])
        self.assertEqual(self.tags(instance), {"by": "quell"})
        self.assertEqual((whole["StatusCode"], whole["ExecutedVersion"]), (200, "$LATEST"))
        log = base64.b64decode(whole["LogResult"]).decode()
        identity = log.split("RequestId: ")[1].split(" ")[0]
        for line in (
            f"START RequestId: {identity} Version: $LATEST\n",
            f"\t{identity}\ttagging {instance}\n",
            "printed\n",
            f"END RequestId: {identity}\nREPORT RequestId: {identity}\tDuration: ",
            "\tMemory Size: 128 MB\tMax Memory Used: ",
        ):
            self.assertIn(line, log)
        self.assertRegex(log, r"\[INFO\]\t\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t")

    def test_what_a_handler_is_given(self):
        shown = self.create("teller", Environment={"Variables": {"SECRET": "s3cret-of-teller"}})
        self.assertEqual((shown["State"], shown["LastUpdateStatus"], shown["Timeout"]), ("Active", "Successful", 3))
        context = base64.b64encode(json.dumps({"custom": {"a": 1}}).encode()).decode()
        answer, error, _ = self.invoke("teller", {"x": [1, "é"]}, ClientContext=context)
        self.assertIsNone(error, answer)
        self.assertEqual(answer, {
            "event": {"x": [1, "é"]}, "beside": "here", "name": "teller", "version": "$LATEST",
            "arn": FUNCTION + "teller", "memory": "128", "group": "/aws/lambda/teller", "identity": None,
            "custom": {"a": 1}, "left": True, "root": True,
            "env": {"AWS_LAMBDA_FUNCTION_NAME": "teller", "_HANDLER": "main.handler", "AWS_REGION": REGION,
                    "SECRET": "s3cret-of-teller", "QUELL_LOG": None, "SMTP_PASSWORD": None},
        })
        answer, _, _ = self.invoke("teller")
        self.assertEqual((answer["event"], answer["custom"]), ({}, None))
        # A module in a folder, named as Lambda names it.
        self.create("folder", handler="deep/er/main.handler", files={"deep__er__main": "def handler(e, c): return 7"})
        self.assertEqual(self.invoke("folder")[0], 7)
        for file in self.quell.data.rglob("*"):
            if file.is_file():
                self.assertNotIn(b"s3cret-of-teller", file.read_bytes(), file)

    def test_errors_are_lambdas(self):
        self.create("faults", files={"main": FAULTS}, Timeout=2)

        def fault(what):
            answer, error, whole = self.invoke("faults", {"what": what}, LogType="Tail")
            self.assertEqual((error, whole["StatusCode"]), ("Unhandled", 200), answer)
            return answer, base64.b64decode(whole["LogResult"]).decode()

        answer, log = fault("raise")
        self.assertEqual((answer["errorType"], answer["errorMessage"]), ("Own", "it went wrong"))
        self.assertEqual(len(answer["stackTrace"]), 1, answer)
        self.assertTrue(answer["stackTrace"][0].startswith('  File "/var/task/main.py", line 12, in handler\n'), answer)
        self.assertIn("[ERROR] Own: it went wrong\nTraceback", log)
        self.assertTrue(answer["requestId"] in log)
        answer, _ = fault("bytes inside")
        self.assertEqual(answer["errorType"], "Runtime.MarshalError")
        # Bytes alone are the answer as they are.
        said = self.functions.invoke(FunctionName="faults", Payload=json.dumps({"what": "bytes"}))
        self.assertEqual((said["Payload"].read(), said.get("FunctionError")), (b"no JSON", None))
        answer, _ = fault("exit")
        self.assertEqual(answer["errorType"], "Runtime.ExitError")
        self.assertIn("Runtime exited with error: exit status 3", answer["errorMessage"])
        answer, log = fault("sleep")
        self.assertRegex(answer["errorMessage"], r"^\S+Z [0-9a-f-]{36} Task timed out after 2\.00 seconds$")
        self.assertIn("Task timed out after 2.00 seconds", log)
        answer, _ = fault("date")
        self.assertEqual(answer["errorType"], "Runtime.MarshalError")
        self.assertEqual(
            answer["errorMessage"], "Unable to marshal response: Object of type datetime is not JSON serializable"
        )
        self.assertEqual(fault("memory")[0]["errorType"], "MemoryError")
        self.assertEqual(fault("large")[0]["errorType"], "Function.ResponseSizeTooLarge")
        for handler, kind in (
            ("absent.handler", "Runtime.ImportModuleError"),
            ("main.absent", "Runtime.HandlerNotFound"),
            ("main", "Runtime.MalformedHandlerName"),
            ("broken.handler", "Runtime.UserCodeSyntaxError"),
        ):
            name = "bad-" + handler.replace(".", "-")
            self.create(name, handler=handler, files={"main": FAULTS, "broken": "def handler(:"})
            answer, error, _ = self.invoke(name, {"what": "x"})
            self.assertEqual((answer["errorType"], error), (kind, "Unhandled"), answer)
        _, _, whole = self.invoke("faults", {"what": "noise"}, LogType="Tail")
        log = base64.b64decode(whole["LogResult"])
        self.assertEqual(len(log), 4096)
        self.assertIn(b"the end", log)

    def test_refusals_are_modelled(self):
        functions, code = self.functions, {"ZipFile": packed(main=TELLER)}
        self.create("there")
        given = {"FunctionName": "there", "Runtime": "python3.12", "Role": ROLE, "Handler": "main.handler", "Code": code}
        with self.refused(functions, "ResourceConflictException", 409, "Function already exist: there"):
            functions.create_function(**given)
        for members, code_name, saying in (
            ({"Runtime": "nodejs20.x"}, "InvalidParameterValueException", "nodejs20.x"),
            ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "Could not unzip uploaded file"),
            ({"Code": {"ImageUri": "x"}}, "InvalidParameterValueException", "ImageUri"),
            ({"Layers": [FUNCTION.replace(":function:", ":layer:x:1")]}, "InvalidParameterValueException", "Layers"),
            ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "InvalidParameterValueException", "VpcConfig"),
            ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException", "AWS_REGION"),
            ({"Environment": {"Variables": {"AA": "x" * 5000}}}, "InvalidParameterValueException", "4KB"),
        ):
            with self.refused(functions, code_name, 400, saying):
                functions.create_function(**{**given, "FunctionName": "other", **members})
        with self.assertRaises(functions.exceptions.ClientError) as caught:
            functions.create_function(**{**given, "FunctionName": "other", "Timeout": 901})
        self.assertEqual(caught.exception.response["Error"]["Code"], "ValidationException")
        absent = FUNCTION + "absent"
        with self.refused(functions, "ResourceNotFoundException", 404, f"Function not found: {absent}"):
            functions.invoke(FunctionName="absent")
        with self.refused(functions, "ResourceNotFoundException", 404, f"Function not found: {FUNCTION}there:9"):
            functions.invoke(FunctionName="there", Qualifier="9")
        with self.refused(functions, "InvalidRequestContentException", 400, "Could not parse request body into json"):
            functions.invoke(FunctionName="there", Payload=b"{")
        with self.refused(functions, "RequestTooLargeException", 413):
            functions.invoke(FunctionName="there", InvocationType="Event", Payload=json.dumps("x" * (300 << 10)))
        with self.refused(functions, "PreconditionFailedException", 412):
            functions.update_function_configuration(FunctionName="there", Timeout=5, RevisionId="other")
        # Out of the archive, and more than one may hold.
        for name in ("../out.py", "/etc/out.py"):
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as archive:
                archive.writestr(name, "x = 1")
            with self.refused(functions, "InvalidParameterValueException", 400, "leads out of the archive"):
                functions.create_function(**{**given, "FunctionName": "other", "Code": {"ZipFile": buffer.getvalue()}})

    def test_versions_aliases_and_code(self):
        functions = self.functions
        one = "def handler(event, context): return [1, context.function_version, context.invoked_function_arn]"
        made = self.create("many", files={"main": one}, Publish=True)
        self.assertEqual((made["Version"], made["FunctionArn"]), ("1", FUNCTION + "many:1"))
        same = functions.publish_version(FunctionName="many")
        self.assertEqual(same["Version"], "1", "nothing changed")
        two = packed(main=one.replace("[1,", "[2,"))
        shown = functions.update_function_code(FunctionName="many", ZipFile=two)
        self.assertNotEqual(shown["CodeSha256"], made["CodeSha256"])
        self.assertNotEqual(shown["RevisionId"], made["RevisionId"])
        self.assertEqual(functions.publish_version(FunctionName="many", Description="second")["Version"], "2")
        self.assertEqual(self.invoke("many:1")[0], [1, "1", FUNCTION + "many:1"])
        self.assertEqual(self.invoke(FUNCTION + "many", Qualifier="2")[0], [2, "2", FUNCTION + "many:2"])
        self.assertEqual(self.invoke(f"{ACCOUNT}:function:many")[0], [2, "$LATEST", FUNCTION + "many"])
        alias = functions.create_alias(FunctionName="many", Name="live", FunctionVersion="1")
        self.assertEqual(alias["AliasArn"], FUNCTION + "many:live")
        self.assertEqual(self.invoke("many", Qualifier="live")[0], [1, "1", FUNCTION + "many:live"])
        functions.update_alias(
            FunctionName="many", Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}}
        )
        answer, _, whole = self.invoke("many:live")
        self.assertEqual((answer[0], whole["ExecutedVersion"]), (2, "2"))
        self.assertEqual([one["Name"] for one in functions.list_aliases(FunctionName="many")["Aliases"]], ["live"])
        listed = functions.list_versions_by_function(FunctionName="many")["Versions"]
        self.assertEqual([one["Version"] for one in listed], ["$LATEST", "1", "2"])
        pages = functions.get_paginator("list_functions").paginate(
            FunctionVersion="ALL", PaginationConfig={"PageSize": 2}
        )
        arns = [one["FunctionArn"] for page in pages for one in page["Functions"]]
        self.assertEqual([arn for arn in arns if ":many:" in arn], [FUNCTION + f"many:{v}" for v in ("$LATEST", 1, 2)])
        self.assertEqual(len(arns), len(set(arns)))
        with self.refused(functions, "ResourceConflictException", 409, "[live]"):
            functions.delete_function(FunctionName="many", Qualifier="1")
        functions.delete_alias(FunctionName="many", Name="live")
        functions.delete_function(FunctionName="many", Qualifier="1")
        with self.refused(functions, "ResourceNotFoundException", 404):
            functions.get_function(FunctionName="many", Qualifier="1")
        location = functions.get_function(FunctionName="many", Qualifier="2")["Code"]["Location"]
        with urllib.request.urlopen(location, timeout=10) as answer:
            self.assertEqual(answer.read(), two)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(location[:-1] + ("0" if location[-1] != "0" else "1"), timeout=10)
        self.assertEqual(caught.exception.code, 403)
        functions.delete_function(FunctionName="many")
        with self.refused(functions, "ResourceNotFoundException", 404):
            functions.get_function_configuration(FunctionName="many")

    def test_configuration_policies_and_tags(self):
        functions = self.functions
        self.create("set", Tags={"team": "sec"}, Environment={"Variables": {"ONE": "1"}})
        shown = functions.update_function_configuration(FunctionName="set", Timeout=9, MemorySize=256)
        self.assertEqual(
            (shown["Timeout"], shown["MemorySize"], shown["Environment"]), (9, 256, {"Variables": {"ONE": "1"}})
        )
        functions.update_function_configuration(FunctionName="set", Environment={"Variables": {}})
        self.assertNotIn("Environment", functions.get_function_configuration(FunctionName="set"))
        functions.tag_resource(Resource=FUNCTION + "set", Tags={"a": "b"})
        functions.untag_resource(Resource=FUNCTION + "set", TagKeys=["team"])
        self.assertEqual(functions.list_tags(Resource=FUNCTION + "set")["Tags"], {"a": "b"})
        added = functions.add_permission(
            FunctionName="set", StatementId="events", Action="lambda:InvokeFunction", Principal="events.amazonaws.com",
            SourceArn=f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r",
        )
        statement = json.loads(added["Statement"])
        self.assertEqual(statement["Condition"], {"ArnLike": {"AWS:SourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"}})
        with self.refused(functions, "ResourceConflictException", 409, "The statement id (events) provided already exists"):
            functions.add_permission(FunctionName="set", StatementId="events", Action="lambda:*", Principal="*")
        self.assertEqual(json.loads(functions.get_policy(FunctionName="set")["Policy"])["Statement"], [statement])
        functions.remove_permission(FunctionName="set", StatementId="events")
        with self.refused(functions, "ResourceNotFoundException", 404):
            functions.get_policy(FunctionName="set")
        settings = functions.get_account_settings()
        self.assertGreaterEqual(settings["AccountUsage"]["FunctionCount"], 1)
        cli = self.quell.aws("lambda", "get-function-configuration", "--function-name", "set")
        self.assertEqual(cli["Handler"], "main.handler")

    def test_the_cli_invokes(self):
        self.create("cli", files={"main": "def handler(event, context): return {'got': event}"})
        out = self.quell.folder / "out.json"
        answer = self.quell.aws(
            "lambda", "invoke", "--function-name", "cli", "--payload", '{"a":1}',
            "--log-type", "Tail", str(out),
        )
        self.assertEqual((answer["StatusCode"], json.loads(out.read_text())), (200, {"got": {"a": 1}}))
        dry = self.functions.invoke(FunctionName="cli", InvocationType="DryRun")
        self.assertEqual(dry["StatusCode"], 204)

    def test_concurrency(self):
        functions = self.functions
        self.create("held")
        functions.put_function_concurrency(FunctionName="held", ReservedConcurrentExecutions=0)
        self.assertEqual(
            functions.get_function(FunctionName="held")["Concurrency"], {"ReservedConcurrentExecutions": 0}
        )
        with self.refused(functions, "TooManyRequestsException", 429, "Rate Exceeded.") as caught:
            functions.invoke(FunctionName="held")
        self.assertEqual(caught.exception.response["Reason"], "ReservedFunctionConcurrentInvocationLimitExceeded")
        functions.delete_function_concurrency(FunctionName="held")
        self.assertIsNone(self.invoke("held")[1])

    def test_asynchronous_invocations_end_with_their_destinations(self):
        functions = self.functions
        good, told = self.queue("told")
        self.create("later", files={"main": "def handler(event, context): return {'did': event}"})
        functions.put_function_event_invoke_config(
            FunctionName="later", MaximumRetryAttempts=1, DestinationConfig={"OnSuccess": {"Destination": good}}
        )
        answer = functions.invoke(FunctionName="later", InvocationType="Event", Payload=b'{"n": 1}')
        self.assertEqual((answer["StatusCode"], answer["Payload"].read()), (202, b""))
        message = wait_until("the success", told)[0]
        record = json.loads(message["Body"])
        self.assertEqual(record["requestContext"]["condition"], "Success")
        self.assertEqual(record["requestContext"]["functionArn"], FUNCTION + "later:$LATEST")
        self.assertEqual((record["requestPayload"], record["responsePayload"]), ({"n": 1}, {"did": {"n": 1}}))
        failures, failed = self.queue("failures")
        letters, lost = self.queue("letters")
        self.create("fails", files={"main": FAULTS}, DeadLetterConfig={"TargetArn": letters})
        functions.put_function_event_invoke_config(
            FunctionName="fails", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": failures}}
        )
        functions.invoke(FunctionName="fails", InvocationType="Event", Payload=b'{"what": "raise"}')
        record = json.loads(wait_until("the failure", failed)[0]["Body"])
        self.assertEqual(record["requestContext"]["condition"], "RetriesExhausted")
        self.assertEqual(record["requestContext"]["approximateInvokeCount"], 1)
        self.assertEqual(record["responseContext"]["functionError"], "Unhandled")
        self.assertEqual(record["responsePayload"]["errorType"], "Own")
        letter = wait_until("the dead letter", lost)[0]
        self.assertEqual(letter["Body"], '{"what": "raise"}')
        attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
        self.assertEqual(attributes["RequestID"], record["requestContext"]["requestId"])
        self.assertEqual((attributes["ErrorCode"], attributes["ErrorMessage"]), ("200", "it went wrong"))

    def test_a_rule_invokes_a_function(self):
        events = self.quell.client("events")
        self.create("target", files={"main": TAGGER}, Timeout=60, Environment={"Variables": {"BY": "rule"}})
        instance = self.instance()
        events.put_rule(Name="invoke", EventPattern=json.dumps({"source": ["app"]}))
        events.put_targets(Rule="invoke", Targets=[{"Id": "f", "Arn": FUNCTION + "target", "InputPath": "$.detail"}])
        events.put_events(Entries=[{"Source": "app", "DetailType": "d", "Detail": json.dumps({"instance": instance})}])
        wait_until("the tag", lambda: self.tags(instance) == {"by": "rule"})

    def test_a_runbook_invokes_a_function(self):
        ssm = self.quell.client("ssm")
        self.create("step", files={"main": "def handler(event, context): return {'sum': event['a'] + event['b']}"})
        document = {
            "schemaVersion": "0.3",
            "mainSteps": [
                {
                    "name": "call", "action": "aws:executeAwsApi",
                    "inputs": {"Service": "lambda", "Api": "Invoke", "FunctionName": "step", "Payload": '{"a": 1, "b": 2}'},
                    "outputs": [{"Name": "Status", "Selector": "$.StatusCode", "Type": "Integer"}],
                },
                {
                    "name": "invoke", "action": "aws:invokeLambdaFunction", "isEnd": True,
                    "inputs": {"FunctionName": FUNCTION + "step", "InputPayload": {"a": 3, "b": 4}},
                },
            ],
        }
        ssm.create_document(Name="Calls", Content=json.dumps(document), DocumentType="Automation", DocumentFormat="JSON")
        run = ssm.start_automation_execution(DocumentName="Calls")["AutomationExecutionId"]

        def ended():
            found = ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
            return found["AutomationExecutionStatus"] not in ("Pending", "InProgress") and found

        found = wait_until("the run's end", ended)
        self.assertEqual(found["AutomationExecutionStatus"], "Success", found)
        outputs = [step["Outputs"] for step in found["StepExecutions"]]
        self.assertEqual(outputs[0]["Status"], ["200"])
        self.assertEqual(json.loads(outputs[1]["Payload"][0]), {"sum": 7})

    def test_a_function_that_is_not_here_is_invoked_in_the_account(self):
        """The account's function is asked for: what moto says of a function that it does not have comes back."""
        ssm = self.quell.client("ssm")
        document = {
            "schemaVersion": "0.3",
            "mainSteps": [{
                "name": "call", "action": "aws:executeAwsApi",
                "inputs": {"Service": "lambda", "Api": "Invoke", "FunctionName": "only-in-aws"},
            }],
        }
        ssm.create_document(Name="Asks", Content=json.dumps(document), DocumentType="Automation", DocumentFormat="JSON")
        run = ssm.start_automation_execution(DocumentName="Asks")["AutomationExecutionId"]

        def ended():
            found = ssm.get_automation_execution(AutomationExecutionId=run)["AutomationExecution"]
            return found["AutomationExecutionStatus"] not in ("Pending", "InProgress") and found

        found = wait_until("the run's end", ended)
        self.assertEqual(found["AutomationExecutionStatus"], "Failed")
        self.assertIn("only-in-aws", json.dumps(found, default=str))

    def test_a_topic_invokes_its_subscriber(self):
        sns = self.quell.client("sns")
        instance = self.instance()
        code = """
            import boto3, json

            def handler(event, context):
                record = event["Records"][0]
                said = json.loads(record["Sns"]["Message"])
                tags = [{"Key": "by", "Value": record["EventSource"]}, {"Key": "subject", "Value": record["Sns"]["Subject"]}]
                boto3.client("ec2").create_tags(Resources=[said["instance"]], Tags=tags)
        """
        self.create("subscriber", files={"main": code}, Timeout=60)
        topic = sns.create_topic(Name="to-functions")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=FUNCTION + "subscriber")
        sns.publish(TopicArn=topic, Subject="isolate", Message=json.dumps({"instance": instance}))
        wait_until("the tags", lambda: self.tags(instance) == {"by": "aws:sns", "subject": "isolate"})

    def test_what_a_rule_cannot_give_to_a_function_goes_to_its_queue(self):
        events = self.quell.client("events")
        letters, lost = self.queue("rule-letters")
        self.create("short-lived", files={"main": "def handler(event, context): return event"})
        events.put_rule(Name="orphan", EventPattern=json.dumps({"source": ["orphan"]}))
        target = {
            "Id": "f", "Arn": FUNCTION + "short-lived", "DeadLetterConfig": {"Arn": letters},
            "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
        }  # fmt: skip
        events.put_targets(Rule="orphan", Targets=[target])
        self.functions.delete_function(FunctionName="short-lived")
        events.put_events(Entries=[{"Source": "orphan", "DetailType": "d", "Detail": '{"n": 1}'}])
        letter = wait_until("the dead letter", lost)[0]
        self.assertEqual(json.loads(letter["Body"])["detail"], {"n": 1})
        attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
        self.assertEqual(attributes["TARGET_ARN"], FUNCTION + "short-lived")
        self.assertEqual(attributes["ERROR_CODE"], "NO_RESOURCE")

    def test_a_function_calls_another_one_of_this_server(self):
        self.create("inner", files={"main": "def handler(event, context): return {'twice': event['n'] * 2, 'arn': context.invoked_function_arn}"})
        code = """
            import boto3, botocore.exceptions, json

            def tried(call):
                try:
                    return call()
                except botocore.exceptions.ClientError as error:
                    return error.response["Error"]["Code"]

            def handler(event, context):
                functions = boto3.client("lambda")
                answer = functions.invoke(FunctionName="inner", Payload=json.dumps({"n": 21}))
                return {
                    "inner": json.load(answer["Payload"]),
                    "status": answer["StatusCode"],
                    "other": tried(lambda: functions.invoke(FunctionName="only-in-aws")),
                    "delete": tried(lambda: functions.delete_function(FunctionName="inner")),
                }
        """
        self.create("outer", files={"main": code}, Timeout=60)
        answer, error, whole = self.invoke("outer")
        self.assertIsNone(error, answer)
        self.assertEqual(answer["inner"], {"twice": 42, "arn": FUNCTION + "inner"})
        self.assertEqual((answer["status"], answer["other"]), (200, "ResourceNotFoundException"))
        # Only its invocation is this server's: what else is asked of a function is asked of the account's.
        self.assertEqual(answer["delete"], "ResourceNotFoundException")
        self.assertEqual(self.functions.get_function(FunctionName="inner")["Configuration"]["FunctionName"], "inner")

    def test_room_for_files_is_limited(self):
        code = """
            import os

            def handler(event, context):
                written = 0
                try:
                    for name in ("a", "b"):
                        with open(os.path.join(os.environ["TMPDIR"], name), "wb") as file:
                            for _ in range(event["mib"] // 2):
                                file.write(b"x" * (1 << 20))
                                written += 1
                except OSError as error:
                    return {"written": written, "error": error.strerror}
                return {"written": written}
        """
        self.create("writes", files={"main": code}, Timeout=60, EphemeralStorage={"Size": 512})
        self.assertEqual(self.invoke("writes", {"mib": 200})[0], {"written": 200})
        answer, error, _ = self.invoke("writes", {"mib": 1100})
        self.assertIsNone(error, answer)
        self.assertIn(answer.get("error"), ("No space left on device", "File too large"), answer)
        self.assertLessEqual(answer["written"], 512)


class Killed(unittest.TestCase):
    """The server is killed while functions work asynchronously: each event has its effect, at least once."""

    def test_no_event_is_lost(self):
        folder = tempfile.mkdtemp(prefix="quell-e2e-")
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        moto = Moto(folder)
        self.addCleanup(moto.close)
        quell = Quell(folder, "[functions]\nmax_concurrent = 2\n", moto.url)
        self.addCleanup(quell.close)
        sqs = moto.client("sqs")
        url = sqs.create_queue(QueueName="done")["QueueUrl"]
        code = packed(main="""
            import time
            def handler(event, context):
                time.sleep(0.2)
                return event["n"]
        """)
        functions = quell.client("lambda")
        functions.create_function(
            FunctionName="work", Runtime="python3.11", Role=ROLE, Handler="main.handler", Code={"ZipFile": code}
        )
        functions.put_function_event_invoke_config(
            FunctionName="work", DestinationConfig={"OnSuccess": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT}:done"}}
        )
        seen, count = set(), 12

        def look():
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                seen.add(json.loads(message["Body"])["responsePayload"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return seen

        for number in range(count):
            functions.invoke(FunctionName="work", InvocationType="Event", Payload=json.dumps({"n": number}))
            if number in (3, 8):
                quell.restart()
                functions = quell.client("lambda")
        wait_until("one event's effect", look)
        quell.restart()
        wait_until("all events' effects", lambda: len(look()) == count, deadline=120)
        self.assertEqual(seen, set(range(count)))


if __name__ == "__main__":
    unittest.main()
