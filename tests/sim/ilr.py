"""Registrations (what a provision makes and a revoke ends) and the operations that lead there."""
from __future__ import annotations

import secrets
import string
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

from . import errors, script
from .checks import LIST_ACTION_VERSION
from .lists import iso
from .switches import Switches
from .target import BackendError, NoBackend
from .vault import Disk, Place

IQN_PREFIX = "iqn.2016-01.microsoft.azure.backup"
TIME_NONE = "0001-01-01T00:00:00Z"
_PASSWORD_SIGNS = string.ascii_letters + string.digits


def _digits(count: int) -> str:
    return str(1 + secrets.randbelow(9)) + "".join(secrets.choice(string.digits) for _ in range(count - 1))


def _password(length: int, signs: str = _PASSWORD_SIGNS) -> str:
    return "".join(secrets.choice(signs) for _ in range(length))


@dataclass(frozen=True)
class Target:
    name: str
    disks: tuple[Disk, ...]


@dataclass
class Registration:
    place: Place
    initiator: str
    portal_name: str
    portal_port: int
    base_url: str
    user_prefix: str
    expires: datetime
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    resource: str = field(default_factory=lambda: _digits(19))
    numbers: tuple[str, str, str] = field(default_factory=lambda: (_digits(6), _digits(14), _digits(14)))
    sequence: str = field(default_factory=lambda: _digits(18))
    targets: list[Target] = field(default_factory=list)
    guid: str = ""
    script_id: str = ""
    target_password: str = ""
    wrong_password: str = ""
    initiator_password: str = ""
    signature: str = ""  # of the link to the script
    active: bool = True   # from the moment the provision was accepted
    ready: bool = False   # its targets are there

    def __post_init__(self) -> None:
        self.new_credentials()

    def new_credentials(self) -> None:
        self.guid, self.script_id = str(uuid.uuid4()), str(uuid.uuid4())
        self.target_password, self.wrong_password = _password(15), _password(15)
        self.initiator_password = _password(14, string.hexdigits[:16])
        self.signature = secrets.token_urlsafe(32)

    @property
    def target_user(self) -> str:
        return f"{self.resource}-{self.guid}"

    @property
    def chap_user(self) -> str:
        return self.user_prefix + self.target_user

    def script_url(self, kind: str) -> str:
        """A signed link, as storage has them."""
        return f"{self.base_url}/sim/scripts/{self.script_id}.{kind}?sv=2023-11-03&sr=b&sp=r&sig={self.signature}"

    def lay_out(self, count: int) -> None:
        """Spread the disks over so many targets, whose names differ in the sign before the last dot."""
        disks = self.place.point.disks if self.place.point else ()
        base = f"{IQN_PREFIX}:{self.resource}-{'-'.join(self.numbers)}"
        count = max(1, min(count, 9))
        size = -(-len(disks) // count) if disks else 1
        self.targets = [
            Target(f"{base[:-1]}{(int(base[-1]) + index) % 10}.{self.sequence}",
                   tuple(disks[index * size:(index + 1) * size]))
            for index in range(count)]


@dataclass
class Operation:
    kind: str  # provision, provision_share or revoke
    place: Place
    api_version: str
    registration: Registration | None
    renewal: bool = False
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    ended: datetime | None = None
    clock: float = field(default_factory=time.monotonic)
    polls: int = 0
    status: str = "InProgress"
    error: dict[str, Any] | None = None


class Ilr:
    def __init__(self, switches: Switches, backend: NoBackend, portal: Callable[[Place], tuple[str, int]],
                 drop: Callable[[list[str]], None]) -> None:
        self._switches, self._backend, self._portal, self._drop = switches, backend, portal, drop
        self._lock = threading.RLock()
        self._registrations: list[Registration] = []
        self._operations: dict[str, Operation] = {}
        self._old_secrets: list[str] = []

    # --- what is there --------------------------------------------------------------------------

    def registration(self, place: Place) -> Registration | None:
        with self._lock:
            self.sweep()
            return next((r for r in self._registrations if r.active and r.place.id == place.id), None)

    def active(self, place: Place) -> bool:
        """What the recovery point says."""
        with self._lock:
            current = self.registration(place)
            if self._switches.active_when == "succeeded":
                self._running(place)
                return current is not None and current.active and current.ready
            return current is not None

    def _running(self, place: Place) -> bool:
        """Whether access is being opened there; what has had its time has ended, polled or not."""
        running = [o for o in self._operations.values()
                   if o.kind == "provision" and o.place.id == place.id and o.status == "InProgress"
                   and o.registration and o.registration.active]
        for operation in running:
            if time.monotonic() - operation.clock >= self._switches.operation_seconds:
                self._finish(operation)
        return any(operation.status == "InProgress" for operation in running)

    def _refuse_meanwhile(self, place: Place) -> None:
        if self._switches.active_when == "succeeded" and self._running(place):
            raise errors.operation_running()

    def any_ready(self) -> bool:
        with self._lock:
            self.sweep()
            return any(r.active and r.ready for r in self._registrations)

    def last_ready(self) -> Registration | None:
        with self._lock:
            return next((r for r in reversed(self._registrations) if r.ready), None)

    def by_script(self, script_id: str) -> Registration | None:
        with self._lock:
            return next((r for r in self._registrations if r.script_id == script_id and r.active), None)

    def secrets(self) -> list[str]:
        with self._lock:
            return self._old_secrets + [text for r in self._registrations for text in
                                        (r.target_password, r.wrong_password, r.initiator_password, r.signature)]

    def state(self) -> dict[str, Any]:
        """For the tests; no secrets."""
        with self._lock:
            self.sweep()
            return {
                "registrations": [self._shown(r) for r in self._registrations if r.active],
                "ended": [self._shown(r) for r in self._registrations if not r.active],
                "operations": [{"id": o.id, "kind": o.kind, "status": o.status, "polls": o.polls,
                                "renewal": o.renewal, "recovery_point": o.place.id}
                               for o in self._operations.values()]}

    @staticmethod
    def _shown(registration: Registration) -> dict[str, Any]:
        r = registration
        return {"recovery_point": r.place.id, "vm": r.place.item.vm, "initiator": r.initiator, "ready": r.ready,
                "targets": [t.name for t in r.targets], "target_user": r.target_user, "chap_user": r.chap_user,
                "script_id": r.script_id, "expires": iso(r.expires), "portal": r.portal_name, "port": r.portal_port}

    # --- what clients ask for -------------------------------------------------------------------

    def provision(self, place: Place, api_version: str, initiator: str, renew: bool, base_url: str) -> Operation:
        with self._lock:
            self._refuse_meanwhile(place)
            current = self.registration(place)
            if current and not renew:
                raise errors.session_active()
            if renew and not current and self._switches.renew_when_inactive == "reject":
                raise errors.no_active_session()
            name, port = self._portal(place)
            expires = datetime.now(timezone.utc) + timedelta(seconds=self._switches.registration_seconds)
            if current is None:
                current = Registration(place, initiator, name, port, base_url, "", expires)
                self._registrations.append(current)
            operation = Operation("provision", place, api_version, current, renewal=current.ready)
            current.initiator, current.expires = initiator, expires
            self._operations[operation.id] = operation
            return operation

    def provision_share(self, place: Place, api_version: str) -> Operation:
        """A file share's snapshot: an operation, and nothing to connect to."""
        with self._lock:
            operation = Operation("provision_share", place, api_version, None)
            self._operations[operation.id] = operation
            return operation

    def revoke(self, place: Place, api_version: str) -> Operation:
        """At once for the target; the operation then takes its time to say so."""
        with self._lock:
            self._refuse_meanwhile(place)
            current = self.registration(place)
            if current:
                self._end(current)
            operation = Operation("revoke", place, api_version, current)
            self._operations[operation.id] = operation
            return operation

    def operation(self, ident: str) -> Operation:
        with self._lock:
            if ident.lower() not in self._operations:
                raise errors.no_operation(ident)
            return self._operations[ident.lower()]

    def poll(self, operation: Operation) -> Operation:
        """Look once; after enough looks and enough seconds the operation is done."""
        with self._lock:
            operation.polls += 1
            elapsed = time.monotonic() - operation.clock
            if (operation.status == "InProgress" and operation.polls > self._switches.polls_before_success
                    and elapsed >= self._switches.operation_seconds):
                self._finish(operation)
            return operation

    def inline(self, operation: Operation) -> bool:
        generation = self._switches.generation
        return generation == "inline" or (generation == "by_version" and operation.api_version < LIST_ACTION_VERSION)

    def scripts(self, operation: Operation) -> list[dict[str, Any]]:
        assert operation.registration
        return script.client_scripts(operation.registration, self._switches)

    # --- what happens ---------------------------------------------------------------------------

    def _finish(self, operation: Operation) -> None:
        operation.ended = datetime.now(timezone.utc)
        fail = self._switches.fail_revoke if operation.kind == "revoke" else self._switches.fail
        registration = operation.registration
        if fail:
            operation.status = fail.get("state", "Failed")
            body = errors.cloud_error(fail.get("code", "UserErrorILRProvisionFailed"),
                                      fail.get("message", "Item level recovery could not be provisioned."),
                                      fail.get("target"), fail.get("details"), fail.get("additionalInfo"))
            operation.error = body["error"]
            if operation.kind == "provision" and registration and not operation.renewal:
                self._end(registration)
            return
        operation.status = "Succeeded"
        if operation.kind == "provision" and registration:
            if registration.active:
                self._make_ready(operation, registration)
            else:  # revoked while it was being prepared
                operation.status = "Canceled"

    def _make_ready(self, operation: Operation, registration: Registration) -> None:
        try:
            old_user = registration.chap_user
            if registration.ready:
                self._old_secrets += [registration.target_password, registration.initiator_password,
                                      registration.signature]
                registration.new_credentials()
                registration.user_prefix = self._switches.chap_user_prefix or ""
                self._backend.renew(registration, old_user)
                return
            registration.user_prefix = self._switches.chap_user_prefix or ""
            registration.lay_out(self._switches.multi_target)
            self._backend.add(registration)
            registration.ready = True
        except (BackendError, OSError) as error:
            operation.status = "Failed"
            operation.error = {"code": "CloudInternalError", "message": f"The simulator's backend: {error}"}
            self._end(registration)

    def _end(self, registration: Registration) -> None:
        registration.active = False
        if registration.ready:
            self._drop([target.name for target in registration.targets])
            self._backend.remove(registration)

    def sweep(self) -> None:
        """End what is older than a registration may get."""
        with self._lock:
            now = datetime.now(timezone.utc)
            for registration in self._registrations:
                if registration.active and registration.expires <= now:
                    self._end(registration)

    def revoke_all(self) -> int:
        with self._lock:
            active = [r for r in self._registrations if r.active]
            for registration in active:
                self._end(registration)
            return len(active)


def status_body(path: str, operation: Operation, scripts: list[dict[str, Any]] | None) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": path, "name": operation.id, "status": operation.status, "startTime": iso(operation.started),
        "endTime": iso(operation.ended) if operation.ended else TIME_NONE}
    if operation.error:
        body["error"] = operation.error
    if operation.kind == "provision" and operation.status == "Succeeded":
        extended: dict[str, Any] = {"objectType": "OperationStatusProvisionILRExtendedInfo"}
        if scripts is not None:
            extended["recoveryTarget"] = {"clientScripts": scripts}
        body["properties"] = extended
    return body
