#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
What `azilr mount` makes of a session that Azure is still preparing: resume_test.py BUILD_DIR [unittest options]

The sessions lie in a mount namespace of their own, as those of session_test.py do.
"""
import json
import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from arm_support import AUTH, DONE, GUID, NETWORK, main  # noqa: E402
from session_test import SessionCase  # noqa: E402

BUSY = 7
VAULT = ("-s", GUID + "1", "-g", "rg-backup", "-v", "vault1")
NEWEST, OLDER, OLDEST = (f"web01-202611{day}T030000Z" for day in (20, 19, 18))


class OpenCase(SessionCase):
    def open(self, *arguments, code=DONE, vault=VAULT, **more):
        """`azilr mount web01`, interrupted while Azure prepares the disks; gives the session."""
        run = self.azilr("web01", *vault, "--endpoint", self.sim.ready["arm"], *arguments, code=code,
                         program="tests/native/open_driver", **more)
        return run if code else {**run.json, "err": run.err}

    def provisions(self):
        return len(self.requests("provision"))

    def change(self, ident, **members):
        state = {**self.state(ident), **members}
        with open(self.state_path(ident), "w", encoding="utf-8") as out:
            json.dump(state, out)


class Clouds(OpenCase):
    def test_a_windows_machines_portal_is_the_clouds(self):
        """Its script names none. The operation is asked again by the mounts behind the first."""
        for cloud, domain in (("usgov", "us"), ("china", "cn"), ("public", "com")):
            run = self.azilr("win01", *VAULT, "--endpoint", self.sim.ready["arm"], "--cloud", cloud,
                             program="tests/native/open_driver")
            self.assertEqual(("txt", f"pod01-rec2.weu.backup.windowsazure.{domain}"),
                             (run.json["connection"]["format"], run.json["connection"]["portal"]))


class Scripts(OpenCase):
    def test_a_bad_one_is_the_services_fault(self):
        self.sim.set(truncated_script=True)
        run = self.open(code=NETWORK)
        self.assertIn("the connection script from Azure: it is no connection script", run.err)
        self.assertIn("the service, or what answers in its place, is to blame", run.err)
        self.assertNotIn("download", run.err)


class Resume(OpenCase):
    def test_what_is_being_prepared_comes_before_the_newest(self):
        first = self.open("--at", "2026-11-19")
        self.assertEqual((OLDER, 1), (first["id"], self.provisions()))
        again = self.open()
        self.assertEqual((OLDER, 1), (again["id"], self.provisions()))
        self.assertEqual(first["initiator_name"], again["initiator_name"])
        self.assertIn("an earlier mount of web01 has had Azure prepare the recovery point of 2026-11-19T03:00:00Z: taking "
                      f"that up (session {OLDER}); to open the newest one instead, give --at now, or --point ID",
                      again["err"])
        self.assertIn("web01 of 2026-11-19T03:00:00Z", again["err"])
        self.assertEqual("preparing", self.state(OLDER)["status"])

    def test_a_newer_point_that_came_meanwhile(self):
        """A backup has run while Azure was preparing what was the newest point then."""
        self.sim.set(hidden_points="630000000000000003")
        first = self.open()
        self.assertEqual((OLDER, 1), (first["id"], self.provisions()))
        self.sim.set(hidden_points=[])
        again = self.open()
        self.assertEqual((OLDER, 1), (again["id"], self.provisions()))
        self.assertIn(f"taking that up (session {OLDER})", again["err"])
        self.assertEqual(NEWEST, self.open("--at", "now")["id"])

    def test_a_point_that_is_asked_for_is_opened(self):
        self.open("--at", "2026-11-19")
        self.assertEqual(NEWEST, self.open("--at", "now")["id"])
        self.assertEqual(OLDEST, self.open("--point", "630000000000000001")["id"])
        self.assertEqual(3, self.provisions())
        # and each of them is taken up by the same words
        self.assertEqual(OLDER, self.open("--at", "2026-11-19")["id"])
        self.assertEqual(NEWEST, self.open("--at", "now")["id"])
        self.assertEqual(3, self.provisions())

    def test_of_several_the_newest(self):
        self.open("--at", "2026-11-18")
        self.open("--at", "2026-11-19")
        self.assertEqual(OLDER, self.open()["id"])
        self.assertEqual(2, self.provisions())

    def test_after_a_reboot(self):
        self.open("--at", "2026-11-19")
        shutil.rmtree(os.path.join(self.work, "run/azilr"))
        self.assertEqual((OLDER, 1), (self.open()["id"], self.provisions()))

    def test_what_is_not_to_be_taken_up(self):
        for name, members in (("mounted", {"status": "mounted"}), ("ended", {"expires": "2026-11-20T12:00:00Z"}),
                              ("unknown end", {"expires": None}), ("nothing to ask", {"operation": None}),
                              ("another machine's", {"recovery_point": self.sim.point("web01", "vault2")})):
            with self.subTest(name):
                self.open("--at", "2026-11-19")
                self.change(OLDER, **members)
                opened = self.open()
                self.assertEqual(NEWEST, opened["id"])
                self.assertNotIn("taking that up", opened["err"])
                shutil.rmtree(os.path.join(self.work, "run/azilr"))
                shutil.rmtree(os.path.join(self.work, "lib/azilr"))

    def test_another_vaults_machine_of_the_same_name(self):
        self.open("--at", "2026-11-19")
        other = self.open(vault=(*VAULT[:-1], "vault2", "-c", "iaasvmcontainerv2;rg-web;web01"))
        self.assertEqual(NEWEST, other["id"])
        self.assertIn("/vaults/vault2/", other["recovery_point"])

    def test_a_point_that_is_gone(self):
        self.open("--at", "2026-11-19")
        self.change(OLDER, recovery_point=self.sim.point()[:-1] + "9")
        opened = self.open()
        self.assertEqual(NEWEST, opened["id"])
        self.assertIn(f"its recovery point is gone; `azilr unmount {OLDER}`", opened["err"])

    def test_another_azilr_at_work_on_it(self):
        self.open("--at", "2026-11-19")
        lock = f"/run/azilr/sessions/{OLDER}/lock"
        run = self.open(code=BUSY, before=("flock", lock))
        self.assertIn(f"another azilr is at work on session {OLDER}", run.err)
        self.assertIn("--at now", run.err)
        self.assertEqual(1, self.provisions())
        self.assertEqual(NEWEST, self.open("--at", "now", before=("flock", lock))["id"])


class Unknown(OpenCase):
    """A service that does not say whether a session is active on the recovery point."""

    def setUp(self):
        super().setUp()
        self.sim.set(omit=["isInstantIlrSessionActive"])

    def renewals(self):
        return [r["body"]["properties"]["renewExistingRegistration"] for r in self.requests("provision")]

    def test_none_is_active(self):
        self.assertEqual(NEWEST, self.open()["id"])
        self.assertEqual([False], self.renewals())

    def test_one_is_active(self):
        self.run_driver("provision", self.sim.point())
        self.start = len(self.sim.requests())
        opened = self.open()
        self.assertEqual((NEWEST, [False, True]), (opened["id"], self.renewals()))
        self.assertIn("does not say whether the recovery point is open already", opened["err"])

    def test_only_the_list_does_not_say(self):
        self.run_driver("provision", self.sim.point())
        self.start = len(self.sim.requests())
        self.sim.set(omit=[], omit_in_lists=["isInstantIlrSessionActive"])
        self.open()
        self.assertEqual([True], self.renewals())

    def test_both_are_refused(self):
        self.sim.set(error={"calls": "provision", "times": 1, "status": 400, "code": "First"})
        self.sim.set(renew_when_inactive="reject")
        run = self.open(code=NETWORK)
        self.assertIn("First", run.err)
        self.assertNotIn("NoSessionToRenew", run.err)
        self.assertEqual([False, True], self.renewals())

    def test_a_permission_is_not_tried_twice(self):
        self.sim.set(forbidden=["provision"])
        self.open(code=AUTH)
        self.assertEqual([False], self.renewals())


if __name__ == "__main__":
    main(sys.argv)
