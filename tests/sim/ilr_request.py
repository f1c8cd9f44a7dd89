"""The body of a provision: an ILRRequestResource with an ILRRequest of the kind that fits the recovery point."""
from __future__ import annotations

from typing import Any

from . import checks, errors
from .message import Request
from .vault import Place

VM, SHARE = "IaasVMILRRegistrationRequest", "AzureFileShareProvisionILRRequest"
# Limits of tags: Resource Manager's documentation.
MAX_TAGS, MAX_TAG_NAME, MAX_TAG_VALUE = 50, 512, 256


def properties(request: Request, place: Place) -> dict[str, Any]:
    """The properties of a request for this very recovery point."""
    body = checks.json_body(request)
    checks.members(body, {"eTag": str, "location": str, "tags": dict, "properties": dict}, ("properties",))
    _resource(body, place)
    wanted = SHARE if place.item.account else VM
    value: dict[str, Any] = body["properties"]
    if value.get("objectType") != wanted:
        raise errors.invalid_input(f"properties.objectType '{value.get('objectType')}' is not '{wanted}'.")
    (_share if place.item.account else _vm)(value, place)
    assert place.point
    if value["recoveryPointId"].casefold() not in (place.id.casefold(), place.point.name.casefold()):
        raise errors.invalid_input("properties.recoveryPointId is not the recovery point of the URL.")
    return value


def _vm(value: dict[str, Any], place: Place) -> None:
    checks.members(value, {"objectType": str, "initiatorName": str, "recoveryPointId": str,
                           "renewExistingRegistration": bool, "virtualMachineId": str},
                   ("initiatorName", "recoveryPointId", "virtualMachineId"), "properties.")
    if not checks.initiator_name(value["initiatorName"]):
        raise errors.invalid_input(f"properties.initiatorName '{value['initiatorName']}' is no iSCSI name.")
    if value["virtualMachineId"].casefold() != place.item.vm_id.casefold():
        raise errors.invalid_input("properties.virtualMachineId is not the ARM id of the protected VM.")


def _share(value: dict[str, Any], place: Place) -> None:
    checks.members(value, {"objectType": str, "recoveryPointId": str, "sourceResourceId": str},
                   ("recoveryPointId", "sourceResourceId"), "properties.")
    if value["sourceResourceId"].casefold() != place.item.vm_id.casefold():
        raise errors.invalid_input("properties.sourceResourceId is not the ARM id of the storage account.")


def _resource(body: dict[str, Any], place: Place) -> None:
    """The resource's own members. An empty or foreign one is a client's mistake, whatever Azure makes of it."""
    if "eTag" in body and not body["eTag"]:
        raise errors.invalid_input("eTag is empty.")
    if "location" in body and body["location"].replace(" ", "").casefold() != place.vault.location.casefold():
        raise errors.invalid_input(f"location '{body['location']}' is not the vault's.")
    tags = body.get("tags", {})
    if len(tags) > MAX_TAGS:
        raise errors.bad_content(f"More than {MAX_TAGS} tags.")
    for name, value in tags.items():
        if not isinstance(value, str):
            raise errors.bad_content("Error converting a value of 'tags' to type 'str'.")
        if not name or len(name) > MAX_TAG_NAME or set(name) & set("<>%&\\?/") or len(value) > MAX_TAG_VALUE:
            raise errors.bad_content(f"The tag '{name[:40]}' is not allowed.")
