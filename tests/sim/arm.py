"""Resource Manager: which call a request is, the checks that each must pass, and the answer."""
from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Callable
from urllib.parse import quote, unquote

from . import checks, errors, ilr_request, script
from .ilr import Ilr, Operation, status_body
from .lists import EVIL_HOST, Lists, paged
from .message import Request, Response
from .oauth import Credentials, Tokens
from .switches import Switches
from .vault import Model, Place

_PROVIDER = "Microsoft.RecoveryServices"
_VAULTS = f"/subscriptions/{{sub}}/resourceGroups/{{group}}/providers/{_PROVIDER}/vaults"
_VAULT = _VAULTS + "/{vault}"
_ITEM = _VAULT + "/backupFabrics/{fabric}/protectionContainers/{container}/protectedItems/{item}"
_POINT = _ITEM + "/recoveryPoints/{point}"
_RBAC_ITEM = f"{_PROVIDER}/Vaults/backupFabrics/protectionContainers/protectedItems"
_KIND_ITEM = "vaults/backupFabrics/protectionContainers/protectedItems"

# The real links carry this version whatever the request had.
LINK_API_VERSION = "2016-12-01"


@dataclass(frozen=True)
class Route:
    call: str
    method: str
    template: str
    action: str                    # what RBAC calls it
    kind: str                      # what "No registered resource provider" calls it
    query: tuple[str, ...] = ()

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """The template's {names}, if the path fits. Names of types compare without case, as in Azure."""
        parts = self.template.split("/")[1:]
        if len(parts) != len(segments):
            return None
        found: dict[str, str] = {}
        for part, segment in zip(parts, segments):
            if part.startswith("{"):
                if not segment:
                    return None
                found[part[1:-1]] = segment
            elif part.casefold() != segment.casefold():
                return None
        return found


_PAGED = ("$skipToken",)
ROUTES = (
    Route("subscriptions_list", "GET", "/subscriptions", "Microsoft.Resources/subscriptions/read", "", _PAGED),
    Route("vaults_list", "GET", f"/subscriptions/{{sub}}/providers/{_PROVIDER}/vaults", f"{_PROVIDER}/Vaults/read",
          "vaults", _PAGED),
    Route("vaults_list", "GET", _VAULTS, f"{_PROVIDER}/Vaults/read", "vaults", _PAGED),
    Route("items_list", "GET", _VAULT + "/backupProtectedItems", f"{_PROVIDER}/Vaults/backupProtectedItems/read",
          "vaults/backupProtectedItems", ("$filter", *_PAGED)),
    Route("permissions_list", "GET", _VAULT + "/providers/Microsoft.Authorization/permissions",
          "Microsoft.Authorization/permissions/read", "permissions", _PAGED),
    Route("item_get", "GET", _ITEM, f"{_RBAC_ITEM}/read", _KIND_ITEM),
    Route("points_list", "GET", _ITEM + "/recoveryPoints", f"{_RBAC_ITEM}/recoveryPoints/read",
          f"{_KIND_ITEM}/recoveryPoints", ("$filter", *_PAGED)),
    Route("point_get", "GET", _POINT, f"{_RBAC_ITEM}/recoveryPoints/read", f"{_KIND_ITEM}/recoveryPoints"),
    Route("provision", "POST", _POINT + "/provisionInstantItemRecovery",
          f"{_RBAC_ITEM}/recoveryPoints/provisionInstantItemRecovery/action", f"{_KIND_ITEM}/recoveryPoints"),
    Route("revoke", "POST", _POINT + "/revokeInstantItemRecovery",
          f"{_RBAC_ITEM}/recoveryPoints/revokeInstantItemRecovery/action", f"{_KIND_ITEM}/recoveryPoints"),
    Route("list_scripts", "POST", _POINT + "/listInstantItemRecoveryOperationResult",
          f"{_RBAC_ITEM}/recoveryPoints/listInstantItemRecoveryOperationResult/action",
          f"{_KIND_ITEM}/recoveryPoints"),
    Route("status", "GET", _ITEM + "/operationsStatus/{operation}", f"{_RBAC_ITEM}/operationsStatus/read",
          f"{_KIND_ITEM}/operationsStatus"),
    Route("results", "GET", _ITEM + "/operationResults/{operation}", f"{_RBAC_ITEM}/operationResults/read",
          f"{_KIND_ITEM}/operationResults"),
    Route("backup_operation", "GET", _VAULT + "/backupOperations/{operation}",
          f"{_PROVIDER}/Vaults/backupOperations/read", "vaults/backupOperations"),
)
_SCRIPT = re.compile(r"/sim/scripts/([0-9a-f-]{36})\.(py|sh|exe)")


class Arm:
    def __init__(self, model: Model, switches: Switches, tokens: Tokens, who: Credentials, ilr: Ilr) -> None:
        self._model, self._switches, self._tokens, self._who, self._ilr = model, switches, tokens, who, ilr
        self._lists = Lists(model, switches, who.tenant, ilr.active)

    def identify(self, request: Request) -> None:
        """Name the call, before any fault or check."""
        if _SCRIPT.fullmatch(request.path):
            request.call = "script_download"
            return
        for route in ROUTES:
            if route.match(request.segments) is not None:
                request.call = route.call
                return

    def handle(self, request: Request) -> Response:
        try:
            return self._handle(request)
        except errors.ArmError as error:
            return error.response()

    def _handle(self, request: Request) -> Response:
        checks.host(request)
        if request.call == "script_download":
            return self._download(request)
        fitting = [(route, names) for route in ROUTES
                   for names in [route.match(request.segments)] if names is not None]
        version = checks.api_version_present(request)
        self._tokens.check(request)
        if not fitting:
            raise errors.no_route(request.path)
        route, names = fitting[0]
        if request.method != route.method:
            raise errors.wrong_method(request.method, [route.method])
        if "sub" in names:
            self._model.subscription(names["sub"])
        if route.call in self._switches.forbidden or self._in_forbidden_scope(request.path):
            scope = request.path.rpartition("/")[0] if route.action.endswith("/action") else request.path
            raise errors.forbidden(self._who.client, self._who.oid, route.action, scope)
        checks.api_version(version, route.kind, self._versions(route))
        query = checks.query(request, route.query)
        if route.method == "GET":
            checks.no_body(request)
        handler: Callable[[Request, dict[str, str], dict[str, str]], Response] = getattr(self, f"_{route.call}")
        return handler(request, query, names)

    def _in_forbidden_scope(self, path: str) -> bool:
        """Whether a switch takes the right to all that lies at or below a scope, as a missing role does."""
        path = unquote(path).casefold()
        return any(path == scope or path.startswith(scope + "/")
                   for scope in (one.casefold().rstrip("/") for one in self._switches.forbidden_scopes))

    def _versions(self, route: Route) -> list[str]:
        if route.call == "subscriptions_list":
            return checks.SUBSCRIPTION_VERSIONS
        if route.call == "vaults_list":
            return checks.VAULT_VERSIONS
        if route.call == "permissions_list":
            return checks.AUTHORIZATION_VERSIONS
        newest = [] if self._switches.generation == "inline" else [checks.LIST_ACTION_VERSION]
        return newest if route.call == "list_scripts" else checks.BACKUP_VERSIONS + newest

    # --- lists ------------------------------------------------------------------------------------

    def _subscriptions_list(self, request: Request, query: dict[str, str], _names: dict[str, str]) -> Response:
        return self._lists.subscriptions(request, query)

    def _vaults_list(self, request: Request, query: dict[str, str], names: dict[str, str]) -> Response:
        return self._lists.vaults(request, query, names["sub"].lower(), names.get("group"))

    def _items_list(self, request: Request, query: dict[str, str], names: dict[str, str]) -> Response:
        vault = self._model.vault(names["sub"], names["group"], names["vault"])
        return self._lists.items(request, query, vault)

    def _item_get(self, _request: Request, _query: dict[str, str], names: dict[str, str]) -> Response:
        return self._lists.item(self._item(names))

    def _points_list(self, request: Request, query: dict[str, str], names: dict[str, str]) -> Response:
        return self._lists.points(request, query, self._item(names))

    def _point_get(self, _request: Request, _query: dict[str, str], names: dict[str, str]) -> Response:
        return self._lists.point(self._point(names))

    def _permissions_list(self, request: Request, query: dict[str, str], names: dict[str, str]) -> Response:
        """What the caller may do with a vault: a role that only reads, and one with the rest of what is not forbidden,
        in which the actions stand by themselves as in the role Backup Operator."""
        self._model.vault(names["sub"], names["group"], names["vault"])
        granted = [route.action for route in ROUTES if route.call not in self._switches.forbidden
                   and route.action.startswith(f"{_PROVIDER}/")]
        roles = [["Microsoft.Authorization/*/read", "Microsoft.Resources/subscriptions/resourceGroups/read"],
                 sorted(set(granted))]
        return paged(request, self._switches, query, roles, lambda actions: {
            "actions": actions, "notActions": [], "dataActions": [], "notDataActions": [], "condition": None,
            "conditionVersion": None})

    # --- item level recovery ------------------------------------------------------------------------

    def _provision(self, request: Request, query: dict[str, str], names: dict[str, str]) -> Response:
        place = self._point(names)
        properties = ilr_request.properties(request, place)
        if place.item.account:
            return self._accepted(request, self._ilr.provision_share(place, query["api-version"]))
        operation = self._ilr.provision(place, query["api-version"], properties["initiatorName"],
                                        properties.get("renewExistingRegistration", False), f"https://{request.host}")
        return self._accepted(request, operation)

    def _revoke(self, request: Request, query: dict[str, str], names: dict[str, str]) -> Response:
        place = self._point(names)
        checks.no_body(request)
        return self._accepted(request, self._ilr.revoke(place, query["api-version"]))

    def _list_scripts(self, request: Request, _query: dict[str, str], names: dict[str, str]) -> Response:
        place = self._point(names)
        body = checks.json_body(request)
        checks.members(body, {"provisionInstantItemRecoveryOperationId": str},
                       ("provisionInstantItemRecoveryOperationId",))
        operation = self._ilr.operation(body["provisionInstantItemRecoveryOperationId"])
        if operation.kind != "provision" or operation.place.id != place.id:
            raise errors.no_operation(operation.id)
        if operation.status != "Succeeded":
            raise errors.operation_not_finished(operation.status)
        return Response.json(200, {"clientScripts": self._ilr.scripts(operation)})

    def _status(self, request: Request, _query: dict[str, str], names: dict[str, str]) -> Response:
        operation = self._ilr.operation(names["operation"])
        if operation.place.item_id != self._item(names).item_id:
            raise errors.no_operation(names["operation"])
        return self._state_of(request, operation)

    def _backup_operation(self, request: Request, _query: dict[str, str], names: dict[str, str]) -> Response:
        vault = self._model.vault(names["sub"], names["group"], names["vault"])
        operation = self._ilr.operation(names["operation"])
        if operation.place.vault.id != vault.id:
            raise errors.no_operation(names["operation"])
        return self._state_of(request, operation)

    def _state_of(self, request: Request, operation: Operation) -> Response:
        self._ilr.poll(operation)
        give = (operation.kind == "provision" and operation.status == "Succeeded" and self._ilr.inline(operation))
        headers = []
        if operation.status == "InProgress":
            headers = self._links(request, operation)
        return Response.json(200, status_body(request.path, operation, self._ilr.scripts(operation) if give else None),
                             headers)

    def _results(self, request: Request, _query: dict[str, str], names: dict[str, str]) -> Response:
        place = self._item(names)
        operation = self._ilr.operation(names["operation"])
        if operation.place.item_id != place.item_id:
            raise errors.no_operation(names["operation"])
        self._ilr.poll(operation)
        if operation.status == "InProgress":
            return Response(202, headers=self._links(request, operation), content_type=None)
        if operation.error:
            return Response.json(400, {"error": operation.error})
        if self._switches.results_final == 200:
            return self._lists.item(place)
        return Response(204, content_type=None)

    # --- helpers ------------------------------------------------------------------------------------

    def _item(self, names: dict[str, str]) -> Place:
        vault = self._model.vault(names["sub"], names["group"], names["vault"])
        return self._model.item(vault, names["fabric"], names["container"], names["item"])

    def _point(self, names: dict[str, str]) -> Place:
        item = self._item(names)
        if names["point"] in self._switches.hidden_points:
            raise errors.no_point(names["point"])
        return self._model.point(item, names["point"])

    def _links(self, request: Request, operation: Operation) -> list[tuple[str, str]]:
        """Status and result, as the real service writes them: /Subscriptions, an older version, `;` as it is."""
        evil = self._switches.wrong_host_async
        base = operation.place.item_id.replace("/subscriptions", "/Subscriptions", 1)

        def link(host: str, what: str) -> str:
            return f"https://{host}{quote(base, safe='/;')}/{what}/{operation.id}?api-version={LINK_API_VERSION}"
        host = (EVIL_HOST if evil is True else evil) or request.host
        return [("Azure-AsyncOperation", link(host, "operationsStatus")),
                ("Location", link(request.host, "operationResults")),
                ("Retry-After", str(self._switches.retry_after))]

    def _accepted(self, request: Request, operation: Operation) -> Response:
        return Response(self._switches.accepted_status, headers=self._links(request, operation), content_type=None)

    def _download(self, request: Request) -> Response:
        """Script content by `url`; like a signed link it takes no other credential, as storage does not."""
        if "Authorization" in request.headers:
            return Response(400, b"<html><body>AuthenticationInfo is given twice.</body></html>", "text/html")
        ident, kind = _SCRIPT.fullmatch(request.path).groups()  # type: ignore[union-attr]
        registration = self._ilr.by_script(ident)
        if registration and dict(request.query).get("sig") != registration.signature:
            return Response(403, b"<html><body>Signature did not match.</body></html>", "text/html")
        if registration is None:
            return Response(404, b"<html><body>The specified resource does not exist.</body></html>", "text/html")
        content = b"MZ not a program" if kind == "exe" else script.linux(registration, self._switches, kind).encode()
        return Response(200, content, "application/octet-stream")
