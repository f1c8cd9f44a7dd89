"""Managed identities: the instance metadata service of a VM, and Azure Arc's agent. Plain HTTP, as they are."""
from __future__ import annotations

import re
import secrets
import threading
import time
import uuid
from pathlib import Path
from typing import Any, Callable

from .message import Request, Response
from .oauth import Tokens
from .switches import Switches

PATH = "/metadata/identity/oauth2/token"
USER_ASSIGNED = "00000000-0000-4000-8000-0000000000d1"
SYSTEM_ASSIGNED = "00000000-0000-4000-8000-0000000000d0"
IMDS_VERSIONS = {"2018-02-01", "2019-08-01", "2021-02-01"}
ARC_VERSIONS = {"2019-11-01", "2020-06-01", "2021-02-01"}
FORWARDED = ("X-Forwarded-For", "Forwarded", "Via", "Proxy-Connection")


class Managed:
    def __init__(self, tokens: Tokens, switches: Switches, resources: Callable[[], set[str]], folder: Path) -> None:
        self._tokens, self._switches, self._resources, self.folder = tokens, switches, resources, folder
        self._lock = threading.Lock()
        self._keys: dict[str, str] = {}  # content: file name, until used
        self._all: list[str] = []
        folder.mkdir(mode=0o750, exist_ok=True)

    def secrets(self) -> list[str]:
        with self._lock:
            return list(self._all)

    def handle(self, request: Request) -> Response:
        request.call = request.listener
        return self._imds(request) if request.listener == "imds" else self._arc(request)

    # --- what both check ---------------------------------------------------------------------------

    @staticmethod
    def _refuse(status: int, error: str, message: str) -> Response:
        return Response.json(status, {"error": error, "error_description": message})

    def _check(self, request: Request, versions: set[str], allowed: set[str]) -> tuple[dict[str, str], Response | None]:
        query = dict(request.query)
        if request.method != "GET":
            return query, self._refuse(405, "method_not_allowed", "Only GET is allowed.")
        if request.path != PATH:
            return query, self._refuse(404, "not_found", "The requested resource does not exist.")
        if (request.headers.get_all("Metadata") or []) != ["true"]:
            return query, self._refuse(400, "bad_request_102", "Required metadata header not specified")
        if any(name in request.headers for name in FORWARDED) or request.target.startswith("http"):
            return query, self._refuse(400, "bad_request", "The request went through a proxy.")
        if not re.fullmatch(r"(127\.0\.0\.1|localhost)(:[0-9]+)?", request.host):
            return query, self._refuse(400, "bad_request", "The host is not this one.")
        if len(query) != len(request.query) or set(query) - allowed - {"api-version", "resource"}:
            return query, self._refuse(400, "bad_request", "A query parameter is unknown or repeated.")
        if query.get("api-version") not in versions:
            return query, self._refuse(400, "bad_request_101", "The api-version is invalid.")
        if query.get("resource") not in self._resources():
            return query, self._refuse(400, "invalid_resource", "The resource principal was not found in the tenant.")
        return query, None

    def _token(self, client: str, resource: str) -> Response:
        lifetime = self._switches.token_lifetime
        now = int(time.time())
        body: dict[str, Any] = {
            "access_token": self._tokens.issue(lifetime), "client_id": client, "expires_in": str(int(lifetime)),
            "expires_on": str(int(now + lifetime)), "ext_expires_in": str(int(lifetime)), "not_before": str(now - 300),
            "resource": resource, "token_type": "Bearer"}
        return Response.json(200, body)

    # --- the two -------------------------------------------------------------------------------------

    def _imds(self, request: Request) -> Response:
        query, refused = self._check(request, IMDS_VERSIONS, {"client_id"})
        if refused:
            return refused
        if "Authorization" in request.headers:
            return self._refuse(400, "bad_request", "The request carries somebody's credentials.")
        client = query.get("client_id", SYSTEM_ASSIGNED if self._switches.managed_identity else "")
        if client not in (USER_ASSIGNED, SYSTEM_ASSIGNED):
            return self._refuse(400, "invalid_request", "Identity not found")
        return self._token(client, query["resource"])

    def _arc(self, request: Request) -> Response:
        query, refused = self._check(request, ARC_VERSIONS, set())
        if refused:
            return refused
        given = request.headers.get_all("Authorization") or []
        if not given:
            return self._challenge()
        match = re.fullmatch(r"Basic (\S+)", given[0])
        with self._lock:
            name = self._keys.pop(match[1], None) if match and len(given) == 1 else None
        if name is None:
            return self._refuse(403, "forbidden", "The challenge's key is wrong or was used before.")
        (self.folder / name).unlink(missing_ok=True)
        return self._token(SYSTEM_ASSIGNED, query["resource"])

    def _challenge(self) -> Response:
        name, key = f"{uuid.uuid4()}.key", secrets.token_hex(64)
        (self.folder / name).touch(mode=0o640)
        (self.folder / name).write_text(key)
        with self._lock:
            self._keys[key] = name
            self._all.append(key)
        realm = self._switches.arc_realm or str(self.folder / name)
        return Response(401, b"", None, [("WWW-Authenticate", f"Basic realm={realm}")])
