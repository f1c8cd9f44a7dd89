#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
A table of malformed and hostile answers, each to one call of src/azure: arm_hostile_test.py BUILD_DIR [unittest options]

Whatever is answered: an error with an exit code, in time, nothing on standard output, nothing raw on the terminal, no
token for another host (Case.tearDown). With SANITIZE=address,undefined the same runs show what leaks or crashes.
"""
import json
import sys
from urllib.parse import quote

from arm_support import AUTH, GUID, NETWORK, NOT_FOUND, Case, main

DEEP = 3000
BIG = 13 << 20  # more than any answer may have
ITEM = (f"/subscriptions/{GUID}1/resourceGroups/rg-backup/providers/Microsoft.RecoveryServices/vaults/vault1/backupFabrics/Azure"
        "/protectionContainers/IaasVMContainer;iaasvmcontainerv2;rg-web;web01/protectedItems/VM;iaasvmcontainerv2;rg-web;web01")
POINT = ITEM + "/recoveryPoints/630000000000000003"


def script(**fields):
    return {"status": "Succeeded", "properties": {"recoveryTarget": {"clientScripts": [fields]}}}


def error(**fields):
    return {"error": {"code": "X", "message": "m", **fields}}


def nested(name, depth, inner):
    value = inner
    for _ in range(depth):
        value = {name: [value], "code": "X"}
    return value


def point(ident, **properties):
    return {"id": ident, "properties": {"recoveryPointTime": "2026-11-20T03:00:00Z", **properties}}


def item(ident):
    return {"value": [{"id": ident, "name": "x", "properties": {
        "friendlyName": "web01", "protectedItemType": "Microsoft.Compute/virtualMachines", "virtualMachineId": "x"}}]}


# call, what is answered, exit code: a part of what must be said
TABLE = [
    # redirects, with the token for the taking
    *[(call, {"status": status, "body": "", "headers": {"Location": "TRAP/x"}}, NETWORK, "a redirect, which is not followed")
      for call in ("point_get", "items_list", "provision", "status", "list_scripts", "revoke") for status in (302, 307)],
    ("point_get", {"status": 300, "body": {}, "headers": {"Location": "TRAP/x"}}, NETWORK, "300"),
    ("point_get", {"status": 304, "body": ""}, NETWORK, "304"),
    ("point_get", {"body": "", "headers": {"Refresh": "0; url=TRAP/x"}}, NETWORK, "an empty body"),
    # JSON deeper than any that is read
    *[(call, {"body": "[" * DEEP}, NETWORK, "nested more than 32 levels")
      for call in ("point_get", "items_list", "points_list", "status", "list_scripts")],
    ("status", {"body": "{\"a\":" * DEEP + "1" + "}" * DEEP}, NETWORK, "nested more than 32 levels"),
    ("status", {"body": json.dumps(nested("a", 40, 1))}, NETWORK, "nested more than 32 levels"),
    ("point_get", {"status": 400, "body": "{\"error\":" * DEEP}, NETWORK, "400"),
    ("point_get", {"status": 400, "body": json.dumps({"error": nested("details", 12, {"code": "Y"})})}, NETWORK, "left out"),
    ("point_get", {"status": 400, "body": "{\"error\":{\"code\":\"" + "\\\"[" * DEEP + "\"}}"}, NETWORK, "["),
    # more than fits
    *[(call, {"body": "x" * BIG}, NETWORK, "longer than azilr takes")
      for call in ("point_get", "status", "list_scripts")],
    # a page of a list may be long, but must be one
    ("items_list", {"body": "x" * BIG}, NETWORK, "something else than was asked for"),
    ("provision", {"status": 400, "body": "x" * BIG}, NETWORK, "longer than azilr takes"),
    ("point_get", {"body": "", "headers": {"x-ms-request-id": "x" * 100000}}, NETWORK, "headers are longer"),
    ("point_get", {"status": 400, "body": error(details=[{"code": "D" * 3000}] * 500)}, NETWORK, "left out"),
    ("point_get", {"status": 400, "body": error(additionalInfo=[{"type": "T", "info": {"a": ["b" * 900] * 30}}] * 90)},
     NETWORK, "T: {"),
    ("status", {"body": script(scriptContent="QUJD", scriptNameSuffix="s" * 5000)}, NETWORK, "scriptNameSuffix is no plain text"),
    ("status", {"body": script(scriptContent="QUJD" * (2 << 20))}, NETWORK, "larger than 4 MiB"),
    ("status", {"body": {"status": "Succeeded", "properties": {"recoveryTarget": {"clientScripts": [{}] * 9}}}}, NETWORK,
     "9 connection scripts"),
    ("points_list", {"body": {"value": [point(POINT)] * 3, "nextLink": "ARM/x" + "y" * 17000}}, NETWORK, "nextLink"),
    # ids that would become paths
    *[("point_get", {"body": point(ident)}, NETWORK, "")
      for ident in ("", "x", "/", ITEM, ITEM + "/recoveryPoints/..", ITEM + "/recoveryPoints/%2e%2e", POINT + "/../../x",
                    POINT + "?a=b", POINT.replace("vault1", "vault2"), POINT.replace("web01", "w\u001bb01"), POINT + "\n", 7, None,
                    POINT.replace("/subscriptions", "//evil.example/subscriptions"), POINT + "/" + "x" * 3000)],
    *[("items_list", {"body": item(ident)}, NOT_FOUND, "") for ident in ("../../x", ITEM + "?x", ITEM + "/..", "https://TRAPHOST/x")],
    ("provision", {"status": 202, "body": "", "headers": {"Location": "ARM/a/..%2f..%2fb"}}, NETWORK, ""),
    ("provision", {"status": 202, "body": "", "headers": {"Azure-AsyncOperation": "TRAP/operationsStatus/1"}}, NETWORK,
     "nothing was sent there"),
    ("provision", {"status": 202, "body": "", "headers": {"Azure-AsyncOperation": "https://TRAPHOST@evil.example.invalid/"}}, NETWORK,
     "nothing was sent there"),
    # lists that lead elsewhere, or nowhere
    ("items_list", {"body": {"value": [], "nextLink": "TRAP/x"}}, NETWORK, "nothing was sent there"),
    ("items_list", {"body": {"value": [], "nextLink": "http://localhost/x"}}, NETWORK, "nothing was sent there"),
    ("items_list", {"body": {"value": {}, "nextLink": "ARM/x"}}, NETWORK, "without the list"),
    ("points_list", {"body": {"value": [7, None, [], {"id": 7}]}}, NOT_FOUND, "no recovery point"),
    # states and scripts that make no sense
    ("status", {"body": {"status": {"a": 1}}}, NETWORK, "has no \"status\""),
    ("status", {"body": {"status": "Failed", "error": "text"}}, NETWORK, "gave no reason"),
    ("status", {"body": {"status": "Failed\u001b[2J", "error": {}}}, NETWORK, "the time limit is over"),
    ("status", {"body": {"status": "Invalid", "error": {"code": "\u001b]0;x\u0007", "message": "\u202egnp"}}}, NETWORK, "\\x1b]0;x"),
    ("status", {"body": script(scriptContent="=AAA")}, NETWORK, "not valid base64"),
    ("status", {"body": script(scriptContent="QUJD", scriptExtension="\u001b")}, NETWORK, "scriptExtension is no plain text"),
    ("status", {"body": script(url="TRAP/x.py")}, NETWORK, "nothing was sent there"),
    ("status", {"body": script(url="TRAP/x.py", scriptContent="NA")}, NETWORK, "nothing was sent there"),
    ("list_scripts", {"body": {"clientScripts": "x"}}, NETWORK, "no connection script"),
    ("list_scripts", {"body": {"clientScripts": []}}, NETWORK, "no connection script"),
    ("list_scripts", {"body": {"clientScripts": [{"url": "TRAP/x.py"}]}}, NETWORK, "nothing was sent there"),
    # headers
    ("status", {"status": 429, "body": "", "headers": {"Retry-After": "99999999999999999999"}}, NETWORK, "429"),
    ("status", {"status": 429, "body": "", "headers": {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}}, NETWORK, "429"),
    ("point_get", {"status": 401, "body": "", "headers": {"WWW-Authenticate": "Bearer authorization_uri=\"TRAP/x\""}}, AUTH, "401"),
    ("point_get", {"status": 407, "body": "", "headers": {"Proxy-Authenticate": "Basic"}}, NETWORK, "407"),
    ("point_get", {"status": 401, "body": {"error": {"code": "X", "message": "send it to TRAP"}}}, AUTH, "X: send it to"),
    ("point_get", {"body": "{\"id\":\"\\ud800\"}"}, NETWORK, ""),
    ("point_get", {"body_base64": "AAECAwQFBgcICQ=="}, NETWORK, ""),
    # answers that repeat the request, in whatever way
    *[(call, {"status": 400, "content_type": "text/html", "body": "<html>Your request: Authorization: Bearer BEARER end"}, NETWORK, "* end")
      for call in ("point_get", "items_list", "provision", "status", "list_scripts", "revoke")],
    ("point_get", {"status": 400, "content_type": "text/plain", "body": "Bad request: Bearer BEARER end"}, NETWORK, "* end"),
    ("point_get", {"body": "<html>Authorization: Bearer BEARER"}, NETWORK, "Authorization: Bearer *"),
    ("point_get", {"body": "Authorization: Bearer BEARER"}, NETWORK, "Authorization: Bearer *"),
    *[(call, {"status": 401, "body": error(message="'BEARER'", target="BEARER", details=[{"code": "BEARER", "message": "BEARER"}],
                                           additionalInfo=[{"type": "BEARER", "info": {"BEARER": ["BEARER"]}}])}, AUTH, "X: '*")
      for call in ("point_get", "provision", "status", "revoke")],
    ("status", {"body": {"status": "Failed", "error": {"code": "BEARER", "message": "BEARER"}}}, NETWORK, "*: *"),
    *[("point_get", {"status": 400, "body": "words", "headers": {name: "BEARER"}}, NETWORK, "*")
      for name in ("x-ms-request-id", "x-ms-correlation-request-id")],
    ("point_get", {"status": 400, "body": "words", "content_type": "BEARER"}, NETWORK, "*"),
    *[("token", {"status": 400, "body": "<html>grant_type=client_credentials&amp;client_secret=" + secret + " end"}, AUTH, "* end")
      for secret in ("SECRET", "ENCODED")],
    *[("token", {"status": status, "body": {"error": "invalid_client", "error_description": "what was sent: SECRET"}}, code, "sent: *")
      for status, code in ((401, AUTH), (202, NETWORK), (203, NETWORK))],
    ("token", {"body": "junk", "headers": {"x-ms-request-id": "SECRET"}}, NETWORK, "request id: *"),
    # the sign-in
    *[("token", {"status": status, "body": "", "headers": {"Location": "TRAP/x"}}, NETWORK, "a redirect, which is not followed")
      for status in (301, 307)],
    ("token", {"body": "x" * BIG}, NETWORK, "longer than azilr takes"),
    ("token", {"body": "{\"a\":" * DEEP}, NETWORK, "nested more than 32 levels"),
    ("token", {"body": [1]}, NETWORK, "no access_token"),
    ("token", {"body": {"token_type": "Bearer"}}, NETWORK, "no access_token"),
    ("token", {"body": {"token_type": "Bearer", "access_token": {"a": "x"}}}, NETWORK, "no access_token"),
    ("token", {"body": {"token_type": "pop", "access_token": "x"}}, NETWORK, "a token_type other than Bearer"),
    ("token", {"body": {"token_type": "Bearer", "access_token": "a\r\nHost: TRAPHOST"}}, AUTH, "unsuitable character"),
    ("token", {"body": {"token_type": "Bearer", "access_token": "x" * 20000}}, AUTH, "too long"),
    ("token", {"status": 400, "body": {"error": "\u001b[2Jx", "error_description": "\u202egnp\nline"}}, AUTH, "\\x1b[2Jx"),
    ("token", {"status": 401, "body": "<html>" + "\u0000" * 100}, AUTH, "401"),
]


class Table(Case):
    def fill_in(self, value):
        if isinstance(value, str):
            return (value.replace("TRAPHOST", self.sim.ready["trap_host"]).replace("TRAP", self.sim.ready["trap"])
                    .replace("ARM", self.sim.ready["arm"]).replace("BEARER", self.sim.read("token").strip())
                    .replace("SECRET", self.secret()).replace("ENCODED", quote(self.secret(), safe="")))
        if isinstance(value, list):
            return [self.fill_in(one) for one in value]
        return {name: self.fill_in(one) for name, one in value.items()} if isinstance(value, dict) else value

    def secret(self):
        return self.sim.read("client-secret").strip()

    def command_for(self, call):
        """What leads to the call."""
        if call in ("items_list", "points_list"):
            return "newest", GUID + "1", "rg-backup", "vault1", "web01"
        return {"point_get": "point", "token": "point", "revoke": "revoke"}.get(call, "provision"), self.sim.point()

    def check(self, call, raw, code, part):
        self.sim.order({"reset": True})
        self.sim.order({"revoke_all": True})
        self.sim.set(polls_before_success=0, generation="list" if call == "list_scripts" else "inline")
        if call == "revoke":
            self.run_driver("provision", self.sim.point())
        self.sim.set(raw={"calls": call, "times": -1, **self.fill_in(raw)})
        run = self.run_driver("--timeout", "30", *self.command_for(call), code=code,
                              sign_in="secret" if call == "token" else "token")
        self.assertIn(part, run.err)
        self.assertEqual("", run.out)
        self.assertNotIn(self.secret(), run.err)
        self.assertNotIn(quote(self.secret(), safe=""), run.err)
        self.assertNotRegex(run.err, "[\x00-\x09\x0b-\x1f\x7f]|\u202e")
        self.assertLess(len(run.err), 25000)
        self.assertLess(run.seconds, 50)

    def test_table(self):
        self.assertGreaterEqual(len(TABLE), 90)
        for number, (call, raw, code, part) in enumerate(TABLE):
            with self.subTest(number=number, call=call, raw=str(raw)[:200]):
                self.check(call, raw, code, part)


if __name__ == "__main__":
    main(sys.argv)
