"""The calls that show what there is: lists with $filter and paging, a protected item, a recovery point."""
from __future__ import annotations

import base64
import re
from datetime import datetime, timezone
from typing import Any, Callable
from urllib.parse import quote

from . import errors
from .message import Request, Response
from .switches import Switches
from .vault import ITEM_TYPE, Model, Place, Vault

Active = Callable[[Place], bool]
EVIL_HOST = "evil.example.invalid"


def iso(time: datetime) -> str:
    """Seven decimals, as .NET writes times."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time.microsecond:06d}0Z"


def paged(request: Request, switches: Switches, query: dict[str, str], entries: list[Any],
          show: Callable[[Any], dict[str, Any]]) -> Response:
    """One page, each entry as show() gives it, and the absolute link to the next. A $skipToken is opaque; here it is a
    number in base64."""
    start = 0
    if "$skipToken" in query:
        try:
            start = int(base64.urlsafe_b64decode(query["$skipToken"]))
        except ValueError:
            raise errors.invalid_input("$skipToken is not one of this service.") from None
    size = switches.page_size or max(len(entries), 1)
    body: dict[str, Any] = {"value": [show(entry) for entry in entries[start:start + size]]}
    if start + size < len(entries):
        token = base64.urlsafe_b64encode(str(start + size).encode()).decode()
        pairs = {**query, "$skipToken": token}
        evil = switches.wrong_host_next
        host = (EVIL_HOST if evil is True else evil) or request.host
        body["nextLink"] = f"https://{host}{request.path}?" + "&".join(
            f"{name}={quote(value, safe='')}" for name, value in pairs.items())
    return Response.json(200, body)


def thinned(document: dict[str, Any], switches: Switches, in_list: bool) -> dict[str, Any]:
    """What of it the switches leave: optional members may be missing, and names of types are of any case."""
    left_out = {*switches.omit, *(switches.omit_in_lists if in_list else ())}
    change = {"as_is": str, "lower": str.lower, "upper": str.upper}[switches.type_case]
    types = {"objectType", "protectedItemType", "backupManagementType", "workloadType"}
    properties = {name: change(value) if name in types else value
                  for name, value in document["properties"].items() if name not in left_out}
    return {**document, "properties": properties}


# --- what an entry looks like ----------------------------------------------------------------------

def subscription(ident: str, name: str, tenant: str) -> dict[str, Any]:
    return {"id": f"/subscriptions/{ident}", "authorizationSource": "RoleBased", "managedByTenants": [],
            "subscriptionId": ident, "tenantId": tenant, "displayName": name, "state": "Enabled",
            "subscriptionPolicies": {"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01",
                                     "spendingLimit": "Off"}}


def vault(one: Vault) -> dict[str, Any]:
    return {"location": one.location, "name": one.name, "etag": "W/\"datetime'2026-01-01T00%3A00%3A00.0000000Z'\"",
            "properties": {"provisioningState": "Succeeded", "privateEndpointStateForBackup": "None",
                           "privateEndpointStateForSiteRecovery": "None", "publicNetworkAccess": "Enabled"},
            "id": one.id, "type": "Microsoft.RecoveryServices/vaults", "sku": {"name": "RS0", "tier": "Standard"}}


def item(place: Place) -> dict[str, Any]:
    one = place.item
    newest = max((p.time for p in one.points), default=None)
    properties = {
        "friendlyName": one.vm, "virtualMachineId": one.vm_id, "protectionStatus": "Healthy",
        "protectionState": "Protected", "healthStatus": "Passed", "lastBackupStatus": "Completed",
        "lastBackupTime": iso(newest) if newest else None, "protectedItemDataId": "1000000000000000001",
        "extendedProperties": {}, "protectedItemType": "Microsoft.Compute/virtualMachines",
        "backupManagementType": "AzureIaasVM", "workloadType": "VM", "containerName": one.unique_name,
        "sourceResourceId": one.vm_id, "policyId": f"{place.vault.id}/backupPolicies/DefaultPolicy",
        "policyName": "DefaultPolicy", "lastRecoveryPoint": iso(newest) if newest else None, **one.extra}
    return {"id": place.item_id, "name": one.name, "type": ITEM_TYPE, "properties": properties}


def share_point(place: Place) -> dict[str, Any]:
    one = place.point
    assert one is not None
    properties = {
        "objectType": "AzureFileShareRecoveryPoint", "recoveryPointType": "FileSystemConsistent",
        "recoveryPointTime": iso(one.time), "recoveryPointSizeInGB": 1,
        "fileShareSnapshotUri": f"https://{place.item.account}.file.core.windows.net/{place.item.vm}", **one.extra}
    return {"id": place.id, "name": one.name, "type": f"{ITEM_TYPE}/recoveryPoints", "properties": properties}


def point(place: Place, active: bool) -> dict[str, Any]:
    one = place.point
    assert one is not None
    if place.item.account:
        return share_point(place)
    properties = {
        "objectType": "IaasVMRecoveryPoint", "recoveryPointType": one.kind, "recoveryPointTime": iso(one.time),
        "recoveryPointAdditionalInfo": "", "sourceVMStorageType": "NormalStorage",
        "isSourceVMEncrypted": one.encrypted, "isInstantIlrSessionActive": active,
        "recoveryPointTierDetails": list(one.tiers), "isManagedVirtualMachine": True, "zones": ["1"],
        "virtualMachineSize": "Standard_D2s_v5", "originalStorageAccountOption": False,
        "osType": place.item.os_type, **one.extra}
    return {"id": place.id, "name": one.name, "type": f"{ITEM_TYPE}/recoveryPoints", "properties": properties}


# --- $filter ---------------------------------------------------------------------------------------

def _terms(text: str) -> dict[str, str]:
    """`a eq 'x' and b eq 'y'`, the only OData that the backup service takes."""
    terms: dict[str, str] = {}
    for term in re.split(r"\s+and\s+", text.strip()):
        match = re.fullmatch(r"(\w+)\s+eq\s+'([^']*)'", term)
        if not match or match[1] in terms:
            raise errors.invalid_input(f"$filter: '{term}' is not of the form name eq 'value'.")
        terms[match[1]] = match[2]
    return terms


def items_filter(text: str | None) -> Callable[[Place], bool]:
    terms = _terms(text) if text is not None else {}
    known = {"backupManagementType", "itemType", "friendlyName", "containerName"}
    if set(terms) - known:
        raise errors.invalid_input(f"$filter: unknown member '{sorted(set(terms) - known)[0]}'.")
    for name, must in (("backupManagementType", "AzureIaasVM"), ("itemType", "VM")):
        if name in terms and terms[name] != must:
            raise errors.invalid_input(f"$filter: {name} '{terms[name]}' is not '{must}'.")

    def wanted(place: Place) -> bool:
        return (terms.get("friendlyName", place.item.vm).casefold() == place.item.vm.casefold()
                and terms.get("containerName", place.item.unique_name).casefold() == place.item.unique_name.casefold())
    return wanted


def _filter_time(name: str, text: str) -> datetime:
    """A 12-hour clock in UTC: 2026-01-31 01:05:00 PM."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d (0[1-9]|1[0-2]):\d\d:\d\d (AM|PM)", text):
        raise errors.invalid_input(f"$filter: {name} '{text}' is not of the form 'yyyy-MM-dd hh:mm:ss tt'.")
    try:
        return datetime.strptime(text, "%Y-%m-%d %I:%M:%S %p").replace(tzinfo=timezone.utc)
    except ValueError:
        raise errors.invalid_input(f"$filter: {name} '{text}' is no time.") from None


def points_filter(text: str | None) -> Callable[[datetime], bool]:
    if text is None:
        return lambda _time: True
    terms = _terms(text)
    if set(terms) != {"startDate", "endDate"}:
        raise errors.invalid_input("$filter: startDate and endDate go together, and alone.")
    start, end = (_filter_time(name, terms[name]) for name in ("startDate", "endDate"))
    if start > end:
        raise errors.invalid_input("$filter: startDate is after endDate.")
    return lambda time: start <= time <= end


class Lists:
    def __init__(self, model: Model, switches: Switches, tenant: str, active: Active) -> None:
        self._model, self._switches, self._tenant, self._active = model, switches, tenant, active

    def subscriptions(self, request: Request, query: dict[str, str]) -> Response:
        return paged(request, self._switches, query, list(self._model.subscriptions.items()),
                     lambda one: subscription(one[0], one[1], self._tenant))

    def vaults(self, request: Request, query: dict[str, str], sub: str, group: str | None) -> Response:
        found = [one for one in self._model.vaults
                 if one.subscription == sub and (group is None or one.group.casefold() == group.casefold())]
        if group is not None and not found and not self._model.has_group(sub, group):
            raise errors.no_group(group)
        return paged(request, self._switches, query, found, vault)

    def items(self, request: Request, query: dict[str, str], where: Vault) -> Response:
        wanted = items_filter(query.get("$filter"))
        places = [Place(where, one) for one in where.items if not one.account]  # VMs only, asked for or not
        return paged(request, self._switches, query, [place for place in places if wanted(place)],
                     lambda here: thinned(item(here), self._switches, True))

    def points(self, request: Request, query: dict[str, str], place: Place) -> Response:
        wanted = points_filter(query.get("$filter"))
        newest_first = sorted(place.item.points, key=lambda one: one.time, reverse=True)
        return paged(request, self._switches, query,
                     [Place(place.vault, place.item, one) for one in newest_first
                      if wanted(one.time) and one.name not in self._switches.hidden_points],
                     lambda here: thinned(point(here, self._active(here)), self._switches, True))

    def item(self, place: Place) -> Response:
        return Response.json(200, thinned(item(place), self._switches, False))

    def point(self, place: Place) -> Response:
        return Response.json(200, thinned(point(place, self._active(place)), self._switches, False))
