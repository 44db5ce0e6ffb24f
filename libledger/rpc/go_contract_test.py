#!/usr/bin/python3
"""Holds a server to the wire contract of the Go original, with a client generated from a copy of its
message definitions (testdata/go_contract).

    go_contract_test.py PROTO_DIR ADDRESS           a node that is running, with an empty log or not
    go_contract_test.py PROTO_DIR -- COMMAND...     starts COMMAND, whose first line is the address,
                                                    and ends it by closing its stdin
"""

import os
import subprocess
import sys
import tempfile
import threading
import unittest

try:
    import grpc
except ImportError:
    print("skipped: python3-grpcio is not installed")
    sys.exit(77)

DEADLINE = 60
NAMES = ("Produce", "Consume", "ConsumeStream", "ProduceStream", "GetServers")


def generate(protos, into):
    """Makes the messages of `protos` importable."""
    names = [os.path.join(protos, name) for name in ("log.proto", "status.proto")]
    subprocess.run(
        ["protoc", "--proto_path=" + protos, "--python_out=" + into] + names, check=True
    )
    sys.path.insert(0, into)


class Contract(unittest.TestCase):
    address = ""

    @classmethod
    def setUpClass(cls):
        import log_pb2
        import status_pb2

        cls.pb = log_pb2
        cls.status_pb = status_pb2
        cls.channel = grpc.insecure_channel(cls.address)
        service = log_pb2.DESCRIPTOR.services_by_name["Log"]
        for name in NAMES:
            method = service.methods_by_name[name]
            kind = {
                "Produce": cls.channel.unary_unary,
                "Consume": cls.channel.unary_unary,
                "GetServers": cls.channel.unary_unary,
                "ConsumeStream": cls.channel.unary_stream,
                "ProduceStream": cls.channel.stream_stream,
            }[name]
            answer = getattr(log_pb2, method.output_type.name)
            call = kind(
                "/log.v1.Log/" + name,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=answer.FromString,
            )
            setattr(cls, name, staticmethod(call))

    @classmethod
    def tearDownClass(cls):
        cls.channel.close()

    def produce(self, value):
        request = self.pb.ProduceRequest(record=self.pb.Record(value=value))
        return self.Produce(request, timeout=DEADLINE).offset

    def consume(self, offset):
        request = self.pb.ConsumeRequest(offset=offset)
        return self.Consume(request, timeout=DEADLINE).record

    def test_what_is_produced_is_consumed(self):
        first = self.produce(b"hello")
        second = self.produce(b"\x00\xff binary")
        self.assertEqual(second, first + 1)
        record = self.consume(second)
        self.assertEqual(record.value, b"\x00\xff binary")
        self.assertEqual(record.offset, second)
        self.assertEqual(record.type, 0)
        self.assertGreater(record.term, 0)

    def test_the_same_value_twice_is_two_records(self):
        self.assertNotEqual(self.produce(b"same"), self.produce(b"same"))

    def test_past_the_end_is_out_of_range(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.consume(self.produce(b"last") + 1)
        error = caught.exception
        self.assertEqual(error.code(), grpc.StatusCode.OUT_OF_RANGE)
        details = dict(error.trailing_metadata())["grpc-status-details-bin"]
        status = self.status_pb.Status.FromString(details)
        self.assertEqual(status.code, grpc.StatusCode.OUT_OF_RANGE.value[0])
        self.assertEqual(status.message, error.details())
        self.assertEqual(status.details[0].type_url, "type.googleapis.com/log.v1.Error")
        own = self.status_pb.Error.FromString(status.details[0].value)
        self.assertEqual(own.code, "out_of_range")
        self.assertNotEqual(own.hint, "")

    def test_streams_go_both_ways(self):
        values = [b"first message", b"second message", b""]
        requests = (self.pb.ProduceRequest(record=self.pb.Record(value=value)) for value in values)
        offsets = [answer.offset for answer in self.ProduceStream(requests, timeout=DEADLINE)]
        self.assertEqual(offsets, list(range(offsets[0], offsets[0] + 3)))
        stream = self.ConsumeStream(self.pb.ConsumeRequest(offset=offsets[0]), timeout=DEADLINE)
        for value, offset in zip(values, offsets):
            record = next(stream).record
            self.assertEqual((record.value, record.offset), (value, offset))
        stream.cancel()

    def test_a_consumer_waits_for_what_is_produced_later(self):
        offset = self.produce(b"now") + 1
        stream = self.ConsumeStream(self.pb.ConsumeRequest(offset=offset), timeout=DEADLINE)
        got = []
        reader = threading.Thread(target=lambda: got.append(next(stream).record.value))
        reader.start()
        self.produce(b"later")
        reader.join()
        self.assertEqual(got, [b"later"])
        stream.cancel()

    def test_the_servers_have_one_leader(self):
        servers = self.GetServers(self.pb.GetServersRequest(), timeout=DEADLINE).servers
        self.assertEqual(len([server for server in servers if server.is_leader]), 1)
        for server in servers:
            self.assertNotEqual(server.id, "")
            self.assertIn(":", server.rpc_addr)

    def test_reflection_knows_the_service_by_its_name(self):
        reflect = self.channel.stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        )
        # ServerReflectionRequest { list_services = 7 } and { file_containing_symbol = 4 }
        requests = iter([b"\x3a\x01*", b"\x22\x0alog.v1.Log"])
        services, file = reflect(requests, timeout=DEADLINE)
        self.assertIn(b"log.v1.Log", services)
        self.assertIn(b"ledger.v1.Ledger", services)
        self.assertIn(b"ProduceRequest", file)

    def test_health_is_serving(self):
        check = self.channel.unary_unary("/grpc.health.v1.Health/Check")
        self.assertEqual(check(b"", timeout=DEADLINE), b"\x08\x01")


def main():
    protos, target = sys.argv[1], sys.argv[2:]
    with tempfile.TemporaryDirectory() as made:
        generate(protos, made)
        server = None
        if target[0] == "--":
            server = subprocess.Popen(
                target[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            Contract.address = server.stdout.readline().strip()
        else:
            Contract.address = target[0]
        outcome = unittest.main(argv=sys.argv[:1], exit=False, verbosity=2).result
        if server:
            server.stdin.close()
            if server.wait(timeout=DEADLINE) != 0:
                return 1
        return 0 if outcome.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
