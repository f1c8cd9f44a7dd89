"""What a test may turn: every switch, its default, and the check of a value. README.md has the table."""
from __future__ import annotations

import threading
from typing import Any, Callable

CALLS = ("token", "subscriptions_list", "vaults_list", "items_list", "item_get", "points_list", "point_get",
         "provision", "status", "results", "backup_operation", "list_scripts", "revoke", "script_download",
         "devicecode", "imds", "arc", "permissions_list")
NOT_ARM = ("token", "script_download", "devicecode", "imds", "arc")  # a fault reaches these only when it names them

# members of the properties of recovery points and protected items that the published schema does not require
OPTIONAL = ("isInstantIlrSessionActive", "recoveryPointTierDetails", "zones", "isManagedVirtualMachine",
            "recoveryPointType", "recoveryPointAdditionalInfo", "sourceVMStorageType", "isSourceVMEncrypted",
            "virtualMachineSize", "originalStorageAccountOption", "osType", "objectType",
            "friendlyName", "virtualMachineId", "sourceResourceId", "protectionStatus", "protectionState", "healthStatus",
            "lastBackupStatus", "lastBackupTime", "lastRecoveryPoint", "protectedItemDataId", "extendedProperties",
            "protectedItemType", "backupManagementType", "workloadType", "containerName", "policyId", "policyName")

# name: (default, what a value must be)
_BOOL, _INT, _TEXT, _FAULT, _CALLS, _OBJECT, _TEXTS = "bool", "int", "text", "fault", "calls", "object", "texts"
_MEMBERS = "members"
_SWITCHES: dict[str, tuple[Any, str | tuple[Any, ...]]] = {
    # operations
    "polls_before_success": (1, _INT),
    "operation_seconds": (0, "number"),
    "retry_after": (60, _INT),
    "generation": ("inline", ("inline", "list", "by_version")),
    "accepted_status": (202, (200, 202)),
    "results_final": (204, (200, 204)),
    "fail": (None, _OBJECT),
    "fail_revoke": (None, _OBJECT),
    "registration_seconds": (43200, "number"),
    "renew_when_inactive": ("accept", ("accept", "reject")),
    "active_when": ("accepted", ("accepted", "succeeded")),
    # answers
    "throttle": (None, _FAULT),
    "unavailable": (None, _FAULT),
    "html": (None, _FAULT),
    "empty_body": (None, _FAULT),
    "error": (None, _FAULT),
    "raw": (None, _FAULT),
    "lost_answer": (None, _FAULT),
    "late_failure": (None, _FAULT),
    "drop_after": (None, _FAULT),
    "delay_ms": (None, _FAULT),
    "forbidden": ([], _CALLS),
    "forbidden_scopes": ([], _TEXTS),
    "wrong_host_async": (None, _TEXT),
    "wrong_host_next": (None, _TEXT),
    "page_size": (0, _INT),
    "omit": ([], _MEMBERS),
    "omit_in_lists": ([], _MEMBERS),
    "hidden_points": ([], _TEXTS),
    "type_case": ("as_is", ("as_is", "lower", "upper")),
    "token_lifetime": (3599, "number"),
    "tls_max": (None, (None, "1.0", "1.1", "1.2", "1.3")),
    # sign-in
    "managed_identity": (True, _BOOL),
    "arc_realm": (None, _TEXT),
    "device_polls": (1, _INT),
    "device_slow_down": (0, _INT),
    "device_interval": (1, _INT),
    "device_outcome": ("approve", ("approve", "decline", "expire")),
    "device_refresh": (True, _BOOL),
    # scripts
    "script_kind": ("py", ("py", "sh", "txt")),
    "script_by_url": (False, "bool or text"),
    "password_in_script": (False, _BOOL),
    "wrong_secret": (False, _BOOL),
    "truncated_script": (False, (False, True, "block", "base64", "empty")),
    "multi_target": (1, _INT),
    "private_endpoint": (False, _BOOL),
    "large_disk": (False, _BOOL),
    "suffix_prefix": ("", _TEXT),
    "suffix_infix": ("", _TEXT),
    # portal and target
    "chap_user_prefix": ("Debian;12;", _TEXT),
    "portal_cert": ("good", ("good", "wrong_name", "expired", "untrusted")),
    "portal_closed": (False, _BOOL),
    "portal_stall": (False, _BOOL),
    "portal_tls_max": (None, (None, "1.0", "1.1", "1.2", "1.3")),
    "portal_drop_after": (None, "int or null"),
    "portal_gate": (None, "bool or null"),
    "discovery": ("normal", ("normal", "notready", "blocked")),
    "discovery_address": (False, _BOOL),
}
_FAULT_KEYS = {
    "throttle": {"retry_after"}, "unavailable": {"retry_after"}, "html": {"status"}, "empty_body": {"status"},
    "error": {"status", "code", "message", "target", "details", "additionalInfo"},
    "raw": {"status", "body", "body_base64", "content_type", "headers"},
    "lost_answer": set(), "late_failure": {"status", "retry_after"}, "drop_after": {"bytes"}, "delay_ms": {"ms"},
}
_FAULT_NUMBER = {"drop_after": "bytes", "delay_ms": "ms"}  # what a bare number means; else it is `times`


class BadSwitch(ValueError):
    """An unknown switch, or a value it cannot take."""


def _fault(name: str, value: Any) -> list[dict[str, Any]] | None:
    """Every accepted spelling of a fault as a list of {"calls", "times", …}."""
    if value in (None, False):
        return None
    if isinstance(value, list):
        return [one for item in value for one in _fault(name, item) or []]
    if value is True:
        value = {}
    if isinstance(value, int):
        key = _FAULT_NUMBER.get(name)
        value = {key: value, "times": -1} if key else {"times": value}
    if not isinstance(value, dict):
        raise BadSwitch(f"{name}: neither a number nor an object")
    unknown = set(value) - {"calls", "times", *_FAULT_KEYS[name]}
    if unknown:
        raise BadSwitch(f"{name}: unknown member {sorted(unknown)[0]!r}")
    fault = {"times": 1, **value}
    if isinstance(fault.get("calls"), str):
        fault["calls"] = [fault["calls"]]
    for call in fault.get("calls") or []:
        if call not in CALLS:
            raise BadSwitch(f"{name}: unknown call {call!r}; known: {', '.join(CALLS)}")
    if not isinstance(fault["times"], int):
        raise BadSwitch(f"{name}: times is no number")
    return [fault]


def _checked(name: str, value: Any) -> Any:
    if name not in _SWITCHES:
        raise BadSwitch(f"unknown switch {name!r}")
    kind = _SWITCHES[name][1]
    ok = True
    if isinstance(kind, tuple):
        ok = any(value == one and type(value) is type(one) for one in kind)
    elif kind == _FAULT:
        return _fault(name, value)
    elif kind == _CALLS:
        value = [value] if isinstance(value, str) else value or []
        ok = isinstance(value, list) and all(one in CALLS for one in value)
    elif kind == _TEXTS:
        value = [value] if isinstance(value, str) else value or []
        ok = isinstance(value, list) and all(isinstance(one, str) for one in value)
    elif kind == _MEMBERS:
        value = [value] if isinstance(value, str) else value or []
        ok = isinstance(value, list) and all(one in OPTIONAL for one in value)
    elif kind == _OBJECT:
        ok = value is None or isinstance(value, dict)
    elif kind == _TEXT:
        ok = value is None or value is True or isinstance(value, str)
    elif kind == _BOOL:
        ok = isinstance(value, bool)
    elif kind == "bool or text":
        ok = isinstance(value, (bool, str))
    elif kind == "bool or null":
        ok = value is None or isinstance(value, bool)
    elif kind == "int or null":
        ok = value is None or (isinstance(value, int) and not isinstance(value, bool))
    elif kind == _INT:
        ok = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    elif kind == "number":
        ok = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not ok:
        raise BadSwitch(f"{name}: {value!r} is not of the kind {kind}")
    return value


class Switches:
    """The values of now. Reading is by attribute; writing checks all before it changes any."""

    def __init__(self, values: dict[str, Any] | None = None) -> None:
        self._lock = threading.RLock()
        self._values = {name: default for name, (default, _) in _SWITCHES.items()}
        self._watchers: list[Callable[[], None]] = []
        self.set(values or {})

    def __getattr__(self, name: str) -> Any:
        if name in _SWITCHES:
            return self._values[name]
        raise AttributeError(name)

    def set(self, values: dict[str, Any]) -> None:
        with self._lock:
            checked = {name: _checked(name, value) for name, value in values.items()}
            self._values.update(checked)
        for watcher in self._watchers:
            watcher()

    def reset(self) -> None:
        self.set({name: default for name, (default, _) in _SWITCHES.items()})

    def watch(self, watcher: Callable[[], None]) -> None:
        self._watchers.append(watcher)

    def take(self, name: str, call: str) -> dict[str, Any] | None:
        """The fault `name` as it applies to this call, used up by one."""
        with self._lock:
            for fault in self._values[name] or []:
                calls = fault.get("calls")
                if fault["times"] == 0 or not (call in calls if calls else call not in NOT_ARM):
                    continue
                if fault["times"] > 0:
                    fault["times"] -= 1
                return fault
        return None

    def values(self) -> dict[str, Any]:
        with self._lock:
            return dict(self._values)
