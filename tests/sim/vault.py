"""What is in the cloud: subscriptions, vaults, protected VMs and their recovery points. Nothing here changes."""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Iterator

from . import errors

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
ITEM_TYPE = "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems"
DEFAULT_SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
DEFAULT_POINTS = (("630000000000000001", "2026-11-19T03:00:00Z"), ("630000000000000002", "2026-11-20T03:00:00Z"))


class ConfigError(ValueError):
    """The configuration says something that it cannot say."""


def _members(what: str, value: Any, known: set[str]) -> dict[str, Any]:
    """Refuse a typing error in a configuration, which would else show as a test that tests nothing."""
    if not isinstance(value, dict):
        raise ConfigError(f"{what}: not an object")
    unknown = set(value) - known
    if unknown:
        raise ConfigError(f"{what}: unknown member {sorted(unknown)[0]!r}")
    return value


@dataclass(frozen=True)
class Disk:
    path: str
    readonly: bool = False
    product: str = "ILRDISK"

    @staticmethod
    def parse(value: Any) -> "Disk":
        if isinstance(value, str):
            return Disk(value)
        return Disk(**_members("disk", value, {"path", "readonly", "product"}))


@dataclass(frozen=True)
class Point:
    name: str
    time: datetime
    kind: str = "AppConsistent"
    disks: tuple[Disk, ...] = ()
    encrypted: bool = False
    tiers: tuple[dict[str, str], ...] = ({"type": "InstantRP", "status": "Valid"},
                                         {"type": "HardenedRP", "status": "Valid"})
    extra: dict[str, Any] = field(default_factory=dict)  # merged into the answer's properties

    @staticmethod
    def parse(value: Any, disks: tuple[Disk, ...]) -> "Point":
        v = _members("recovery point", value, {"name", "time", "type", "disks", "encrypted", "tiers", "properties"})
        time = datetime.fromisoformat(v["time"].replace("Z", "+00:00")).astimezone(timezone.utc)
        own = tuple(Disk.parse(d) for d in v["disks"]) if "disks" in v else disks
        return Point(v["name"], time, v.get("type", "AppConsistent"), own, v.get("encrypted", False),
                     tuple(v.get("tiers", Point.tiers)), v.get("properties", {}))


@dataclass(frozen=True)
class Item:
    vm: str
    group: str
    subscription: str
    os_type: str = "Linux"
    points: tuple[Point, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    account: str = ""  # of a file share, which `vm` then names; "" for a VM

    @property
    def vm_id(self) -> str:
        """What the item protects: a VM, or the storage account of a file share."""
        if self.account:
            return (f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
                    f"/providers/Microsoft.Storage/storageAccounts/{self.account}")
        return (f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
                f"/providers/Microsoft.Compute/virtualMachines/{self.vm}")

    @property
    def unique_name(self) -> str:
        if self.account:
            return f"storage;{self.group};{self.account}"
        return f"iaasvmcontainerv2;{self.group};{self.vm}"

    @property
    def container(self) -> str:
        return f"{'StorageContainer' if self.account else 'IaasVMContainer'};{self.unique_name}"

    @property
    def name(self) -> str:
        return f"AzureFileShare;{self.vm}" if self.account else f"VM;{self.unique_name}"

    @staticmethod
    def parse_share(value: dict[str, Any], subscription: str) -> "Item":
        v = _members("item", value, {"share", "storage_account", "resource_group", "recovery_points"})
        points = tuple(Point.parse(p, ()) for p in v.get("recovery_points", []))
        return Item(v["share"], v.get("resource_group", "rg-web"), subscription, points=points,
                    account=v["storage_account"])

    @staticmethod
    def parse(value: Any, subscription: str) -> "Item":
        if isinstance(value, dict) and "share" in value:
            return Item.parse_share(value, subscription)
        v = _members("item", value, {"vm", "vm_resource_group", "os_type", "disks", "recovery_points", "properties"})
        disks = tuple(Disk.parse(d) for d in v.get("disks", []))
        points = tuple(Point.parse(p, disks) for p in v.get("recovery_points", []))
        return Item(v["vm"], v.get("vm_resource_group", "rg-web"), subscription, v.get("os_type", "Linux"), points,
                    v.get("properties", {}))


@dataclass(frozen=True)
class Vault:
    name: str
    group: str
    subscription: str
    location: str = "westeurope"
    geo: str = "weu"
    items: tuple[Item, ...] = ()

    @property
    def id(self) -> str:
        return (f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
                f"/providers/Microsoft.RecoveryServices/vaults/{self.name}")

    @staticmethod
    def parse(value: Any, subscription: str) -> "Vault":
        v = _members("vault", value, {"name", "resource_group", "location", "geo", "items"})
        return Vault(v["name"], v.get("resource_group", "rg-backup"), subscription, v.get("location", "westeurope"),
                     v.get("geo", "weu"), tuple(Item.parse(i, subscription) for i in v.get("items", [])))


@dataclass(frozen=True)
class Place:
    """An item in its vault, and the recovery point there when one is meant."""

    vault: Vault
    item: Item
    point: Point | None = None

    @property
    def item_id(self) -> str:
        return (f"{self.vault.id}/backupFabrics/Azure/protectionContainers/{self.item.container}"
                f"/protectedItems/{self.item.name}")

    @property
    def id(self) -> str:
        return f"{self.item_id}/recoveryPoints/{self.point.name}" if self.point else self.item_id


def _same(a: str, b: str) -> bool:
    return a.casefold() == b.casefold()


@dataclass
class Model:
    subscriptions: dict[str, str]  # id to display name
    vaults: list[Vault]

    @staticmethod
    def parse(config: list[Any]) -> "Model":
        model = Model({}, [])
        for value in config:
            v = _members("subscription", value, {"id", "name", "vaults"})
            if not GUID.fullmatch(v["id"]):
                raise ConfigError(f"subscription: {v['id']!r} is no GUID")
            model.subscriptions[v["id"].lower()] = v.get("name", "Test subscription")
            model.vaults += [Vault.parse(one, v["id"].lower()) for one in v.get("vaults", [])]
        return model

    @staticmethod
    def default(disks: list[str]) -> "Model":
        points = [{"name": name, "time": time} for name, time in DEFAULT_POINTS]
        item = {"vm": "web01", "disks": disks, "recovery_points": points}
        return Model.parse([{"id": DEFAULT_SUBSCRIPTION, "vaults": [{"name": "vault1", "items": [item]}]}])

    def places(self) -> Iterator[Place]:
        """Every recovery point there is."""
        for vault in self.vaults:
            for item in vault.items:
                for point in item.points:
                    yield Place(vault, item, point)

    # Look-ups in the order in which Azure would stumble; all names compare without case.

    def subscription(self, name: str) -> str:
        if not GUID.fullmatch(name):
            raise errors.malformed_subscription(name)
        if name.lower() not in self.subscriptions:
            raise errors.no_subscription(name)
        return name.lower()

    def has_group(self, subscription: str, group: str) -> bool:
        here = [v for v in self.vaults if v.subscription == self.subscription(subscription)]
        known = {v.group.casefold() for v in here} | {i.group.casefold() for v in here for i in v.items}
        return group.casefold() in known

    def vault(self, subscription: str, group: str, name: str) -> Vault:
        here = [v for v in self.vaults if v.subscription == self.subscription(subscription)]
        if not self.has_group(subscription, group):
            raise errors.no_group(group)
        for vault in here:
            if _same(vault.group, group) and _same(vault.name, name):
                return vault
        raise errors.no_vault(name, group)

    @staticmethod
    def item(vault: Vault, fabric: str, container: str, name: str) -> Place:
        if not _same(fabric, "Azure"):
            raise errors.invalid_input(f"fabricName '{fabric}' is not 'Azure'.")
        for item in vault.items:  # a file share's names are of no other form than its own
            if item.account and _same(item.container, container) and _same(item.name, name):
                return Place(vault, item)
        where = re.fullmatch(r"iaasvmcontainer;(iaasvmcontainerv2;[^;]+;[^;]+)", container, re.I)
        what = re.fullmatch(r"vm;(iaasvmcontainerv2;[^;]+;[^;]+)", name, re.I)
        if not where:
            raise errors.invalid_input(f"containerName '{container}' is not of the form "
                                       "'iaasvmcontainer;iaasvmcontainerv2;<resource group>;<vm>'.")
        if not what:
            raise errors.invalid_input(f"protectedItemName '{name}' is not of the form "
                                       "'vm;iaasvmcontainerv2;<resource group>;<vm>'.")
        if not _same(where[1], what[1]):
            raise errors.invalid_input(f"protectedItemName '{name}' is not in containerName '{container}'.")
        for item in vault.items:
            if _same(item.unique_name, what[1]):
                return Place(vault, item)
        raise errors.no_item()

    @staticmethod
    def point(place: Place, name: str) -> Place:
        for point in place.item.points:
            if point.name == name:
                return Place(place.vault, place.item, point)
        raise errors.no_point(name)
