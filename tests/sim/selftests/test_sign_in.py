"""Assertions, federated tokens, device codes, managed identities."""
from __future__ import annotations

import base64
import http.client
import json
import subprocess
import time
import uuid
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

from sim import assertion
from sim.device import PUBLIC_CLIENT

from .support import VERSION, SimCase

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Entra(SimCase):
    def post(self, call: str, tenant: str | None = None, **form: str) -> tuple[int, dict]:
        status, _, answer = self.call("POST", f"/{tenant or self.ready['tenant_id']}/oauth2/v2.0/{call}",
                                      urlencode(form).encode(), token=None, headers=FORM)
        return status, answer

    def with_assertion(self, token: str, **changes: str) -> tuple[int, dict]:
        return self.post("token", **{"grant_type": "client_credentials", "client_id": self.ready["client_id"],
                                     "client_assertion_type": assertion.TYPE, "client_assertion": token,
                                     "scope": self.ready["arm"] + "/.default", **changes})

    def sign(self, header: dict | None = None, key: Path | None = None, salt: int = 32, **changes: object) -> str:
        who, now = self.ready["client_id"], int(time.time())
        head = {"alg": "PS256", "typ": "JWT", "x5t#S256": self.sim.arm.app._oauth._certificates._thumbprint,
                **(header or {})}
        claims = {"aud": f"{self.ready['arm']}/{self.ready['tenant_id']}/oauth2/v2.0/token", "iss": who, "sub": who,
                  "jti": str(uuid.uuid4()), "iat": now, "nbf": now, "exp": now + 600, **changes}
        text = ".".join(encode(json.dumps(part).encode()) for part in (head, claims))
        done = subprocess.run(
            ["openssl", "dgst", "-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", f"rsa_pss_saltlen:{salt}",
             "-sign", key or self.sim.pki.key], input=text.encode(), capture_output=True, check=True)
        return f"{text}.{encode(done.stdout)}"

    def test_assertion(self) -> None:
        token = self.sign()
        status, answer = self.with_assertion(token)
        self.assertEqual(status, 200, answer)
        self.assertEqual(self.call("GET", f"{self.point}?{VERSION}", token=answer["access_token"])[0], 200)
        self.assertEqual(self.with_assertion(token)[1]["error_codes"], [50027])  # a second time

    def test_bad_assertions(self) -> None:
        other = self.folder / "other.key"
        subprocess.run(["openssl", "genrsa", "-out", other, "2048"], check=True, capture_output=True)
        now = int(time.time())
        for token, code in ((self.sign(key=other), 700027), (self.sign(salt=20), 700027),
                            (self.sign(header={"x5t#S256": encode(b"x" * 32)}), 700027),
                            (self.sign(header={"alg": "RS256"}), 5002738), (self.sign(header={"kid": "x"}), 5002738),
                            (self.sign(aud="https://login.microsoftonline.com"), 700023),
                            (self.sign(sub="someone"), 700021), (self.sign(exp=now - 1), 700024),
                            (self.sign(nbf=now + 60), 700024), (self.sign(exp=now + 3600), 700024),
                            (self.sign(jti="1"), 50027), (self.sign(more=1), 50027), ("a.b.c", 50027), ("x", 50027)):
            status, answer = self.with_assertion(token)
            self.assertEqual((status, answer["error"], answer["error_codes"]), (401, "invalid_client", [code]), token)
        self.assertEqual(self.with_assertion(self.sign(), client_assertion_type="x")[0], 400)

    def test_federated(self) -> None:
        token = (self.folder / "federated-token").read_text()
        self.assertEqual(self.with_assertion(token)[0], 200)
        self.assertEqual(self.with_assertion(token[:-2] + "xx")[0], 401)
        self.sim.rotate_federated_token()
        self.assertEqual(self.with_assertion(token)[0], 401)
        self.assertEqual(self.with_assertion((self.folder / "federated-token").read_text())[0], 200)

    def device(self, scope: str = "/.default offline_access", client: str = PUBLIC_CLIENT) -> tuple[int, dict]:
        return self.post("devicecode", "organizations", client_id=client, scope=self.ready["arm"] + scope)

    def poll(self, code: str) -> tuple[int, dict]:
        return self.post("token", "organizations", grant_type="urn:ietf:params:oauth:grant-type:device_code",
                         client_id=PUBLIC_CLIENT, device_code=code)

    def test_device_code(self) -> None:
        self.set(device_interval=0, device_slow_down=1)
        code = self.device()[1]["device_code"]
        self.assertEqual(self.poll(code)[1]["error"], "slow_down")
        self.assertEqual(self.poll(code)[1]["error"], "slow_down")  # five seconds too early now
        self.set(device_interval=0, device_slow_down=0, device_polls=1)
        code = self.device()[1]["device_code"]
        self.assertEqual(self.poll(code)[1]["error"], "authorization_pending")
        status, answer = self.poll(code)
        self.assertEqual(status, 200)
        self.assertEqual(self.poll(code)[1]["error"], "bad_verification_code")
        again = {"grant_type": "refresh_token", "client_id": PUBLIC_CLIENT, "refresh_token": answer["refresh_token"],
                 "scope": self.ready["arm"] + "/.default"}
        self.assertEqual(self.post("token", "organizations", **again)[0], 200)
        self.assertEqual(self.post("token", "organizations", **again)[1]["error"], "invalid_grant")
        self.assertNotIn(answer["refresh_token"], (self.folder / "requests.jsonl").read_text())

    def test_device_refusals(self) -> None:
        self.assertEqual(self.device(client=self.ready["client_id"])[1]["error_codes"], [7000218])
        self.assertEqual(self.device(scope="x")[1]["error"], "invalid_scope")
        self.set(device_interval=0, device_polls=0, device_outcome="decline")
        self.assertEqual(self.poll(self.device()[1]["device_code"])[1]["error"], "authorization_declined")
        self.set(device_outcome="expire")
        self.assertEqual(self.poll(self.device()[1]["device_code"])[1]["error"], "expired_token")


class Managed(SimCase):
    def ask(self, listener: str = "imds", headers: dict | None = None, **changes: str) -> tuple[int, dict, str]:
        query = {"api-version": "2018-02-01" if listener == "imds" else "2020-06-01",
                 "resource": self.ready["arm"] + "/", **changes}
        where = urlsplit(self.ready[listener])
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
        self.addCleanup(connection.close)
        text = urlencode({name: value for name, value in query.items() if value}, quote_via=quote)
        connection.request("GET", f"/metadata/identity/oauth2/token?{text}",
                           headers={"Metadata": "true"} if headers is None else headers)
        answer = connection.getresponse()
        body = answer.read()
        return answer.status, json.loads(body or b"{}"), answer.getheader("WWW-Authenticate") or ""

    def test_imds(self) -> None:
        status, answer, _ = self.ask()
        self.assertEqual((status, answer["token_type"], answer["expires_in"]), (200, "Bearer", "3599"))
        self.assertEqual(self.call("GET", f"{self.point}?{VERSION}", token=answer["access_token"])[0], 200)
        self.assertEqual(self.ask(client_id=self.ready["user_assigned_client_id"])[0], 200)

    def test_imds_refusals(self) -> None:
        for changes in ({"headers": {}}, {"headers": {"Metadata": "True"}}, {"api-version": "2020-06-01"},
                        {"headers": {"Metadata": "true", "X-Forwarded-For": "127.0.0.1"}},
                        {"headers": {"Metadata": "true", "Authorization": "Bearer x"}},
                        {"resource": "https://vault.azure.net"}, {"resource": ""}, {"more": "1"}, {"client_id": "x"}):
            self.assertEqual(self.ask(**changes)[0], 400, changes)
        self.set(managed_identity=False)
        self.assertEqual(self.ask()[1]["error_description"], "Identity not found")

    def test_arc(self) -> None:
        status, _, challenge = self.ask("arc")
        self.assertEqual(status, 401)
        path = Path(challenge.removeprefix("Basic realm="))
        self.assertEqual(path.parent, Path(self.ready["arc_folder"]))
        key = path.read_text()
        headers = {"Metadata": "true", "Authorization": f"Basic {key}"}
        self.assertEqual(self.ask("arc", client_id="x")[0], 400)
        self.assertEqual(self.ask("arc", headers=headers)[0], 200)
        self.assertEqual(self.ask("arc", headers=headers)[0], 403)  # a second time
        self.assertEqual(self.ask("arc", headers={"Authorization": "Basic x"})[0], 400)
