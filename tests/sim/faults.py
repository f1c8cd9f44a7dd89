"""The switches that spoil an answer, whatever the call was."""
from __future__ import annotations

import base64
import json
import time

from .errors import ArmError
from .message import JSON, Request, Response
from .switches import Switches

_HTML = (b"<html>\r\n<head><title>%d</title></head>\r\n<body>\r\n<center><h1>The gateway has no answer</h1></center>\r\n"
         b"</body>\r\n</html>\r\n")


def before(request: Request, switches: Switches) -> Response | None:
    """A spoiled answer in place of the work, if a switch says so."""
    call = request.call
    if delay := switches.take("delay_ms", call):
        time.sleep(delay.get("ms", 1000) / 1000)
    for name, make in _INSTEAD.items():
        if fault := switches.take(name, call):
            request.fault = name
            return make(fault)
    return None


def after(request: Request, response: Response, switches: Switches) -> Response | None:
    """The answer as it goes out; None: the work is done, and the connection closes without a word."""
    if switches.take("lost_answer", request.call):
        request.fault = "lost_answer"
        return None
    if fault := switches.take("late_failure", request.call):
        request.fault = "late_failure"
        response = _late_failure(fault)
    if fault := switches.take("drop_after", request.call):
        request.fault = "drop_after"
        response.cut_after = fault.get("bytes", 100)
    return response


def _throttle(fault: dict) -> Response:
    wait = fault.get("retry_after", 1)
    return ArmError(429, "SubscriptionRequestsThrottled",
                    f"Number of requests exceeded the limit. Please try again after '{wait}' seconds.",
                    headers=[("Retry-After", str(wait))]).response()


def _unavailable(fault: dict) -> Response:
    headers = [("Retry-After", str(fault.get("retry_after", 1)))] if fault.get("retry_after", 1) is not None else []
    return ArmError(503, "ServiceUnavailable", "The service is unavailable now. Retry the request later.",
                    headers=headers).response()


def _late_failure(fault: dict) -> Response:
    headers = [("Retry-After", str(fault["retry_after"]))] if "retry_after" in fault else []
    return ArmError(fault.get("status", 503), "ServiceUnavailable", "The service has failed.", headers=headers).response()


def _html(fault: dict) -> Response:
    status = fault.get("status", 502)
    return Response(status, _HTML % status, "text/html")


def _empty(fault: dict) -> Response:
    return Response(fault.get("status", 500), b"", None)


def _error(fault: dict) -> Response:
    return ArmError(fault.get("status", 400), fault.get("code", "BadRequest"), fault.get("message", "Simulated error."),
                    target=fault.get("target"), details=fault.get("details"), info=fault.get("additionalInfo")).response()


def _raw(fault: dict) -> Response:
    """Any answer at all: `body` as text or JSON value, or `body_base64`."""
    if "body_base64" in fault:
        body = base64.b64decode(fault["body_base64"])
    else:
        text = fault.get("body", "")
        body = (text if isinstance(text, str) else json.dumps(text)).encode()
    headers = fault.get("headers", {})
    return Response(fault.get("status", 200), body, fault.get("content_type", JSON),
                    [(name, str(value)) for name, value in headers.items()])


_INSTEAD = {"throttle": _throttle, "unavailable": _unavailable, "html": _html, "empty_body": _empty, "error": _error,
            "raw": _raw}
