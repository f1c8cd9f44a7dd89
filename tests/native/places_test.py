#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Places of azilr that somebody else has made before it: places_test.py BUILD_DIR [unittest options]"""
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path

from host_support import Host, OnHost, main

HOST, NETWORK = 8, 5
STRANGER = 65534
RUN, VAR = Path("/run/azilr"), Path("/var/lib/azilr")


class Places(OnHost):
    def setUp(self):
        super().setUp()
        self.elsewhere = Path("/run/elsewhere")
        self.elsewhere.mkdir()
        self.precious = self.elsewhere / "precious"
        self.precious.write_text("as it was", encoding="ascii")
        self.precious.chmod(0o640)
        # before the host is compared
        self.addCleanup(self.take_away)

    def take_away(self):
        for place in (RUN / "sessions", RUN, VAR / "sessions", VAR):
            if place.is_symlink() or (place.exists() and not place.is_dir()):
                place.unlink()
            elif place.is_dir() and not os.listdir(place):
                place.rmdir()
        self.precious.unlink()
        self.elsewhere.rmdir()

    def azilr(self, *arguments):
        """It neither follows what is there nor waits for it."""
        done = subprocess.run([Host.walk.azilr, *arguments], env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=400, check=False)
        self.assertEqual("as it was", self.precious.read_text(encoding="ascii"))
        self.assertEqual(0o640, stat.S_IMODE(self.precious.stat().st_mode))
        self.assertEqual(["precious"], os.listdir(self.elsewhere))
        return done

    def mount(self):
        return self.azilr("mount", Host.ready["recovery_points"][0]["id"], *Host.sign_in)

    def assert_refused(self, place):
        done = self.mount()
        self.assertEqual(HOST, done.returncode, done.stderr)
        self.assertIn(f"{place} is not a directory that only root can change", done.stderr)
        self.assertEqual([], json.loads(Host.control("state"))["registrations"])

    def test_without_them_it_gets_as_far_as_the_login(self):
        done = self.mount()
        self.assertEqual(NETWORK, done.returncode, done.stderr)

    def test_a_directory_of_a_stranger(self):
        RUN.mkdir()
        os.chown(RUN, STRANGER, STRANGER)
        self.assert_refused(RUN)

    def test_a_directory_that_everybody_can_change(self):
        RUN.mkdir()
        RUN.chmod(0o777)
        self.assert_refused(RUN)

    def test_a_link(self):
        RUN.symlink_to(self.elsewhere)
        self.assert_refused(RUN)

    def test_a_link_below(self):
        RUN.mkdir(0o700)
        (RUN / "sessions").symlink_to(self.elsewhere)
        self.assert_refused(RUN / "sessions")

    def test_a_file_and_a_pipe(self):
        RUN.touch()
        self.assert_refused(RUN)
        RUN.unlink()
        os.mkfifo(RUN)
        self.assert_refused(RUN)

    def test_where_the_lasting_state_goes(self):
        """Without that a mount goes on, and says what it means."""
        for make in (lambda: VAR.symlink_to(self.elsewhere), VAR.touch,
                     lambda: (VAR.mkdir(), os.chown(VAR, STRANGER, STRANGER))):
            make()
            done = self.mount()
            self.assertEqual(NETWORK, done.returncode, done.stderr)
            self.assertIn(f"{VAR} is not a directory that only root can change", done.stderr)
            self.assertIn("after a reboot", done.stderr)
            # an empty directory goes with the last session, whoever made it
            if VAR.is_symlink() or VAR.is_file():
                VAR.unlink()
            self.assertFalse(VAR.exists())

    def test_what_a_killed_mount_marked(self):
        """Marks for udev that are whole, begun, or only have their directory go with the session; those of others stay."""
        login = {"kind": "login", "arguments": {"target": "iqn.2026-11.com.example:gone", "iface": "azilr-planted"}}
        for marks in (["session7"], ["session7.new"], ["session7", "session8.new"], []):
            with self.subTest(marks):
                self.plant(RUN, "planted/state.json", login)
                for name in marks:
                    (RUN / "iscsi" / name).parent.mkdir(mode=0o700, exist_ok=True)
                    (RUN / "iscsi" / name).touch()
                (RUN / "iscsi").mkdir(mode=0o700, exist_ok=True)
                done = self.azilr("unmount", "--all")
                self.assertEqual(0, done.returncode, done.stderr)
                self.assertFalse(RUN.exists(), list(RUN.rglob("*")))
        (RUN / "iscsi").mkdir(parents=True, mode=0o700)
        RUN.chmod(0o700)
        (RUN / "iscsi" / "session7.new").touch()
        self.assertEqual(0, self.azilr("unmount", "--all").returncode, "without a session")
        self.assertFalse(RUN.exists())
        self.plant(RUN, "planted/state.json", login)
        mark = RUN / "iscsi" / "stack-abcdefgh"
        mark.parent.mkdir(mode=0o700)
        mark.touch()
        self.assertEqual(0, self.azilr("unmount", "--all").returncode)
        self.assertEqual([mark], list(mark.parent.iterdir()))
        shutil.rmtree(RUN)

    def plant(self, place, name, change=None):
        """A session with that change; or by somebody else, who would like to see a directory of root's removed."""
        change = change or {"kind": "directory", "arguments": {"path": "/run/elsewhere/in"}}
        state = {"version": 1, "id": "planted", "undo": [change]}
        path = Path(place) / "sessions" / name
        path.parent.mkdir(parents=True, mode=0o700)
        for folder in (place, path.parent.parent, path.parent):
            folder.chmod(0o700)
        path.write_text(json.dumps(state), encoding="ascii")
        return path

    def test_sessions_that_others_could_have_made(self):
        """Nobody takes down what a stranger wrote down, and nobody shows it."""
        for place, name, code in ((RUN, "planted/state.json", HOST), (VAR, "planted.json", 0)):
            path = self.plant(place, name)
            os.chown(place, STRANGER, STRANGER)
            (self.elsewhere / "in").mkdir()
            for command in (["unmount", "--all"], ["status"]):
                with self.subTest([place, command]):
                    done = subprocess.run([Host.walk.azilr, *command], capture_output=True, text=True, check=False)
                    self.assertEqual(code, done.returncode, done.stderr)
                    self.assertIn(f"{place} is not a directory that only root can change", done.stderr)
                    self.assertNotIn("planted", done.stdout)
                    self.assertTrue((self.elsewhere / "in").is_dir())
            (self.elsewhere / "in").rmdir()
            shutil.rmtree(place)
            self.assertFalse(path.exists())


if __name__ == "__main__":
    main("places")
