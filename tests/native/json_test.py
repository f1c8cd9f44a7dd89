#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
--json of every command: one document on standard output, whatever happens: json_test.py BUILD_DIR [unittest options]

What mount and renew print when all goes well needs iSCSI or a session: the scenarios in the virtual machine and
session_test.py look at that.
"""
import base64
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from arm_support import AUTH, DONE, NETWORK, NOT_FOUND, USAGE, main  # noqa: E402
from session_test import ID, SessionCase  # noqa: E402

COMMANDS = ("mount", "unmount", "umount", "renew", "list", "status", "inspect")
ERROR = {"exit_code", "message", "hint"}
SCRIPT = '''#!/usr/bin/env python3
VMName="iaasvmcontainerv2;rg-web;web01"
MachineName="web01"
TargetPortalAddress="pod01-rec2.weu.backup.windowsazure.com"
TargetPortalPortNumber="3260"
TargetNodeAddress="iqn.2016-01.microsoft.azure.backup:1000000000000000001-100001-1-2.630000000000000003"
TargetUserName="1000000000000000001-00000000-0000-4000-8000-000000000001"
TargetPassword="UserInput012345"
InitiatorChapPassword="0123456789abcd"
ScriptId="00000000-0000-4000-8000-000000000002"
IsMultiTarget="0"
IsPEEnabled="0"
IsLargeDisk="0"
'''


class Json(SessionCase):
    def document(self, *arguments, code=DONE, ca=False, token=False, **more):
        """The whole of standard output must be one document."""
        text = self.azilr(*arguments, code=code, ca=ca, token=token, **more).out
        return json.loads(text)

    def failure(self, *arguments, code, others=frozenset(), **more):
        document = self.document(*arguments, code=code, **more)
        self.assertEqual({"error"} | others, set(document))
        self.assertLessEqual(ERROR, set(document["error"]))
        self.assertEqual(code, document["error"]["exit_code"])
        self.assertTrue(document["error"]["message"])
        return document

    def test_wrong_usage_wherever_the_option_stands(self):
        for command in COMMANDS:
            for arguments in (("--json", "--bogus"), ("--bogus", "--json"), ("a", "b", "c", "--json"), ("--json", "a", "b", "c")):
                with self.subTest(command=command, arguments=arguments):
                    self.failure(command, *arguments, code=USAGE)

    def test_a_wrong_file_of_defaults(self):
        path = os.path.join(self.work, "azilr.conf")
        with open(path, "w", encoding="utf-8") as out:
            out.write("nonsense\n")
        os.chmod(path, 0o644)
        for command, *rest in (("mount", "web01"), ("unmount",), ("renew",), ("list", "vaults"), ("status",)):
            with self.subTest(command=command):
                self.assertIn("line 1", self.failure(command, *rest, "--config", path, "--json", code=USAGE)["error"]["message"])

    def test_not_by_root(self):
        # the build may lie where only root can go
        program = os.path.join("/tmp", f"azilr-json-test-{os.getpid()}")
        with open(os.path.join(sys.modules["__main__"].BUILD, "azilr"), "rb") as one, open(program, "wb") as other:
            other.write(one.read())
        self.addCleanup(os.unlink, program)
        os.chmod(program, 0o755)
        for command, *rest in (("mount", "web01"), ("unmount",), ("renew",), ("status",)):
            with self.subTest(command=command):
                self.failure(command, *rest, "--json", code=AUTH, program=program,
                             before=("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"))

    def test_status(self):
        self.assertEqual({"sessions": []}, self.document("status", "--json"))
        self.make_session("registration")
        sessions = self.document("status", "--json", "--verbose")["sessions"]
        self.assertEqual([ID], [one["id"] for one in sessions])
        self.assertNotIn("undo", sessions[0])

    def test_status_of_a_damaged_session(self):
        self.make_session("registration")
        with open(self.state_path(), "w", encoding="utf-8") as out:
            out.write("{")
        session = self.document("status", "--json")["sessions"][0]
        self.assertEqual((ID, "damaged"), (session["id"], session["status"]))
        self.assertIn("not valid JSON", session["problem"])

    def test_list(self):
        where = ("--endpoint", self.sim.ready["arm"], "--json")
        self.assertEqual({"vaults", "unreadable"}, set(self.document("list", "vaults", *where, ca=True, token=True)))
        self.sim.set(forbidden=["vaults_list"])
        document = self.failure("list", "vaults", *where, code=AUTH, ca=True, token=True)
        self.assertEqual("AuthorizationFailed", document["error"]["azure"]["code"])
        document = self.failure("list", "points", "web01", "--verbose", *where, code=AUTH, ca=True, token=True)
        self.sim.set(forbidden=[], html={"times": -1, "status": 400})
        self.failure("list", "items", *where, code=NETWORK, ca=True, token=True)
        self.failure("list", "items", "--auth", "environment", *where, code=AUTH, ca=True)

    def raw(self, calls, body, status=200):
        """An answer whose text is no UTF-8; ÿ stands for a byte that is none."""
        self.sim.set(raw={"calls": calls, "times": -1, "status": status,
                          "body_base64": base64.b64encode(json.dumps(body, ensure_ascii=False).encode("latin-1")).decode()})

    BAD_ERROR = {"error": {"code": "Cÿ", "message": "mÿ", "target": "tÿ", "additionalInfo": [
        {"type": "Tÿ", "info": {"kÿ": ["vÿ"]}}]}}

    def test_answers_that_are_not_utf_8(self):
        """RFC 8259, 8.1: whatever a service writes, what azilr prints is."""
        where = ("--endpoint", self.sim.ready["arm"], "--json")
        vault = {"id": self.sim.point().partition("/backupFabrics")[0], "name": "vault1", "location": "wÿst", "type": "x"}
        self.raw("vaults_list", {"value": [vault]})
        vaults = self.document("list", "vaults", *where, ca=True, token=True)["vaults"]
        self.assertEqual(["w\\xffst"], [one["location"] for one in vaults])
        point = {"id": self.sim.point(), "name": "630000000000000003", "properties": {
            "recoveryPointTime": "2026-11-20T03:00:00Z", "recoveryPointType": "Cÿ"}}
        self.raw("points_list", {"value": [point]})
        found = self.document("list", "points", "web01", "-v", "vault1", "-g", "rg-backup", *where, ca=True, token=True)
        self.assertEqual(["C\\xff"], [one["type"] for one in found["points"]])
        self.raw("vaults_list", self.BAD_ERROR, 409)
        azure = self.failure("list", "vaults", *where, code=NETWORK, ca=True, token=True)["error"]["azure"]
        self.assertIn("\\xff", azure["message"])

    def test_bytes_of_this_host_that_are_not_utf_8(self):
        """What a person types, and what a session's files hold, may be any bytes."""
        error = self.failure("inspect", "/nonexistent/\udcff", "--json", code=NOT_FOUND)["error"]
        self.assertIn("/nonexistent/\\xff", error["message"])
        self.make_session("registration", expires="2999-01-01T00:00:00Z")
        with open(self.state_path(), encoding="utf-8") as text:
            state = json.load(text)
        state["undo"].append({"kind": "kÿ", "arguments": {}})
        with open(self.state_path(), "wb") as out:
            out.write(json.dumps(state, ensure_ascii=False).encode("latin-1"))
        document = self.failure("unmount", "--json", code=1, others={"sessions"}, ca=True, token=True)
        for text in (document["sessions"][0]["error"], document["error"]["message"]):
            self.assertIn("k\\xff", text)

    def test_mount(self):
        # whether this host can do iSCSI or not: the script cannot be read, or comes after that
        for script in ("/nonexistent/script.py", os.path.join(self.work, "run")):
            text = self.azilr_any("mount", "--script", script, "--json")
            document = json.loads(text)
            self.assertEqual({"error"}, set(document))
            self.assertNotEqual(DONE, document["error"]["exit_code"])

    def azilr_any(self, *arguments):
        """What stands on standard output, whatever the exit code."""
        program = os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "azilr")
        return self.azilr("-c", '"$@" || true', "sh", program, *arguments, program="/bin/sh", ca=False, token=False).out

    def test_unmount(self):
        self.failure("unmount", "--json", code=NOT_FOUND, others={"sessions"})
        self.failure("unmount", "web99", "--json", code=NOT_FOUND, others={"sessions"})
        self.assertEqual({"sessions": []}, self.document("unmount", "--all", "--json"))
        self.make_session("registration", expires="2999-01-01T00:00:00Z")
        document = self.document("unmount", "--keep-access", "--json")
        self.assertEqual([(ID, "unmounted", None)],
                         [(one["session"], one["status"], one["error"]) for one in document["sessions"]])

    def test_renew(self):
        self.failure("renew", "--json", code=NOT_FOUND)
        self.make_session("registration", "node", "login", expires="2999-01-01T00:00:00Z")
        self.assertEqual(ID, self.document("renew", "--json", ca=True, token=True)["id"])
        self.sim.set(fail={"state": "Failed", "code": "UserErrorX"})
        document = self.failure("renew", "--json", code=NETWORK, ca=True, token=True)
        self.assertEqual("UserErrorX", document["error"]["azure"]["code"])

    def test_inspect(self):
        path = os.path.join(self.work, "script.py")
        with open(path, "w", encoding="utf-8") as out:
            out.write(SCRIPT)
        self.assertEqual("py", self.document("inspect", path, "--json")["format"])
        self.assertEqual("py", self.document("inspect", "--json", path)["format"])
        self.failure("inspect", path + "x", "--json", code=NOT_FOUND)
        self.failure("inspect", "--json", code=USAGE)
        with open(path, "w", encoding="utf-8") as out:
            out.write("x")
        self.failure("inspect", path, "--json", code=USAGE)

    def test_no_such_command(self):
        self.failure("bogus", "--json", code=USAGE)
        self.failure("--json", code=USAGE)
        self.assertEqual("", self.azilr("bogus", code=USAGE, ca=False, token=False).out)


if __name__ == "__main__":
    main(sys.argv)
