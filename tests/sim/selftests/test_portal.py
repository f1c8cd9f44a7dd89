"""The portal: certificates, relay, and what is read of iSCSI."""
from __future__ import annotations

import json
import os
import socket
import ssl
import threading
import time
import unittest

from sim.pdu import BHS, Downstream, Upstream, Watch, pairs, unpairs

from .support import SimCase


def read_all(stream: socket.socket) -> bytes:
    data = b""
    try:
        while part := stream.recv(1 << 16):
            data += part
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        pass
    return data


class Echo(SimCase):
    backend = "echo"

    def test_round_trip_and_half_close(self) -> None:
        tls = self.portal()
        data = os.urandom(3 << 20)
        got: list[bytes] = []
        reader = threading.Thread(target=lambda: got.append(read_all(tls)))
        tls.settimeout(20)
        # one thread at a time may use an SSL object, so write first what fits, then read
        tls.sendall(data[:100000])
        self.assertEqual(self._exactly(tls, 100000), data[:100000])
        sent = 0
        while sent < len(data):
            tls.sendall(data[sent:sent + 65536])
            piece = min(65536, len(data) - sent)
            self.assertEqual(self._exactly(tls, piece), data[sent:sent + piece])
            sent += piece
        self._half_close(tls)
        reader.start()
        reader.join(10)
        self.assertEqual(got, [b""])

    @staticmethod
    def _half_close(tls: ssl.SSLSocket) -> None:
        tls.settimeout(0)
        try:
            tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        tls.settimeout(10)

    @staticmethod
    def _exactly(tls: ssl.SSLSocket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += tls.recv(count - len(data))
        return data

    def test_twelve_as_the_real_one(self) -> None:
        context = ssl.create_default_context(cafile=self.ready["ca"])
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE-RSA-AES256-GCM-SHA384")
        self.assertEqual(self.portal("pod01-rec2.weu.backup.windowsazure.com", context).cipher()[0],
                         "ECDHE-RSA-AES256-GCM-SHA384")

    def test_certificates(self) -> None:
        for kind, message in (("wrong_name", "mismatch"), ("expired", "expired"), ("untrusted", "local issuer")):
            self.set(portal_cert=kind)
            with self.assertRaises(ssl.SSLCertVerificationError) as caught:
                self.portal()
            self.assertIn(message, str(caught.exception))
        self.set(portal_cert="good")
        self.portal()

    def test_old_tls(self) -> None:
        self.set(portal_tls_max="1.1")
        with self.assertRaises(ssl.SSLError):
            self.portal()

    def test_closed_and_open_again(self) -> None:
        self.set(portal_closed=True)
        with self.assertRaises(ConnectionRefusedError):
            self.portal()
        self.set(portal_closed=False)
        self.portal()

    def test_drop(self) -> None:
        self.set(portal_drop_after=1000)
        tls = self.portal()
        tls.sendall(b"x" * 2000)
        self.assertLess(len(read_all(tls)), 2001)

    def test_gate(self) -> None:
        self.set(portal_gate=True)
        self.assertEqual(read_all(self.portal()), b"")

    def test_log(self) -> None:
        self.portal().close()
        for _ in range(50):
            lines = (self.folder / "portal.jsonl").read_text().splitlines()
            if lines and json.loads(lines[-1])["sni"] == "localhost":
                return
            time.sleep(0.05)
        self.fail("no log line")


class Sink(SimCase):
    backend = "sink"

    def test_counts(self) -> None:
        tls = self.portal()
        tls.sendall(b"x" * 300000)
        Echo._half_close(tls)
        self.assertEqual(read_all(tls), b"300000\n")


def pdu(opcode: int, data: bytes = b"", flags: int = 0x80, **at: int) -> bytes:
    head = bytearray(BHS)
    head[0], head[1] = opcode, flags
    head[5:8] = len(data).to_bytes(3, "big")
    for offset, value in at.items():
        head[int(offset[1:])] = value
    return bytes(head) + data + b"\0" * (-len(data) % 4)


class Pdus(unittest.TestCase):
    def test_writes_are_counted_however_the_bytes_come(self) -> None:
        stream = (pdu(0x43, unpairs([("InitiatorName", "iqn.i"), ("SessionType", "Normal"), ("TargetName", "iqn.t")]))
                  + pdu(0x01, _32=0x28) + pdu(0x01, b"y" * 513, _32=0x2A) + pdu(0x05, b"\x2a" * 5000)
                  + pdu(0x01, _32=0x8A) + pdu(0x01, _32=0x12))
        for step in (1, 7, 48, 100000):
            watch = Watch()
            up = Upstream(watch)
            out = b"".join(up.feed(stream[i:i + step]) for i in range(0, len(stream), step))
            self.assertEqual((out, watch.writes, watch.commands), (stream, 2, 4))
            self.assertEqual((watch.initiator, watch.target, watch.session), ("iqn.i", "iqn.t", "Normal"))

    def test_discovery_is_rewritten(self) -> None:
        answer = unpairs([("TargetName", "iqn.t"), ("TargetAddress", "127.0.0.1:1,1")])
        stream = pdu(0x23, flags=0x87) + pdu(0x24, answer)
        for step in (1, 50, 100000):
            watch = Watch(session="Discovery")
            down = Downstream(watch, lambda items: [(k, v + "-x") for k, v in items if k == "TargetName"])
            out = b"".join(down.feed(stream[i:i + step]) for i in range(0, len(stream), step))
            self.assertEqual(out, pdu(0x23, flags=0x87) + pdu(0x24, unpairs([("TargetName", "iqn.t-x")])))

    def test_other_sessions_pass_after_login(self) -> None:
        down = Downstream(Watch(session="Normal"), lambda items: items)
        data = os.urandom(1000)
        self.assertEqual(down.feed(pdu(0x23, flags=0x87) + data), pdu(0x23, flags=0x87) + data)
        self.assertEqual(pairs(b"A=b=c\0\0"), [("A", "b=c")])
