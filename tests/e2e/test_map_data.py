"""Distributed Maps whose items lie in buckets, in every form that is read, and whose results are written into one."""

import gzip
import io
import json
import socket
import tempfile
import threading
import time
import unittest

from quelltest import Moto, Quell, wait_until
from states_world import ROLE, StatesTest, machine

READ = "arn:aws:states:::s3:getObject"
LIST = "arn:aws:states:::s3:listObjectsV2"
WRITE = "arn:aws:states:::s3:putObject"
PASS = {"P": {"Type": "Pass", "End": True}}


def each(reader=None, states=None, **members):
    """A machine with one distributed Map."""
    states = states or PASS
    processor = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
        "StartAt": next(iter(states)),
        "States": states,
    }
    state = {"Type": "Map", "Label": "Each", "ItemProcessor": processor, "End": True, **members}
    if reader:
        state["ItemReader"] = reader
    return machine({"Map": state})


class MapData(StatesTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.s3 = cls.moto.client("s3")
        cls.s3.create_bucket(Bucket="data")

    def put(self, key, body):
        self.s3.put_object(Bucket="data", Key=key, Body=body)

    def object(self, key):
        return self.s3.get_object(Bucket="data", Key=key)["Body"].read().decode()

    def done(self, name, definition, data=None):
        execution = self.start(self.create(name, definition), data)
        return execution, self.ended(execution)

    def items(self, name, key, config, resource=READ):
        """What a Map iterates over that reads `key` so."""
        place = {"Prefix": key} if resource == LIST else {"Key": key}
        reader = {"Resource": resource, "ReaderConfig": config, "Parameters": {"Bucket": "data", **place}}
        _, found = self.done(name, each(reader))
        self.assertEqual(found["status"], "SUCCEEDED", found)
        return json.loads(found["output"])

    def test_items_are_read_in_every_form(self):
        first = {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}
        self.put("rows.csv", "a,b\r\n1,\"x, é\"\r\n2\r\n".encode())
        rows = [{"a": "1", "b": "x, é"}, {"a": "2", "b": ""}]
        self.assertEqual(self.items("csv", "rows.csv", first), rows)
        self.put("rows.csv.gz", gzip.compress("a,b\r\n1,\"x, é\"\r\n2\r\n".encode()))
        self.assertEqual(self.items("csv-gz", "rows.csv.gz", first), rows)
        given = {"InputType": "CSV", "CSVHeaderLocation": "GIVEN", "CSVHeaders": ["x"], "CSVDelimiter": "PIPE", "MaxItems": 1}
        self.put("pipes", "1|2\n3|4\n")
        self.assertEqual(self.items("pipes", "pipes", given), [{"x": "1"}])
        self.put("deep.json", json.dumps({"skip": [0], "records": {"list": [{"n": 1}, [2], "3"]}}))
        pointed = {"InputType": "JSON", "ItemsPointer": "/records/list"}
        self.assertEqual(self.items("json", "deep.json", pointed), [{"n": 1}, [2], "3"])
        self.put("empty.json", "[]")
        self.assertEqual(self.items("nothing", "empty.json", {"InputType": "JSON"}), [])
        self.put("lines/1.jsonl", '{"n": 1}\n\n{"n": 2}\n')
        self.put("lines/2.jsonl", '{"n": 3}')
        self.assertEqual(self.items("jsonl", "lines/1.jsonl", {"InputType": "JSONL"}), [{"n": 1}, {"n": 2}])
        found = self.items("listing", "lines/", {"MaxItems": 100}, LIST)
        self.assertEqual([item["Key"] for item in found], ["lines/1.jsonl", "lines/2.jsonl"])
        self.assertEqual(found[1]["Size"], 8)
        loaded = self.items("loaded", "lines/", {"Transformation": "LOAD_AND_FLATTEN", "InputType": "JSONL"}, LIST)
        self.assertEqual(loaded, [{"n": 1}, {"n": 2}, {"n": 3}])

    def test_manifests_lead_to_what_they_list(self):
        self.put("inventory/1.csv.gz", gzip.compress(b'"data","rows.csv","7"\n"data","b%20c","8"\n'))
        manifest = {
            "sourceBucket": "data",
            "destinationBucket": "arn:aws:s3:::data",
            "fileFormat": "CSV",
            "fileSchema": "Bucket, Key, Size",
            "files": [{"key": "inventory/1.csv.gz", "size": 1, "MD5checksum": "x"}],
        }
        self.put("inventory/manifest.json", json.dumps(manifest))
        rows = self.items("inventory", "inventory/manifest.json", {"InputType": "MANIFEST"})
        self.assertEqual(rows[1], {"Bucket": "data", "Key": "b%20c", "Size": "8"})
        self.put("part", '{"n": 1}\n')
        self.put("athena.csv", "s3://data/part\ns3://data/part\n")
        config = {"ManifestType": "ATHENA_DATA", "InputType": "JSONL"}
        self.assertEqual(self.items("athena", "athena.csv", config), [{"n": 1}, {"n": 1}])

    def test_items_come_in_batches(self):
        self.put("six", json.dumps(list(range(6))))
        reader = {"Resource": READ, "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "data", "Key.$": "$.key"}}
        batcher = {"MaxItemsPerBatchPath": "$.most", "BatchInput": {"from.$": "$.key"}}
        definition = each(reader, ItemBatcher=batcher, ItemSelector={"v.$": "$$.Map.Item.Value"})
        execution, found = self.done("batches", definition, {"key": "six", "most": 4})
        want = [
            {"BatchInput": {"from": "six"}, "Items": [{"v": n} for n in range(4)]},
            {"BatchInput": {"from": "six"}, "Items": [{"v": 4}, {"v": 5}]},
        ]
        self.assertEqual(json.loads(found["output"]), want, found)
        (run,) = self.states.list_map_runs(executionArn=execution)["mapRuns"]
        counts = self.states.describe_map_run(mapRunArn=run["mapRunArn"])
        self.assertEqual((counts["itemCounts"]["total"], counts["executionCounts"]["total"]), (6, 2))

    def test_what_cannot_be_read_fails_the_map(self):
        self.put("twice", "a,a\n1,2\n")
        self.put("object", '{"a": 1}')
        for name, key, config, cause in [
            ("twice", "twice", {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}, "CSV headers cannot contain duplicates."),
            ("object", "object", {"InputType": "JSON"}, "Attempting to map over non-iterable node."),
            ("gone", "gone", {"InputType": "JSON"}, "Error Code: NoSuchKey"),
        ]:
            reader = {"Resource": READ, "ReaderConfig": config, "Parameters": {"Bucket": "data", "Key": key}}
            execution, found = self.done(f"unread-{name}", each(reader))
            self.assertEqual((found["status"], found["error"]), ("FAILED", "States.ItemReaderFailed"), found)
            self.assertIn(cause, found["cause"])
            self.assertIn("MapRunFailed", [event["type"] for event in self.events(execution)])

    def test_results_are_written_and_named_by_a_manifest(self):
        states = {
            "Look": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.n", "NumericEquals": 2, "Next": "Bad"}],
                "Default": "Good",
            },
            "Bad": {"Type": "Fail", "Error": "Bad", "Cause": "it is two"},
            "Good": {"Type": "Pass", "End": True},
        }
        writer = {"Resource": WRITE, "Parameters": {"Bucket": "data", "Prefix.$": "$.to"}}
        definition = each(None, states, ItemsPath="$.list", ResultWriter=writer, ToleratedFailureCount=1)
        data = {"to": "out/", "list": [{"n": n} for n in range(4)]}
        execution, found = self.done("written", definition, data)
        self.assertEqual(found["status"], "SUCCEEDED", found)
        output = json.loads(found["output"])
        (run,) = self.states.list_map_runs(executionArn=execution)["mapRuns"]
        self.assertEqual(output["MapRunArn"], run["mapRunArn"])
        details = output["ResultWriterDetails"]
        folder = f"out/{run['mapRunArn'].rsplit(':', 1)[1]}"
        self.assertEqual(details, {"Bucket": "data", "Key": f"{folder}/manifest.json"})
        manifest = json.loads(self.object(details["Key"]))
        self.assertEqual((manifest["DestinationBucket"], manifest["MapRunArn"]), ("data", run["mapRunArn"]))
        files = {name: [file["Key"] for file in held] for name, held in manifest["ResultFiles"].items()}
        want = {"SUCCEEDED": [f"{folder}/SUCCEEDED_0.json"], "FAILED": [f"{folder}/FAILED_0.json"], "PENDING": []}
        self.assertEqual(files, want)
        succeeded = json.loads(self.object(files["SUCCEEDED"][0]))
        self.assertEqual([json.loads(it["Output"])["n"] for it in succeeded], [0, 1, 3])
        self.assertEqual({it["Status"] for it in succeeded}, {"SUCCEEDED"})
        (failed,) = json.loads(self.object(files["FAILED"][0]))
        self.assertEqual((failed["Error"], failed["Cause"], json.loads(failed["Input"])), ("Bad", "it is two", {"n": 2}))
        size = len(self.object(files["FAILED"][0]).encode())
        self.assertEqual(manifest["ResultFiles"]["FAILED"][0]["Size"], size)
        counts = self.states.describe_map_run(mapRunArn=run["mapRunArn"])["executionCounts"]
        self.assertEqual(counts["resultsWritten"], 4)

    def test_results_are_transformed(self):
        writer = {
            "Resource": WRITE,
            "Parameters": {"Bucket": "data", "Prefix": "flat"},
            "WriterConfig": {"Transformation": "FLATTEN", "OutputType": "JSONL"},
        }
        _, found = self.done("flat", each(ResultWriter=writer), [[1, 2], {"a": 3}])
        folder = json.loads(found["output"])["ResultWriterDetails"]["Key"].rsplit("/", 1)[0]
        self.assertEqual(self.object(f"{folder}/SUCCEEDED_0.jsonl"), '1\n2\n{"a":3}\n')
        _, found = self.done("shown", each(ResultWriter={"WriterConfig": {"Transformation": "FLATTEN"}}), [[1], [2]])
        self.assertEqual(json.loads(found["output"]), [1, 2])
        writer = {"Resource": WRITE, "Parameters": {"Bucket": "no-such-bucket"}}
        _, found = self.done("unwritten", each(ResultWriter=writer), [1])
        self.assertEqual((found["status"], found["error"]), ("FAILED", "States.ResultWriterFailed"), found)
        self.assertIn("NoSuchBucket", found["cause"])

    def test_a_large_table_is_read_in_parts(self):
        rows = 30_000
        text = io.StringIO()
        text.write("n,text\n")
        for n in range(rows):
            text.write(f"{n},the row with the number {n} of a large table\n")
        self.put("large.csv", text.getvalue())
        reader = {
            "Resource": READ,
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            "Parameters": {"Bucket": "data", "Key": "large.csv"},
        }
        states = {"P": {"Type": "Pass", "Result": 1, "End": True}}
        definition = each(reader, states, ItemBatcher={"MaxInputBytesPerBatch": 200_000})
        execution, found = self.done("large", definition)
        self.assertEqual(found["status"], "SUCCEEDED", found)
        (run,) = self.states.list_map_runs(executionArn=execution)["mapRuns"]
        counts = self.states.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]
        self.assertEqual((counts["total"], counts["succeeded"]), (rows, rows))


class Slow:
    """A way to moto on which the objects of the bucket `data` are slow to read and to write; it counts both."""

    def __init__(self, moto, seconds):
        self.began = {"GET": 0, "PUT": 0}
        self._moto, self._seconds = moto, seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._moto.port))
            threading.Thread(target=self._carry, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(server, client, False), daemon=True).start()

    def _carry(self, source, sink, asks):
        try:
            while chunk := source.recv(65_536):
                method = chunk[:3].decode("latin-1")
                if asks and method in self.began and chunk[3:].startswith(b" /data/"):
                    self.began[method] += 1
                    time.sleep(self._seconds)
                sink.sendall(chunk)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def close(self):
        self._listener.close()


class Killed(unittest.TestCase):
    """The server is killed while a call to the bucket is under way."""

    ROWS = 30_000

    def test_every_item_is_done_once_though_the_server_dies_while_it_reads_and_writes(self):
        with tempfile.TemporaryDirectory() as folder:
            moto = Moto(folder)
            slow = Slow(moto, 0.5)
            quell = Quell(folder, aws_url=slow.url)
            try:
                self.run_killed(quell, moto, slow)
            finally:
                quell.close()
                slow.close()
                moto.close()

    def run_killed(self, quell, moto, slow):
        s3 = moto.client("s3")
        s3.create_bucket(Bucket="data")
        rows = "".join(f"{n},{'x' * 100} the row {n}\n" for n in range(self.ROWS))
        s3.put_object(Bucket="data", Key="rows.csv", Body=f"n,text\n{rows}")
        reader = {
            "Resource": READ,
            "ReaderConfig": {"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"},
            "Parameters": {"Bucket": "data", "Key": "rows.csv"},
        }
        writer = {
            "Resource": WRITE,
            "Parameters": {"Bucket": "data", "Prefix": "out"},
            "WriterConfig": {"Transformation": "COMPACT"},
        }
        definition = each(reader, ItemBatcher={"MaxItemsPerBatch": 500}, ResultWriter=writer)
        states = quell.client("stepfunctions", inject_host_prefix=False)
        arn = states.create_state_machine(name="killed", definition=definition, roleArn=ROLE)["stateMachineArn"]
        execution = states.start_execution(stateMachineArn=arn)["executionArn"]

        def kill(method, times):
            for _ in range(times):
                before = slow.began[method]
                wait_until(f"another {method}", lambda: slow.began[method] > before)
                quell.restart()

        def counts():
            states = quell.client("stepfunctions", inject_host_prefix=False)
            (run,) = states.list_map_runs(executionArn=execution)["mapRuns"]
            return states.describe_map_run(mapRunArn=run["mapRunArn"])["itemCounts"]

        kill("GET", 3)
        self.assertLess(counts()["total"], self.ROWS, "all was read before the last kill")
        kill("PUT", 2)
        states = quell.client("stepfunctions", inject_host_prefix=False)

        def look():
            found = states.describe_execution(executionArn=execution)
            return found if found["status"] != "RUNNING" else None

        found = wait_until("the execution's end", look, deadline=120)
        self.assertEqual(found["status"], "SUCCEEDED", found)
        self.assertEqual((counts()["total"], counts()["succeeded"]), (self.ROWS, self.ROWS))
        manifest = json.loads(s3.get_object(Bucket="data", Key=json.loads(found["output"])["ResultWriterDetails"]["Key"])["Body"].read())
        self.assertEqual((manifest["ResultFiles"]["FAILED"], manifest["ResultFiles"]["PENDING"]), ([], []))
        files = manifest["ResultFiles"]["SUCCEEDED"]
        self.assertGreater(len(files), 1)
        seen = []
        for file in files:
            body = s3.get_object(Bucket="data", Key=file["Key"])["Body"].read()
            self.assertEqual(len(body), file["Size"])
            seen += [int(item["n"]) for batch in json.loads(body) for item in batch["Items"]]
        self.assertEqual(seen, list(range(self.ROWS)))
        listed = s3.list_objects_v2(Bucket="data", Prefix="out/")["Contents"]
        self.assertEqual(len(listed), len(files) + 1, "nothing but the files and their manifest")
