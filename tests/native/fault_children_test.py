#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Points in what azilr has a child of its own do (tests/faults): fault_children_test.py BUILD_DIR [unittest options]"""
import json
import os
import subprocess
from pathlib import Path

from host_support import SESSIONS, Host, OnHost, main
from points import recorded, was_hit

# of umount2(2): numbers are stars in the name of a point
UMOUNT = "umount*"


class Children(OnHost):
    """A session with a mount, which a child unmounts so that azilr need not wait for ever."""

    def setUp(self):
        super().setUp()
        self.place = Path("/mnt/mounted")
        self.place.mkdir()
        self.addCleanup(self.take_away)
        subprocess.run(["mount", "-t", "tmpfs", "none", str(self.place)], check=True)
        device = self.place.stat().st_dev
        mounted = {"kind": "mount", "arguments": {"directory": str(self.place), "major": os.major(device),
                                                  "minor": os.minor(device)}}
        session = SESSIONS / "planted"
        session.mkdir(parents=True)
        for folder in (SESSIONS.parent, SESSIONS, session):
            folder.chmod(0o700)
        (session / "state.json").write_text(json.dumps({"version": 1, "id": "planted", "undo": [mounted]}), encoding="ascii")
        Path(Host.walk.record).unlink(missing_ok=True)

    def take_away(self):
        subprocess.run(["umount", "-q", str(self.place)], check=False)
        self.place.rmdir()

    def unmount(self, *fault):
        return Host.walk.run(["unmount", "--all"], *fault)

    def test_they_are_met(self):
        self.assertEqual(0, self.unmount(), Host.walk.words)
        calls = [point.call for point in recorded(Host.walk.record)]
        self.assertIn(UMOUNT, calls)
        # what azilr itself does after it
        self.assertIn("rmdir", calls[calls.index(UMOUNT):])

    def point(self):
        self.assertEqual(0, self.unmount(), Host.walk.words)
        return next(point.line for point in recorded(Host.walk.record) if point.call == UMOUNT)

    def test_azilr_is_killed_there(self):
        line = self.point()
        for outcome, code in (("kill-before", -9), ("kill-after", -9), ("fail", 7)):
            with self.subTest(outcome):
                self.doCleanups()
                self.setUp()
                self.assertEqual(code, self.unmount(line, outcome), Host.walk.words)
                self.assertTrue(was_hit(Host.walk.record))
                # which went on by itself, or not
                self.assertTrue((SESSIONS / "planted").exists())


if __name__ == "__main__":
    main("fault-children")
