"""Executions that were recorded from AWS, played over the wire with all that they need, and compared event for event.

moto plays the account, mended where AWS is known to answer otherwise (`as_aws`); functions, event buses and activities are this
server's own. What is not compared, and why, is told in the output.
"""

import collections
import concurrent.futures
import json
import random
import re
import sys
import threading
import unittest

from as_aws import AsAws
from quelltest import QuellTest, account_client, wait_until
from recorded_world import OWN, PATIENCE, Played
from recordings import Comparer, Rules, changed, leaves, records

# Played at once: most of the time they wait.
AT_ONCE = 12
# How often one that differs is played again, alone: some have time limits of a second, which pass on a busy machine.
AGAIN = 3
BEFORE_REDRIVE = "recorded before executions could be redriven, when no answer told how often they were"
OTHER_ACCOUNT = "the recorder's machine was in a second account, of which the record's calls say nothing"
# Differences that are right: part of a record's id, what the line is like, and why.
JUDGED = [
    ("test_start_version_execution", r"executions\.0\.redriveCount: not expected 0", BEFORE_REDRIVE),
    ("test_lambda_service_invoke_with_retry_extended_input", r"\.RedriveCount: not expected 0", BEFORE_REDRIVE),
    ("test_cross_account_states_start_sync_execution", "<secondary_test_aws_account_id>.*found .*:111111111111:", OTHER_ACCOUNT),
    (
        "test_publish_message_attributes",
        r'messages\.0\.SignatureVersion: expected "1", found "2"',
        "moto signs what its topics send by the other of the two ways that SNS has",
    ),
]
# Services that tasks of this server do not reach by an integration of their own: such machines are refused.
REFUSED = {"apigateway": "`apigateway:invoke` is none of the integrations of this server: the machine is refused"}


class Records(QuellTest):
    with_moto = True
    account = "111111111111"
    extra_config = f'[auth]\naccount_id = "{account}"\n[functions]\nqueue_secs = 120\n'

    @classmethod
    def setUpClass(cls):
        cls.records = records("asl")
        if cls.records is None:
            print("not run: the recorded cases are not here; QUELL_CASES names their folder", file=sys.stderr)
            raise unittest.SkipTest("the recorded cases are not here")
        super().setUpClass()
        cls.states = cls.quell.client("stepfunctions", inject_host_prefix=False, max_pool_connections=2 * AT_ONCE)
        cls.one_by_one, cls._clients = threading.Lock(), {}

    @classmethod
    def account_url(cls):
        cls.as_aws = AsAws(cls.moto.url)
        cls.addClassCleanup(cls.as_aws.close)
        return cls.as_aws.url

    def client(self, service):
        """A client of the account, or of this server for what is its own."""
        with self._making:
            if service not in self._clients:
                own = service in OWN
                self._clients[service] = self.quell.client(service) if own else account_client(self.as_aws.url, service)
            return self._clients[service]

    _making = threading.Lock()

    def ended(self, execution):
        def look():
            found = self.states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        return wait_until(f"the end of {execution}", look, PATIENCE)

    def differences(self, record, again):
        """How what is observed here differs from what was recorded, line by line."""
        rules, played = Rules(record), Played(self, record, again)
        observed, expect = played.play(), record["expect"]
        ends = {key: expect[key] for key in ("status", "output", "error_name", "cause") if key in expect and key in observed}
        expected = ends | (expect.get("recorded") or {})
        if "history" in expect:
            expected["get_execution_history"] = {"events": expect["history"]}
        comparer = Comparer(rules)
        comparer.compare(expected, rules.normal({key: observed.get(key) for key in expected}, played.own))
        return comparer.lines

    def played(self, record, again=False):
        """The differences of a record, or why it could not be played to its end."""
        try:
            return self.differences(record, again)
        except Exception as error:  # One record's end must not hide what the others show.
            return [f"not played to its end: {type(error).__name__}: {error}"]

    def all_played(self, chosen):
        """Each record with its differences that are not judged, and with those that are."""
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for record, lines in zip(chosen, list(pool.map(self.played, chosen))):
                judged, wrong = self.sorted_out(record, lines)
                for _ in range(AGAIN if wrong else 0):
                    print(f"played again: {record['id']}", *wrong[:3], sep="\n    ", file=sys.stderr)
                    judged, wrong = self.sorted_out(record, self.played(record, again=True))
                    if not wrong:
                        break
                yield record, judged, wrong

    @staticmethod
    def sorted_out(record, lines):
        """The judgements that differences fall under, and the differences that fall under none."""
        found = [next((it for it in JUDGED if it[0] in record["id"] and re.search(it[1], line)), None) for line in lines]
        return {it for it in found if it}, [line for line, judged in zip(lines, found) if not judged]

    def test_the_comparison_sees_every_change(self):
        """A recorded answer with any one value changed is not the recorded answer."""
        chance = random.Random(7)
        unseen = []
        for record in self.records:
            rules, expect = Rules(record), record["expect"]
            whole = {"get_execution_history": {"events": expect.get("history") or []}, **(expect.get("recorded") or {})}
            places = [(place, value) for place, value in leaves(whole) if rules.compares(place, value)]
            for place, value in chance.sample(places, min(3, len(places))):
                comparer = Comparer(rules)
                comparer.compare(whole, changed(whole, place))
                if not comparer.lines:
                    unseen.append((record["id"], place, value))
        self.assertEqual([], unseen)

    def test_the_comparison_knows_texts_from_values_and_one_name_from_another(self):
        for expected, observed, same in [
            ({"n": "10"}, {"n": 10}, False),
            ({"n": None}, {"n": "null"}, False),
            ({"n": True}, {"n": "true"}, False),
            ({"n": 1}, {"n": True}, False),
            ({"output": 1}, {"output": "1"}, True),
            ({"n": {"a": [1]}}, {"n": '{"a": [1]}'}, True),
            ({"n": ["<uuid:1>", "<uuid:2>"]}, {"n": ["p", "q"]}, True),
            ({"n": ["<uuid:1>", "<uuid:2>"]}, {"n": ["p", "p"]}, False),
            ({"n": ["<uuid:1>", "<uuid:1>"]}, {"n": ["p", "q"]}, False),
        ]:
            comparer = Comparer(Rules({}))
            comparer.compare(expected, observed)
            self.assertEqual(not comparer.lines, same, (expected, observed))

    @staticmethod
    def why_not(record):
        """Why a record is not played."""
        refused = next((REFUSED[need] for need in record["needs"] if need in REFUSED), None)
        return refused or ("the record says that nothing of it is compared" if Rules(record).nothing() else None)

    def test_what_is_not_played_is_refused(self):
        refused = [record for record in self.records if record["kind"] == "Execution" and set(record["needs"]) & set(REFUSED)]
        for record in refused:
            with self.refused(self.states, "InvalidDefinition", 400, saying="apigateway:invoke is not recognized"):
                definition = json.dumps(record["definition"])
                self.states.create_state_machine(name="refused", definition=definition, roleArn=record["roleArn"])

    def test_executions_go_over_the_wire_as_on_the_service(self):
        executions = [record for record in self.records if record["kind"] == "Execution"]
        chosen = [record for record in executions if not self.why_not(record)]
        reasons = collections.Counter((it["area"], self.why_not(it)) for it in executions if self.why_not(it))
        table = collections.defaultdict(collections.Counter)
        for (area, _), count in reasons.items():
            table[area]["not run"] += count
        used, failures = set(), []
        for record, judged, wrong in self.all_played(chosen):
            used |= judged
            table[record["area"]]["other" if wrong else "judged" if judged else "same"] += 1
            if wrong:
                failures.append("\n    ".join([record["id"], *wrong]))
        self.show(table, reasons)
        self.assertEqual([], failures, "\n".join(["", *failures]))
        self.assertEqual(set(), set(JUDGED) - used, "no record shows this difference any more")
        self.assertGreater(sum(row["same"] for row in table.values()), 250)

    @staticmethod
    def show(table, reasons):
        """The table by area, and what is not run."""
        columns = ("same", "judged", "other", "not run")
        lines = [f"{'area':<22}" + "".join(f"{it:>8}" for it in columns)]
        lines += [f"{area:<22}" + "".join(f"{row[it]:>8}" for it in columns) for area, row in sorted(table.items())]
        lines += [f"{'all':<22}" + "".join(f"{sum(row[it] for row in table.values()):>8}" for it in columns)]
        lines += [f"judged: {name}: {why}" for name, _, why in JUDGED]
        lines += [f"not run: {count} of {area}: {why}" for (area, why), count in sorted(reasons.items())]
        print("\n" + "\n".join(lines), file=sys.stderr)
