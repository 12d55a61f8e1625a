"""Prints the public AWS service models of an installed botocore as JSON lines, one service a line.

The first line names the source. Prose, examples and other non-wire data are dropped; keys are sorted; so the same
botocore gives the same bytes on every machine. Called by `cargo xtask models`; needs botocore and nothing else.
"""

import gzip
import json
import os
import sys

import botocore

PROSE = {
    "documentation", "deprecated", "deprecatedMessage", "deprecatedSince", "pattern", "max", "sensitive", "examples",
    "box", "clientContextParams",
}
# Below these keys the names are members, shapes or operations, never trait names.
NAMED = {"members", "shapes", "operations", "staticContextParams", "operationContextParams"}


def strip(node, named=False):
    """Copies a model without prose; a member that happens to be called `pattern` stays."""
    if isinstance(node, dict):
        return {
            key: strip(value, named=key in NAMED and not named)
            for key, value in node.items()
            if named or key not in PROSE
        }
    if isinstance(node, list):
        return [strip(item) for item in node]
    return node


def read(path):
    if os.path.exists(path + ".gz"):
        with gzip.open(path + ".gz", "rt", encoding="utf-8") as file:
            return json.load(file)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    return None


def read_with_extras(path):
    """The file of this name, with what botocore lays over it."""
    base = read(path + ".json")
    extras = read(path + ".sdk-extras.json")
    if base is not None and extras:
        merge(base, extras.get("merge", {}))
    return base


def without_documentation(node):
    """Copies a rule set; nothing in it is called `documentation` but prose."""
    if isinstance(node, dict):
        return {key: without_documentation(value) for key, value in node.items() if key != "documentation"}
    if isinstance(node, list):
        return [without_documentation(item) for item in node]
    return node


def merge(base, extra):
    for key, value in extra.items():
        if isinstance(base.get(key), dict) and isinstance(value, dict):
            merge(base[key], value)
        else:
            base[key] = value


def main():
    data = os.path.join(os.path.dirname(botocore.__file__), "data")
    out = sys.stdout

    def line(value):
        out.write(json.dumps(value, sort_keys=False, separators=(",", ":"), ensure_ascii=False) + "\n")

    partitions = read(os.path.join(data, "partitions.json"))
    line({"source": "botocore", "version": botocore.__version__, "partitions": partitions})
    for name in sorted(os.listdir(data)):
        folder = os.path.join(data, name)
        if not os.path.isdir(folder):
            continue
        versions = sorted(v for v in os.listdir(folder) if v[:1].isdigit())
        if not versions:
            continue
        folder = os.path.join(folder, versions[-1])
        model = read_with_extras(os.path.join(folder, "service-2"))
        if model is None:
            continue
        model = strip(model)
        waiters = read_with_extras(os.path.join(folder, "waiters-2")) or {}
        for waiter in waiters.get("waiters", {}).values():
            waiter.pop("description", None)
        line({
            "name": name,
            "model": model,
            "paginators": read_with_extras(os.path.join(folder, "paginators-1")),
            "waiters": waiters,
            "endpointRules": without_documentation(read_with_extras(os.path.join(folder, "endpoint-rule-set-1"))),
        })


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    main()
