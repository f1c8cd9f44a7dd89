"""Errors in the shapes that clients of Azure meet.

Two authors write them in reality: the gateway (Resource Manager itself: sign-in, versions, existence of
subscription, group and vault) and the backup service behind it, which adds null members. Codes marked
"invented" are plausible; no public record of the real one was at hand.
"""
from __future__ import annotations

from typing import Any

from .message import Response

Details = list[dict[str, Any]]


class ArmError(Exception):
    """One CloudError, ready to be answered."""

    def __init__(self, status: int, code: str, message: str, *, target: str | None = None,
                 details: Details | None = None, info: list[dict[str, Any]] | None = None,
                 headers: list[tuple[str, str]] | None = None, service: bool = False) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.headers = list(headers or [])
        self.body = cloud_error(code, message, target, details, info, service)
        if not service:
            self.headers.append(("x-ms-failure-cause", "gateway"))

    def response(self) -> Response:
        return Response.json(self.status, self.body, self.headers)


def cloud_error(code: str, message: str, target: str | None = None, details: Details | None = None,
                info: list[dict[str, Any]] | None = None, service: bool = False) -> dict[str, Any]:
    error: dict[str, Any] = {"code": code, "message": message}
    if service:
        error |= {"target": target, "details": details, "innerError": None}
    else:
        if target is not None:
            error["target"] = target
        if details:
            error["details"] = details
    if info:
        error["additionalInfo"] = info
    return {"error": error}


# --- the gateway ---------------------------------------------------------------------------------

def no_authorization(tenant: str) -> ArmError:
    return _unauthorized(tenant, "AuthenticationFailed",
                         "Authentication failed. The 'Authorization' header is missing.")


def bad_authorization(tenant: str) -> ArmError:
    return _unauthorized(tenant, "AuthenticationFailedInvalidHeader",
                         "Authentication failed. The 'Authorization' header is provided in an invalid format.")


def invalid_token(tenant: str) -> ArmError:
    return _unauthorized(tenant, "InvalidAuthenticationToken", "The access token is invalid.")


def expired_token(tenant: str, expiry: str, now: str) -> ArmError:
    return _unauthorized(tenant, "ExpiredAuthenticationToken",
                         f"The access token expiry UTC time '{expiry}' is earlier than current UTC time '{now}'.")


def _unauthorized(tenant: str, code: str, message: str) -> ArmError:
    challenge = (f'Bearer authorization_uri="https://login.windows.net/{tenant}", error="invalid_token", '
                 f'error_description="{message}"')
    return ArmError(401, code, message, headers=[("WWW-Authenticate", challenge)])


def forbidden(client: str, oid: str, action: str, scope: str) -> ArmError:
    return ArmError(403, "AuthorizationFailed",
                    f"The client '{client}' with object id '{oid}' does not have authorization to perform action "
                    f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, "
                    "please refresh your credentials.")


def missing_api_version() -> ArmError:
    return ArmError(400, "MissingApiVersionParameter",
                    "The api-version query parameter (?api-version=) is required for all requests.")


def malformed_api_version(version: str, supported: list[str]) -> ArmError:
    return ArmError(400, "InvalidApiVersionParameter",
                    f"The api-version '{version}' is invalid. The supported versions are '{','.join(supported)}'.")


def unregistered_api_version(version: str, kind: str, supported: list[str]) -> ArmError:
    return ArmError(400, "NoRegisteredProviderFound",
                    f"No registered resource provider found for location 'westeurope' and API version '{version}' for "
                    f"type '{kind}'. The supported api-versions are '{', '.join(supported)}'. The supported locations "
                    "are 'westeurope, northeurope'.")


def no_route(path: str) -> ArmError:
    return ArmError(404, "InvalidResourceType",
                    f"The resource type could not be found in the namespace 'Microsoft.RecoveryServices' for '{path}'.")


def wrong_method(method: str, allowed: list[str]) -> ArmError:
    return ArmError(405, "HttpMethodNotSupported",
                    f"The HTTP method '{method}' is not supported at scope.", headers=[("Allow", ", ".join(allowed))])


def malformed_subscription(value: str) -> ArmError:
    return ArmError(400, "InvalidSubscriptionId",
                    f"The provided subscription identifier '{value}' is malformed or invalid.")


def no_subscription(value: str) -> ArmError:
    return ArmError(404, "SubscriptionNotFound", f"The subscription '{value}' could not be found.")


def no_group(value: str) -> ArmError:
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{value}' could not be found.")


def no_vault(vault: str, group: str) -> ArmError:
    return ArmError(404, "ResourceNotFound",
                    f"The Resource 'Microsoft.RecoveryServices/vaults/{vault}' under resource group '{group}' was not "
                    "found. For more details please go to https://aka.ms/ARMResourceNotFoundFix")


def bad_content(why: str) -> ArmError:
    return ArmError(400, "InvalidRequestContent",
                    f"The request content was invalid and could not be deserialized: '{why}'.")


def bad_query(why: str) -> ArmError:  # invented: Resource Manager ignores most of what this refuses
    return ArmError(400, "InvalidQueryParameter", why)


def bad_host(host: str) -> ArmError:  # invented
    return ArmError(400, "InvalidHostName", f"The host name '{host}' is not served here.")


def wrong_media_type(value: str | None) -> ArmError:
    return ArmError(415, "UnsupportedMediaType",
                    f"The content media type '{value or '<null>'}' is not supported. Only 'application/json' is supported.")


# --- the backup service --------------------------------------------------------------------------

def _service(status: int, code: str, message: str, **more: Any) -> ArmError:
    return ArmError(status, code, message, service=True, **more)


def invalid_input(what: str) -> ArmError:
    return _service(400, "BMSUserErrorInvalidInput",
                    "Input provided for the call is invalid\r\nPlease check the required inputs",
                    details=[{"code": "InvalidParameter", "message": what, "target": None, "details": None}])


def no_item() -> ArmError:
    return _service(404, "BMSUserErrorDataSourceObjectNotFound",
                    "Item not found.\r\nSelected item might have been deleted. Please check if item is registered to "
                    "the vault.")


def no_point(name: str) -> ArmError:  # invented code
    return _service(404, "BMSUserErrorRecoveryPointNotFound",
                    f"Recovery point '{name}' was not found.\r\nIt may have expired; list the recovery points again.")


def no_operation(name: str) -> ArmError:  # invented code
    return _service(404, "BMSUserErrorOperationNotFound", f"Operation '{name}' was not found.")


def session_active() -> ArmError:  # invented code
    return _service(400, "UserErrorInstantRpILRSessionActive",
                    "An item level recovery session is already active for this recovery point.\r\nUnmount the disks of "
                    "the active session, or renew the existing registration.",
                    details=[{"code": "ILRSessionActive", "message": "renewExistingRegistration was false.",
                              "target": "properties.renewExistingRegistration", "details": None}],
                    info=[{"type": "RecommendedAction",
                           "info": {"action": "Revoke the session or set renewExistingRegistration to true."}}])


def no_active_session() -> ArmError:  # invented code
    return _service(400, "UserErrorInstantRpILRNoSessionToRenew",
                    "No item level recovery session is active for this recovery point, so none can be renewed.")


def operation_not_finished(state: str) -> ArmError:  # invented code
    return _service(409, "UserErrorILROperationNotSucceeded",
                    f"The operation is in state '{state}'; its result can be had once it has succeeded.")


def operation_running() -> ArmError:  # invented code
    return _service(409, "UserErrorInstantRpILROperationInProgress",
                    "An item level recovery operation is in progress for this recovery point.\r\nRetry once it has ended.")
