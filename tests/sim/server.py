"""HTTPS (and plain HTTP for managed identities): HTTP/1.1 with keep-alive, a thread a connection."""
from __future__ import annotations

import ssl
import time
import uuid
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable

from . import faults
from .arm import Arm
from .journal import Journal, loggable_json, request_entry
from .managed import Managed
from .message import Request, Response
from .oauth import OAuth, Tokens
from .errors import ArmError
from .switches import Switches

MAX_BODY = 4 << 20  # Resource Manager's own limit
IDLE_SECONDS = 120
MANAGED = ("imds", "arc")  # listeners, and the names of their calls
_LENGTH_REQUIRED = b"<html><head><title>Length Required</title></head><body><h2>Length Required</h2></body></html>"


class App:
    """From request to answer, with faults and log; knows nothing of sockets."""

    def __init__(self, arm: Arm, oauth: OAuth, managed: Managed, tokens: Tokens, switches: Switches,
                 journal: Journal) -> None:
        self._arm, self._oauth, self._managed, self._tokens = arm, oauth, managed, tokens
        self._switches, self._journal = switches, journal

    def handle(self, request: Request) -> Response | None:
        started = time.monotonic()
        self._note_bearer(request)
        sign_in = self._oauth.serves(request) if request.listener == "arm" else None
        is_token = sign_in is not None or request.listener in MANAGED
        if request.listener in MANAGED:
            request.call = request.listener
        elif sign_in:
            request.call = sign_in
        elif request.listener == "arm":
            self._arm.identify(request)
        body = self._oauth.loggable(request.body) if is_token else loggable_json(request.body)
        response = faults.before(request, self._switches) or self._answer(request, is_token)
        self._headers(request, response, is_token)
        final = faults.after(request, response, self._switches)
        self._journal.write(request_entry(request, body, final.status if final else None, started))
        return final

    def _answer(self, request: Request, is_token: bool) -> Response:
        if request.listener in MANAGED:
            return self._managed.handle(request)
        if request.listener != "arm":  # the trap: any request that gets here went astray
            return Response.json(200, {"status": "Succeeded", "properties": None, "value": []})
        if request.method in ("POST", "PUT", "PATCH") and request.body is None:
            return Response(411, _LENGTH_REQUIRED, "text/html; charset=us-ascii", close=True)
        return self._oauth.handle(request) if is_token else self._arm.handle(request)

    def _note_bearer(self, request: Request) -> None:
        try:
            self._tokens.check(request)
        except ArmError:
            pass

    @staticmethod
    def _headers(request: Request, response: Response, is_token: bool) -> None:
        """What every answer carries, unless the call set it."""
        have = {name.lower() for name, _ in response.headers}
        ident, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        common = [("Cache-Control", "no-cache"), ("Pragma", "no-cache"), ("Expires", "-1"),
                  ("Strict-Transport-Security", "max-age=31536000; includeSubDomains"),
                  ("X-Content-Type-Options", "nosniff"), ("x-ms-request-id", ident)]
        if not is_token:
            common += [("x-ms-correlation-request-id", correlation),
                       ("x-ms-routing-request-id", f"WESTEUROPE:{stamp}:{ident}")]
            client = request.headers.get("x-ms-client-request-id")
            if client and request.headers.get("x-ms-return-client-request-id", "").lower() == "true":
                common.append(("x-ms-client-request-id", client))
        response.headers += [(name, value) for name, value in common if name.lower() not in have]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Microsoft-HTTPAPI/2.0"
    sys_version = ""
    timeout = IDLE_SECONDS
    disable_nagle_algorithm = True
    server: "HttpsServer"

    def _serve(self) -> None:
        length = self.headers.get("Content-Length")
        body: bytes | None = None
        if length is not None:
            if not length.isdigit() or int(length) > MAX_BODY:
                self.send_error(413 if length.isdigit() else 400)
                self.close_connection = True
                return
            body = self.rfile.read(int(length))
        elif self.headers.get("Transfer-Encoding"):
            self.close_connection = True  # chunks are not read here, see README.md
        request = Request(self.command, self.path, self.headers, body, self.server.name)
        response = self.server.app.handle(request)
        if response is None:
            self.close_connection = True
            return
        self._write(response)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

    def _write(self, response: Response) -> None:
        headers = [("Server", self.version_string()), ("Date", self.date_time_string())]
        if response.content_type:
            headers.append(("Content-Type", response.content_type))
        if response.status != 204:
            headers.append(("Content-Length", str(len(response.body))))
        headers += response.headers
        if response.close:
            headers.append(("Connection", "close"))
            self.close_connection = True
        reason = self.responses.get(response.status, ("Unknown", ""))[0]
        head = f"HTTP/1.1 {response.status} {reason}\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers) + "\r\n"
        data = head.encode("latin-1", "replace") + (b"" if self.command == "HEAD" else response.body)
        if response.cut_after is not None:
            data = data[:response.cut_after]
            self.close_connection = True
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        pass  # the journal has it


class HttpsServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], context: Callable[[], ssl.SSLContext] | None, app: App,
                 name: str) -> None:
        super().__init__(address, _Handler)
        self.context, self.app, self.name = context, app, name

    def finish_request(self, request: Any, client_address: Any) -> None:
        """The handshake is done in the connection's own thread, so that a slow client keeps nobody waiting."""
        request.settimeout(30)
        try:
            if self.context is None:
                _Handler(request, client_address, self)
                return
            with self.context().wrap_socket(request, server_side=True) as tls:
                _Handler(tls, client_address, self)
        except (ssl.SSLError, OSError):
            pass

    def handle_error(self, request: Any, client_address: Any) -> None:
        import sys
        import traceback
        error = sys.exc_info()[1]
        if not isinstance(error, (OSError, ssl.SSLError)):
            traceback.print_exc()
