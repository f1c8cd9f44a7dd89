#!/usr/bin/python3
"""The tunnel against real TLS servers: tests/native/tunnel_test.py BUILD"""
import hashlib
import os
import pathlib
import random
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tunnel_support import AZILR, LIMIT, WORK, Server, Tunnel, echo, make_pki, read_all  # noqa: E402

SANITIZED = b"__asan_init" in AZILR.read_bytes()


class Relay(unittest.TestCase):
    def start(self, serve, *options, **server_options):
        server = Server(serve, **server_options)
        self.addCleanup(server.close)
        tunnel = Tunnel(server.port, *options)
        self.addCleanup(tunnel.close)
        return tunnel

    def exchange(self, client, size, pieces):
        """Sends that much in pieces of random sizes and wants the same back."""
        sent, received = hashlib.sha256(), hashlib.sha256()
        source = random.Random(size)

        def send():
            left = size
            while left:
                piece = source.randbytes(min(left, source.randint(1, pieces)))
                sent.update(piece)
                client.sendall(piece)
                left -= len(piece)
            client.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        count = 0
        while data := client.recv(1 << 16):
            received.update(data)
            count += len(data)
        sender.join(LIMIT)
        self.assertEqual(count, size)
        self.assertEqual(sent.digest(), received.digest())

    def test_bytes_come_through_both_ways(self):
        tunnel = self.start(echo)
        for size, pieces in ((1, 1), (48, 48), (100_000, 100), (48 << 20, 1 << 20)):
            with self.subTest(size=size), tunnel.connect() as client:
                self.exchange(client, size, pieces)

    def test_writes_that_are_taken_in_parts(self):
        tunnel = self.start(echo, small=True)
        with tunnel.connect() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.exchange(client, 256 << 10, 50_000)

    def test_eight_connections_at_once(self):
        tunnel = self.start(echo)
        problems = []

        def one(number):
            try:
                with tunnel.connect() as client:
                    self.exchange(client, (1 << 20) + number, 65536)
            except BaseException as problem:  # a thread's failure must reach the test
                problems.append(problem)

        threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT * 2)
        self.assertEqual(problems, [])

    def test_the_client_ends_and_the_server_still_answers(self):
        def count(tls):
            got = read_all(tls)
            tls.sendall(b"%d bytes" % len(got))
            tls.unwrap()

        tunnel = self.start(count)
        with tunnel.connect() as client:
            client.sendall(b"x" * 300_000)
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(read_all(client), b"300000 bytes")

    def test_the_server_ends_properly(self):
        def greet(tls):
            tls.sendall(b"bye" * 100_000)
            tls.unwrap()

        tunnel = self.start(greet)
        with tunnel.connect() as client:
            self.assertEqual(len(read_all(client)), 300_000)

    def test_a_cut_connection_is_not_an_end(self):
        def cut(tls):
            tls.sendall(b"half")
            time.sleep(0.2)
            with socket.socket(fileno=os.dup(tls.fileno())) as plain:
                plain.shutdown(socket.SHUT_RDWR)

        tunnel = self.start(cut)
        with tunnel.connect() as client, self.assertRaises(ConnectionResetError):
            while client.recv(100):
                pass
        tunnel.wait_for_log("error: reading from the portal")

    def test_a_reset_of_the_client_ends_the_connection(self):
        ended = threading.Event()

        def wait(tls):
            try:
                read_all(tls)
            finally:
                ended.set()

        tunnel = self.start(wait)
        client = tunnel.connect()
        client.sendall(b"x")
        tunnel.wait_for_log("open, TLS")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        self.assertTrue(ended.wait(LIMIT))
        tunnel.wait_for_log("closed")

    def cpu_of_a_second(self, tunnel):
        before = tunnel.cpu_seconds()
        time.sleep(1)
        return tunnel.cpu_seconds() - before

    def test_a_slow_reader_holds_the_sender_back(self):
        sent = []
        # no two TLS records are the same, so that none can take another's place
        records = [number.to_bytes(4, "big") * 4096 for number in range(64 * 64)]
        all_of_it = [b"".join(records[first:first + 64]) for first in range(0, len(records), 64)]

        def pour(tls):
            for mebibyte in all_of_it:
                tls.sendall(mebibyte)
                sent.append(1)
            tls.unwrap()

        tunnel = self.start(pour)
        with tunnel.connect() as client:
            end = time.monotonic() + LIMIT
            while self.cpu_of_a_second(tunnel) >= 0.2:
                self.assertLess(time.monotonic(), end, "busy while it can do nothing")
            self.assertLess(len(sent), 40, "the tunnel took more than it can hold")
            self.assertLess(tunnel.resident_kib(), 200_000 if SANITIZED else 24_000)
            self.assertTrue(read_all(client) == b"".join(all_of_it), "what came is not what was sent")

    def test_an_idle_connection_costs_nothing(self):
        tunnel = self.start(echo)
        with tunnel.connect() as client:
            client.sendall(b"x")
            self.assertEqual(client.recv(1), b"x")
            before = tunnel.cpu_seconds()
            time.sleep(1)
            self.assertLess(tunnel.cpu_seconds() - before, 0.1)

    def test_a_portal_that_comes_back(self):
        server = Server(echo)
        tunnel = Tunnel(server.port)
        self.addCleanup(tunnel.close)
        server.close()
        with tunnel.connect() as client:
            self.assertEqual(client.recv(1), b"")
        tunnel.wait_for_log("Connection refused")
        server = Server(echo, port=server.port)
        self.addCleanup(server.close)
        with tunnel.connect() as client:
            self.exchange(client, 1000, 100)

    def test_sigterm_ends_open_connections(self):
        server = Server(echo)
        self.addCleanup(server.close)
        tunnel = Tunnel(server.port)
        with tunnel.connect() as client:
            client.sendall(b"x")
            client.recv(1)
            started = time.monotonic()
            self.assertEqual(tunnel.close(), 0)
            self.assertLess(time.monotonic() - started, 15)


class Verification(unittest.TestCase):
    def refused(self, reason, *options, ca="ca", host="localhost", environment=None, **server_options):
        server = Server(echo, **server_options)
        self.addCleanup(server.close)
        tunnel = Tunnel(server.port, *options, ca=ca, host=host, environment=environment)
        self.addCleanup(tunnel.close)
        with tunnel.connect() as client:
            try:
                client.sendall(b"secret")
                self.assertEqual(client.recv(1), b"")
            except ConnectionError:
                pass
        self.assertIn("error: ", tunnel.wait_for_log(reason))

    def test_another_host_name(self):
        self.refused("hostname mismatch", certificate="wrong")

    def test_an_expired_certificate(self):
        self.refused("expired", certificate="expired")

    def test_a_ca_that_is_not_trusted(self):
        self.refused("unable to get local issuer", certificate="untrusted")

    def test_an_old_tls_where_the_host_would_allow_it(self):
        # OpenSSL's own defaults refuse it too; a host may have loosened them
        lax = WORK / "lax.cnf"
        lax.write_text("openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = lax\n"
                       "[lax]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n")
        self.refused("protocol version", newest=ssl.TLSVersion.TLSv1_1, environment={"OPENSSL_CONF": str(lax)})

    def test_an_address_is_looked_for_among_the_certificates_addresses(self):
        self.refused("IP address mismatch", host="127.0.0.1")
        server = Server(echo, certificate="address")
        self.addCleanup(server.close)
        tunnel = Tunnel(server.port, host="127.0.0.1")
        self.addCleanup(tunnel.close)
        with tunnel.connect() as client:
            client.sendall(b"hello")
            self.assertEqual(client.recv(5), b"hello")

    def test_a_name_other_than_the_hosts(self):
        server = Server(echo, certificate="wrong")
        self.addCleanup(server.close)
        tunnel = Tunnel(server.port, "--server-name", "elsewhere.example")
        self.addCleanup(tunnel.close)
        with tunnel.connect() as client:
            client.sendall(b"hello")
            self.assertEqual(client.recv(5), b"hello")


class Arguments(unittest.TestCase):
    def run_tunnel(self, *arguments):
        return subprocess.run([AZILR, "tunnel", *arguments], capture_output=True, text=True, timeout=LIMIT)

    def test_what_is_wrong_is_named(self):
        cases = [
            (("--listen", "127.0.0.1:0"), 2, "--connect"),
            (("--listen", "0.0.0.0:0", "--connect", "localhost:1"), 2, "not a loopback address"),
            (("--listen", "192.0.2.1:0", "--connect", "localhost:1"), 2, "not a loopback address"),
            (("--listen", "127.0.0.1:99999", "--connect", "localhost:1"), 2, "--listen"),
            (("--listen", "127.0.0.1:0", "--connect", "localhost"), 2, "--connect"),
            (("--listen", "127.0.0.1:0", "--connect", "localhost:0"), 2, "--connect"),
            (("--listen", "127.0.0.1:0", "--connect", "localhost:1", "--bogus"), 2, "unknown option"),
            (("--listen", "127.0.0.1:0", "--connect", "localhost:1", "--ca-file", "/nonexistent"), 2, "/nonexistent"),
        ]
        for arguments, code, text in cases:
            with self.subTest(arguments=arguments):
                result = self.run_tunnel(*arguments)
                self.assertEqual(result.returncode, code)
                self.assertIn(text, result.stderr)

    def test_a_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            result = self.run_tunnel("--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--connect", "localhost:1")
        self.assertEqual(result.returncode, 8)
        self.assertIn("in use", result.stderr)


if __name__ == "__main__":
    make_pki()
    try:
        unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
