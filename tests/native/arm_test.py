#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Sign-in, lists and errors of src/azure against the simulator: arm_test.py BUILD_DIR [unittest options]"""
import json
import os
import shutil
import subprocess
import sys
import threading

from arm_support import AUTH, GUID, NETWORK, NOT_FOUND, USAGE, Case, main


class SignIn(Case):
    def test_token_file(self):
        self.assertIn("token in ", self.run_driver("token").json["description"])

    def test_token_in_environment_is_wiped(self):
        token = self.sim.read("token")
        out = self.run_driver("environ", sign_in=None, environment={"AZURE_ACCESS_TOKEN": token, "KEPT": "here"}).out
        self.assertIn("KEPT=here", out)
        self.assertNotIn("sim.", out)

    def test_client_secret_is_wiped(self):
        out = self.run_driver("environ", sign_in="secret").out
        self.assertNotIn(self.sim.read("client-secret"), out)
        self.assertIn("AZURE_CLIENT_ID=", out)

    def test_client_secret(self):
        run = self.run_driver("point", self.sim.point(), sign_in="secret")
        self.assertEqual("web01", run.json["vm"])
        token = self.requests("token")
        self.assertEqual(1, len(token))
        self.assertEqual({"grant_type": "client_credentials", "scope": self.sim.ready["arm"] + "/.default",
                          "client_id": self.sim.ready["client_id"], "client_secret": "valid"}, token[0]["body"])
        self.assertNotIn("authorization", token[0]["headers"])

    def test_wrong_secret(self):
        run = self.run_driver("token", code=AUTH, sign_in="secret", environment={"AZURE_CLIENT_SECRET": "wrong-one"})
        self.assertIn("AADSTS7000215", run.err)
        self.assertIn("invalid_client", run.err)
        self.assertIn("hint: the client secret is wrong", run.err)
        self.assertNotIn("wrong-one", run.err)

    def test_wrong_tenant(self):
        run = self.run_driver("token", code=AUTH, sign_in="secret", environment={"AZURE_TENANT_ID": "other.example"})
        self.assertIn("AADSTS90002", run.err)

    def test_nothing_configured(self):
        run = self.run_driver("token", code=AUTH, sign_in=None)
        for name in ("--token-file", "AZURE_ACCESS_TOKEN", "AZURE_CLIENT_SECRET"):
            self.assertIn(name, run.err)

    def test_open_token_file(self):
        path = os.path.join(self.sim.folder, "open-token")
        shutil.copy(self.sim.ready["token_file"], path)
        os.chmod(path, 0o644)
        run = self.run_driver("--token-file", path, "token", code=USAGE, sign_in=None)
        self.assertIn("chmod 600", run.err)

    def test_expired_token(self):
        run = self.run_driver("point", self.sim.point(), code=AUTH, sign_in="expired")
        self.assertIn("ExpiredAuthenticationToken", run.err)
        self.assertIn("hint: the token is too old", run.err)
        self.assertIn("request id: ", run.err)
        self.assertIn("correlation id: ", run.err)
        self.assertEqual(1, len(self.requests()))

    def test_unknown_token(self):
        run = self.run_driver("point", self.sim.point(), code=AUTH, sign_in=None,
                              environment={"AZURE_ACCESS_TOKEN": "not.a.token"})
        self.assertIn("InvalidAuthenticationToken", run.err)
        self.assertNotIn("not.a.token", run.err)

    def test_one_new_sign_in_on_401(self):
        self.sim.set(error={"calls": "point_get", "times": 1, "status": 401, "code": "ExpiredAuthenticationToken"})
        self.run_driver("point", self.sim.point(), sign_in="secret")
        self.assertEqual(2, len(self.requests("token")))

    def test_only_one_new_sign_in(self):
        self.sim.set(error={"calls": "point_get", "times": -1, "status": 401, "code": "InvalidAuthenticationToken"})
        self.run_driver("point", self.sim.point(), code=AUTH, sign_in="secret")
        self.assertEqual((2, 2), (len(self.requests("token")), len(self.requests("point_get"))))

    def poll_until(self, ready, then=lambda: None):
        """A run that polls an operation until ready(), and ends after that; then() is called at its first poll."""
        def watch():
            if self.wait_for(lambda: self.requests("status")):
                then()
            self.wait_for(ready)
            self.sim.set(operation_seconds=0)
        thread = threading.Thread(target=watch)
        thread.start()
        run = self.run_driver("--verbose", "provision", self.sim.point(), sign_in="secret")
        thread.join()
        # however slow the machine: each token was good when it was sent
        self.assertEqual({"valid"}, {r["bearer"] for r in self.requests() if r["call"] != "token"})
        return run

    def test_refresh_during_a_long_poll(self):
        self.sim.set(token_lifetime=12, operation_seconds=3600, retry_after=1)
        self.poll_until(lambda: len(self.requests("token")) >= 3)

    def polls_since_the_second_token(self):
        calls = [r["call"] for r in self.requests() if r["call"] in ("token", "status")]
        second = [number for number, call in enumerate(calls) if call == "token"][1:2]
        return "status" in calls[second[0]:] if second else False

    def test_refresh_that_fails_during_a_long_poll(self):
        """From half of its life on a token is replaced; where that fails, the poll goes on with the one at hand."""
        for fault in ({"error": {"calls": "token", "times": -1, "status": 401, "code": "invalid_client"}},
                      {"throttle": {"calls": "token", "times": -1, "retry_after": 250}}):
            self.setUp()
            self.sim.set(token_lifetime=20, operation_seconds=3600, retry_after=1)
            run = self.poll_until(self.polls_since_the_second_token, lambda switches=fault: self.sim.set(**switches))
            self.assertIn("the token at hand is still good", run.err)
            self.assertIn(len(self.requests("token")), (2, 3, 4))

    def test_sign_in_throttled(self):
        self.sim.set(throttle={"calls": "token", "times": 1, "retry_after": 1})
        self.assertGreater(self.run_driver("token", sign_in="secret").seconds, 1)

    def test_bad_answers(self):
        for raw in ({"body": "<html>sign in to the hotel</html>", "content_type": "text/html"}, {"body": ""},
                    {"body": {"token_type": "Bearer"}}, {"body": {"token_type": "MAC", "access_token": "x"}},
                    {"body": {"token_type": "Bearer", "access_token": "a\r\nHost: b"}}, {"body": [[[[1]]]]},
                    {"body": "{\"access_token\": \"cut"}):
            self.sim.set(raw={"calls": "token", "times": 1, **raw})
            command, env = self.command("token", sign_in="secret")
            run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
            self.assertIn(run.returncode, (AUTH, NETWORK), raw)
            self.assertEqual("", run.stdout)


class Finding(Case):
    def test_by_id(self):
        point = self.run_driver("point", self.sim.point()).json
        self.assertEqual((self.sim.point(), "2026-11-20T03:00:00Z", "AppConsistent", "Linux", "InstantRP, HardenedRP"),
                         (point["id"], point["time"], point["type"], point["os_type"], point["tiers"]))
        self.assertEqual((False, False, False), (point["session_active"], point["encrypted"], point["archived"]))
        self.assertIn("%3B", self.requests("point_get")[0]["path"])

    def test_vm_id_is_the_items(self):
        self.run_driver("point", self.sim.point())
        self.assertEqual(1, len(self.requests("item_get")))

    def test_vm_id_without_right_to_read_the_item(self):
        self.sim.set(forbidden=["item_get"])
        point = self.run_driver("point", self.sim.point()).json
        self.assertTrue(point["vm_id"].endswith("/rg-web/providers/Microsoft.Compute/virtualMachines/web01"))

    def test_unknown(self):
        run = self.run_driver("point", self.sim.point()[:-1] + "9", code=NOT_FOUND)
        self.assertIn("was not found", run.err)

    def test_no_id(self):
        for text in ("web01", "/subscriptions/x", self.sim.point() + "/../x", self.sim.point() + "?a=b"):
            self.assertIn("is not the id of a recovery point", self.run_driver("point", text, code=USAGE).err)
        self.assertEqual([], self.requests())

    def test_other_point_than_asked(self):
        other = {"id": self.sim.point(name="1"), "properties": {"recoveryPointTime": "2026-11-20T03:00:00Z"}}
        self.sim.set(raw={"calls": "point_get", "body": other})
        self.assertIn("the service answered with", self.run_driver("point", self.sim.point(), code=NETWORK).err)


class Failure(Case):
    """What --json prints on standard output when a command fails."""

    def test_error_tree(self):
        self.run_driver("provision", self.sim.point())
        run = self.run_driver("--json", "--renew", "no", "provision", self.sim.point(), code=NETWORK)
        error = run.json["error"]
        self.assertEqual(NETWORK, error["exit_code"])
        self.assertIn("already active", error["message"])
        self.assertIn("has this recovery point open", error["hint"])
        azure = error["azure"]
        self.assertEqual((400, "UserErrorInstantRpILRSessionActive", f"localhost:{self.sim.ready['port']}"),
                         (azure["status"], azure["code"], azure["host"]))
        self.assertEqual([("ILRSessionActive", "properties.renewExistingRegistration")],
                         [(d["code"], d["target"]) for d in azure["details"]])
        self.assertEqual([{"type": "RecommendedAction", "info": {
            "action": "Revoke the session or set renewExistingRegistration to true."}}], azure["additionalInfo"])
        self.assertIn(f"request id: {azure['request_id']}\n  correlation id: {azure['correlation_id']}", run.err)

    def test_operation(self):
        self.sim.set(fail={"state": "Canceled", "code": "UserErrorX", "details": [{"code": "Y", "message": "deep"}]})
        azure = self.run_driver("--json", "provision", self.sim.point(), code=NETWORK).json["error"]["azure"]
        self.assertEqual(("Canceled", "UserErrorX", "Y"),
                         (azure["operation_status"], azure["code"], azure["details"][0]["code"]))

    def test_not_of_azure(self):
        error = self.run_driver("--json", "point", "web01", code=USAGE).json["error"]
        self.assertNotIn("azure", error)
        self.assertEqual(USAGE, error["exit_code"])

    def test_html(self):
        self.sim.set(html={"calls": "point_get", "times": -1, "status": 502})
        azure = self.run_driver("--json", "point", self.sim.point(), code=NETWORK).json["error"]["azure"]
        self.assertEqual(502, azure["status"])
        self.assertNotIn("code", azure)

    def test_throttled(self):
        self.sim.set(throttle={"calls": "point_get", "times": -1, "retry_after": 3600})
        run = self.run_driver("--json", "point", self.sim.point(), code=NETWORK)
        self.assertEqual("SubscriptionRequestsThrottled", run.json["error"]["azure"]["code"])
        self.assertIn("try again in a few minutes", run.json["error"]["hint"])

    def test_hints(self):
        for code, part in (("UserErrorInstantRpNotFound", "its snapshot is gone"),
                           ("UserErrorRecoveryPointNotRehydrated", "rehydrate it"),
                           ("UserErrorVaultPrivateEndpointRequired", "private endpoint"),
                           ("UserErrorEncryptedVmNotSupported", "Azure Disk Encryption"),
                           ("BMSUserErrorRecoveryPointNotFound", "expired or was deleted"),
                           ("ResourceNotFound", "--vault-name")):
            self.sim.set(error={"calls": "provision", "status": 400, "code": code})
            self.assertIn(part, self.run_driver("provision", self.sim.point(), code=NETWORK).err)


if __name__ == "__main__":
    main(sys.argv)
