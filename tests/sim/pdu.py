"""Just enough of iSCSI (RFC 7143) to watch a session go by: who logs in where, which commands write, and the
SendTargets answer, which is rewritten to be like Azure's."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

BHS = 48
_SCSI_COMMAND, _LOGIN, _TEXT, _LOGIN_ANSWER, _TEXT_ANSWER = 0x01, 0x03, 0x04, 0x23, 0x24
# Commands that change the medium: WRITE 6/10/12/16, WRITE AND VERIFY, WRITE SAME, UNMAP, COMPARE AND WRITE, FORMAT
WRITES = frozenset((0x0A, 0x2A, 0xAA, 0x8A, 0x2E, 0xAE, 0x8E, 0x41, 0x93, 0x42, 0x89, 0x04))


@dataclass
class Watch:
    """What one connection turned out to be."""

    initiator: str | None = None
    target: str | None = None
    session: str | None = None   # Discovery or Normal
    chap_user: str | None = None
    login: str | None = None     # class.detail of the target's last login answer, as 0x0201
    digests: bool = False        # then PDUs can no longer be told apart here
    full_feature: bool = False
    writes: int = 0
    commands: int = 0
    targets_shown: list[str] = field(default_factory=list)


def pairs(data: bytes) -> list[tuple[str, str]]:
    texts = [part.decode("utf-8", "replace") for part in data.split(b"\0") if part]
    return [(key, value) for key, _, value in (text.partition("=") for text in texts)]


def unpairs(items: list[tuple[str, str]]) -> bytes:
    return b"".join(f"{key}={value}".encode() + b"\0" for key, value in items)


def _lengths(head: bytes | bytearray) -> tuple[int, int, int]:
    """Bytes of: header with its extension, data, and all of the PDU."""
    header = BHS + head[4] * 4
    data = int.from_bytes(head[5:8], "big")
    return header, data, header + (data + 3) // 4 * 4


class Upstream:
    """Initiator to target: passes all on, reads logins, counts writes."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._part = bytearray()
        self._skip = 0

    def feed(self, data: bytes) -> bytes:
        if not self._watch.digests:
            self._scan(data)
        return data

    def _scan(self, data: bytes) -> None:
        view, at = memoryview(data), 0
        while at < len(view):
            if self._skip:
                step = min(self._skip, len(view) - at)
                self._skip -= step
                at += step
                continue
            want = BHS if len(self._part) < BHS else _lengths(self._part)[2]
            step = min(want - len(self._part), len(view) - at)
            self._part += view[at:at + step]
            at += step
            if len(self._part) < BHS:
                return
            opcode, total = self._part[0] & 0x3F, _lengths(self._part)[2]
            if opcode == _LOGIN and len(self._part) < total:
                continue
            self._seen(opcode)
            self._skip = total - len(self._part)
            self._part.clear()

    def _seen(self, opcode: int) -> None:
        watch = self._watch
        if opcode == _SCSI_COMMAND:
            watch.commands += 1
            watch.writes += self._part[32] in WRITES
        elif opcode == _LOGIN:
            header, length, _ = _lengths(self._part)
            keys = dict(pairs(bytes(self._part[header:header + length])))
            watch.initiator = keys.get("InitiatorName", watch.initiator)
            watch.target = keys.get("TargetName", watch.target)
            watch.session = keys.get("SessionType", watch.session or "Normal")
            watch.chap_user = keys.get("CHAP_N", watch.chap_user)


class Downstream:
    """Target to initiator: holds PDUs until they are whole while in login or discovery, then lets all through."""

    def __init__(self, watch: Watch, rewrite: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> None:
        self._watch, self._rewrite = watch, rewrite
        self._part = bytearray()
        self._through = False

    def feed(self, data: bytes) -> bytes:
        if self._through:
            return data
        self._part += data
        out = bytearray()
        while not self._through and len(self._part) >= BHS:
            total = _lengths(self._part)[2]
            if len(self._part) < total:
                break
            pdu = bytes(self._part[:total])
            del self._part[:total]
            out += self._one(pdu)
        if self._through:
            out += self._part
            self._part.clear()
        return bytes(out)

    def _one(self, pdu: bytes) -> bytes:
        watch, opcode = self._watch, pdu[0] & 0x3F
        header, length, _ = _lengths(pdu)
        data = pdu[header:header + length]
        if opcode == _LOGIN_ANSWER:
            watch.login = f"0x{pdu[36]:02x}{pdu[37]:02x}"
            keys = dict(pairs(data))
            if "CRC32C" in (keys.get("HeaderDigest"), keys.get("DataDigest")):
                watch.digests = True
            # transit to full feature phase, with success
            if pdu[1] & 0x80 and pdu[1] & 0x03 == 3 and pdu[36] == 0:
                watch.full_feature = True
                self._through = watch.session != "Discovery" or watch.digests
        elif opcode == _TEXT_ANSWER and watch.session == "Discovery":
            data = unpairs(self._rewrite(pairs(data)))
            watch.targets_shown = [value for key, value in pairs(data) if key == "TargetName"]
            return pdu[:5] + len(data).to_bytes(3, "big") + pdu[8:header] + data + b"\0" * (-len(data) % 4)
        return pdu
