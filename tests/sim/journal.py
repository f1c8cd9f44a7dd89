"""DIR/requests.jsonl and DIR/portal.jsonl: what came in, one JSON object a line, never a secret."""
from __future__ import annotations

import json
import threading
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Callable

from .message import Request


class Journal:
    def __init__(self, path: Path, secrets: Callable[[], list[str]]) -> None:
        self._lock = threading.Lock()
        self._file = open(path, "a", encoding="utf-8")
        self._secrets = secrets
        self._count = 0
        path.chmod(0o600)

    def write(self, entry: dict[str, Any]) -> None:
        """The last guard: a secret that a faulty client put into a path or a body is blanked here."""
        with self._lock:
            self._count += 1
            line = json.dumps({"n": self._count, "time": datetime.now(timezone.utc).isoformat(), **entry})
            for secret in filter(None, self._secrets()):
                line = line.replace(secret, "[secret]")
            if not self._file.closed:
                self._file.write(line + "\n")
                self._file.flush()

    @property
    def count(self) -> int:
        return self._count

    def close(self) -> None:
        with self._lock:
            self._file.close()


def request_entry(request: Request, body: Any, status: int | None, started: float) -> dict[str, Any]:
    headers = request.headers
    return {
        "listener": request.listener, "call": request.call, "method": request.method, "path": request.path,
        "query": request.query_text, "host": request.host, "headers": sorted({name.lower() for name in headers}),
        "content_type": headers.get("Content-Type"), "user_agent": headers.get("User-Agent"),
        "bearer": request.bearer, "body": body, "status": status, "fault": request.fault,
        "ms": round((time.monotonic() - started) * 1000)}


def loggable_json(body: bytes | None) -> Any:
    """The body if it is JSON, else its length only: who knows what it holds."""
    if not body:
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return {"unreadable_bytes": len(body)}
