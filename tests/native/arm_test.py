#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""src/azure against the simulator: arm_test.py BUILD_DIR [unittest options]"""
import os
import shutil
import subprocess
import sys
import threading

from arm_support import (AUTH, GUID, INITIATOR, NETWORK, NOT_FOUND, USAGE, Case, Sim, main)


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

    def test_refresh_during_a_long_poll(self):
        self.sim.set(token_lifetime=2, operation_seconds=4, retry_after=1)
        self.run_driver("provision", self.sim.point(), sign_in="secret")
        self.assertGreaterEqual(len(self.requests("token")), 3)
        self.assertEqual({"valid"}, {r["bearer"] for r in self.requests() if r["call"] != "token"})

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


class Provision(Case):
    def check_script(self, run, extension=".py"):
        script = run.json["scripts"][0]
        self.assertEqual((extension, "Linux"), (script["extension"], script["os_type"]))
        self.assertTrue(script["has_assignments"])
        self.assertGreater(script["suffix_length"], 61)
        return script

    def test_inline(self):
        run = self.run_driver("provision", self.sim.point())
        self.check_script(run)
        self.assertEqual([], self.requests("list_scripts"))
        sent = self.requests("provision")[0]
        self.assertIn("api-version=2023-02-01", sent["query"])
        self.assertEqual({"properties": {
            "objectType": "IaasVMILRRegistrationRequest", "recoveryPointId": "630000000000000003",
            "virtualMachineId": self.sim.ready["recovery_points"][0]["vm_id"], "initiatorName": INITIATOR,
            "renewExistingRegistration": False}}, sent["body"])
        self.assertTrue(self.run_driver("point", self.sim.point()).json["session_active"])

    def test_list_action(self):
        self.sim.set(generation="list")
        run = self.run_driver("provision", self.sim.point())
        self.check_script(run)
        asked = self.requests("list_scripts")
        self.assertEqual(1, len(asked))
        self.assertIn("api-version=2026-08-01", asked[0]["query"])
        self.assertEqual({"provisionInstantItemRecoveryOperationId": run.json["operation"]}, asked[0]["body"])

    def test_by_version(self):
        self.sim.set(generation="by_version")
        self.check_script(self.run_driver("provision", self.sim.point()))

    def test_list_action_forbidden(self):
        self.sim.set(generation="list", forbidden=["list_scripts"])
        run = self.run_driver("provision", self.sim.point(), code=AUTH)
        self.assertIn("listInstantItemRecoveryOperationResult/action", run.err)

    def test_shell_script(self):
        self.sim.set(script_kind="sh")
        self.check_script(self.run_driver("provision", self.sim.point()), ".sh")

    def test_windows(self):
        scripts = self.run_driver("provision", self.sim.point("win01", name="6")).json["scripts"]
        self.assertEqual([".txt", ".exe"], [s["extension"] for s in scripts])
        self.assertEqual(0, scripts[1]["length"])
        self.assertTrue(scripts[1]["url"].startswith("https://"))

    def test_script_by_url(self):
        self.sim.set(script_by_url=True)
        script = self.run_driver("provision", self.sim.point()).json["scripts"][0]
        self.assertEqual(0, script["length"])
        self.assertTrue(script["url"])
        self.assertEqual([], self.requests("script_download"))

    def test_renewal(self):
        self.run_driver("provision", self.sim.point())
        self.assertTrue(self.run_driver("provision", self.sim.point()).json["renewed"])
        self.assertIs(True, self.requests("provision")[1]["body"]["properties"]["renewExistingRegistration"])

    def test_active_session_not_renewed(self):
        self.run_driver("provision", self.sim.point())
        run = self.run_driver("--renew", "no", "provision", self.sim.point(), code=NETWORK)
        self.assertIn("already active", run.err)
        self.assertIn("\n  ILRSessionActive: renewExistingRegistration was false.\n    target: ", run.err)
        self.assertIn("\n  RecommendedAction: {", run.err)
        self.assertNotIn("may have been granted", run.err)

    def test_short_operation_is_noticed_soon(self):
        self.sim.set(operation_seconds=1.5, polls_before_success=0, retry_after=60)
        self.assertLess(self.run_driver("provision", self.sim.point()).json["ms"], 3000)
        self.assertEqual(2, len(self.requests("status")))

    def test_by_location(self):
        """A service without Azure-AsyncOperation: Location alone, 202 and then 204; the scripts from the list action."""
        link = f"{self.sim.ready['arm']}{self.sim.point().rpartition('/recoveryPoints/')[0]}/operationResults/op-1?api-version=1"
        self.sim.set(generation="list", raw=[
            {"calls": "provision", "status": 202, "body": "", "headers": {"Location": link, "Retry-After": 60}},
            {"calls": "results", "status": 202, "body": ""}, {"calls": "results", "status": 204, "body": ""},
            {"calls": "list_scripts", "body": {"clientScripts": [
                {"scriptContent": "VGFyZ2V0Tm9kZUFkZHJlc3M9", "scriptExtension": ".py", "osType": "Linux",
                 "scriptNameSuffix": "x" * 70}]}}])
        run = self.run_driver("provision", self.sim.point())
        self.assertEqual("op-1", run.json["operation"])
        self.assertEqual(2, len(self.requests("results")))

    def test_unknown_state_goes_on(self):
        self.sim.set(raw={"calls": "status", "body": {"status": "Provisioning", "name": "x"}})
        self.check_script(self.run_driver("provision", self.sim.point()))

    def test_bad_ends(self):
        for state in ("Failed", "Canceled", "Invalid"):
            self.sim.order({"revoke_all": True})
            self.sim.set(fail={"state": state, "code": "UserErrorX", "message": "It broke.\r\nTry again."})
            run = self.run_driver("provision", self.sim.point(), code=NETWORK)
            self.assertIn(f"the operation ended as {state}: UserErrorX: It broke.\n  Try again.", run.err)
            self.assertIn("request id: ", run.err)

    def test_wrong_host(self):
        self.sim.set(wrong_host_async=self.sim.ready["trap_host"])
        run = self.run_driver("provision", self.sim.point(), code=NETWORK)
        self.assertIn(self.sim.ready["trap_host"], run.err)
        self.assertIn("nothing was sent there", run.err)
        self.assertIn("may have been granted", run.err)
        self.assertEqual([], self.requests("status"))

    def test_no_address_to_poll(self):
        self.sim.set(raw={"calls": "provision", "status": 202, "body": ""})
        self.assertIn("no Azure-AsyncOperation", self.run_driver("provision", self.sim.point(), code=NETWORK).err)

    def test_lost_answer_is_not_sent_twice(self):
        self.sim.set(lost_answer={"calls": "provision", "times": 1})
        run = self.run_driver("provision", self.sim.point(), code=NETWORK)
        self.assertIn("access may have been granted", run.err)
        self.assertEqual(1, len(self.requests("provision")))

    def test_server_error_is_not_sent_twice(self):
        self.sim.set(html={"calls": "provision", "times": -1, "status": 502})
        run = self.run_driver("provision", self.sim.point(), code=NETWORK)
        self.assertIn("access may have been granted", run.err)
        self.assertEqual(1, len(self.requests("provision")))

    def test_throttled(self):
        self.sim.set(throttle={"calls": "provision", "times": 2, "retry_after": 1})
        run = self.run_driver("provision", self.sim.point())
        self.assertGreater(run.seconds, 2)
        self.assertIn("asks for fewer requests (429): trying again in 1.", run.err)

    def test_retry_after_is_binding_for_polls(self):
        self.sim.set(unavailable={"calls": "status", "times": 1, "retry_after": 2}, polls_before_success=0)
        run = self.run_driver("provision", self.sim.point())
        self.assertGreater(run.json["ms"], 2700)
        self.assertEqual(2, len(self.requests("status")))

    def test_throttled_for_too_long(self):
        self.sim.set(throttle={"calls": "provision", "times": -1, "retry_after": 3600})
        run = self.run_driver("provision", self.sim.point(), code=NETWORK)
        self.assertLess(run.seconds, 5)
        self.assertIn("429 (Too Many Requests)", run.err)

    def test_polls_survive_a_broken_connection(self):
        self.sim.set(drop_after={"calls": "status", "times": 2, "bytes": 60}, polls_before_success=0)
        self.check_script(self.run_driver("provision", self.sim.point()))

    def test_time_limit(self):
        self.sim.set(polls_before_success=1000)
        run = self.run_driver("--timeout", "2", "provision", self.sim.point(), code=NETWORK)
        self.assertIn("the time limit is over", run.err)
        self.assertLess(run.seconds, 3)

    def test_token_expires_while_polling(self):
        self.sim.set(polls_before_success=2)
        timer = threading.Timer(1.5, self.sim.order, [{"expire_tokens": True}])
        timer.start()
        self.check_script(self.run_driver("provision", self.sim.point(), sign_in="secret"))
        timer.join()
        self.assertEqual(2, len(self.requests("token")))
        self.sim.stop()
        type(self).sim = Sim()  # the token file of the old one is expired too
        self.start = 0

    def test_damaged_scripts(self):
        self.sim.set(truncated_script="base64")
        self.assertIn("base64", self.run_driver("provision", self.sim.point(), code=NETWORK).err)
        self.sim.order({"revoke_all": True})
        self.sim.set(truncated_script=False, raw={"calls": "status", "body": {"status": "Succeeded"}})
        run = self.run_driver("provision", self.sim.point(), code=NETWORK)
        self.assertIn("cannot get the connection script", run.err)


class Revoke(Case):
    def test_revoke(self):
        self.run_driver("provision", self.sim.point())
        self.assertFalse(self.run_driver("revoke", self.sim.point()).json["done_before"])
        self.assertFalse(self.run_driver("point", self.sim.point()).json["session_active"])
        sent = self.requests("revoke")[0]
        self.assertEqual((None, None), (sent["body"], sent["content_type"]))

    def test_nothing_to_revoke(self):
        self.run_driver("revoke", self.sim.point())

    def test_point_is_gone(self):
        self.assertTrue(self.run_driver("revoke", self.sim.point()[:-1] + "9").json["done_before"])

    def test_subscription_not_visible(self):
        point = self.sim.point().replace(GUID + "1", GUID + "9")
        self.assertIn("SubscriptionNotFound", self.run_driver("revoke", point, code=NOT_FOUND).err)

    def test_refused_without_a_session(self):
        self.sim.set(error={"calls": "revoke", "status": 400, "code": "UserErrorWhatever"})
        self.assertTrue(self.run_driver("revoke", self.sim.point()).json["done_before"])

    def test_refused_with_a_session(self):
        self.run_driver("provision", self.sim.point())
        self.sim.set(error={"calls": "revoke", "status": 409, "code": "UserErrorWhatever"})
        self.assertIn("UserErrorWhatever", self.run_driver("revoke", self.sim.point(), code=NETWORK).err)

    def test_forbidden(self):
        self.sim.set(forbidden=["revoke"])
        self.assertIn("revokeInstantItemRecovery", self.run_driver("revoke", self.sim.point(), code=AUTH).err)

    def test_lost_answer_is_sent_again(self):
        self.run_driver("provision", self.sim.point())
        self.sim.set(lost_answer={"calls": "revoke", "times": 1})
        self.run_driver("revoke", self.sim.point())
        self.assertEqual(2, len(self.requests("revoke")))


if __name__ == "__main__":
    main(sys.argv)
