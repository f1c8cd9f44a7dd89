"""What is checked of a request before anything is looked up: host, version, query, body."""
from __future__ import annotations

import json
import re
from typing import Any

from . import errors
from .message import Request
from .pki import CLOUD_HOSTS

# A selection of what is registered; each is a version that a client may ask with.
BACKUP_VERSIONS = ["2016-12-01", "2021-12-01", "2023-01-01", "2023-02-01", "2023-04-01", "2024-04-01", "2025-02-01"]
LIST_ACTION_VERSION = "2026-08-01"
VAULT_VERSIONS = ["2016-06-01", "2021-12-01", "2023-01-01", "2023-02-01", "2023-04-01", "2024-04-01", "2025-02-01"]
AUTHORIZATION_VERSIONS = ["2015-07-01", "2018-07-01", "2022-04-01"]
SUBSCRIPTION_VERSIONS = ["2016-06-01", "2019-11-01", "2020-01-01", "2022-12-01"]

# RFC 3720, 3.2.6.3: an iqn has a date, a reversed domain and perhaps a colon and more; RFC 3722: lower case.
IQN = re.compile(r"iqn\.[0-9]{4}-(0[1-9]|1[0-2])\.[a-z0-9-]+(\.[a-z0-9-]+)*(:[a-z0-9.:-]+)?")
EUI = re.compile(r"eui\.[0-9A-Fa-f]{16}")
ISCSI_NAME_MAX = 223


def initiator_name(value: Any) -> bool:
    return (isinstance(value, str) and len(value) <= ISCSI_NAME_MAX
            and bool(IQN.fullmatch(value) or EUI.fullmatch(value)))


def host(request: Request) -> None:
    name = request.host.rpartition(":")[0] if ":" in request.host else request.host
    if name not in ("localhost", "127.0.0.1", *CLOUD_HOSTS):
        raise errors.bad_host(request.host)


def api_version_present(request: Request) -> str:
    """Comes first of all, before the sign-in."""
    values = [value for name, value in request.query if name.lower() == "api-version"]
    if not values or not values[0]:
        raise errors.missing_api_version()
    return values[0]


def api_version(version: str, kind: str, supported: list[str]) -> None:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(-preview)?", version):
        raise errors.malformed_api_version(version, supported)
    if version not in supported:
        raise errors.unregistered_api_version(version, kind, supported)


def query(request: Request, allowed: tuple[str, ...]) -> dict[str, str]:
    """Each parameter once and known: a mistyped $filter must not silently list everything."""
    values: dict[str, str] = {}
    for name, value in request.query:
        if name not in ("api-version", *allowed):
            raise errors.bad_query(f"The query parameter '{name}' is not known to this call.")
        if name in values:
            raise errors.bad_query(f"The query parameter '{name}' is given more than once.")
        values[name] = value
    return values


def no_body(request: Request) -> None:
    if request.body:
        raise errors.bad_content("This call takes no body.")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("Property name is repeated")
    return value


def json_body(request: Request) -> dict[str, Any]:
    kind = request.headers.get("Content-Type")
    if (kind or "").split(";")[0].strip().lower() != "application/json":
        raise errors.wrong_media_type(kind)
    try:
        value = json.loads((request.body or b"").decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise errors.bad_content(str(error)) from None
    if not isinstance(value, dict):
        raise errors.bad_content("The body is not an object.")
    return value


def members(value: dict[str, Any], shape: dict[str, type], required: tuple[str, ...], where: str = "") -> None:
    """Exactly these members, of these types. Stricter than Azure, which ignores what it does not know."""
    for name, one in value.items():
        if name not in shape:
            raise errors.bad_content(f"Could not find member '{name}' on object. Path '{where}{name}'.")
        if type(one) is not shape[name]:
            raise errors.bad_content(f"Error converting value of '{where}{name}' to type '{shape[name].__name__}'.")
    for name in required:
        if name not in value or value[name] == "":
            raise errors.invalid_input(f"{where}{name} is required.")
