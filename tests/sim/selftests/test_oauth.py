"""The token end point."""
from __future__ import annotations

import time
from urllib.parse import urlencode

from .support import VERSION, SimCase

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Token(SimCase):
    def ask(self, tenant: str | None = None, headers: dict | None = None, **changes: str | None) -> tuple[int, dict]:
        form = {"grant_type": "client_credentials", "client_id": self.ready["client_id"],
                "client_secret": (self.folder / "client-secret").read_text(),
                "scope": self.ready["arm"] + "/.default", **changes}
        body = urlencode({name: value for name, value in form.items() if value is not None}).encode()
        status, _, answer = self.call("POST", f"/{tenant or self.ready['tenant_id']}/oauth2/v2.0/token", body,
                                      token=None, headers=headers or FORM)
        return status, answer

    def test_good(self) -> None:
        status, answer = self.ask()
        self.assertEqual((status, answer["token_type"], answer["expires_in"]), (200, "Bearer", 3599))
        self.assertEqual(self.call("GET", f"{self.point}?{VERSION}", token=answer["access_token"])[0], 200)
        self.assertEqual(self.ask(scope="https://management.azure.com/.default")[0], 200)

    def test_lifetime(self) -> None:
        self.set(token_lifetime=0.2)
        token = self.ask()[1]["access_token"]
        time.sleep(0.25)
        self.assertEqual(self.code("GET", f"{self.point}?{VERSION}", token=token), (401, "ExpiredAuthenticationToken"))

    def test_refusals(self) -> None:
        cases = (({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
                 ({"client_secret": None}, 401, "invalid_client", 7000218),
                 ({"client_id": self.ready["tenant_id"]}, 400, "unauthorized_client", 700016),
                 ({"tenant": "other.example"}, 400, "invalid_request", 90002),
                 ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
                 ({"grant_type": None}, 400, "invalid_request", 900144),
                 ({"scope": "https://elsewhere.example/.default"}, 400, "invalid_scope", 70011),
                 ({"headers": {"Content-Type": "application/json"}}, 400, "invalid_request", 900144))
        for changes, status, error, code in cases:
            got, answer = self.ask(**changes)
            self.assertEqual((got, answer["error"], answer["error_codes"]), (status, error, [code]), changes)
            self.assertTrue(answer["error_description"].startswith(f"AADSTS{code}: "))
            self.assertTrue(answer["trace_id"] and answer["correlation_id"])

    def test_log(self) -> None:
        self.ask()
        self.ask(client_secret="wrong-secret")
        good, bad = self.log()[-2:]
        self.assertEqual((good["call"], good["body"]["client_secret"]), ("token", "valid"))
        self.assertEqual(bad["body"]["client_secret"], "invalid")
        text = (self.folder / "requests.jsonl").read_text()
        self.assertNotIn((self.folder / "client-secret").read_text(), text)
        self.assertNotIn("wrong-secret", text)

    def test_expire_all(self) -> None:
        token = self.ask()[1]["access_token"]
        self.sim.tokens.expire_all()
        self.addCleanup(self.sim.tokens.add, self.token, 86400)
        self.assertEqual(self.code("GET", f"{self.point}?{VERSION}", token=token), (401, "ExpiredAuthenticationToken"))
