"""A simulator for a test, an HTTPS client, and an iSCSI initiator small enough to read."""
from __future__ import annotations

import atexit
import hashlib
import http.client
import json
import shutil
import socket
import ssl
import tempfile
import unittest
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sim.pdu import BHS, pairs, unpairs
from sim.service import Options, Simulator

VERSION = "api-version=2023-02-01"
INITIATOR = "iqn.2026-11.test.example:initiator"
_PKI = Path(tempfile.mkdtemp(prefix="sim-selftest-pki."))
atexit.register(shutil.rmtree, _PKI, True)


class SimCase(unittest.TestCase):
    """One simulator a test class; switches are reset before each test."""

    backend = "none"
    config: dict[str, Any] = {}
    disks: list[str] = []

    @classmethod
    def setUpClass(cls) -> None:
        cls.folder = Path(tempfile.mkdtemp(prefix="sim-selftest."))
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.sim = Simulator(Options(folder=cls.folder, backend=cls.backend, config=cls.config, pki=_PKI,
                                    disks=cls.disks, tgt_portal="127.0.0.1:13269", tgt_control_port=69))
        cls.sim.start()
        cls.addClassCleanup(cls.sim.stop)
        cls.ready = json.loads((cls.folder / "ready.json").read_text())
        cls.token = (cls.folder / "token").read_text()
        cls.context = ssl.create_default_context(cafile=cls.ready["ca"])
        point = cls.ready["recovery_points"][-1]
        cls.point, cls.vm_id = point["id"], point["vm_id"]
        cls.item = cls.point.rpartition("/recoveryPoints/")[0]
        cls.vault = cls.point.partition("/backupFabrics/")[0]

    def setUp(self) -> None:
        self.sim.switches.reset()
        self.sim.ilr.revoke_all()

    def set(self, **switches: Any) -> None:
        self.sim.switches.set(switches)

    def connection(self) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection("localhost", self.ready["port"], context=self.context, timeout=10)
        self.addCleanup(connection.close)
        return connection

    def call(self, method: str, path: str, body: Any = None, token: str | None = "", headers: dict | None = None,
             ) -> tuple[int, Any, Any]:
        """Status, headers and body (JSON if it is that). A token of None sends none; "" the good one."""
        if path.startswith("https://"):
            parts = urlsplit(path)
            path = f"{parts.path}?{parts.query}"
        headers = dict(headers or {})
        if token is not None:
            headers.setdefault("Authorization", f"Bearer {token or self.token}")
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        connection = self.connection()
        connection.request(method, path.replace(" ", "%20"), body, headers)
        answer = connection.getresponse()
        data = answer.read()
        is_json = (answer.getheader("Content-Type") or "").startswith("application/json") and data
        return answer.status, answer.headers, json.loads(data) if is_json else data

    def code(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        status, _, answer = self.call(method, path, body, **more)
        return status, answer["error"]["code"]

    def body(self, **changes: Any) -> dict[str, Any]:
        properties = {"objectType": "IaasVMILRRegistrationRequest", "initiatorName": INITIATOR,
                      "recoveryPointId": self.point, "renewExistingRegistration": False,
                      "virtualMachineId": self.vm_id, **changes}
        return {"properties": {name: value for name, value in properties.items() if value is not None}}

    def provision(self, point: str | None = None, version: str = VERSION, **changes: Any) -> str:
        """Accepted; returns the URL of its status."""
        if point:
            changes["recoveryPointId"] = point
        status, headers, answer = self.call(
            "POST", f"{point or self.point}/provisionInstantItemRecovery?{version}", self.body(**changes))
        self.assertEqual((status, answer), (202, b""), answer)
        return headers["Azure-AsyncOperation"]

    def finished(self, url: str) -> dict[str, Any]:
        for _ in range(20):
            _, _, answer = self.call("GET", url)
            if answer["status"] != "InProgress":
                return answer
        self.fail("the operation does not end")

    def revoke(self, point: str | None = None) -> dict[str, Any]:
        status, headers, _ = self.call("POST", f"{point or self.point}/revokeInstantItemRecovery?{VERSION}", b"")
        self.assertEqual(status, 202)
        return self.finished(headers["Azure-AsyncOperation"])

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "requests.jsonl").read_text().splitlines()]

    def portal(self, name: str = "localhost", context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.ready["portal_port"]), timeout=10)
        tls = (context or self.context).wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False)
        self.addCleanup(tls.close)
        return tls


class Initiator:
    """Login with CHAP (RFC 7143, 6 and 12), SendTargets, and one SCSI command."""

    def __init__(self, stream: ssl.SSLSocket, name: str, user: str, password: str) -> None:
        self._stream, self._name, self._user, self._password = stream, name, user, password
        self._command = 0  # CmdSN

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._stream.recv(count - len(data))
            if not part:
                raise ConnectionError("the target closed the connection")
            data += part
        return data

    def _send(self, head: bytearray, data: bytes = b"") -> tuple[bytes, bytes]:
        head[5:8] = len(data).to_bytes(3, "big")
        self._stream.sendall(bytes(head) + data + b"\0" * (-len(data) % 4))
        answer = self._exactly(BHS)
        length = int.from_bytes(answer[5:8], "big")
        return answer, self._exactly(length + -length % 4)[:length]

    def _login(self, flags: int, keys: list[tuple[str, str]]) -> tuple[int, dict[str, str]]:
        head = bytearray(BHS)
        head[0], head[1] = 0x43, flags
        head[8:14] = b"\x80\0\0\0\0\1"
        answer, data = self._send(head, unpairs(keys))
        return int.from_bytes(answer[36:38], "big"), dict(pairs(data))

    def login(self, target: str | None) -> int:
        """0, or status class and detail: 0x0201 for a wrong secret, 0x0203 for no such target."""
        first = [("InitiatorName", self._name), ("AuthMethod", "CHAP")]
        first += [("SessionType", "Normal"), ("TargetName", target)] if target else [("SessionType", "Discovery")]
        status, _ = self._login(0x00, first)
        if status:
            return status
        status, keys = self._login(0x00, [("CHAP_A", "5")])
        if status:
            return status
        secret = bytes([int(keys["CHAP_I"])]) + self._password.encode() + bytes.fromhex(keys["CHAP_C"][2:])
        answer = "0x" + hashlib.md5(secret).hexdigest()
        status, _ = self._login(0x81, [("CHAP_N", self._user), ("CHAP_R", answer)])  # on to negotiation
        return status or self._login(0x87, [("MaxRecvDataSegmentLength", "65536")])[0]

    def send_targets(self) -> list[tuple[str, str]]:
        head = bytearray(BHS)
        head[0], head[1] = 0x04, 0x80
        head[16:20] = b"\0\0\0\1"
        head[20:24] = b"\xff" * 4
        return pairs(self._send(head, unpairs([("SendTargets", "All")]))[1])

    def inquiry(self, lun: int) -> bytes:
        head = bytearray(BHS)
        head[0], head[1], head[9] = 0x01, 0xC1, lun
        head[16:20], head[20:24] = b"\0\0\0\2", (96).to_bytes(4, "big")
        head[24:28] = self._command.to_bytes(4, "big")
        self._command += 1
        head[32:38] = b"\x12\0\0\0\x60\0"
        return self._send(head)[1]
