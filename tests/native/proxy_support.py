# SPDX-License-Identifier: MIT
"""A proxy for the tests of those that go through one."""
import base64
import contextlib
import select
import socket
import threading


class Proxy:
    """CONNECT, for whoever knows the password (None: for all). spoil: what happens to the first tunnels, one each: an
    answer that is no tunnel, b"" to close without one, or None for a good one."""

    def __init__(self, password="me:word", spoil=()):
        self.wanted = b"Proxy-Authorization: Basic " + base64.b64encode(password.encode()) if password else b""
        self.heads, self.spoil = [], list(spoil)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def end(self):
        # close() alone would leave the port to the thread that waits at it
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self._talk, args=(self.listener.accept()[0],), daemon=True).start()

    def _talk(self, client):
        with client, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.heads.append(head)
            spoiled = self.spoil.pop(0) if self.spoil else None
            if spoiled is not None:
                client.sendall(spoiled)
                return
            if self.wanted not in head:
                client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
            host, _, port = head.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                ends = {client: server, server: client}
                while True:
                    for ready in select.select(list(ends), [], [])[0]:
                        data = ready.recv(65536)
                        if not data:
                            return
                        ends[ready].sendall(data)
