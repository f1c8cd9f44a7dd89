"""What stands behind the portal: real iSCSI targets of a tgtd of our own, or a plain echo or sink."""
from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .ilr import Registration

VENDOR = "MABILR I"
# struct tgtadm_req of tgt 1.0.85 and its account mode, as a trace of tgtadm shows them
_ADM_REQUEST = struct.Struct("=II64sIiQQIIIIII")
_MODE_ACCOUNT, _OP_NEW, _ACCOUNT_INCOMING = 7, 0, 0
_ANY = 2**64 - 1


class BackendError(RuntimeError):
    """The backend could not do what a registration needs."""


class NoBackend:
    """Connections are accepted, taken through TLS, and closed."""

    gated = False      # does the portal refuse when no registration is active?
    is_iscsi = False   # may the portal read PDUs?

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass

    def connect(self) -> socket.socket | None:
        return None

    def add(self, registration: "Registration") -> None:
        pass

    def renew(self, registration: "Registration", old_user: str) -> None:
        pass

    def remove(self, registration: "Registration") -> None:
        pass


class StreamBackend(NoBackend):
    """Sends back what it gets (echo), or swallows it and at its end says how many bytes it was (sink)."""

    def __init__(self, sink: bool) -> None:
        self._sink = sink
        self._listener: socket.socket | None = None

    def start(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True, name="stream-backend").start()

    def stop(self) -> None:
        if self._listener:
            self._listener.close()

    def connect(self) -> socket.socket | None:
        assert self._listener
        return socket.create_connection(self._listener.getsockname())

    def _accept(self) -> None:
        assert self._listener
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        total = 0
        with peer:
            try:
                while data := peer.recv(1 << 16):
                    total += len(data)
                    if not self._sink:
                        peer.sendall(data)
                if self._sink:
                    peer.sendall(f"{total}\n".encode())
            except OSError:
                pass


@dataclass(frozen=True)
class TgtOptions:
    portal: str        # address:port that tgtd listens on
    control_port: int  # tgtd -C
    folder: Path       # for its log and its control socket


def _die_with_parent() -> None:
    """In the child: PR_SET_PDEATHSIG, so that a killed simulator leaves no tgtd."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class TgtBackend(NoBackend):
    gated = True
    is_iscsi = True

    def __init__(self, options: TgtOptions) -> None:
        self._options = options
        # tgtd appends ".<control port>"; a socket of our own keeps it apart from any other tgtd
        self._socket = options.folder / "tgtd.sock"
        if len(str(self._socket)) > 90:
            raise BackendError(f"{options.folder}: too long a path for tgtd's control socket")
        self._env = {**os.environ, "TGT_IPC_SOCKET": str(self._socket)}
        self._tgtd: subprocess.Popen[bytes] | None = None
        self._next_tid = 1
        self._tids: dict[str, list[int]] = {}  # by registration
        self._discovery_users: list[str] = []  # in the order in which tgtd has them
        self._lock = threading.RLock()

    def start(self) -> None:
        log = self._options.folder / "tgtd.log"
        try:
            with open(log, "wb") as out:
                self._tgtd = subprocess.Popen(
                    ["tgtd", "-f", "-C", str(self._options.control_port),
                     "--iscsi", f"portal={self._options.portal}"],
                    env=self._env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, preexec_fn=_die_with_parent)
        except FileNotFoundError:
            raise BackendError("tgtd is missing (Debian: apt-get install tgt)") from None
        if not self._answers() or b"failed to create/bind" in log.read_bytes():  # which tgtd survives
            self.stop()
            raise BackendError(f"tgtd did not start on {self._options.portal}: "
                               + log.read_text(errors="replace").strip())

    def _answers(self) -> bool:
        assert self._tgtd
        for _ in range(100):
            if self._tgtd.poll() is not None:
                return False
            try:
                if "Portal:" in self._adm("--mode", "portal", "--op", "show"):
                    return True
            except BackendError:
                pass
            time.sleep(0.1)
        return False

    def stop(self) -> None:
        """tgtd pays no heed to SIGTERM, and has nothing to lose by SIGKILL: images are files, written through."""
        if self._tgtd:
            self._tgtd.kill()
            self._tgtd.wait()
            self._tgtd = None
        for path in self._options.folder.glob("tgtd.sock*"):
            path.unlink()

    def connect(self) -> socket.socket | None:
        host, _, port = self._options.portal.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), timeout=10)

    def add(self, registration: "Registration") -> None:
        with self._lock:
            tids = self._tids.setdefault(registration.id, [])
            try:
                self._account(registration)
                for target in registration.targets:
                    tid, self._next_tid = self._next_tid, self._next_tid + 1
                    self._adm("--mode", "target", "--op", "new", "--tid", str(tid), "-T", target.name)
                    tids.append(tid)
                    for lun, disk in enumerate(target.disks, 1):
                        self._new_disk(tid, lun, disk.path, disk.product, disk.readonly)
                    self._bind(tid, registration)
            except BackendError:
                self.remove(registration)
                raise

    def _new_disk(self, tid: int, lun: int, path: str, product: str, readonly: bool) -> None:
        where = ("--mode", "logicalunit", "--tid", str(tid), "--lun", str(lun))
        if not os.path.exists(path):
            raise BackendError(f"disk image {path} is missing")
        self._adm(*where, "--op", "new", "-b", os.path.abspath(path))
        params = f"vendor_id={VENDOR},product_id={product}" + (",readonly=1" if readonly else "")
        self._adm(*where, "--op", "update", "--params", params)

    def _bind(self, tid: int, registration: "Registration") -> None:
        """This initiator only. No address is bound beside it: for tgtd either would do."""
        try:
            self._adm("--mode", "target", "--op", "bind", "--tid", str(tid), "-Q", registration.initiator)
        except BackendError:
            if registration.initiator not in self._adm("--mode", "target", "--op", "show"):
                raise
        self._adm("--mode", "account", "--op", "bind", "--tid", str(tid), "--user", registration.chap_user)

    def renew(self, registration: "Registration", old_user: str) -> None:
        """New credentials on the same targets; sessions that are logged in stay."""
        with self._lock:
            tids = self._tids[registration.id]
            for tid in tids:
                self._quietly("--mode", "account", "--op", "unbind", "--tid", str(tid), "--user", old_user)
            self._drop_account(old_user)
            self._account(registration)
            for tid in tids:
                self._bind(tid, registration)

    def remove(self, registration: "Registration") -> None:
        with self._lock:
            for tid in self._tids.pop(registration.id, []):
                self._quietly("--mode", "target", "--op", "delete", "--force", "--tid", str(tid))
            self._drop_account(registration.chap_user)

    def _account(self, registration: "Registration") -> None:
        self._new_account(registration.chap_user, registration.target_password)
        # an account bound to no target is one for discovery
        self._adm("--mode", "account", "--op", "bind", "--user", registration.chap_user)
        self._discovery_users.append(registration.chap_user)

    def _drop_account(self, user: str) -> None:
        """tgtd keeps accounts in an array, and a gap in it makes it crash at the next look (1.0.85): so take away
        from the end, down to the one that goes, and put the rest back."""
        users = self._discovery_users
        at = users.index(user) if user in users else len(users)
        for name in reversed(users[at:]):
            self._quietly("--mode", "account", "--op", "unbind", "--user", name)
        self._quietly("--mode", "account", "--op", "delete", "--user", user)
        for name in users[at + 1:]:
            self._adm("--mode", "account", "--op", "bind", "--user", name)
        del users[at:at + 1]

    def _quietly(self, *args: str) -> None:
        try:
            self._adm(*args)
        except BackendError:
            pass

    def _adm(self, *args: str) -> str:
        done = subprocess.run(["tgtadm", "-C", str(self._options.control_port), "--lld", "iscsi", *args],
                              env=self._env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=30, check=False)
        if done.returncode:
            raise BackendError(f"tgtadm {' '.join(args[:4])}: {done.stderr.strip() or done.returncode}")
        return done.stdout

    def _new_account(self, user: str, password: str) -> None:
        """Straight to tgtd's socket: as an argument of tgtadm the password would show in /proc/*/cmdline."""
        params = f"user={user},password={password}".encode() + b"\0"
        request = _ADM_REQUEST.pack(_MODE_ACCOUNT, _OP_NEW, b"iscsi", _ADM_REQUEST.size + len(params), -1, 0, _ANY,
                                    0, 0, 0, _ACCOUNT_INCOMING, 0, 0)
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(30)
            control.connect(f"{self._socket}.{self._options.control_port}")
            control.sendall(request + params)
            answer = control.recv(8)
        if len(answer) < 4 or struct.unpack("=I", answer[:4])[0] != 0:
            raise BackendError("tgtd refused the CHAP account")
