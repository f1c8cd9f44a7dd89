"""The portal: TLS outside, iSCSI (or an echo) inside."""
from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
import time
from typing import Callable

from .journal import Journal
from .pdu import Downstream, Upstream, Watch
from .pki import Pki
from .switches import Switches
from .target import NoBackend

_LIMIT = 256 << 10   # bytes held for a slow reader before the fast writer is no longer read
_CHUNK = 64 << 10


def _end(peer: socket.socket) -> None:
    """Shut a socket that another thread is using. The plain method on purpose: SSLSocket's own forgets the TLS
    state, and the relay would then read ciphertext."""
    try:
        socket.socket.shutdown(peer, socket.SHUT_RDWR)
    except OSError:
        pass


class Relay:
    """One TLS connection joined to one plain one, in one thread: an SSL object must not be used by two."""

    def __init__(self, tls: ssl.SSLSocket, plain: socket.socket, up: Callable[[bytes], bytes],
                 down: Callable[[bytes], bytes], drop_after: int | None = None) -> None:
        self._tls, self._plain, self._up_filter, self._down_filter = tls, plain, up, down
        self._drop_after = drop_after
        self._up, self._down = bytearray(), bytearray()
        self._tls_eof = self._plain_eof = self._plain_shut = self._tls_shut = False
        self._tls_wants_write = False
        self.bytes_up = self.bytes_down = 0
        self.end = "closed"

    def run(self) -> None:
        self._tls.setblocking(False)
        self._plain.setblocking(False)
        try:
            while not (self._plain_shut and self._tls_shut):
                moved = self._read_tls() | self._write_plain() | self._read_plain() | self._write_tls()
                if self._drop_after is not None and self.bytes_down >= self._drop_after:
                    self.end = "dropped"
                    return
                if not moved and not (self._plain_shut and self._tls_shut):
                    self._wait()
        except ssl.SSLError as error:
            self.end = f"tls: {error.reason or error}"
        except OSError as error:
            self.end = f"socket: {error.strerror}"

    def _wait(self) -> None:
        read, write = [], []
        if not self._tls_eof and len(self._up) < _LIMIT:
            read.append(self._tls)
        if not self._plain_eof and len(self._down) < _LIMIT:
            read.append(self._plain)
        if self._up:
            write.append(self._plain)
        if self._down or self._tls_wants_write:
            write.append(self._tls)
        self._tls_wants_write = False
        select.select(read, write, [], 60)

    def _read_tls(self) -> bool:
        if self._tls_eof or len(self._up) >= _LIMIT:
            return False
        try:
            data = self._tls.recv(_CHUNK)
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLWantWriteError:
            self._tls_wants_write = True
            return False
        except ssl.SSLZeroReturnError:  # the peer's close_notify after our own
            data = b""
        self._tls_eof = not data
        self.bytes_up += len(data)
        self._up += self._up_filter(data)
        return True

    def _write_plain(self) -> bool:
        if self._up:
            try:
                del self._up[:self._plain.send(memoryview(bytes(self._up[:_CHUNK])))]
                return True
            except BlockingIOError:
                return False
        if self._tls_eof and not self._plain_shut:
            self._plain.shutdown(socket.SHUT_WR)
            self._plain_shut = True
            return True
        return False

    def _read_plain(self) -> bool:
        if self._plain_eof or len(self._down) >= _LIMIT:
            return False
        try:
            data = self._plain.recv(_CHUNK)
        except BlockingIOError:
            return False
        self._plain_eof = not data
        self._down += self._down_filter(data)
        return True

    def _write_tls(self) -> bool:
        if self._down:
            try:
                sent = self._tls.send(bytes(self._down[:16 << 10]))
            except ssl.SSLWantWriteError:
                return False
            except ssl.SSLWantReadError:
                return False
            del self._down[:sent]
            self.bytes_down += sent
            return True
        if self._plain_eof and not self._tls_shut:
            self._tls_shut = True
            try:
                self._tls.unwrap()  # sends close_notify; the peer's own may come later
                self._tls_eof = True
            except ssl.SSLError:
                pass
            return True
        return False


class Portal:
    def __init__(self, address: tuple[str, int], pki: Pki, switches: Switches, backend: NoBackend, journal: Journal,
                 any_ready: Callable[[], bool]) -> None:
        self._pki, self._switches, self._backend, self._journal = pki, switches, backend, journal
        self._any_ready = any_ready
        self._lock = threading.Lock()
        self._live: set[socket.socket] = set()
        self._watches: dict[socket.socket, Watch] = {}
        self._contexts: dict[tuple[str, str | None], ssl.SSLContext] = {}
        self._listener: socket.socket | None = None
        self.address = address
        self.connections = self.writes = 0
        self._open()
        switches.watch(self._follow_switches)
        self._follow_switches()

    def _open(self) -> None:
        listener = socket.create_server(self.address, backlog=64)
        self.address = listener.getsockname()[:2]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True, name="portal").start()

    def _shut(self) -> None:
        if self._listener:
            try:
                self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept, which close alone does not
            except OSError:
                pass
            self._listener.close()
            self._listener = None

    def _follow_switches(self) -> None:
        with self._lock:
            if self._switches.portal_closed:
                self._shut()
            elif self._listener is None:
                self._open()

    def close(self) -> None:
        with self._lock:
            self._shut()
            for peer in self._live:
                _end(peer)

    def drop(self, targets: list[str]) -> None:
        """End the sessions on these targets, so that tgtd has none left when they are taken away: told to delete a
        target that has sessions with commands under way, it may exit."""
        with self._lock:
            for peer, watch in self._watches.items():
                if watch.target in targets:
                    _end(peer)
        deadline = time.monotonic() + 2
        while time.monotonic() < deadline:
            with self._lock:
                if not any(watch.target in targets for watch in self._watches.values()):
                    return
            time.sleep(0.01)

    def cut(self) -> int:
        """Cut every connection as a broken network would."""
        with self._lock:
            for peer in self._live:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                _end(peer)
            return len(self._live)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True, name="portal-peer").start()

    def _context(self) -> ssl.SSLContext:
        key = (self._switches.portal_cert, self._switches.portal_tls_max)
        if key not in self._contexts:
            self._contexts[key] = self._pki.context(self._pki.portal(key[0]), key[1])
        return self._contexts[key]

    def _serve(self, peer: socket.socket) -> None:
        started = time.monotonic()
        entry: dict = {"sni": None, "tls": None, "cipher": None, "end": "closed"}
        self.connections += 1
        with self._lock:
            self._live.add(peer)
        try:
            self._connection(peer, entry)
        except (ssl.SSLError, OSError) as error:
            entry["end"] = f"{type(error).__name__}: {getattr(error, 'reason', None) or error}"
        finally:
            with self._lock:
                self._live = {one for one in self._live if one.fileno() != -1 and one is not peer}
            peer.close()
            entry["seconds"] = round(time.monotonic() - started, 3)
            self._journal.write(entry)

    def _connection(self, peer: socket.socket, entry: dict) -> None:
        peer.settimeout(30)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while self._switches.portal_stall and self._listener:
            time.sleep(0.2)
        context = self._context()
        context.sni_callback = lambda tls, name, _context: setattr(tls, "sim_sni", name)
        # an abrupt end must show as one, hence suppress_ragged_eofs
        tls = context.wrap_socket(peer, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False)
        with self._lock:
            self._live.discard(peer)
            self._live.add(tls)
        with tls:
            tls.do_handshake()
            cipher = tls.cipher()
            entry |= {"sni": getattr(tls, "sim_sni", None), "tls": tls.version(), "cipher": cipher[0] if cipher else None}
            gate = self._switches.portal_gate
            if (self._backend.gated if gate is None else gate) and not self._any_ready():
                entry["end"] = "refused: no registration is active"
                return
            plain = self._backend.connect()
            if plain is None:
                entry["end"] = "no backend"
                return
            with plain:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._relay(tls, plain, entry)

    def _relay(self, tls: ssl.SSLSocket, plain: socket.socket, entry: dict) -> None:
        watch = Watch()
        up: Callable[[bytes], bytes] = bytes
        down: Callable[[bytes], bytes] = bytes
        if self._backend.is_iscsi:
            up, down = Upstream(watch).feed, Downstream(watch, self._discovery).feed
        relay = Relay(tls, plain, up, down, self._switches.portal_drop_after)
        with self._lock:
            self._watches[tls] = watch
        try:
            relay.run()
        finally:
            with self._lock:
                del self._watches[tls]
                self.writes += watch.writes
        entry |= {"end": relay.end, "bytes_up": relay.bytes_up, "bytes_down": relay.bytes_down}
        if self._backend.is_iscsi:
            entry |= {"initiator": watch.initiator, "target": watch.target, "session": watch.session,
                      "chap_user": watch.chap_user, "login": watch.login, "digests": watch.digests,
                      "commands": watch.commands, "writes": watch.writes, "targets_shown": watch.targets_shown}

    def _discovery(self, items: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Azure's answer has names and no address; a target that is being prepared, or that this host may not
        have, shows it in its name."""
        mark = {"normal": "", "notready": "-notready", "blocked": "-blocked"}[self._switches.discovery]
        return [(key, value + mark if key == "TargetName" else value) for key, value in items
                if key != "TargetAddress" or self._switches.discovery_address]
