"""What tests of state machines share: a server with an account that moto plays, and short ways to make, start and read."""

import json

from quelltest import ACCOUNT, REGION, QuellTest, wait_until

ROLE = f"arn:aws:iam::{ACCOUNT}:role/machines"
MACHINE = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine"
SLEEPER = {"StartAt": "Nap", "States": {"Nap": {"Type": "Wait", "Seconds": 86_400, "End": True}}}


def machine(states, start=None, **members):
    """A definition of these states, in their order."""
    return json.dumps({"StartAt": start or next(iter(states)), "States": states, **members})


class StatesTest(QuellTest):
    with_moto = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.states = cls.quell.client("stepfunctions", inject_host_prefix=False)
        cls.sqs = cls.moto.client("sqs")

    def create(self, name, definition, **members):
        if not isinstance(definition, str):
            definition = json.dumps(definition)
        return self.states.create_state_machine(name=name, definition=definition, roleArn=ROLE, **members)[
            "stateMachineArn"
        ]

    def start(self, arn, data=None, **members):
        return self.states.start_execution(stateMachineArn=arn, input=json.dumps(data or {}), **members)["executionArn"]

    def ended(self, execution):
        def look():
            found = self.states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        return wait_until("the execution's end", look)

    def events(self, execution, **asked):
        """All events, page by page; as many on a page as asked."""
        size = {"PageSize": asked.pop("maxResults")} if "maxResults" in asked else {}
        pages = self.states.get_paginator("get_execution_history")
        pages = pages.paginate(executionArn=execution, PaginationConfig=size, **asked)
        return [event for page in pages for event in page["events"]]
