"""With a real tgtd; skipped where there is none."""
from __future__ import annotations

import atexit
import hashlib
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from sim.target import BackendError, TgtBackend, TgtOptions

from .support import INITIATOR, Initiator, SimCase

_IMAGES = Path(tempfile.mkdtemp(prefix="sim-selftest-disks."))
atexit.register(shutil.rmtree, _IMAGES, True)


@unittest.skipUnless(shutil.which("tgtd") and os.geteuid() == 0, "needs tgtd, and root")
class Tgtd(SimCase):
    backend = "tgtd"
    disks = [str(_IMAGES / "a.img"), str(_IMAGES / "b.img")]

    @classmethod
    def setUpClass(cls) -> None:
        for path in cls.disks:
            Path(path).write_bytes(os.urandom(1 << 20))
        super().setUpClass()

    def shown(self, mode: str = "target") -> str:
        return subprocess.run(
            ["tgtadm", "-C", str(self.ready["tgt_control_port"]), "--lld", "iscsi", "--mode", mode, "--op", "show"],
            env={**os.environ, "TGT_IPC_SOCKET": self.ready["tgt_ipc_socket"]}, check=True, text=True,
            stdout=subprocess.PIPE).stdout

    def initiator(self, **changes: str) -> Initiator:
        reg = self.sim.ilr.last_ready()
        facts = {"name": INITIATOR, "user": reg.chap_user, "password": reg.target_password, **changes}
        return Initiator(self.portal(), **facts)

    def ready_target(self) -> str:
        self.assertEqual(self.finished(self.provision())["status"], "Succeeded")
        return self.sim.ilr.last_ready().targets[0].name

    def test_target_comes_and_goes(self) -> None:
        name = self.ready_target()
        shown = self.shown()
        for text in (name, *self.disks, INITIATOR, self.sim.ilr.last_ready().chap_user):
            self.assertIn(text, shown)
        self.revoke()
        self.assertEqual((self.shown().strip(), self.shown("account").partition(":")[2].strip()), ("", ""))
        with self.assertRaises((ConnectionError, OSError)):
            self.initiator().login(name)

    def test_logins(self) -> None:
        name = self.ready_target()
        session = self.initiator()
        self.assertEqual(session.login(name), 0)
        self.assertIn(b"MABILR I", session.inquiry(1))
        self.assertEqual(self.initiator(password="0" * 15).login(name), 0x0201)
        self.assertEqual(self.initiator(user="Debian;12;other").login(name), 0x0201)
        self.assertEqual(self.initiator(name=INITIATOR + "x").login(name), 0x0203)

    def test_discovery(self) -> None:
        name = self.ready_target()
        self.assertEqual(self.initiator(password="0" * 15).login(None), 0x0201)
        for mode, mark in (("normal", ""), ("notready", "-notready"), ("blocked", "-blocked")):
            self.set(discovery=mode)
            session = self.initiator()
            self.assertEqual(session.login(None), 0)
            self.assertEqual(session.send_targets(), [("TargetName", name + mark)])

    def test_revoke_ends_a_session_and_leaves_images(self) -> None:
        before = [hashlib.sha256(Path(p).read_bytes()).digest() for p in self.disks]
        session = self.initiator_in(self.ready_target())
        self.revoke()
        with self.assertRaises((ConnectionError, OSError)):
            session.inquiry(1)
        self.shown()  # tgtd is still there
        self.assertEqual(before, [hashlib.sha256(Path(p).read_bytes()).digest() for p in self.disks])
        self.assertEqual(self.sim.state()["portal"]["writes"], 0)

    def initiator_in(self, name: str) -> Initiator:
        session = self.initiator()
        self.assertEqual(session.login(name), 0)
        return session

    def test_renewal_changes_the_secret_and_keeps_the_session(self) -> None:
        name = self.ready_target()
        session = self.initiator_in(name)
        old = self.sim.ilr.last_ready().target_password
        self.finished(self.provision(renewExistingRegistration=True))
        self.assertIn(b"MABILR I", session.inquiry(1))
        self.assertEqual(self.initiator(password=old).login(name), 0x0201)
        self.assertEqual(self.initiator().login(name), 0)

    def test_two_registrations(self) -> None:
        first = self.ready["recovery_points"][0]["id"]
        self.finished(self.provision(point=first))
        name = self.ready_target()
        self.revoke(first)
        self.shown("account")
        self.assertEqual(self.initiator().login(name), 0)
        self.assertEqual(self.initiator().login(None), 0)

    def test_several_targets(self) -> None:
        self.set(multi_target=2)
        self.ready_target()
        self.assertEqual(self.shown().count("Target "), 2)

    def test_taken_port(self) -> None:
        with tempfile.TemporaryDirectory() as tmp:
            second = TgtBackend(TgtOptions(self.ready["tgt_portal"], 70, Path(tmp)))
            with self.assertRaisesRegex(BackendError, "bind"):
                second.start()

    def test_missing_image(self) -> None:
        os.rename(self.disks[1], self.disks[1] + ".away")
        self.addCleanup(os.rename, self.disks[1] + ".away", self.disks[1])
        self.assertEqual(self.finished(self.provision())["error"]["code"], "CloudInternalError")
        self.assertEqual(self.shown().strip(), "")
