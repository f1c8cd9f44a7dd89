#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
The keeper of a session where there is no systemd: keeper_test.py BUILD_DIR [unittest options]

A mount is killed before its login, which leaves a session with its keeper and its tunnel.
"""
import datetime
import json
import os
import pty
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from unittest import mock

from host_support import SESSIONS, WORK, Host, OnHost, main, native, until
from proxy_support import Proxy
from host import left_behind

def process(pid, what):
    return Path(f"/proc/{pid}/{what}").read_bytes()


class Keeper(OnHost):
    def mount(self, *more):
        """Its session, which is half-way, and the keeper's process."""
        arguments = ["mount", Host.ready["recovery_points"][0]["id"], *Host.sign_in, *more]
        journey = native.Journey("mount", arguments, code=5)
        point = native.login_point(Host.walk, journey)
        self.assertEqual(-9, Host.walk.run(arguments, point, "kill-before"), Host.walk.words)
        session = next(SESSIONS.iterdir())
        return session, int((session / "keeper.pid").read_text(encoding="ascii").split()[0])

    def status(self):
        done = subprocess.run([Host.walk.azilr, "status", "--json"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)["sessions"][0]

    @staticmethod
    def change(session, seconds, **more):
        """The state with an access that ends so many seconds from now."""
        state = json.loads((session / "state.json").read_text(encoding="utf-8"))
        end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
        state |= {"expires": end.strftime("%Y-%m-%dT%H:%M:%SZ"), **more}
        edited = session / "edit"
        edited.touch(0o600)
        edited.write_text(json.dumps(state), encoding="utf-8")
        edited.rename(session / "state.json")
        return state

    @staticmethod
    def pretend_login(session):
        """What a renewal wants to see: a mount that is whole."""
        state = json.loads((session / "state.json").read_text(encoding="utf-8"))
        node = next(change["arguments"] for change in state["undo"] if change["kind"] == "node")
        return {"status": "mounted", "undo": [*state["undo"], {"kind": "login", "arguments": node}]}

    def assert_gone(self, pid):
        until(lambda: not os.path.exists(f"/proc/{pid}") or b"azilr" not in process(pid, "cmdline"), "its end")

    def test_it_stands_by_itself(self):
        """It outlives its starter, has no terminal, no file of anybody's, and no secret in what others can read."""
        session, pid = self.mount()
        fields = process(pid, "stat").decode().rsplit(")", 1)[1].split()
        parent, leader, terminal = int(fields[1]), int(fields[3]), int(fields[4])
        self.assertEqual((1, 0), (parent, terminal))
        self.assertNotIn(leader, (pid, os.getsid(0)))
        open_files = {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}
        ours = {name for name in open_files if name.startswith("/") and name != str(WORK / "points")}
        self.assertEqual({"/dev/null"}, ours)
        self.assertEqual("/", os.readlink(f"/proc/{pid}/cwd"))
        arguments = process(pid, "cmdline").decode().split("\0")
        self.assertEqual(["keeper", session.name], arguments[1:3])
        self.assertIn(f"--config={WORK}/azilr.conf", arguments)
        self.assertIn(f"--token-file={Host.ready['token_file']}", arguments)
        token = Path(Host.ready["token_file"]).read_bytes().strip()
        self.assertNotIn(token, process(pid, "cmdline") + process(pid, "environ"))
        names = {pair.split("=")[0] for pair in process(pid, "environ").decode().split("\0") if pair}
        # what the certificates of this machine are told by, if they are
        told = {"SSL_CERT_DIR", "SSL_CERT_FILE", "CURL_CA_BUNDLE", "SUDO_USER", "SUDO_UID", "SUDO_GID", "no_proxy", "NO_PROXY",
                "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "REQUESTS_CA_BUNDLE"}
        self.assertEqual({"PATH"}, {name for name in names if not name.startswith("AZILR_FAULT_")} - told)
        self.assertEqual("running", self.status()["keeper"])

    def test_it_is_killed(self):
        _, pid = self.mount()
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.status()["keeper"] == "gone", "status to know")

    def test_it_is_asked_to_end(self):
        session, pid = self.mount()
        os.kill(pid, signal.SIGTERM)
        self.assert_gone(pid)
        # the host does not shut down, so the session is not its business any more
        self.assertTrue(session.exists())

    def test_a_warning_and_the_end(self):
        session, pid = self.mount()
        self.change(session, 4 * 60 + 20)
        text = f"access to the backup {session.name} ends in 4 min"
        until(lambda: Host.log.has(text), "a warning in the log")
        until(lambda: Host.person.sees(text), "a warning on the terminal")
        self.assertTrue(session.exists())
        self.change(session, 60)
        until(lambda: Host.log.has("ends: everything is unmounted"), "the end")
        self.assert_gone(pid)
        self.assertFalse(session.exists())
        # of what it does not give back there is only the access, which ends by itself
        left = left_behind(Host.walk.before, Host.walk.simulator)
        self.assertEqual([], [line for line in left if "registrations:" not in line])
        Host.control("revoke-all")

    def test_a_renewal(self):
        session, pid = self.mount("--auto-renew")
        self.assertIn(b"--auto-renew", process(pid, "cmdline").split(b"\0"))
        self.change(session, 5 * 3600, **self.pretend_login(session))
        until(lambda: Host.log.has(f"renewed the access to the backup {session.name}"), "a renewal")
        self.assertGreater(self.status()["expires_in"], 11 * 3600)

    def behind(self, proxy, password=""):
        """Azure is reached through that proxy only, until the end of the test."""
        self.addCleanup(proxy.end)
        others = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        mine = mock.patch.dict(os.environ, others | {"https_proxy": f"http://{password}127.0.0.1:{proxy.port}"}, clear=True)
        mine.start()
        self.addCleanup(mine.stop)

    def test_a_renewal_through_a_proxy(self):
        proxy = Proxy(password=None)
        self.behind(proxy)
        ways = {"AZURE_CONFIG_DIR": "/nowhere/az", "AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:9",
                "REQUESTS_CA_BUNDLE": Host.ready["ca"]}
        with mock.patch.object(Host.walk, "environment", ways):
            session, pid = self.mount("--auto-renew")
        given = process(pid, "environ").decode().split("\0")
        # azilr moves the address of a proxy out of the block in any case
        self.assertEqual(set(), {"https_proxy=", *(f"{name}={value}" for name, value in ways.items())} - set(given))
        before = len(proxy.heads)
        self.change(session, 5 * 3600, **self.pretend_login(session))
        until(lambda: self.status()["expires_in"] > 11 * 3600, "a renewal")
        self.assertGreater(len(proxy.heads), before)

    def test_a_proxy_with_a_password(self):
        """It is kept from the keeper, which others can look at, and which cannot renew then."""
        self.behind(Proxy("me:word-4719"), "me:word-4719@")
        _, pid = self.mount()
        self.assertNotIn(b"https_proxy", process(pid, "environ"))
        point = Host.ready["recovery_points"][0]["id"]
        self.assertEqual(2, Host.walk.run(["mount", point, *Host.sign_in, "--auto-renew"]), Host.walk.words)
        self.assertIn("the proxy of https_proxy has one", Host.walk.words)
        self.assertNotIn("word-4719", Host.walk.words)

    def test_nobody_is_asked_to_sign_in(self):
        """Where only a person could sign in it says so, once on the terminals, and does not wait for one."""
        session, pid = self.mount("--auto-renew")
        os.kill(pid, signal.SIGTERM)
        self.assert_gone(pid)
        self.change(session, 5 * 3600, **self.pretend_login(session))
        master, slave = pty.openpty()
        with subprocess.Popen([Host.walk.azilr, "keeper", "--auto-renew", session.name, "--ca-file",
                               Host.ready["ca"]], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                              env={"PATH": os.environ["PATH"]}) as keeper:
            text = f"the access to the backup {session.name} cannot be renewed, which is tried again in 1 min"
            until(lambda: Host.log.has(text), "the failure in the log")
            until(lambda: Host.person.sees(text), "the failure on the terminal")
            self.assertTrue(Host.log.has("there is no terminal to show a code on"), Host.log.said)
            keeper.send_signal(signal.SIGTERM)
            self.assertEqual(0, keeper.wait(timeout=30))
        os.close(slave)
        try:
            shown = os.read(master, 65536).decode(errors="replace")
        except OSError:
            shown = ""
        os.close(master)
        self.assertIsNone(re.search(r"enter the code|microsoft\.com/device", shown), shown)

    def test_by_force_with_a_session_that_cannot_be_ended(self):
        """Its tunnel stays: iscsid would connect to whoever else listened at that port."""
        session, _ = self.mount()
        state = json.loads((session / "state.json").read_text(encoding="utf-8"))
        login = next(change["arguments"] for change in state["undo"] if change["kind"] == "login")
        # without a device: nothing can be found out about it, and so it is not logged out of
        place = Path("/sys/class/iscsi_session/session7")
        place.mkdir(parents=True)
        self.addCleanup(shutil.rmtree, place.parent)
        (place / "targetname").write_text(login["target"], encoding="ascii")
        (place / "ifacename").write_text(login["iface"], encoding="ascii")
        port = self.status()["tunnel"]["port"]
        self.assertEqual(1, Host.walk.run(["unmount", session.name, "--force", *Host.sign_in], faults=False))
        self.assertIn("the tunnel stays", Host.walk.words)
        self.assertEqual(["login", "tunnel"], sorted(
            change["kind"] for change in json.loads((session / "state.json").read_text(encoding="utf-8"))["undo"]
            if change["kind"] != "directory"))
        with socket.socket() as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.assertRaises(OSError, thief.bind, ("127.0.0.1", port))
        (place / "targetname").write_text("another", encoding="ascii")
        self.assertEqual(0, Host.walk.run(["unmount", session.name, *Host.sign_in], faults=False), Host.walk.words)


if __name__ == "__main__":
    main("keeper")
