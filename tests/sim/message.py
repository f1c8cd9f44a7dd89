"""A request as the server read it, and the answer as it is to be written."""
from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

JSON = "application/json; charset=utf-8"


@dataclass
class Request:
    method: str
    target: str
    headers: Message
    body: bytes | None  # None: there was no Content-Length
    listener: str = "arm"
    bearer: str = "none"  # none, valid, expired, invalid, malformed; filled in by the check
    call: str = "unknown"
    fault: str | None = None
    principal: str = ""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query_text(self) -> str:
        return urlsplit(self.target).query

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query_text, keep_blank_values=True)

    @property
    def segments(self) -> list[str]:
        """The path's parts, decoded one by one, so that %2F stays inside its part."""
        return [unquote(part) for part in self.path.split("/")[1:]]

    @property
    def host(self) -> str:
        return self.headers.get("Host", "")


@dataclass
class Response:
    status: int
    body: bytes = b""
    content_type: str | None = JSON
    headers: list[tuple[str, str]] = field(default_factory=list)
    close: bool = False
    cut_after: int | None = None  # write so many bytes of the whole answer, then cut the connection

    @staticmethod
    def json(status: int, value: Any, headers: list[tuple[str, str]] | None = None) -> "Response":
        return Response(status, json.dumps(value, ensure_ascii=False).encode(), JSON, list(headers or []))
