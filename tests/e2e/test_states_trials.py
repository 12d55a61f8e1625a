"""TestState: single states with boto3 and the AWS CLI, mocked, inspected and really done."""

import json

from states_world import ROLE, StatesTest, machine

SEND = {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "Next": "After"}


class Trials(StatesTest):
    def tried(self, state, data=None, **members):
        text = state if isinstance(state, str) else json.dumps(state)
        found = self.states.test_state(definition=text, input=json.dumps(data or {}), **members)
        found.pop("ResponseMetadata")
        return found

    def test_states_without_calls_tell_where_they_lead(self):
        choice = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericGreaterThan": 5, "Next": "Many"}], "Default": "Few"}
        self.assertEqual(self.tried(choice, {"n": 7})["nextState"], "Many")
        self.assertEqual(self.tried(choice, {"n": 3})["nextState"], "Few")
        self.assertEqual(self.tried({"Type": "Wait", "Seconds": 3600, "End": True}, {"a": 1}), {"status": "SUCCEEDED", "output": '{"a":1}'})
        failed = self.tried({"Type": "Fail", "Error": "E", "Cause": "C"})
        self.assertEqual(failed, {"status": "FAILED", "error": "E", "cause": "C"})
        steps = {"Type": "Pass", "Parameters": {"b.$": "$.a.b"}, "InputPath": "$.x", "ResultPath": "$.r", "End": True}
        found = self.tried(steps, {"x": {"a": {"b": 1}}}, inspectionLevel="DEBUG")
        data = {name: json.loads(text) for name, text in found["inspectionData"].items()}
        self.assertEqual(data["afterInputPath"], {"a": {"b": 1}})
        self.assertEqual((data["afterParameters"], data["afterResultPath"]), ({"b": 1}, {"x": {"a": {"b": 1}}, "r": {"b": 1}}))
        missing = self.tried(steps, {}, inspectionLevel="DEBUG")
        self.assertEqual((missing["status"], missing["error"]), ("FAILED", "States.Runtime"))

    def test_variables_and_the_context_are_given(self):
        state = {"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"m": "{% $n + 1 %}"}, "Output": "{% $states.context.Execution.Name & $n %}", "End": True}
        found = self.tried(state, variables='{"n": 4}', context='{"Execution": {"Name": "run-"}}', inspectionLevel="TRACE")
        self.assertEqual(found["output"], '"run-4"')
        self.assertEqual(json.loads(found["inspectionData"]["variables"]), {"n": 4, "m": 5})
        for context, saying in (
            ('{"Pokedex": {}}', "Field 'Pokedex' is not allowed"),
            ('{"Map": {}}', "'Map' field is not supported"),
            ('{"Execution": {"x": 1}}', "Field 'x' is not allowed"),
        ):
            with self.subTest(context), self.refused(self.states, "ValidationException", 400, saying=saying):
                self.tried(state, variables='{"n": 4}', context=context)

    def test_a_task_is_mocked_and_its_errors_are_retried_and_caught(self):
        state = {**SEND, "Parameters": {"QueueUrl": "q", "MessageBody.$": "$.text"}, "ResultSelector": {"id.$": "$.MessageId"}}
        found = self.tried(state, {"text": "hi"}, mock={"result": '{"MessageId": "m-1"}'}, inspectionLevel="DEBUG")
        self.assertEqual((found["output"], found["nextState"]), ('{"id":"m-1"}', "After"))
        self.assertEqual(json.loads(found["inspectionData"]["afterParameters"]), {"QueueUrl": "q", "MessageBody": "hi"})
        with self.refused(self.states, "ValidationException", 400, saying="Field 'MessageId' must be a string"):
            self.tried(state, {"text": "hi"}, mock={"result": '{"MessageId": 1}'})
        retry = [{"ErrorEquals": ["Slow"], "IntervalSeconds": 2, "BackoffRate": 3, "MaxAttempts": 2}]
        state = {**SEND, "Parameters": {"QueueUrl": "q", "MessageBody": "m"}, "Retry": retry, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Caught"}]}
        slow = {"errorOutput": {"error": "Slow", "cause": "later"}}
        again = lambda count: self.tried(state, mock=slow, stateConfiguration={"retrierRetryCount": count}, inspectionLevel="DEBUG")
        self.assertEqual(again(0)["status"], "RETRIABLE")
        self.assertEqual(again(1)["inspectionData"]["errorDetails"], {"retryIndex": 0, "retryBackoffIntervalSeconds": 6})
        caught = again(2)
        self.assertEqual((caught["status"], caught["nextState"], caught["error"]), ("CAUGHT_ERROR", "Caught", "Slow"))
        self.assertEqual(json.loads(caught["output"]), {"Error": "Slow", "Cause": "later"})

    def test_a_task_without_a_mock_is_done(self):
        url = self.sqs.create_queue(QueueName="trials")["QueueUrl"]
        state = {**SEND, "Parameters": {"QueueUrl": url, "MessageBody.$": "$.text"}, "ResultPath": "$.sent"}
        found = self.tried(state, {"text": "hi"}, roleArn=ROLE)
        message = self.sqs.receive_message(QueueUrl=url)["Messages"][0]
        self.assertEqual((found["status"], message["Body"]), ("SUCCEEDED", "hi"))
        self.assertEqual(json.loads(found["output"])["sent"]["MessageId"], message["MessageId"])
        look = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:getQueueUrl", "Parameters": {"QueueName": "none"}, "End": True}
        failed = self.tried(look, roleArn=ROLE)
        self.assertEqual(failed["status"], "FAILED")
        self.assertTrue(failed["error"].startswith("Sqs."), failed)
        with self.refused(self.states, "ValidationException", 400, saying="RoleArn must be specified"):
            self.tried(look)

    def test_a_call_that_no_machine_may_have_is_not_tried(self):
        mock = {"result": "{}"}
        unknown = {**SEND, "Resource": "arn:aws:states:::aws-sdk:sqs:sendMesage"}
        for state, says in [
            (unknown, "aws-sdk:sqs:sendMesage is not recognized"),
            ({**SEND, "Parameters": {"QueueUrl": "q"}}, "The field 'MessageBody' is required but was missing at /Parameters'"),
        ]:
            for given in [{"roleArn": ROLE}, {"mock": mock}]:
                with self.refused(self.states, "InvalidDefinition", 400, saying=says):
                    self.tried(state, **given)

    def test_a_state_of_a_whole_machine_is_found_by_its_name(self):
        inner = {"StartAt": "Inner", "States": {"Inner": {"Type": "Pass", "Result": 1, "End": True}}}
        whole = machine({"Each": {"Type": "Map", "ItemProcessor": inner, "Next": "End"}, "End": {"Type": "Succeed"}})
        self.assertEqual(self.tried(whole, stateName="Inner")["output"], "1")
        found = self.tried(whole, [1, 2], stateName="Each", mock={"result": "[3, 4]"}, inspectionLevel="DEBUG")
        self.assertEqual((found["output"], found["nextState"]), ("[3,4]", "End"))
        self.assertEqual(found["inspectionData"]["maxConcurrency"], 0)
        with self.refused(self.states, "InvalidDefinition", 400, saying="does not support Map or Parallel states"):
            self.tried(whole, [1], stateName="Each")
        with self.refused(self.states, "ValidationException", 400, saying="no state `Nobody`"):
            self.tried(whole, stateName="Nobody")
        with self.refused(self.states, "InvalidDefinition", 400, saying="at /Type"):
            self.tried({"Type": "Pas", "End": True})
        with self.refused(self.states, "ValidationException", 400, saying="State type 'Pass' is not supported when a mock"):
            self.tried({"Type": "Pass", "End": True}, mock={"result": "{}"})

    def test_the_command_line_tries_a_state(self):
        told = self.quell.aws("stepfunctions", "test-state", "--definition", '{"Type": "Pass", "Result": "x", "End": true}')
        self.assertEqual((told["status"], told["output"]), ("SUCCEEDED", '"x"'))
