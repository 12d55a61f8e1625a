"""Recorded answers of AWS: reading them, and comparing an answer with a recorded one by the rules of the cases' README."""

import datetime
import json
import os
import pathlib
import re

from quelltest import ROOT

# Recorded texts that stand for any time.
TIMES = {"date", "timestamp", "datetime"}
# Recorded texts that the recorders put in the place of their own name, for whatever value.
NAMED_AFTER_THEMSELVES = {"RequestId", "X-Amzn-Trace-Id", "x-amz-crc32", "x-amzn-RequestId", "x-amzn-requestid"}
ISO_8601 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
PLACEHOLDER = re.compile(r"<[^<>\s]+>")
# A part of Parallel begins with the first and ends with one of the others.
PARALLEL = ("ParallelStateStarted", {f"ParallelState{end}" for end in ("Succeeded", "Aborted", "Exited", "Failed")})


def records(folder):
    """All records of one set of cases, or None where the cases are not here."""
    cases = pathlib.Path(os.environ.get("QUELL_CASES") or ROOT.parent / "shared/cases") / folder
    if not cases.is_dir():
        return None
    return [json.loads(line) for path in sorted(cases.glob("*.jsonl")) for line in path.read_text().splitlines()]


def plain(value):
    """An answer of boto3 as JSON: times as text, and of what boto3 adds only the status."""
    if isinstance(value, dict):
        kept = {key: plain(it) for key, it in value.items()}
        if isinstance(metadata := kept.get("ResponseMetadata"), dict):
            kept["ResponseMetadata"] = {"HTTPHeaders": {}, "HTTPStatusCode": metadata["HTTPStatusCode"]}
        return kept
    if isinstance(value, (list, tuple)):
        return [plain(it) for it in value]
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.timezone.utc).isoformat()
    if hasattr(value, "read"):
        value = value.read()
    return value.decode() if isinstance(value, bytes) else value


def opened(value):
    """Texts that hold JSON objects become those objects, once (rule 1)."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return json.loads(value)
        except ValueError:
            return value
    if isinstance(value, dict):
        return {key: opened(it) for key, it in value.items()}
    if isinstance(value, list) and all(isinstance(it, dict) for it in value):
        return [opened(it) for it in value]
    return value


def places(path):
    """A pattern of the places, written with dots, that a JSONPath leads to."""
    parts = path.replace("[", ".").replace("]", "").removeprefix("$").split("..")
    return re.compile(r"(.*\.)?".join(re.escape(part.strip(".")) + (r"\." if part and part != parts[-1] else "") for part in parts))


def unordered(events):
    """Events within Parallel states as they were recorded: without ids, in no order, and without the event that ends them.

    The recorder's list grew shorter under its own loop, so that the event behind each end is passed over."""
    events, inside, within, start, at = list(events), [], False, 0, 0
    while at < len(events):
        kind = events[at].get("type")
        if kind == PARALLEL[0]:
            inside, within, start = [], True, at + 1
        elif kind in PARALLEL[1]:
            events[start : at + 1] = sorted(inside, key=lambda it: json.dumps(it, sort_keys=True))
            within = False
        elif within:
            events[at] = {**events[at], "id": [0], "previousEventId": 0}
            inside.append(events[at])
        at += 1
    return events


class Rules:
    """What one record has in the place of what, and what of it is not compared."""

    def __init__(self, record):
        placeholders = record.get("placeholders") or []
        others = {it.get("other") for it in placeholders}
        self.parallel = "SfnNoneRecursiveParallelTransformer" in others
        self.sorts = {it["sort"] for it in placeholders if "sort" in it}
        if "_SfnSortVariableReferences" in others:
            self.sorts.add("variableReferences")
        self.texts = [(it["regex"], it["to"]) for it in placeholders if "regex" in it]
        # Where the last parts of ARNs were replaced, that was done before a role's whole ARN could be.
        if any(it.get("key") == "_resource_name_transformer" for it in placeholders):
            self.texts = [(pattern, to) for pattern, to in self.texts if ":iam::" not in pattern]
        self.literals = {it["to"] for it in placeholders if it.get("ref") is False}
        self.written = {to for _, to in self.texts} | {"<region>", "<partition>"}
        lenient = record.get("lenient") or []
        self.everything = "*" in lenient
        self.lenient = [places(path) for path in lenient]

    def nothing(self):
        """Whether the record says that nothing of it is compared."""
        return self.everything

    def skips(self, at):
        """Whether a lenient path ends at this place."""
        place = ".".join(at)
        return any(path.fullmatch(place) for path in self.lenient)

    def compares(self, place, value):
        """Whether a value at a place is compared with what it is, not only by its presence."""
        reached = not any(self.skips(list(place[: end + 1])) for end in range(len(place)))
        presence = TIMES | self.literals | NAMED_AFTER_THEMSELVES | {"generated-uuid"}
        told = not (isinstance(value, str) and (value in presence or PLACEHOLDER.search(value)))
        return reached and told and "timestamp" not in str(place[-1]).lower()

    def normal(self, observed, own):
        """An observed answer in the record's words; `own` has what this run has in the place of the record's names."""
        text = json.dumps(plain(observed))
        for mine, recorded in own:
            text = text.replace(mine, recorded)
        text = json.dumps(self._sorted(opened(json.loads(text))))
        for pattern, to in self.texts:
            text = re.sub(pattern, lambda _, to=to: to, text)
        return json.loads(text.replace("us-east-1", "<region>").replace("arn:aws:", "arn:<partition>:"))

    def _sorted(self, value, key=None):
        if isinstance(value, dict):
            value = {name: self._sorted(it, name) for name, it in value.items()}
            if key == "variableReferences" and key in self.sorts:
                value = {name: sorted(it) for name, it in value.items()}
        elif isinstance(value, list):
            value = [self._sorted(it) for it in value]
            if key == "events" and self.parallel:
                value = unordered(value)
            if key in self.sorts:
                value = sorted(value, key=lambda it: json.dumps(it, sort_keys=True))
        return value


class Comparer:
    """Finds all differences of one record; equal placeholders mean equal values everywhere in it."""

    def __init__(self, rules):
        self.rules, self.seen, self.lines = rules, {}, []

    def compare(self, expected, observed, at=()):
        if self.rules.skips(list(at)) or any("timestamp" in str(name).lower() for name in at[-1:]):
            return
        if isinstance(expected, dict) and isinstance(observed, dict):
            for key in {**expected, **observed}:
                self.member(expected, observed, key, (*at, key))
        elif isinstance(expected, list) and isinstance(observed, list):
            self.lists(expected, observed, at)
        elif not self.same(expected, observed, at):
            self.lines.append(f"{'.'.join(at)}: expected {brief(expected)}, found {brief(observed)}")

    def member(self, expected, observed, key, at):
        if key in expected and key in observed:
            self.compare(expected[key], observed[key], at)
        elif not self.rules.skips(list(at)):
            there = f"expected {brief(expected[key])}, found nothing" if key in expected else f"not expected {brief(observed[key])}"
            self.lines.append(f"{'.'.join(at)}: {there}")

    def lists(self, expected, observed, at):
        if len(expected) != len(observed):
            self.lines.append(f"{'.'.join(at)}: expected {kinds(expected)}\n      found {kinds(observed)}")
            return
        for number, (one, other) in enumerate(zip(expected, observed)):
            self.compare(one, other, (*at, str(number)))

    def same(self, expected, observed, at):
        if isinstance(expected, str) and isinstance(observed, str):
            return self.text(expected, observed)
        if isinstance(observed, str) or isinstance(expected, str):
            return self.parsed(expected, observed, at)
        if isinstance(expected, bool) or isinstance(observed, bool):
            return expected is observed
        return expected == observed

    def parsed(self, expected, observed, at):
        """A text that holds JSON may have been recorded as that value, and a value as its text."""
        try:
            inner = [json.loads(it) if isinstance(it, str) else it for it in (expected, observed)]
        except ValueError:
            return isinstance(expected, str) and expected in self.rules.literals
        # An event's data is JSON text: whoever recorded a number there read it.
        data = at[-1:] in (("input",), ("output",)) and isinstance(observed, str)
        if not data and not all(isinstance(it, (dict, list)) for it in inner):
            return False
        self.compare(*inner, at)
        return True

    def text(self, expected, observed):
        if expected == observed or expected in self.rules.literals | NAMED_AFTER_THEMSELVES:
            return True
        if expected in TIMES:
            return bool(ISO_8601.fullmatch(observed))
        if "date" in expected:
            observed = ISO_8601.sub("date", observed)
        if expected == "generated-uuid":
            return bool(UUID.fullmatch(observed))
        try:
            one, other = json.loads(expected), json.loads(observed)
        except ValueError:
            return self.with_placeholders(expected, observed)
        if isinstance(one, str) and isinstance(other, str):
            return self.with_placeholders(one, other)
        inner = Comparer(self.rules)
        inner.seen = self.seen
        inner.compare(one, other)
        return not inner.lines

    def with_placeholders(self, expected, observed):
        """`<name:N>` and its like stand for any text, the same everywhere."""
        pattern, groups, end = "", [], 0
        for found in PLACEHOLDER.finditer(expected):
            pattern += re.escape(expected[end : found.start()])
            end, name = found.end(), found.group()
            if name in self.rules.written:
                pattern += re.escape(name)
            elif name in self.seen:
                pattern += re.escape(self.seen[name])
            elif name in groups:
                pattern += f"(?P=g{groups.index(name)})"
            else:
                pattern += f"(?P<g{len(groups)}>.+?)"
                groups.append(name)
        if not (match := re.fullmatch(pattern + re.escape(expected[end:]), observed, re.DOTALL)):
            return False
        # `<request_id>` and its like have no number: each is another one.
        bound = {name: match.group(f"g{n}") for n, name in enumerate(groups)}
        bound = {name: it for name, it in bound.items() if re.search(r":\d+>$|idx>$", name)}
        # The second of a sort is another one than the first.
        sort = lambda name: re.sub(r"\d+", "", name)
        for name, it in bound.items():
            if any(other != name and known == it and sort(other) == sort(name) for other, known in {**self.seen, **bound}.items()):
                return False
        self.seen.update(bound)
        return True


def leaves(value, at=()):
    """The places and values of a document that are neither objects nor lists."""
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return [leaf for key, it in items for leaf in leaves(it, (*at, str(key)))]
    return [(at, value)]


def changed(value, place):
    """A copy of a document with another value at a place."""
    if not place:
        return "another" if value is None else not value if isinstance(value, bool) else value + ("!" if isinstance(value, str) else 1)
    key, *rest = place
    if isinstance(value, dict):
        return {**value, key: changed(value[key], rest)}
    return [changed(it, rest) if str(at) == key else it for at, it in enumerate(value)]


def brief(value):
    """A value as it is shown."""
    text = json.dumps(value)
    return text if len(text) <= 600 else text[:600] + "…"


def kinds(items):
    """A list of events by their ids and types, any other list as it is."""
    if not all(isinstance(it, dict) and "type" in it for it in items):
        return brief(items)
    return ", ".join(f"{it.get('id')}<{it.get('previousEventId')} {it['type']}" for it in items)
