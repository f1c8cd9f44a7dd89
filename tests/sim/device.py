"""Device codes: who has signed in with which, and how often it was asked."""
from __future__ import annotations

import secrets
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any

from .assertion import Refused
from .switches import Switches

PUBLIC_CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # the Azure CLI's, which Azure's libraries use too
LIFETIME = 900
EARLY = 0.2  # seconds that a poll may come too soon


class PollError(Refused):
    """The answer to a poll that is not to be had yet, or never."""

    def __init__(self, error: str, code: int, message: str) -> None:
        super().__init__(code, message)
        self.error = error


@dataclass
class _Code:
    client: str
    scope: str
    interval: float
    next_poll: float
    polls: int = 0
    done: bool = False


class Devices:
    def __init__(self, switches: Switches) -> None:
        self._switches = switches
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self._refresh: dict[str, str] = {}  # token: scope

    def secrets(self) -> list[str]:
        with self._lock:
            return [*self._codes, *self._refresh]

    def start(self, client: str, scope: str) -> dict[str, Any]:
        interval = self._switches.device_interval
        code = "dc." + secrets.token_urlsafe(60)
        user = secrets.token_hex(5)[:9].upper()
        with self._lock:
            self._codes[code] = _Code(client, scope, interval, time.monotonic() + interval)
        page = "https://microsoft.com/devicelogin"
        return {"user_code": user, "device_code": code, "verification_uri": page, "expires_in": LIFETIME,
                "interval": interval, "message": f"To sign in, use a web browser to open the page {page} and enter the "
                f"code {user} to authenticate."}

    def poll(self, code: str, client: str) -> str:
        """The scope that was granted."""
        with self._lock:
            known = self._codes.get(code)
            if known is None or known.done or known.client != client:
                raise PollError("bad_verification_code", 70019, "Verification code expired or unknown.")
            known.polls += 1
            now, early = time.monotonic(), time.monotonic() < known.next_poll - EARLY
            if early or known.polls <= self._switches.device_slow_down:
                known.interval += 5
                known.next_poll = now + known.interval
                raise PollError("slow_down", 70016, "The client is polling too quickly.")
            known.next_poll = now + known.interval
            if known.polls <= self._switches.device_polls + self._switches.device_slow_down:
                raise PollError("authorization_pending", 70016, "OAuth 2.0 device flow error. Authorization is pending. "
                                "Continue polling.")
            known.done = True
        outcome = self._switches.device_outcome
        if outcome == "decline":
            raise PollError("authorization_declined", 70018, "The user declined to sign in.")
        if outcome == "expire":
            raise PollError("expired_token", 70020, "The provided value for the device code has expired.")
        return known.scope

    def refresh_token(self, scope: str) -> dict[str, str]:
        """Given only where it was asked for."""
        if "offline_access" not in scope.split():
            return {}
        token = f"rt.{uuid.uuid4()}{secrets.token_urlsafe(40)}"
        with self._lock:
            self._refresh[token] = scope
        return {"refresh_token": token}

    def use_refresh_token(self, token: str) -> str:
        with self._lock:
            scope = self._refresh.pop(token, None)
        if scope is None or not self._switches.device_refresh:
            raise PollError("invalid_grant", 700082, "The refresh token has expired.")
        return scope
