#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Provision, poll, scripts, revoke against the simulator: arm_provision_test.py BUILD_DIR [unittest options]"""
import sys
import threading
import time

from arm_support import AUTH, GUID, INITIATOR, NETWORK, NOT_FOUND, USAGE, Case, Sim, main


class Provision(Case):
    def after(self, ready, **switches):
        """Turns switches once ready() is true, while something runs."""
        def turn():
            if self.wait_for(ready):
                self.sim.set(**switches)
        thread = threading.Thread(target=turn)
        thread.start()
        self.addCleanup(thread.join)

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

    def test_accepted_with_200(self):
        """Resource Manager takes any success that says where to ask for an operation."""
        self.sim.set(accepted_status=200)
        self.check_script(self.run_driver("provision", self.sim.point()))
        self.run_driver("revoke", self.sim.point())
        self.assertFalse(self.run_driver("point", self.sim.point()).json["session_active"])

    def test_by_version(self):
        self.sim.set(generation="by_version")
        self.check_script(self.run_driver("provision", self.sim.point()))

    def test_list_action_forbidden(self):
        self.sim.set(generation="list", forbidden=["list_scripts"])
        run = self.run_driver("provision", self.sim.point(), code=AUTH)
        self.assertIn("listInstantItemRecoveryOperationResult/action", run.err)
        self.assertIn("from API version 2026-08-01 on", run.err)

    def test_shell_script(self):
        self.sim.set(script_kind="sh")
        self.check_script(self.run_driver("provision", self.sim.point()), ".sh")

    def test_windows(self):
        scripts = self.run_driver("provision", self.sim.point("win01", name="6")).json["scripts"]
        self.assertEqual([".txt", ".exe"], [s["extension"] for s in scripts])
        self.assertEqual(0, scripts[1]["length"])
        self.assertTrue(scripts[1]["url"].startswith("https://"))

    def test_all_fields(self):
        self.run_driver("--location", "westeurope", "--etag", "W/x", "--tag", "ticket=4711", "--tag", "who=me=you",
                        "provision", self.sim.point())
        body = self.requests("provision")[0]["body"]
        self.assertEqual(("westeurope", "W/x", {"ticket": "4711", "who": "me=you"}),
                         (body["location"], body["eTag"], body["tags"]))
        self.assertEqual(5, len(body["properties"]))

    def test_file_share(self):
        share = next(p for p in self.sim.ready["recovery_points"] if p["vm"] == "files1")
        run = self.run_driver("--tag", "a=b", "provision-share", share["id"], share["vm_id"])
        self.assertEqual("Succeeded", run.json["status"])
        self.assertEqual({"tags": {"a": "b"}, "properties": {
            "objectType": "AzureFileShareProvisionILRRequest", "recoveryPointId": "630000000000000007",
            "sourceResourceId": share["vm_id"]}}, self.requests("provision")[0]["body"])
        run = self.run_driver("provision-share", share["id"], share["vm_id"] + "x", code=NETWORK)
        self.assertIn("sourceResourceId", run.err)
        self.run_driver("provision-share", self.sim.point(), share["vm_id"], code=USAGE)
        self.run_driver("provision", share["id"], code=USAGE)

    def test_file_share_whose_answer_was_lost(self):
        """It has no session to look for, so it is only said."""
        share = next(p for p in self.sim.ready["recovery_points"] if p["vm"] == "files1")
        self.sim.set(lost_answer={"calls": "provision"})
        run = self.run_driver("provision-share", share["id"], share["vm_id"], code=NETWORK)
        self.assertIn("may have been granted", run.err)
        self.assertEqual((1, 0), (len(self.requests("provision")), len(self.requests("point_get"))))

    def test_script_by_url(self):
        for generation in ("inline", "list"):
            self.sim.set(script_by_url=True, generation=generation)
            self.sim.order({"revoke_all": True})
            self.check_script(self.run_driver("provision", self.sim.point()))
        self.assertEqual(["none", "none"], [r["bearer"] for r in self.requests("script_download")])

    def test_script_url_elsewhere(self):
        trap = self.sim.ready["trap"]
        for url in (trap + "/x.py", "https://acct.blob.core.windows.net/x.py", "https://download.microsoft.com.evil.example/x",
                    "http://download.microsoft.com/x.py", "https://user@download.microsoft.com/x.py", "file:///etc/passwd",
                    self.sim.ready["arm"].replace("https", "http") + "/sim/scripts/x.py", "x", "https://download.microsoft.com:8443/x"):
            self.sim.order({"revoke_all": True})
            self.sim.set(script_by_url=url)
            run = self.run_driver("provision", self.sim.point(), code=NETWORK)
            self.assertIn("refused, nothing was sent there", run.err)
            self.assertIn("--script", run.err)

    def test_script_url_redirects(self):
        for status in (301, 302, 303, 307, 308):
            self.sim.order({"revoke_all": True})
            self.sim.set(script_by_url=True, raw={"calls": "script_download", "status": status, "body": "",
                                                  "headers": {"Location": self.sim.ready["trap"] + "/x.py"}})
            run = self.run_driver("provision", self.sim.point(), code=NETWORK)
            self.assertIn("a redirect, which is not followed", run.err)

    def test_script_url_answers_badly(self):
        for raw, part in (({"status": 404, "body": "gone"}, "answered 404"), ({"body": ""}, "an empty connection script"),
                          ({"status": 204, "body": ""}, "answered 204"), ({"body": "x" * (4 << 20) + "x"}, "body is longer"),
                          ({"status": 401, "body": ""}, "answered 401")):
            self.sim.order({"revoke_all": True})
            self.sim.set(script_by_url=True, raw={"calls": "script_download", **raw})
            run = self.run_driver("provision", self.sim.point(), code=NETWORK)
            self.assertIn(part, run.err)

    def test_script_url_after_a_broken_connection(self):
        self.sim.set(script_by_url=True, drop_after={"calls": "script_download", "times": 1, "bytes": 400})
        self.check_script(self.run_driver("provision", self.sim.point()))
        self.assertEqual(2, len(self.requests("script_download")))

    def test_url_of_a_program_is_left_alone(self):
        self.run_driver("provision", self.sim.point("win01", name="6"))
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
        self.assertLess(self.run_driver("provision", self.sim.point()).json["ms"], 20000)  # and not sixty seconds
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

    def test_by_location_with_a_body(self):
        """operationResults may end with 200 and any document; its own status, where it has one, counts."""
        link = f"{self.sim.ready['arm']}{self.sim.point().rpartition('/recoveryPoints/')[0]}/operationResults/op-2?api-version=1"
        scripts = {"clientScripts": [{"scriptContent": "VGFyZ2V0Tm9kZUFkZHJlc3M9", "scriptExtension": ".py"}]}
        begin = {"calls": "provision", "status": 202, "body": "", "headers": {"Location": link, "Retry-After": 1}}
        self.sim.set(generation="list", raw=[begin, {"calls": "results", "body": {"id": "x", "properties": {}}},
                                             {"calls": "list_scripts", "body": scripts}])
        self.run_driver("provision", self.sim.point())
        for end, part in (({"status": 400, "body": {"error": {"code": "UserErrorX", "message": "It broke."}}}, "UserErrorX: It broke"),
                          ({"body": {"status": "Failed", "error": {"code": "UserErrorY"}}}, "ended as Failed: UserErrorY")):
            self.sim.set(raw=[begin, {"calls": "results", **end}])
            self.assertIn(part, self.run_driver("provision", self.sim.point(), code=NETWORK).err)

    def test_location_alone_elsewhere(self):
        self.sim.set(raw={"calls": "provision", "status": 202, "body": "", "headers": {"Location": self.sim.ready["trap"] + "/x"}})
        self.assertIn("a Location that leads to", self.run_driver("provision", self.sim.point(), code=NETWORK).err)

    def test_polls_grow(self):
        """After 0.7, 2.2, 5.6 seconds, although Retry-After says 60."""
        self.sim.set(operation_seconds=3, polls_before_success=0)
        self.assertLess(self.run_driver("provision", self.sim.point()).json["ms"], 60000)
        self.assertEqual(3, len(self.requests("status")))

    def test_polls_are_capped_by_retry_after(self):
        self.sim.set(operation_seconds=8, polls_before_success=0, retry_after=1)
        self.run_driver("provision", self.sim.point())
        self.assertGreaterEqual(len(self.requests("status")), 5)  # 0.7, 2.2, 5.6 and 12 seconds would be 4

    def test_throttled_polls(self):
        self.sim.set(throttle={"calls": "status", "times": 2, "retry_after": 2})
        run = self.run_driver("provision", self.sim.point())
        self.assertGreater(run.json["ms"], 4700)
        self.assertEqual(3, len(self.requests("status")))

    def test_throttled_polls_and_the_time_limit(self):
        self.sim.set(throttle={"calls": "status", "times": -1, "retry_after": 60})
        run = self.run_driver("--timeout", "2", "provision", self.sim.point(), code=NETWORK)
        self.assertIn("the time limit is over", run.err)
        self.assertLess(run.seconds, 15)

    def test_unknown_state_goes_on(self):
        self.sim.set(raw={"calls": "status", "body": {"status": "Provisioning", "name": "x"}})
        self.check_script(self.run_driver("provision", self.sim.point()))

    NOT_FOUND_YET = {"calls": "status", "status": 404, "code": "OperationNotFound"}

    def test_an_operation_that_is_not_known_yet(self):
        """Resource Manager's copies may be apart for a moment: what it has just begun it may not find."""
        self.sim.set(error={**self.NOT_FOUND_YET, "times": 2})
        run = self.run_driver("--verbose", "provision", self.sim.point())
        self.check_script(run)
        self.assertIn("it has just begun, so asking again", run.err)
        self.assertEqual([404, 404, 200], [r["status"] for r in self.requests("status")])

    def test_an_operation_that_is_never_known(self):
        """Two answers that far apart are believed."""
        self.sim.set(error={**self.NOT_FOUND_YET, "times": -1})
        run = self.run_driver("--doubt-ms", "1200", "provision", self.sim.point(), code=NOT_FOUND)
        self.assertIn("OperationNotFound", run.err)
        self.assertGreaterEqual(len(self.requests("status")), 2)

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

    def test_lost_answer_is_found_again(self):
        """Done, but nobody was told: the recovery point says so, and a renewal by the same initiator gives the script."""
        for switch in ({"lost_answer": {"calls": "provision"}}, {"drop_after": {"calls": "provision", "bytes": 40, "times": 1}}):
            self.sim.order({"revoke_all": True})
            self.sim.set(**switch)
            before = len(self.requests("provision"))
            run = self.run_driver("provision", self.sim.point())
            self.check_script(run)
            self.assertIn("asking for its script by a renewal", run.err)
            first, second = [r["body"]["properties"] for r in self.requests("provision")[before:]]
            self.assertEqual((False, True), (first["renewExistingRegistration"], second["renewExistingRegistration"]))
            self.assertEqual(first["initiatorName"], second["initiatorName"])

    def test_answers_lost_in_a_row(self):
        self.sim.set(lost_answer={"calls": "provision", "times": 2})
        self.check_script(self.run_driver("provision", self.sim.point()))
        self.assertEqual([False, True, True], [r["body"]["properties"]["renewExistingRegistration"]
                                               for r in self.requests("provision")])

    def test_every_answer_is_lost(self):
        self.sim.set(lost_answer={"calls": "provision", "times": -1})
        run = self.run_driver("provision", self.sim.point(), code=NETWORK)
        self.assertIn("every answer was lost", run.err)
        self.assertEqual(3, len(self.requests("provision")))

    def test_request_that_never_arrived_is_not_sent_twice(self):
        """The connection broke, and no session shows up: posting again could begin what still may arrive."""
        self.sim.set(raw={"calls": "provision", "status": 504, "body": ""})
        run = self.run_driver("provision", self.sim.point(), code=NETWORK)
        self.assertIn("access may have been granted", run.err)
        self.assertEqual((1, 4), (len(self.requests("provision")), len(self.requests("point_get"))))

    def test_lost_answer_and_a_point_that_cannot_be_read(self):
        self.sim.set(lost_answer={"calls": "provision"})
        self.sim.set(delay_ms={"calls": "provision", "ms": self.DELAY_MS, "times": 1})
        self.after(lambda: self.requests("item_get"), forbidden=["point_get"])
        run = self.run_driver("provision", self.sim.point(), code=NETWORK)
        self.assertIn("access may have been granted", run.err)
        self.assertEqual(1, len(self.requests("provision")))

    def test_lost_answer_and_the_time_limit(self):
        self.sim.set(raw={"calls": "provision", "status": 504, "body": ""})
        run = self.run_driver("--timeout", "2", "provision", self.sim.point(), code=NETWORK)
        self.assertLess(run.seconds, 15)
        self.assertEqual(1, len(self.requests("provision")))

    def test_server_error_is_not_sent_twice(self):
        self.sim.set(html={"calls": "provision", "times": -1, "status": 502})
        run = self.run_driver("provision", self.sim.point(), code=NETWORK)
        self.assertIn("access may have been granted", run.err)
        self.assertEqual(1, len(self.requests("provision")))

    def test_server_failure_that_had_begun_is_found_again(self):
        """Nothing is sent again before the point was looked at, nor before Retry-After is over."""
        for fault in ({"retry_after": 4}, {}, {"status": 500}, {"status": 504}):
            with self.subTest(fault=fault):
                self.sim.order({"revoke_all": True})
                before = len(self.requests("provision"))
                self.sim.set(late_failure={"calls": "provision", **fault})
                run = self.run_driver("provision", self.sim.point())
                self.check_script(run)
                sent = [r["body"]["properties"]["renewExistingRegistration"] for r in self.requests("provision")[before:]]
                self.assertEqual([False, True], sent)
                self.assertGreater(run.seconds, fault.get("retry_after", 0))

    def test_server_failure_that_had_not_begun(self):
        """Nothing shows up at the point: it is asked again when the service wants to be."""
        self.sim.set(unavailable={"calls": "provision", "retry_after": 9})
        run = self.run_driver("provision", self.sim.point())
        self.check_script(run)
        self.assertGreater(run.seconds, 9)
        self.assertEqual([False, False], [r["body"]["properties"]["renewExistingRegistration"]
                                          for r in self.requests("provision")])
        self.assertEqual(4, len(self.requests("point_get")))

    def test_server_failure_and_somebody_else(self):
        """What somebody has opened while Retry-After was waited for is not taken for one's own."""
        self.sim.set(unavailable={"calls": "provision", "retry_after": 20})
        def open_it():
            self.wait_for(lambda: len(self.requests("point_get")) == 4)
            self.run_driver("--initiator", "iqn.2026-11.io.azilr:somebody", "provision", self.sim.point())
        other = threading.Thread(target=open_it)
        other.start()
        run = self.run_driver("provision", self.sim.point(), code=NETWORK)
        other.join()
        self.assertIn("arm_driver: nothing to revoke", run.err)
        self.assertIn("by the first request, or by somebody else, so that it is left as it is", run.err)
        registration, = self.sim.order({"get": "state"})["state"]["registrations"]
        self.assertEqual("iqn.2026-11.io.azilr:somebody", registration["initiator"])

    def test_server_failure_and_an_opening_that_does_not_show_yet(self):
        """The repetition is refused, and the point says that nobody has opened it: what comes of that is ours."""
        self.sim.set(active_when="succeeded", operation_seconds=3600, late_failure={"calls": "provision", "retry_after": 1})
        run = self.run_driver("provision", self.sim.point(), code=NETWORK)
        self.assertIn("UserErrorInstantRpILROperationInProgress", run.err)
        self.assertIn("arm_driver: something to revoke", run.err)

    def test_server_failure_and_the_time_limit(self):
        """What may have begun stays in mind while the repetition is waited for; 429 says that nothing has."""
        for switches, what in (({"throttle": {"calls": "provision", "times": -1, "retry_after": 15}}, "nothing"),
                               ({"late_failure": {"calls": "provision", "retry_after": 15}}, "something")):
            self.sim.set(**switches)
            run = self.run_driver("--timeout", "10", "provision", self.sim.point(), code=NETWORK)
            self.assertIn(f"arm_driver: {what} to revoke", run.err)
            self.assertEqual(what == "something", "access may have been granted" in run.err)
            self.sim.order({"reset": True})

    def test_server_failure_and_a_refusal(self):
        """The refusal is of the second attempt only."""
        self.sim.set(unavailable={"calls": "provision", "retry_after": 2})
        self.after(lambda: self.requests("provision"), forbidden=["provision"])
        run = self.run_driver("provision", self.sim.point(), code=AUTH)
        self.assertIn("access may have been granted", run.err)
        self.assertIn("arm_driver: something to revoke", run.err)

    def test_failed_renewal_is_nothing_to_revoke(self):
        """What was there before is of whoever began it, whatever becomes of the request to renew it."""
        self.run_driver("provision", self.sim.point())
        for switches, code in (({"empty_body": {"calls": "provision", "times": -1}}, NETWORK),
                               ({"lost_answer": {"calls": "provision", "times": -1}}, NETWORK),
                               ({"late_failure": {"calls": "provision", "times": -1, "status": 502}}, NETWORK),
                               ({"forbidden": ["provision"]}, AUTH)):
            with self.subTest(switches=switches):
                self.sim.order({"reset": True})
                self.sim.set(**switches)
                run = self.run_driver("provision", self.sim.point(), code=code)
                self.assertIn("arm_driver: nothing to revoke, " + ("may last longer" if code == NETWORK else "as before"), run.err)
                self.assertNotIn("may have been granted", run.err)
                if code == NETWORK:
                    self.assertIn("the access that was there before still is, but every answer was lost", run.err)

    def test_redirected_request(self):
        for status in (302, 307, 308):
            self.sim.set(raw={"calls": "provision", "status": status, "body": "",
                              "headers": {"Location": self.sim.ready["trap"] + "/x"}})
            run = self.run_driver("provision", self.sim.point(), code=NETWORK)
            self.assertIn("a redirect, which is not followed", run.err)
            self.assertEqual([], self.requests("status"))

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
        self.assertLess(run.seconds, 30)
        self.assertIn("429 (Too Many Requests)", run.err)

    def test_polls_survive_a_broken_connection(self):
        self.sim.set(drop_after={"calls": "status", "times": 2, "bytes": 60}, polls_before_success=0)
        self.check_script(self.run_driver("provision", self.sim.point()))

    def test_time_limit(self):
        self.sim.set(polls_before_success=1000)
        run = self.run_driver("--timeout", "2", "provision", self.sim.point(), code=NETWORK)
        self.assertIn("the time limit is over", run.err)
        self.assertLess(run.seconds, 15)

    def test_token_expires_while_polling(self):
        self.sim.set(operation_seconds=3600, retry_after=1)
        def expire():
            if self.wait_for(lambda: self.requests("status")):
                self.sim.order({"expire_tokens": True})
        thread = threading.Thread(target=expire)
        thread.start()
        self.after(lambda: len(self.requests("token")) == 2, operation_seconds=0)
        self.check_script(self.run_driver("provision", self.sim.point(), sign_in="secret"))
        thread.join()
        self.assertEqual(2, len(self.requests("token")))
        self.sim.stop()
        type(self).sim = Sim()  # the token file of the old one is expired too
        self.start = 0

    def test_reads_survive_broken_connections(self):
        """What changes nothing is asked again, the list action's POST too."""
        self.sim.set(generation="list", lost_answer=[{"calls": ["point_get"]}, {"calls": ["item_get"]}, {"calls": ["list_scripts"]}],
                     unavailable={"calls": "status", "retry_after": None})
        self.check_script(self.run_driver("provision", self.sim.point()))
        self.assertEqual((2, 2, 2), tuple(len(self.requests(c)) for c in ("point_get", "item_get", "list_scripts")))
        self.assertEqual(1, len(self.requests("provision")))

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

    def test_revoked_without_a_place_to_ask(self):
        """The answer is of no use, but the point, which was open, is not any more."""
        self.run_driver("provision", self.sim.point())
        self.sim.set(wrong_host_async=self.sim.ready["trap_host"])
        for opening in (("--opening", "unknown"), ()):
            run = self.run_driver(*opening, "revoke", self.sim.point())
            self.assertFalse(run.json["done_before"])
        self.assertEqual(2, len(self.requests("revoke")))

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
        self.run_driver("provision", self.sim.point())
        self.sim.set(forbidden=["revoke"])
        self.assertIn("revokeInstantItemRecovery", self.run_driver("revoke", self.sim.point(), code=AUTH).err)

    def test_lost_answer_is_sent_again(self):
        self.run_driver("provision", self.sim.point())
        self.sim.set(lost_answer={"calls": "revoke", "times": 1})
        self.run_driver("revoke", self.sim.point())
        self.assertEqual(2, len(self.requests("revoke")))


class RevokeWhileOpening(Case):
    """A service that shows a session, and has one revoked, only once the operation that opens it has ended."""

    def open(self, seconds, **switches):
        """Asks for access and gives up on it; gives where its operation can be asked about."""
        self.sim.set(active_when="succeeded", operation_seconds=seconds, **switches)
        self.interrupt("provision", self.sim.point(), ready=lambda: self.requests("status"))
        self.assertFalse(self.run_driver("point", self.sim.point()).json["session_active"])
        return self.sim.ready["arm"] + self.requests("status")[0]["path"] + "?api-version=2016-12-01"

    def registrations(self):
        return self.sim.order({"get": "state"})["state"]["registrations"]

    def end_once_refused(self, times):
        """Lets the opening end when so many requests to revoke it have been refused, however long that takes."""
        def watch():
            if self.wait_for(lambda: len([r for r in self.requests("revoke") if r["status"] == 409]) >= times):
                self.sim.set(operation_seconds=0)
        thread = threading.Thread(target=watch)
        thread.start()
        self.addCleanup(thread.join)

    def opened_in_the_end(self):
        """Whether access is there once every operation has had its time."""
        self.sim.set(operation_seconds=0)
        return self.run_driver("point", self.sim.point()).json["session_active"]

    def test_of_an_operation_that_nobody_knows(self):
        self.open(3600)
        self.end_once_refused(1)
        run = self.run_driver("--opening", "unknown", "revoke", self.sim.point())
        self.assertFalse(run.json["done_before"])
        self.assertIn("may still be being opened", run.err)
        self.assertEqual([], self.registrations())
        self.assertFalse(self.opened_in_the_end())
        self.assertGreaterEqual(len(self.requests("revoke")), 2)

    def test_of_a_known_operation(self):
        url = self.open(3600)
        self.end_once_refused(1)
        self.assertFalse(self.run_driver("--opening", url, "revoke", self.sim.point()).json["done_before"])
        self.assertEqual([], self.registrations())
        self.assertFalse(self.opened_in_the_end())

    def test_of_an_operation_that_has_failed(self):
        """It has left nothing: what the point says is believed at once."""
        url = self.open(3600, fail={"code": "UserErrorX"})
        self.sim.set(operation_seconds=0, error={"calls": "revoke", "times": -1, "status": 400, "code": "UserErrorNothingThere"})
        run = self.run_driver("--opening", url, "revoke", self.sim.point())
        self.assertTrue(run.json["done_before"])
        self.assertEqual(1, len(self.requests("revoke")))

    def test_of_an_operation_that_is_forgotten(self):
        self.sim.set(error={"calls": "revoke", "times": -1, "status": 400, "code": "UserErrorNothingThere"})
        self.assertTrue(self.run_driver("--opening", self.no_operation(), "revoke", self.sim.point()).json["done_before"])

    def no_operation(self):
        """The address of one that there is not."""
        return self.sim.ready["arm"] + self.sim.point().partition("/recoveryPoints/")[0] + "/operationsStatus/" + \
            GUID + "7?api-version=2016-12-01"

    def test_of_an_operation_that_is_not_known_yet(self):
        """One 404 about what has just begun is no end: it is looked at again, and found at work."""
        url = self.open(3600)
        self.sim.set(error={"calls": "status", "times": 1, "status": 404, "code": "OperationNotFound"})
        self.end_once_refused(2)
        run = self.run_driver("--recent", url, "revoke", self.sim.point())
        self.assertFalse(run.json["done_before"])
        self.assertEqual([], self.registrations())
        self.assertFalse(self.opened_in_the_end())

    def test_of_a_recent_operation_that_is_forgotten(self):
        self.sim.set(error={"calls": "revoke", "times": -1, "status": 400, "code": "UserErrorNothingThere"})
        run = self.run_driver("--doubt-ms", "500", "--recent", self.no_operation(), "revoke", self.sim.point())
        self.assertTrue(run.json["done_before"])
        self.assertEqual([404, 404], [r["status"] for r in self.requests("status")])

    def test_that_does_not_end_in_time(self):
        url = self.open(3600)
        for opening in (url, "unknown", "https://elsewhere.example/operationsStatus/1"):
            run = self.run_driver("--timeout", "4", "--opening", opening, "revoke", self.sim.point(), code=NETWORK)
            self.assertIn("a request for access may still be at work there", run.err)
            self.assertIn("12 hours", run.err)
            self.assertIn("UserErrorInstantRpILROperationInProgress", run.err)

    def test_trouble_of_another_kind_is_told_at_once(self):
        self.open(3600)
        self.sim.set(forbidden=["revoke"])
        self.run_driver("--opening", "unknown", "revoke", self.sim.point(), code=AUTH)
        self.assertEqual(1, len(self.requests("revoke")))


if __name__ == "__main__":
    main(sys.argv)
