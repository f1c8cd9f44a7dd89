"""The token and the device code end point of the sign-in service, and the tokens it gave."""
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

from . import assertion, errors
from .assertion import Refused
from .device import PUBLIC_CLIENT, Devices, PollError
from .message import Request, Response
from .pki import CLOUD_HOSTS

TOKEN_PATH = re.compile(r"/([^/]+)/oauth2/v2\.0/(token|devicecode)")
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
FIELDS = {  # of each grant; None is a request for a device code
    "client_credentials": {"grant_type", "scope", "client_id", "client_secret", "client_assertion",
                           "client_assertion_type"},
    DEVICE_GRANT: {"grant_type", "client_id", "device_code"},
    "refresh_token": {"grant_type", "scope", "client_id", "refresh_token"},
    None: {"scope", "client_id"},
}
USER_TENANTS = {"organizations", "common"}  # besides the tenant itself, where a person signs in


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


def audiences(host: str) -> set[str]:
    """The server's own address under any of its names, or that of a cloud; with and without a slash."""
    port = host.rpartition(":")[2] if ":" in host else ""
    names = {host, "localhost", "127.0.0.1", *CLOUD_HOSTS[:3]}
    names |= {f"{name}:{port}" for name in names if port and ":" not in name}
    return {f"https://{name}{slash}" for name in names for slash in ("", "/")}


class OAuth:
    def __init__(self, credentials: Credentials, tokens: Tokens, lifetime: Callable[[], float],
                 certificates: assertion.Certificates, federation: assertion.Federation, devices: Devices) -> None:
        self._who = credentials
        self._tokens = tokens
        self._lifetime = lifetime
        self._certificates, self._federation, self._devices = certificates, federation, devices

    @staticmethod
    def serves(request: Request) -> str | None:
        """The name of the call, or None if it is another's."""
        match = TOKEN_PATH.fullmatch(request.path)
        return match[2] if match else None

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
        tenant, call = TOKEN_PATH.fullmatch(request.path).groups()  # type: ignore[union-attr]
        if call == "token" and not form.get("grant_type"):
            return self._missing("grant_type")
        grant = form.get("grant_type") if call == "token" else None
        if grant not in FIELDS:
            return self._error(400, "unsupported_grant_type", 70003,
                               f"The app requested an unsupported grant type '{grant}'.")
        if tenant.lower() != self._who.tenant.lower() and (grant == "client_credentials" or
                                                           tenant not in USER_TENANTS):
            return self._error(400, "invalid_request", 90002, f"Tenant '{tenant}' not found. Check to make sure you "
                               "have the correct tenant ID and are signing into the correct cloud.")
        for name in ("client_id", *(["scope"] if grant != DEVICE_GRANT else [])):
            if not form.get(name):
                return self._missing(name)
        unknown = set(form) - FIELDS[grant]
        if unknown:  # the real service ignores these
            return self._error(400, "invalid_request", 900144, f"Unknown parameter '{sorted(unknown)[0]}'.")
        return self._client_credentials(request, form) if grant == "client_credentials" else \
            self._person(request, grant, form)

    def _missing(self, name: str) -> Response:
        return self._error(400, "invalid_request", 900144, "The request body must contain the following "
                           f"parameter: '{name}'.")

    def _unknown_client(self, client: str) -> Response:
        return self._error(400, "unauthorized_client", 700016,
                           f"Application with identifier '{client}' was not found in the directory "
                           "'Test'. This can happen if the application has not been installed by the administrator "
                           "of the tenant or consented to by any user in the tenant.")

    def _bad_scope(self, scope: str) -> Response:
        return self._error(400, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not "
                           f"valid. The scope {scope} is not valid.")

    def _client_credentials(self, request: Request, form: dict[str, str]) -> Response:
        if form["client_id"].lower() != self._who.client.lower():
            return self._unknown_client(form["client_id"])
        refusal = self._proof(request, form)
        if refusal:
            return refusal
        if form["scope"] not in {f"{name}/.default" for name in audiences(request.host)}:
            return self._bad_scope(form["scope"])
        return self._grant({})

    def _proof(self, request: Request, form: dict[str, str]) -> Response | None:
        """Whether the application is who it says, by its secret or by an assertion."""
        if "client_assertion" in form:
            if "client_secret" in form or form.get("client_assertion_type") != assertion.TYPE:
                return self._error(400, "invalid_request", 900144, "The client is to be proved in one way, and "
                                   "'client_assertion_type' must name that.")
            try:
                self._check_assertion(request, form["client_assertion"])
            except Refused as refused:
                return self._error(401, "invalid_client", refused.code, refused.message)
            return None
        if "client_secret" not in form:
            return self._error(401, "invalid_client", 7000218, "The request body must contain the following parameter: "
                               "'client_assertion' or 'client_secret'.")
        if not secrets.compare_digest(form["client_secret"].encode(), self._who.secret.encode()):
            return self._error(401, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being "
                               "sent in the request is the client secret value, not the client secret ID, for a secret "
                               f"added to app '{self._who.client}'.")
        return None

    def _check_assertion(self, request: Request, token: str) -> None:
        if self._federation.issued(token):
            self._federation.check(token)
        else:
            self._certificates.check(token, {f"https://{request.host}{request.path}"})

    def _person(self, request: Request, grant: str | None, form: dict[str, str]) -> Response:
        if form["client_id"] == self._who.client:
            return self._error(401, "invalid_client", 7000218, "The request body must contain the following parameter: "
                               "'client_assertion' or 'client_secret'.")
        if form["client_id"] != PUBLIC_CLIENT:
            return self._unknown_client(form["client_id"])
        if "scope" in form:
            wanted = set(form["scope"].split()) - {"offline_access", "openid", "profile"}
            if len(wanted) != 1 or not wanted <= {f"{name}/.default" for name in audiences(request.host)}:
                return self._bad_scope(form["scope"])
        try:
            if grant is None:
                return Response.json(200, self._devices.start(form["client_id"], form["scope"]), self._headers())
            if grant == DEVICE_GRANT:
                scope = self._devices.poll(form.get("device_code", ""), form["client_id"])
            else:
                scope = self._devices.use_refresh_token(form.get("refresh_token", ""))
        except PollError as refused:
            return self._error(400, refused.error, refused.code, refused.message)
        return self._grant({"scope": scope, **self._devices.refresh_token(scope)})

    def _grant(self, more: dict[str, Any]) -> Response:
        lifetime = self._lifetime()
        return Response.json(200, {"token_type": "Bearer", "expires_in": int(lifetime), "ext_expires_in": int(lifetime),
                                   "access_token": self._tokens.issue(lifetime), **more}, self._headers())

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
        shown = {name: value for name, value in form.items() if name in ("grant_type", "scope", "client_id", "client_assertion_type")}
        for name in set(form) - set(shown):
            shown[name] = "present"
        if "client_secret" in form:
            shown["client_secret"] = "valid" if form["client_secret"] == self._who.secret else "invalid"
        return shown
