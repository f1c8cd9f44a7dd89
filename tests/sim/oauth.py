"""The token end point of the sign-in service, and the tokens it gave."""
from __future__ import annotations

import re
import secrets
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Callable
from urllib.parse import parse_qsl

from . import errors
from .message import Request, Response
from .pki import CLOUD_HOSTS

TOKEN_PATH = re.compile(r"/([^/]+)/oauth2/v2\.0/token")
FIELDS = {"grant_type", "scope", "client_id", "client_secret"}


def us_time(seconds: float) -> str:
    """A time as .NET writes it for en-US, the form Resource Manager puts into its messages."""
    t = datetime.fromtimestamp(seconds, timezone.utc)
    return f"{t.month}/{t.day}/{t.year} {t.hour % 12 or 12}:{t:%M:%S} {'AM' if t.hour < 12 else 'PM'}"


@dataclass
class Credentials:
    tenant: str
    client: str
    secret: str
    oid: str = "00000000-0000-4000-8000-0000000000b2"


class Tokens:
    """Tokens are random and mean nothing; what counts is when each ends."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self._lock = threading.Lock()
        self._ends: dict[str, float] = {}

    def issue(self, lifetime: float) -> str:
        token = "sim." + secrets.token_urlsafe(96)
        self.add(token, lifetime)
        return token

    def add(self, token: str, lifetime: float) -> None:
        with self._lock:
            self._ends[token] = time.time() + lifetime

    def expire_all(self) -> None:
        with self._lock:
            now = time.time()
            self._ends = {token: min(end, now - 1) for token, end in self._ends.items()}

    def all(self) -> list[str]:
        with self._lock:
            return list(self._ends)

    def check(self, request: Request) -> None:
        """Note in the request what its bearer is worth; raise unless it is good."""
        values = request.headers.get_all("Authorization") or []
        if not values:
            request.bearer = "none"
            raise errors.no_authorization(self.tenant)
        match = re.fullmatch(r"Bearer ([A-Za-z0-9._~+/-]+=*)", values[0], re.I)
        if len(values) > 1 or not match:
            request.bearer = "malformed"
            raise errors.bad_authorization(self.tenant)
        with self._lock:
            end = self._ends.get(match[1])
        if end is None:
            request.bearer = "invalid"
            raise errors.invalid_token(self.tenant)
        if end <= time.time():
            request.bearer = "expired"
            raise errors.expired_token(self.tenant, us_time(end), us_time(time.time()))
        request.bearer = "valid"


class OAuth:
    def __init__(self, credentials: Credentials, tokens: Tokens, lifetime: Callable[[], float]) -> None:
        self._who = credentials
        self._tokens = tokens
        self._lifetime = lifetime

    @staticmethod
    def serves(request: Request) -> bool:
        return TOKEN_PATH.fullmatch(request.path) is not None

    def handle(self, request: Request) -> Response:
        if request.method != "POST":
            return self._error(405, "invalid_request", 900561, "The endpoint only accepts POST requests. "
                               f"Received a {request.method} request.")
        kind = (request.headers.get("Content-Type") or "").split(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            return self._error(400, "invalid_request", 900144, "The request body must contain the following "
                               "parameter: 'grant_type'.")
        pairs = parse_qsl((request.body or b"").decode("utf-8", "replace"), keep_blank_values=True)
        form = dict(pairs)
        if len(form) != len(pairs):
            return self._error(400, "invalid_request", 9000411, "The request is not properly formatted. A parameter "
                               "is duplicated.")
        tenant = TOKEN_PATH.fullmatch(request.path)[1]  # type: ignore[index]
        if tenant.lower() != self._who.tenant.lower():
            return self._error(400, "invalid_request", 90002, f"Tenant '{tenant}' not found. Check to make sure you "
                               "have the correct tenant ID and are signing into the correct cloud.")
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                return self._error(400, "invalid_request", 900144, "The request body must contain the following "
                                   f"parameter: '{name}'.")
        return self._client_credentials(request, form)

    def _client_credentials(self, request: Request, form: dict[str, str]) -> Response:
        if form["grant_type"] != "client_credentials":
            return self._error(400, "unsupported_grant_type", 70003,
                               f"The app requested an unsupported grant type '{form['grant_type']}'.")
        unknown = set(form) - FIELDS
        if unknown:  # the real service ignores these
            return self._error(400, "invalid_request", 900144, f"Unknown parameter '{sorted(unknown)[0]}'.")
        if form["client_id"].lower() != self._who.client.lower():
            return self._error(400, "unauthorized_client", 700016,
                               f"Application with identifier '{form['client_id']}' was not found in the directory "
                               "'Test'. This can happen if the application has not been installed by the administrator "
                               "of the tenant or consented to by any user in the tenant.")
        if "client_secret" not in form:
            return self._error(401, "invalid_client", 7000218, "The request body must contain the following parameter: "
                               "'client_assertion' or 'client_secret'.")
        if not secrets.compare_digest(form["client_secret"].encode(), self._who.secret.encode()):
            return self._error(401, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being "
                               "sent in the request is the client secret value, not the client secret ID, for a secret "
                               f"added to app '{self._who.client}'.")
        if form["scope"] not in self._scopes(request):
            return self._error(400, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not "
                               f"valid. The scope {form['scope']} is not valid.")
        lifetime = self._lifetime()
        return Response.json(200, {"token_type": "Bearer", "expires_in": int(lifetime), "ext_expires_in": int(lifetime),
                                   "access_token": self._tokens.issue(lifetime)}, self._headers())

    @staticmethod
    def _scopes(request: Request) -> set[str]:
        """The server's own address under any of its names, or that of a cloud."""
        port = request.host.rpartition(":")[2] if ":" in request.host else ""
        names = {request.host, "localhost", "127.0.0.1", *CLOUD_HOSTS[:3]}
        names |= {f"{name}:{port}" for name in names if port and ":" not in name}
        return {f"https://{name}{slash}/.default" for name in names for slash in ("", "/")}

    @staticmethod
    def _headers() -> list[tuple[str, str]]:
        return [("x-ms-request-id", str(uuid.uuid4())), ("x-ms-ests-server", "2.1.0 - SIM"), ("Pragma", "no-cache")]

    def _error(self, status: int, error: str, code: int, message: str) -> Response:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = datetime.now(timezone.utc).strftime("%Y-%m-%d %H:%M:%SZ")
        body: dict[str, Any] = {
            "error": error,
            "error_description": f"AADSTS{code}: {message} Trace ID: {trace} Correlation ID: {correlation} "
                                 f"Timestamp: {stamp}",
            "error_codes": [code], "timestamp": stamp, "trace_id": trace, "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={code}",
        }
        return Response.json(status, body, self._headers())

    def loggable(self, body: bytes | None) -> dict[str, Any]:
        """The form without its secrets: which fields, and whether the secret was right."""
        form = dict(parse_qsl((body or b"").decode("utf-8", "replace"), keep_blank_values=True))
        shown = {name: value for name, value in form.items() if name in ("grant_type", "scope", "client_id")}
        for name in set(form) - set(shown):
            shown[name] = "present"
        if "client_secret" in form:
            shown["client_secret"] = "valid" if form["client_secret"] == self._who.secret else "invalid"
        return shown
