"""Tokens that prove an application in place of a secret: its own, signed with its certificate's key, or another
issuer's (workload identity federation)."""
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
FEDERATED_AUDIENCE = "api://AzureADTokenExchange"
FEDERATED_ISSUER = "https://issuer.example"
FEDERATED_SUBJECT = "system:serviceaccount:backup:azilr"
MAX_LIFETIME = 600  # Entra sets no limit yet, its documentation says at most ten minutes
SKEW = 5
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Refused(Exception):
    """An AADSTS code and what it says."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    if not re.fullmatch(r"[A-Za-z0-9_-]+", text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("repeated member")
    return dict(pairs)


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Header, claims, what is signed, signature."""
    try:
        head, body, signature = token.split(".")
        header, claims = (json.loads(_decode(part), object_pairs_hook=_unique) for part in (head, body))
        if not isinstance(header, dict) or not isinstance(claims, dict):
            raise ValueError("no objects")
        return header, claims, f"{head}.{body}".encode(), _decode(signature)
    except ValueError as error:
        raise Refused(50027, f"JWT token is invalid or malformed: {error}.") from None


class Certificates:
    """Checks assertions signed with the one certificate that the application has."""

    def __init__(self, certificate: Path, client: str) -> None:
        pem = certificate.read_text()
        der = base64.b64decode("".join(pem.split("-----")[2].split()))
        self._thumbprint = _encode(hashlib.sha256(der).digest())
        self._certificate = certificate
        self._client = client
        self._lock = threading.Lock()
        self._used: set[str] = set()

    def check(self, token: str, audiences: set[str]) -> None:
        header, claims, text, signature = _parts(token)
        if header.get("alg") != "PS256" or header.get("typ") != "JWT" or set(header) != {"alg", "typ", "x5t#S256"}:
            raise Refused(5002738, f"Invalid JWT token. The header is {json.dumps(header)}.")
        if header["x5t#S256"] != self._thumbprint:
            raise Refused(700027, "The certificate with identifier used to sign the client assertion is not registered "
                          "on application.")
        if not self._signed(text, signature):
            raise Refused(700027, "Client assertion failed signature validation.")
        self._check_claims(claims, audiences)

    def _check_claims(self, claims: dict[str, Any], audiences: set[str]) -> None:
        if set(claims) != {"aud", "iss", "sub", "jti", "iat", "nbf", "exp"}:
            raise Refused(50027, "JWT token is invalid or malformed: the claims are not those documented.")
        if claims["aud"] not in audiences:
            raise Refused(700023, "Client assertion audience claim does not match Realm issuer.")
        if claims["iss"] != self._client or claims["sub"] != self._client:
            raise Refused(700021, "Client assertion application identifier doesn't match 'client_id' parameter.")
        times = [claims[name] for name in ("iat", "nbf", "exp")]
        now = time.time()
        if not all(type(one) is int for one in times) or times[1] > now + SKEW or times[2] <= now:
            raise Refused(700024, "Client assertion is not within its valid time range.")
        if times[2] - times[1] > MAX_LIFETIME:
            raise Refused(700024, "Client assertion is valid for longer than ten minutes.")
        with self._lock:
            if not isinstance(claims["jti"], str) or not _UUID.fullmatch(claims["jti"]) or claims["jti"] in self._used:
                raise Refused(50027, "JWT token is invalid or malformed: jti is no GUID, or was used before.")
            self._used.add(claims["jti"])

    def _signed(self, text: bytes, signature: bytes) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            public, signed = Path(folder, "public.pem"), Path(folder, "signature")
            public.write_bytes(subprocess.run(["openssl", "x509", "-in", self._certificate, "-noout", "-pubkey"],
                                              check=True, capture_output=True).stdout)
            signed.write_bytes(signature)
            return subprocess.run(
                ["openssl", "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32",
                 "-verify", public, "-signature", signed], input=text, capture_output=True, check=False).returncode == 0


class Federation:
    """The other issuer, and what the application trusts it for. Only the newest token counts, as if each ended when the
    next was written."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self.token = ""
        self.all: list[str] = []
        self.rotate()

    def rotate(self) -> str:
        now = int(time.time())
        claims = {"aud": [FEDERATED_AUDIENCE], "iss": FEDERATED_ISSUER, "sub": FEDERATED_SUBJECT, "iat": now,
                  "nbf": now, "exp": now + 3600, "jti": secrets.token_hex(8)}
        text = ".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
        self.token = f"{text}.{_encode(hmac.digest(self._key, text.encode(), 'sha256'))}"
        self.all.append(self.token)
        return self.token

    def check(self, token: str) -> None:
        _, claims, text, signature = _parts(token)
        if not hmac.compare_digest(hmac.digest(self._key, text, "sha256"), signature):
            raise Refused(50013, "Assertion failed signature validation.")
        if claims["exp"] <= time.time() or token != self.token:
            raise Refused(700024, "Client assertion is not within its valid time range.")

    @staticmethod
    def issued(token: str) -> bool:
        """Whether it claims to come from here; the check tells whether it does."""
        try:
            return _parts(token)[1].get("iss") == FEDERATED_ISSUER
        except Refused:
            return False
