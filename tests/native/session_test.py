#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
azilr renew and azilr unmount against the simulator: session_test.py BUILD_DIR [unittest options]

The session, and open-iscsi's record of it, are made up: they lie in a mount namespace of their own, so that the host's
/run and /var/lib are not touched. No iSCSI is spoken.
"""
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from arm_support import AUTH, DONE, INITIATOR, INTERRUPTED, NETWORK, NOT_FOUND, USAGE, Case, Run, Server, main

FAILED = 1
ID = "web01-20261120T030000Z"
IFACE = f"azilr-{ID}"
RECORD = """# BEGIN RECORD 2.1.8
node.name = {target}
node.tpgt = 1
iface.iscsi_ifacename = {iface}
node.session.auth.authmethod = CHAP
node.session.auth.username = Debian;12;old-user
node.session.auth.password = old-password-15
node.conn[0].address = 127.0.0.1
# END RECORD
"""
# A private /run and /var/lib, filled from the folder in $1 and given back to it; the rest is the command.
NAMESPACE = """
set -e
work=$1; shift
mount --make-rprivate /
for place in run lib; do
    mount -t tmpfs none "$([ "$place" = run ] && echo /run || echo /var/lib)"
done
cp -a "$work/run/." /run/; cp -a "$work/lib/." /var/lib/
code=0; "$@" || code=$?
rm -rf "$work/run" "$work/lib"; cp -a /run "$work/run"; cp -a /var/lib "$work/lib"
exit "$code"
"""


def can_unshare():
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


class SessionCase(Case):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0 or not can_unshare():
            self.skipTest("needs root, and mount namespaces")
        self.work = tempfile.mkdtemp(prefix="session-test-")
        self.addCleanup(shutil.rmtree, self.work)
        for place in ("run/azilr/sessions", "lib/azilr/sessions"):
            os.makedirs(os.path.join(self.work, place), mode=0o700)

    def registration(self):
        return next(r for r in self.sim.order({"get": "state"})["state"]["registrations"])

    def make_session(self, *kinds, **state):
        """A session of web01 as mount leaves it, with those changes to undo; its registration is made for real."""
        self.run_driver("provision", self.sim.point())
        self.before = registration = self.registration()
        self.target = registration["targets"][0]
        arguments = {
            "registration": {"recovery_point": self.sim.point(), "endpoint": self.sim.ready["arm"],
                             "authority": self.sim.ready["authority"]},
            "node": {"target": self.target, "iface": IFACE}, "login": {"target": self.target, "iface": IFACE}}
        document = {"version": 1, "id": ID, "vm": "web01", "status": "mounted", "recovery_point": self.sim.point(),
                    "expires": "2026-11-20T12:00:00Z", "portal": registration["portal"], "target": self.target,
                    "initiator_name": INITIATOR, "volumes": [],
                    "undo": [{"kind": kind, "survives_boot": kind != "login", "arguments": arguments[kind]}
                             for kind in kinds], **state}
        folder = os.path.join(self.work, "run/azilr/sessions", ID)
        # an unmount before this one may have taken away what is above it
        os.makedirs(folder, 0o700)
        with open(os.path.join(folder, "state.json"), "w", encoding="utf-8") as out:
            json.dump(document, out)
        record = os.path.join(self.work, "lib/iscsi/nodes", self.target, "127.0.0.1,5365,1")
        os.makedirs(record)
        self.record_path = os.path.join(record, IFACE)
        with open(self.record_path, "w", encoding="utf-8") as out:
            out.write(RECORD.format(target=self.target, iface=IFACE))
        os.chmod(self.record_path, 0o600)
        self.start = len(self.sim.requests())

    def azilr(self, *arguments, code=DONE, token=True, ca=True, program="azilr", before=(), environment=None):
        """Runs the program on the made-up sessions; before is a command that runs it."""
        program = os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), program)
        options = ["--ca-file", self.sim.ready["ca"]] if ca else []
        if token:
            options += ["--token-file", self.sim.ready["token_file"]]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "AZILR_"))}
        env |= environment or {}
        command = [*before, program, *arguments, *options]
        start = time.monotonic()
        process = subprocess.run(["unshare", "--mount", "sh", "-c", NAMESPACE, "sh", self.work, *command], env=env,
                                 capture_output=True, text=True, timeout=400, check=False)
        self.output += process.stdout + process.stderr
        if process.returncode != code:
            self.fail(f"exit {process.returncode}, not {code}: {process.stderr}{process.stdout}")
        return Run(process, time.monotonic() - start)

    def state_path(self, ident=ID):
        return os.path.join(self.work, "run/azilr/sessions", ident, "state.json")

    def state(self, ident=ID):
        path = self.state_path(ident)
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as text:
            return json.load(text)

    def record(self):
        with open(self.record_path, encoding="utf-8") as text:
            return dict(line.rstrip("\n").split(" = ", 1) for line in text if " = " in line)


class Open(SessionCase):
    """What mount has to undo after it has opened a point, or failed to: what it began, or has taken over."""

    def open(self, code=DONE, **more):
        return self.azilr(self.sim.point(), "--endpoint", self.sim.ready["arm"], program="tests/native/undo_driver",
                          code=code, **more)

    def test_ours(self):
        self.assertEqual("registration\n", self.open().out)

    def test_ours_once_renewed(self):
        self.run_driver("provision", self.sim.point())
        run = self.open()
        self.assertIn("renewing that", run.err)
        self.assertEqual("registration\n", run.out)

    def test_refused(self):
        self.sim.set(forbidden=["provision"])
        self.assertEqual("", self.open(code=AUTH).out)

    def test_lost(self):
        self.sim.set(late_failure={"calls": "provision", "times": -1})
        self.assertEqual("registration\n", self.open(code=NETWORK).out)

    def forget(self):
        for place in ("run", "lib"):
            shutil.rmtree(os.path.join(self.work, place, "azilr"), ignore_errors=True)

    def test_a_renewal_that_fails(self):
        """Failures of the server, or of the operation: what is there was begun by somebody else, who keeps it."""
        self.run_driver("provision", self.sim.point())
        failures = {"calls": "provision", "times": -1, "status": 500}
        refusal = {"calls": "provision", "status": 409, "body": {"error": {"code": "X", "message": "It is active."}}}
        for omit in ([], ["isInstantIlrSessionActive"]):
            for accepted, switches in ((False, {"raw": [refusal, failures] if omit else failures}),
                                       (True, {"fail": {"state": "Failed"}}), (True, {"truncated_script": "base64"})):
                with self.subTest(omit=omit, switches=switches):
                    self.forget()
                    self.sim.order({"reset": True})
                    self.sim.set(polls_before_success=0, omit=omit, **switches)
                    run = self.open(code=NETWORK)
                    self.assertIn("may be open already" if omit else "is open already", run.err)
                    self.assertIn("renewing that. The script that has opened it may not work any more then", run.err)
                    self.assertEqual(accepted, "the renewal was accepted, so the script" in run.err)
                    self.assertEqual("", run.out)
                    self.assertEqual([], self.state()["undo"])
        self.registration()

    def test_ours_once_renewed_where_the_service_does_not_say(self):
        self.run_driver("provision", self.sim.point())
        self.sim.set(omit=["isInstantIlrSessionActive"])
        self.assertEqual("registration\n", self.open().out)

    def test_an_answer_that_is_lost_where_the_service_does_not_say(self):
        """What is there now is ours or somebody else's; with a script of its renewal it is ours."""
        self.sim.set(omit=["isInstantIlrSessionActive"], lost_answer={"calls": "provision"})
        run = self.open()
        self.assertIn("may be open already", run.err)
        self.assertEqual("registration\n", run.out)

    def test_an_answer_that_is_lost_where_nothing_can_be_renewed(self):
        """Nobody else has anything there, so what the lost request may yet bring is ours to undo."""
        self.sim.set(omit=["isInstantIlrSessionActive"], renew_when_inactive="reject",
                     raw={"calls": "provision", "status": 504, "body": ""})
        self.assertEqual("registration\n", self.open(code=NETWORK).out)
        self.assertEqual([False, True], [r["body"]["properties"]["renewExistingRegistration"]
                                         for r in self.requests("provision")])

    def test_server_failures_where_the_service_does_not_say(self):
        self.run_driver("provision", self.sim.point())
        self.sim.set(omit=["isInstantIlrSessionActive"], empty_body={"calls": "provision", "times": -1})
        self.assertEqual("", self.open(code=NETWORK).out)
        self.registration()

    def test_a_refusal_that_may_be_of_our_own(self):
        """503 says nothing of what was done, and the repetition's refusal not whose session it is of: a renewal is tried."""
        self.run_driver("provision", self.sim.point())
        self.sim.set(omit=["isInstantIlrSessionActive"], unavailable={"calls": "provision", "retry_after": 1},
                     fail={"state": "Failed"})
        self.assertEqual("", self.open(code=NETWORK).out)
        self.registration()

    def open_killed(self, ready):
        """Kills it about a second after ready()."""
        word = os.path.join(self.work, "now")
        waits = f'"$@" & child=$!; while [ ! -e {word} ]; do sleep 0.1; done; kill -KILL $child; wait $child'
        with ThreadPoolExecutor() as pool:
            run = pool.submit(self.open, code=137, before=("sh", "-c", waits, "sh"))
            self.until(ready)
            time.sleep(1)
            with open(word, "w", encoding="utf-8"):
                pass
            return run.result()

    def test_killed_while_it_waits_for_what_then_fails(self):
        """The state on disk says where to ask about the opening, so unmount need not wait for what never comes."""
        self.sim.set(active_when="succeeded", operation_seconds=4, fail={"state": "Failed"})
        self.open_killed(lambda: self.requests("provision"))
        state = self.state()
        self.assertEqual(["registration"], [one["kind"] for one in state["undo"]])
        self.assertIn("url", state["operation"])
        self.azilr("unmount", "--timeout", "40")
        self.assertIsNone(self.state())
        self.assertEqual([], self.sim.order({"get": "state"})["state"]["registrations"])

    def test_killed_while_it_renews(self):
        """What a refused request has left in the state is gone from there before somebody else's access is renewed."""
        self.run_driver("provision", self.sim.point())
        self.start = len(self.sim.requests())
        self.sim.set(omit=["isInstantIlrSessionActive"],
                     delay_ms=[{"calls": "provision", "ms": 0}, {"calls": "provision", "ms": 2 * self.DELAY_MS}])
        run = self.open_killed(lambda: self.requests("provision"))
        self.assertIn("renewing that", run.err)
        self.assertEqual([], self.state()["undo"])
        self.undelay()
        self.until(lambda: len(self.requests("provision")) == 2)

    def until(self, done):
        end = time.monotonic() + 30
        while not done():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.05)

    def race(self, code=DONE, **switches):
        """Opens the point while somebody else does, between a look at it and the request; what the switches do comes after."""
        self.start = len(self.sim.requests())
        self.sim.set(delay_ms={"calls": "provision", "ms": self.DELAY_MS})
        with ThreadPoolExecutor() as pool:
            run = pool.submit(self.open, code=code)
            self.until(lambda: self.requests("point_get"))
            time.sleep(1)
            self.run_driver("provision", self.sim.point())
            self.sim.set(**switches)
            return run.result()

    def test_somebody_else_is_faster(self):
        run = self.race(code=NETWORK)
        self.assertEqual("", run.out)
        self.assertIn("was not open when it was looked at, and is now: somebody else may have opened it in between", run.err)
        self.registration()

    def test_somebody_else_is_faster_and_the_answer_is_lost(self):
        run = self.race(lost_answer={"calls": "provision"})
        self.assertEqual("registration\n", run.out)
        self.assertIn("though another host may have asked in the same moment", run.err)


def moment(seconds):
    """So many seconds from now, as a state has it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class Renew(SessionCase):
    def setUp(self):
        super().setUp()
        self.expires = moment(3600)

    def make_session(self, *kinds, **state):
        super().make_session(*kinds, **{"expires": self.expires, **state})

    def change(self, **members):
        with open(self.state_path(), encoding="utf-8") as text:
            state = {**json.load(text), **members}
        with open(self.state_path(), "w", encoding="utf-8") as out:
            json.dump(state, out)

    def test_renew(self):
        self.make_session("registration", "node", "login")
        old_secrets = self.sim.secrets()
        run = self.azilr("renew", ID, "--json", "--tag", "ticket=1")
        after = self.registration()
        sent = self.requests("provision")
        self.assertEqual(1, len(sent))
        self.assertEqual((True, INITIATOR, {"ticket": "1"}), (
            sent[0]["body"]["properties"]["renewExistingRegistration"], sent[0]["body"]["properties"]["initiatorName"],
            sent[0]["body"]["tags"]))
        self.assertEqual(self.before["targets"], after["targets"])
        self.assertNotEqual(self.before["target_user"], after["target_user"])
        self.assertNotIn("undo", run.json)
        expires = run.json["expires"]
        self.assertEqual(expires, self.state()["expires"])
        self.assertGreater(expires, self.expires)
        self.assertLess(abs(time.mktime(time.strptime(expires, "%Y-%m-%dT%H:%M:%SZ"))
                            - time.mktime(time.gmtime()) - 12 * 3600), 60)
        self.assertNotIn("may_last_until", run.json)
        self.assertEqual(3, len(self.state()["undo"]))
        record = self.record()
        self.assertTrue(record["node.session.auth.username"].endswith(";" + after["target_user"]))
        self.assertIn(record["node.session.auth.password"], self.sim.secrets())
        self.assertNotIn(record["node.session.auth.password"], old_secrets)
        self.assertEqual(("CHAP", self.target), (record["node.session.auth.authmethod"], record["node.name"]))
        self.assertEqual(0o600, stat.S_IMODE(os.stat(self.record_path).st_mode))

    def test_tags_in_any_language(self):
        self.make_session("registration", "node", "login")
        self.azilr("renew", "--tag", "Büro=東京", "--tag", "часть=ö", "--etag", "é")
        self.assertEqual({"Büro": "東京", "часть": "ö"}, self.requests("provision")[0]["body"]["tags"])

    def test_by_vm_and_as_text(self):
        self.make_session("registration", "node", "login")
        run = self.azilr("renew", "WEB01")
        self.assertEqual(f"{ID}: access until {self.state()['expires']}\n", run.out)
        self.assertIn("Renewing the access to web01: until ", run.err)

    def test_the_only_session(self):
        self.make_session("registration", "node", "login")
        self.azilr("renew", "--quiet")

    def test_a_lost_answer(self):
        self.make_session("registration", "node", "login")
        self.sim.set(lost_answer={"calls": "provision"})
        self.azilr("renew")
        self.assertEqual([True, True], [r["body"]["properties"]["renewExistingRegistration"]
                                        for r in self.requests("provision")])
        self.assertIn(self.record()["node.session.auth.password"], self.sim.secrets())

    def test_a_service_that_does_not_say_whether_the_session_is_there(self):
        self.make_session("registration", "node", "login")
        self.sim.set(omit=["isInstantIlrSessionActive"])
        self.azilr("renew")
        self.assertEqual([True], [r["body"]["properties"]["renewExistingRegistration"] for r in self.requests("provision")])
        self.assertGreater(self.state()["expires"], self.expires)

    def test_a_session_from_a_script(self):
        self.make_session("node", "login", recovery_point=None)
        run = self.azilr("renew", code=USAGE)
        self.assertIn("was made from a script", run.err)
        self.assertEqual([], self.requests())

    def test_a_session_that_is_not_mounted(self):
        self.make_session("registration", "node")
        self.assertIn("is not mounted any more", self.azilr("renew", code=FAILED).err)
        self.assertEqual([], self.requests())

    def test_a_session_half_way(self):
        self.make_session("registration", "node", "login", status="mounting")
        self.assertIn("only half-way", self.azilr("renew", code=FAILED).err)

    def test_access_that_has_ended(self):
        self.make_session("registration", "node", "login")
        self.sim.order({"revoke_all": True})
        run = self.azilr("renew", code=NOT_FOUND)
        self.assertIn("has ended already", run.err)
        self.assertEqual([], self.requests("provision"))

    def test_access_that_has_ended_by_itself(self):
        """What is open at the point now may be somebody else's."""
        self.make_session("registration", "node", "login", expires=moment(-3600))
        run = self.azilr("renew", code=NOT_FOUND)
        self.assertIn(f"has ended by itself at {self.state()['expires']}", run.err)
        self.assertEqual([], self.requests())

    def test_access_that_may_just_have_ended(self):
        """Clocks differ: the service knows."""
        self.make_session("registration", "node", "login", expires=moment(-60))
        self.azilr("renew")
        self.assertGreater(self.state()["expires"], moment(3600))

    def test_a_clock_that_was_set_back(self):
        self.make_session("registration", "node", "login", expires=moment(86400))
        before = self.state()["expires"]
        self.azilr("renew")
        self.assertEqual(before, self.state()["expires"])

    def test_accepted_without_a_script(self):
        """The access lasts longer than is known for certain: when it is unmounted after that, it is revoked."""
        self.make_session("registration", "node", "login")
        self.sim.set(fail={"state": "Failed", "code": "UserErrorX"})
        self.azilr("renew", code=NETWORK)
        self.assertEqual(self.expires, self.state()["expires"])
        self.assertGreater(self.state()["may_last_until"], moment(11 * 3600))
        self.registration()
        # hours later
        self.change(expires=moment(-7200), undo=[one for one in self.state()["undo"] if one["kind"] == "registration"])
        self.sim.set(fail=None)
        run = self.azilr("unmount", "--json")
        self.assertIn("revoked the access to the recovery point", run.json["sessions"][0]["done"])
        self.assertEqual([], self.sim.order({"get": "state"})["state"]["registrations"])
        self.assertIsNone(self.state())
        self.assertFalse(os.path.exists(os.path.join(self.work, "lib/azilr/sessions")))

    def test_answers_that_were_lost(self):
        self.make_session("registration", "node", "login")
        self.sim.set(lost_answer={"calls": "provision", "times": -1})
        self.azilr("renew", code=NETWORK)
        self.assertGreater(self.state()["may_last_until"], moment(11 * 3600))
        # what is renewed in the end is known for certain
        self.sim.set(lost_answer=None)
        self.azilr("renew")
        self.assertNotIn("may_last_until", self.state())

    def test_a_tunnel_that_cannot_be_told(self):
        """The login is good for the renewed access all the same, and the person knows how far it went."""
        self.make_session("registration", "node", "login")
        os.symlink("/etc/hostname", os.path.join(os.path.dirname(self.state_path()), "tunnel.state"))
        run = self.azilr("renew", "--json", code=FAILED)
        expires = self.state()["expires"]
        self.assertGreater(expires, self.expires)
        self.assertIn(f"the access was renewed until {expires}, but the tunnel could not be told", run.json["error"]["message"])
        self.assertIn(self.record()["node.session.auth.password"], self.sim.secrets())

    def test_another_target(self):
        self.make_session("registration", "node", "login", target="iqn.2016-01.example:other")
        run = self.azilr("renew", code=FAILED)
        self.assertIn(f"the renewed access is to {self.target}", run.err)
        self.assertEqual("old-password-15", self.record()["node.session.auth.password"])
        self.assertEqual(self.expires, self.state()["expires"])

    def test_a_record_that_is_gone(self):
        self.make_session("registration", "node", "login")
        os.unlink(self.record_path)
        run = self.azilr("renew", "--json", code=NOT_FOUND)
        self.assertIn("the access was renewed, but a connection that breaks cannot be made again", run.json["error"]["message"])
        self.assertGreater(self.state()["expires"], self.expires)

    def test_timeout(self):
        self.make_session("registration", "node", "login")
        self.delay("provision")
        run = self.azilr("renew", "--timeout", "1", code=NETWORK)
        self.assertIn("the time limit is over", run.err)
        self.assertEqual(self.expires, self.state()["expires"])
        self.undelay()

    def test_refused(self):
        self.make_session("registration", "node", "login")
        self.sim.set(forbidden=["provision"])
        run = self.azilr("renew", "--json", code=AUTH)
        self.assertEqual("AuthorizationFailed", run.json["error"]["azure"]["code"])
        self.assertNotIn("may_last_until", self.state())
        self.assertIn("lacks the action", run.json["error"]["hint"])
        self.assertEqual("old-password-15", self.record()["node.session.auth.password"])

    def test_failed(self):
        self.make_session("registration", "node", "login")
        self.sim.set(fail={"state": "Failed", "code": "UserErrorX"})
        run = self.azilr("renew", code=NETWORK)
        self.assertIn(f"`azilr renew {ID}` tries again", run.err)
        self.assertIn("the renewal was accepted, so the login that the disks were given by may not serve any more", run.err)
        self.assertEqual(self.expires, self.state()["expires"])

    def test_nothing_to_renew(self):
        self.assertIn("nothing is open", self.azilr("renew", code=NOT_FOUND).err)
        self.assertIn("there is no session", self.azilr("renew", "db01", code=NOT_FOUND).err)

    def test_wrong_usage(self):
        for arguments, part in ((("a", "b"), "takes one session"), (("--tag", "x"), "is not NAME=VALUE"),
                                (("--timeout", "0"), "--timeout takes seconds"), (("--keep-access",), "unknown")):
            self.assertIn(part, self.azilr("renew", *arguments, code=USAGE).err)


class Status(SessionCase):
    def made_up(self, **state):
        folder = os.path.join(self.work, "run/azilr/sessions", ID)
        # an unmount before this one may have taken away what is above it
        os.makedirs(folder, 0o700)
        with open(os.path.join(folder, "state.json"), "w", encoding="utf-8") as out:
            json.dump({"version": 1, "id": ID, "status": "mounted", "undo": [], **state}, out)

    def test_columns_stand_below_each_other_whatever_the_letters(self):
        def volume(name, label, size):
            return {"name": name, "status": "skipped", "type": "ext4", "size": size, "label": label, "mount_point": None}
        self.made_up(vm="bürö-東京", volumes=[volume("disk0p1", "Datensätze", 32105299968), volume("disk0p2", "東京", 512),
                                             volume("disk10", "e\u0301", 1 << 40), volume("x", None, 0)])
        lines = self.azilr("status", token=False, ca=False).out.splitlines()
        self.assertIn("VM            bürö-東京", lines)
        start = next(number for number, line in enumerate(lines) if line.startswith("VOLUME"))
        self.assertEqual(["VOLUME   STATUS   TYPE      SIZE  LABEL       MOUNTED ON",
                          "disk0p1  skipped  ext4  29.9 GiB  Datensätze  -",
                          "disk0p2  skipped  ext4     512 B  東京        -",
                          "disk10   skipped  ext4   1.0 TiB  e\u0301           -",
                          "x        skipped  ext4       0 B  -           -"], lines[start:])

    def test_what_azure_prepares_is_so_until_its_access_ends(self):
        for expires, status, part in (("2999-01-01T00:00:00Z", "preparing", "mounting it again goes on"),
                                      ("2026-11-20T12:00:00Z", "incomplete", "its access has ended"),
                                      (None, "incomplete", "its access has ended")):
            self.made_up(vm="web01", expires=expires, status="preparing")
            session = json.loads(self.azilr("status", "--json", token=False, ca=False).out)["sessions"][0]
            self.assertEqual(status, session["status"])
            self.assertIn(part, session["problem"])
            shutil.rmtree(os.path.join(self.work, "run/azilr/sessions", ID))

    def test_hostile_texts(self):
        evil = "a\x1b[2J\u202e\nb"
        self.made_up(vm=evil, point_type=evil, volumes=[
            {"name": evil, "status": evil, "type": evil, "size": 1, "label": evil, "reason": evil}])
        out = self.azilr("status", token=False, ca=False).out
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\u202e", out)
        self.assertIn("\\x1b[2J", out)
        self.assertFalse([line for line in out.splitlines() if line.startswith("b")])


class Unmount(SessionCase):
    def test_access_that_has_ended(self):
        """Somebody else may have opened the point since, so it is let alone."""
        self.make_session("registration")
        run = self.azilr("unmount", "--json")
        self.assertEqual(["left the access to the recovery point, which has ended by itself at 2026-11-20T12:00:00Z"],
                         run.json["sessions"][0]["done"])
        self.assertEqual([], self.requests())
        self.registration()
        self.assertIsNone(self.state())

    def test_access_that_may_just_have_ended(self):
        """Clocks differ: within some minutes it is revoked."""
        self.make_session("registration", expires=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 60)))
        self.assertIn("revoked the access", self.azilr("unmount").out)

    def test_access_of_another_machine(self):
        """A state that came with a copy of a disk: what it names may be in use on the machine that has made it."""
        self.make_session("registration", expires="2999-01-01T00:00:00Z", machine="0123456789abcdef0123456789abcdef -")
        self.assertIn("made on another machine", self.azilr("status", token=False, ca=False).out)
        run = self.azilr("unmount", "--json", token=False)
        self.assertIn("left the access to the recovery point, which another machine has got",
                      run.json["sessions"][0]["done"][0])
        self.assertEqual([], self.requests())
        self.registration()
        self.assertIsNone(self.state())

    def test_busy_is_a_document_and_changes_nothing(self):
        """The mount of a session, made up, with somebody in it."""
        self.make_session("registration", expires="2999-01-01T00:00:00Z")
        script = """
            mount -t tmpfs none /srv
            device=$(stat -c %Hd,%Ld /srv)
            python3 - "$1" "${device%,*}" "${device#*,}" << 'PYTHON'
import json, sys
with open(sys.argv[1]) as text: state = json.load(text)
state["undo"].append({"kind": "mount", "arguments": {
    "directory": "/srv", "major": int(sys.argv[2]), "minor": int(sys.argv[3])}})
with open(sys.argv[1], "w") as out: json.dump(state, out)
PYTHON
            shift
            (cd /srv; exec sleep 60) & user=$!
            sleep 0.2; code=0; "$@" || code=$?
            kill $user; mountpoint -q /srv || code=99
            exit $code """
        state_file = f"/run/azilr/sessions/{ID}/state.json"
        run = self.azilr("unmount", "--json", code=7, before=("sh", "-ec", script, "sh", state_file))
        session = run.json["sessions"][0]
        self.assertEqual(("busy", [], []), (session["status"], session["done"], session["forced"]))
        self.assertEqual([("process", "sleep", "root", "directory", "/srv")],
                         [tuple(user[name] for name in ("kind", "command", "user", "use", "path"))
                          for user in session["users"]])
        self.assertIn(f"process {session['users'][0]['pid']} (sleep, of root) is in /srv", run.json["error"]["message"])
        self.assertEqual(2, len(self.state()["undo"]))
        self.assertEqual([], self.requests())

    def test_lazy_and_force(self):
        self.make_session("registration")
        self.assertIn("not both", self.azilr("unmount", "--lazy", "--force", code=USAGE).err)

    def test_revoke(self):
        self.make_session("registration", expires="2999-01-01T00:00:00Z")
        run = self.azilr("unmount", "--json")
        self.assertEqual(["revoked the access to the recovery point"], run.json["sessions"][0]["done"])
        self.assertEqual(1, len(self.requests("revoke")))
        self.assertIsNone(self.state())

    def test_revoke_while_access_is_being_opened(self):
        """A mount was killed then: the service refuses, and shows no session yet, until it has opened it."""
        self.make_session("registration", expires="2999-01-01T00:00:00Z")
        self.sim.order({"revoke_all": True})
        self.sim.set(active_when="succeeded", operation_seconds=3600)
        self.interrupt("provision", self.sim.point(), ready=lambda: self.requests("provision"))
        with ThreadPoolExecutor() as pool:
            unmount = pool.submit(self.azilr, "unmount", "--json")
            self.assertTrue(self.wait_for(lambda: self.requests("revoke")))
            self.sim.set(operation_seconds=0)
            run = unmount.result()
        self.assertEqual(["revoked the access to the recovery point"], run.json["sessions"][0]["done"])
        self.assertGreaterEqual(len(self.requests("revoke")), 2)
        self.assertEqual([], self.sim.order({"get": "state"})["state"]["registrations"])

    def test_revoke_while_access_is_being_opened_for_too_long(self):
        self.make_session("registration", expires="2999-01-01T00:00:00Z")
        self.sim.order({"revoke_all": True})
        self.sim.set(active_when="succeeded", operation_seconds=600)
        self.interrupt("provision", self.sim.point(), ready=lambda: self.requests("provision"))
        run = self.azilr("unmount", "--timeout", "4", "--json", code=NETWORK)
        self.assertIn("a request for access may still be at work", run.json["error"]["message"])
        self.assertEqual(1, len(self.state()["undo"]))

    def test_nothing_to_revoke(self):
        """Somebody has revoked it already; nobody is told that this has done it."""
        self.make_session("registration", expires="2999-01-01T00:00:00Z", created="2026-11-20T00:00:00Z")
        self.sim.order({"revoke_all": True})
        self.sim.set(error={"calls": "revoke", "status": 400, "code": "UserErrorNothingThere"})
        run = self.azilr("unmount", "--json")
        self.assertEqual(["found no access to the recovery point that could be revoked: it had ended, or not come to be"],
                         run.json["sessions"][0]["done"])
        self.assertIn("Revoking the access: there was none any more", run.err)
        self.assertIsNone(self.state())

    def test_keep_access(self):
        self.make_session("registration")
        run = self.azilr("unmount", "--keep-access", token=False)
        self.assertIn("kept the access to the recovery point, which ends by itself at 2026-11-20T12:00:00Z", run.out)
        self.assertIn("nothing of it is left", run.out)
        self.assertEqual([], self.requests())
        self.assertEqual(1, len(self.sim.order({"get": "state"})["state"]["registrations"]))
        self.assertIsNone(self.state())

    def test_keep_access_of_unknown_end(self):
        self.make_session("registration", expires=None)
        self.assertIn("ends by itself 12 hours after", self.azilr("unmount", "--keep-access", token=False).out)

    def test_failure_is_one_document(self):
        self.make_session("registration", expires="2999-01-01T00:00:00Z")
        self.sim.set(forbidden=["revoke"])
        run = self.azilr("unmount", "--json", code=AUTH)
        self.assertEqual({"error", "sessions"}, set(run.json))
        self.assertEqual("incomplete", run.json["sessions"][0]["status"])
        self.assertEqual((AUTH, "AuthorizationFailed"), (run.json["error"]["exit_code"], run.json["error"]["azure"]["code"]))
        self.assertEqual(1, len(self.state()["undo"]))

    def copy_session(self, vm, **members):
        """Another session of the same registration, by another machine's name."""
        other = ID.replace("web01", vm)
        shutil.copytree(os.path.dirname(self.state_path()), os.path.dirname(self.state_path(other)))
        state = {**self.state(), "id": other, **members}
        with open(self.state_path(other), "w", encoding="utf-8") as out:
            json.dump(state, out)
        return other

    def interrupted(self, *arguments, ready, **more):
        """Gives the run to which SIGTERM came once ready() was true."""
        word = os.path.join(self.work, "now")
        waits = f'"$@" & child=$!; while [ ! -e {word} ]; do sleep 0.1; done; kill -TERM $child; wait $child'
        with ThreadPoolExecutor() as pool:
            run = pool.submit(self.azilr, *arguments, code=INTERRUPTED, before=("sh", "-c", waits, "sh"), **more)
            ready = self.wait_for(ready)
            start = time.monotonic()
            with open(word, "w", encoding="utf-8"):
                pass
            run = run.result()
        self.assertTrue(ready)
        run.seconds = time.monotonic() - start
        return run

    def test_interrupted_while_azure_does_not_answer(self):
        """It ends soon, though the limit is two minutes for the first alone, and says of each session what is left."""
        with Server(self.sim, hang=True) as silent:
            self.make_session("registration", expires="2999-01-01T00:00:00Z")
            state = self.state()
            state["undo"][0]["arguments"]["endpoint"] = silent.url
            with open(self.state_path(), "w", encoding="utf-8") as out:
                json.dump(state, out)
            others = [self.copy_session(vm) for vm in ("web02", "web03")]
            run = self.interrupted("unmount", "--all", "--json", ready=lambda: silent.connections)
        self.assertLess(run.seconds, 60)
        self.assertEqual([(ID, "incomplete"), *((one, "left") for one in others)],
                         [(one["session"], one["status"]) for one in run.json["sessions"]])
        self.assertEqual(1, silent.connections)
        self.assertEqual(INTERRUPTED, run.json["error"]["exit_code"])
        self.assertIn("access to the recovery point could not be revoked: ", run.json["error"]["message"])
        self.assertIn("interrupted (SIGTERM)", run.json["error"]["message"])
        for one in others:
            self.assertIn(f"{one}: left as it is; `azilr unmount {one}` takes it down", run.err)
            self.assertEqual(1, len(self.state(one)["undo"]))
        self.assertEqual(1, len(self.state()["undo"]))

    def test_interrupted_while_it_takes_down(self):
        """What is begun is finished, revoke and all, where that takes but a moment; the others stay."""
        self.make_session("registration", expires="2999-01-01T00:00:00Z")
        state = self.state()
        state["undo"].append({"kind": "directory", "arguments": {"path": "/run/azilr/none"}})
        with open(self.state_path(), "w", encoding="utf-8") as out:
            json.dump(state, out)
        other = self.copy_session("web02")
        # what sessions share is held until the signal has been sent
        script = f"""
            exec 9< /run/azilr; flock 9
            "$@" 9>&- & child=$!
            while flock -n /run/azilr/sessions/{ID}/lock true; do sleep 0.05; done
            kill -TERM $child; flock -u 9
            code=0; wait $child || code=$?
            exit $code """
        run = self.azilr("unmount", "--all", "--json", code=INTERRUPTED, before=("sh", "-ec", script, "sh"))
        self.assertEqual([(ID, "unmounted"), (other, "left")],
                         [(one["session"], one["status"]) for one in run.json["sessions"]])
        self.assertIn("revoked the access to the recovery point", run.json["sessions"][0]["done"])
        self.assertEqual([], self.sim.order({"get": "state"})["state"]["registrations"])
        self.assertIsNone(self.state())

    def test_all_after_a_failed_sign_in(self):
        """The secret can be taken from the environment once: the second session hears of the first one's failure."""
        self.make_session("registration", expires="2999-01-01T00:00:00Z")
        self.copy_session("web02")
        names = {"AZURE_TENANT_ID": self.sim.ready["tenant_id"], "AZURE_CLIENT_ID": self.sim.ready["client_id"],
                 "AZURE_CLIENT_SECRET": "wrong"}
        run = self.azilr("unmount", "--all", "--json", code=AUTH, token=False, environment=names)
        errors = [session["error"] for session in run.json["sessions"]]
        self.assertEqual(2, len(errors))
        for error in errors:
            self.assertIn("AADSTS7000215", error)
        self.assertEqual(errors[0], errors[1])
        self.assertEqual(1, len(self.requests("token")))

    def test_a_refusal_where_the_service_does_not_say_whether_the_session_is_there(self):
        self.make_session("registration", expires="2999-01-01T00:00:00Z")
        self.sim.set(forbidden=["revoke"], omit=["isInstantIlrSessionActive"])
        self.azilr("unmount", code=AUTH)
        self.assertEqual(1, len(self.state()["undo"]))

    def other_session(self):
        """One behind web01's in the list, with nothing but a directory to take down; gives that."""
        folder = os.path.join(self.work, "run/azilr/sessions/zz-1")
        os.makedirs(folder, 0o700)
        os.mkdir(os.path.join(self.work, "run/azilr/empty"), 0o700)
        with open(os.path.join(folder, "state.json"), "w", encoding="utf-8") as out:
            json.dump({"version": 1, "id": "zz-1", "vm": "zz", "status": "mounted", "undo": [
                {"kind": "directory", "arguments": {"path": "/run/azilr/empty"}}]}, out)
        return os.path.join(self.work, "run/azilr/empty")

    def test_timeout(self):
        self.make_session("registration", expires="2999-01-01T00:00:00Z")
        directory = self.other_session()
        self.delay("revoke")
        run = self.azilr("unmount", "--all", "--timeout", "1", "--json", code=NETWORK)
        self.assertIn("the time limit is over", run.json["error"]["message"])
        self.assertEqual(["incomplete", "incomplete"], [one["status"] for one in run.json["sessions"]])
        self.assertIn("the time limit is over before all could be taken down", run.json["sessions"][1]["error"])
        self.assertTrue(os.path.isdir(directory))
        self.assertEqual(1, len(self.state()["undo"]))
        self.undelay()
        # the next one goes on with the rest; a limit that suffices changes nothing
        run = self.azilr("unmount", "--all", "--timeout", "60", "--json")
        self.assertEqual(["unmounted", "unmounted"], [one["status"] for one in run.json["sessions"]])
        self.assertFalse(os.path.isdir(directory))

    def test_timeout_while_another_azilr_is_at_work(self):
        self.make_session("registration")
        run = self.azilr("unmount", "--timeout", "1", code=NETWORK,
                         before=("flock", f"/run/azilr/sessions/{ID}/lock"))
        self.assertIn("the time limit is over", run.err)
        self.assertLess(run.seconds, 30)
        self.assertEqual([], self.requests())

    def test_timeout_while_the_portal_is_silent(self):
        """An iscsiadm that waits for the portal, and a kernel that has the session, both made up."""
        self.make_session("registration", "login", expires="2999-01-01T00:00:00Z")
        script = f"""
            mount -t tmpfs none /sys; mount -t tmpfs none /usr/sbin
            device=/sys/devices/platform/host2/session7
            mkdir -p $device/iscsi_session/session7 /sys/class/iscsi_session; touch $device/uevent
            export SYSTEMD_DEVICE_VERIFY_SYSFS=0
            cd $device/iscsi_session/session7; ln -s ../.. device
            echo {self.target} > targetname; echo {IFACE} > ifacename; echo FAILED > state
            ln -s $PWD /sys/class/iscsi_session/session7
            printf '#!/bin/sh\\nexec /bin/sleep 60\\n' > /usr/sbin/iscsiadm; chmod 755 /usr/sbin/iscsiadm
            exec "$@" """
        run = self.azilr("unmount", "--timeout", "5", "--json", code=NETWORK, before=("sh", "-ec", script, "sh"))
        # the logout that was to fail by itself, once the tunnel's connections had ended, has a limit of its own, twice
        self.assertLess(run.seconds, 100)
        self.assertIn("iscsiadm did not finish within", run.json["error"]["message"])
        # what the login depends on stays with it
        self.assertEqual(["registration", "login"], [one["kind"] for one in self.state()["undo"]])
        self.assertEqual([], self.requests("revoke"))

    def torn_records(self, torn, other):
        """A session with nothing to undo but a node, whose records were being written; gives the target's directory."""
        folder = os.path.dirname(os.path.dirname(self.record_path))
        shutil.rmtree(folder, ignore_errors=True)
        for name in (f"127.0.0.1,5366,1/{IFACE}", "127.0.0.1,5367", f"127.0.0.1,5368/{IFACE}.new"):
            os.makedirs(os.path.join(folder, os.path.dirname(name)), exist_ok=True)
            with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
                out.write(torn)
        os.mkdir(os.path.join(folder, "127.0.0.1,5369"))
        if other:
            with open(os.path.join(folder, "10.0.0.1,3260"), "w", encoding="utf-8") as out:
                out.write(RECORD.format(target=self.target, iface="default"))
        os.makedirs(os.path.dirname(self.state_path()), 0o700, exist_ok=True)
        for place in ("run/azilr", "run/azilr/sessions"):
            os.chmod(os.path.join(self.work, place), 0o700)
        with open(self.state_path(), "w", encoding="utf-8") as out:
            json.dump({"version": 1, "id": ID, "undo": [
                {"kind": "node", "survives_boot": True, "arguments": {"target": self.target, "iface": IFACE}}]}, out)
        return folder

    def test_records_that_a_power_cut_has_torn(self):
        """iscsiadm, which is not even there, is of no use with them; somebody else's record of the target stays."""
        self.make_session("registration")
        for torn in ("", RECORD.format(target=self.target, iface=IFACE)[:200]):
            for other in (False, True):
                folder = self.torn_records(torn, other)
                self.azilr("unmount", "--all")
                self.assertIsNone(self.state())
                self.assertEqual(["10.0.0.1,3260"] if other else [], os.listdir(folder) if os.path.exists(folder) else [])

    def test_wrong_timeout(self):
        self.assertIn("--timeout takes seconds, from 1", self.azilr("unmount", "--timeout", "x", code=USAGE).err)

    def test_wrong_usage_is_a_document(self):
        for arguments in (("--bogus", "--json"), ("--json", "a", "b"), ("--json",)):
            error = self.azilr("unmount", *arguments, code=USAGE if arguments[-1] != "--json" or len(arguments) > 1 else NOT_FOUND)
            self.assertEqual(error.json["error"]["exit_code"], USAGE if len(arguments) > 1 else NOT_FOUND)
            self.assertTrue(error.json["error"]["message"])


if __name__ == "__main__":
    main(sys.argv)
