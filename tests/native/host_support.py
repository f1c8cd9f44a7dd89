# SPDX-License-Identifier: MIT
"""
A host of one's own for a test: namespaces of its own, a stand-in of iscsiadm (tests/faults/native.py), the simulator, a
system log and somebody who is logged in. azilr mounts up to its login there.
"""
import os
import pty
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "faults"))
import native  # noqa: E402  pylint: disable=wrong-import-position
from walker import Walk  # noqa: E402  pylint: disable=wrong-import-position

WORK = Path("/mnt/faults")
SESSIONS = Path("/run/azilr/sessions")
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "pts", "shm", "fd")


def can_walk():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"],
                                                capture_output=True, check=False).returncode == 0


def until(condition, what, seconds=60):
    """Of a busy machine: what comes within a second there takes its time here."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")


class SystemLog:
    """Whoever listens at /dev/log, in a /dev of its own."""

    def __init__(self):
        place = WORK / "dev"
        place.mkdir()
        native.mount("-t", "tmpfs", "none", str(place))
        for name in DEVICES:
            real = Path("/dev") / name
            if real.is_symlink():
                (place / name).symlink_to(os.readlink(real))
            elif real.exists():
                (place / name).mkdir() if real.is_dir() else (place / name).touch()
                native.mount("--rbind", str(real), str(place / name))
        # of the devpts beside it
        (place / "ptmx").symlink_to("pts/ptmx")
        native.mount("--rbind", str(place), "/dev")
        self.said = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/dev/log")
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while True:
            self.said.append(self.socket.recv(8192).decode(errors="replace"))

    def has(self, text):
        return any(text in line and "azilr-keeper" in line for line in self.said)


class Person:
    """Somebody who is logged in, by utmp."""

    def __init__(self):
        self.master, slave = pty.openpty()
        self.slave = slave
        line = os.ttyname(slave).removeprefix("/dev/").encode()
        entry = struct.pack("<hxxi32s4s32s256shhiii16s20s", 7, os.getpid(), line, line[-2:], b"root", b"", 0, 0, 0, 0, 0,
                            b"", b"")
        Path("/run/utmp").write_bytes(entry)
        os.set_blocking(self.master, False)
        self.seen = ""

    def sees(self, text):
        try:
            self.seen += os.read(self.master, 65536).decode(errors="replace")
        except BlockingIOError:
            pass
        return text in self.seen


class Host:
    """What all tests share; made once."""
    build = Path("build")
    log = person = walk = sign_in = ready = None

    @classmethod
    def furnish(cls, name):
        native.furnish(WORK)
        native.stand_in_for_iscsid()
        cls.log = SystemLog()
        cls.person = Person()
        folder, cls.ready = native.start_simulator(WORK, cls.build / "tests" / "faults" / f"pki-{name}")
        config = WORK / "azilr.conf"
        config.write_text("# a file of its own\n", encoding="ascii")
        config.chmod(0o600)
        cls.sign_in = ["--ca-file", cls.ready["ca"], "--token-file", cls.ready["token_file"], "--config", str(config),
                       "--endpoint", cls.ready["arm"], "--authority", cls.ready["authority"]]
        cls.walk = Walk(str(cls.build / "azilr"), str(cls.build / "tests" / "faults" / "azilr"), str(WORK),
                        ["unmount", "--all", *cls.sign_in], str(folder))

    @classmethod
    def control(cls, *arguments):
        """What azure-sim-ctl says."""
        done = subprocess.run([str(HERE.parent / "sim" / "azure-sim-ctl"), cls.walk.simulator, *arguments], check=True,
                              capture_output=True, text=True)
        return done.stdout

    @classmethod
    def reset(cls):
        cls.control("reset")
        cls.control("set", "polls_before_success=0")


class OnHost(unittest.TestCase):
    """A test that leaves the host as it was, or fails."""

    def setUp(self):
        self.addCleanup(self.tidy_up)

    def tidy_up(self):
        code, left = Host.walk.tidy_up()
        self.assertEqual((0, []), (code, left), Host.walk.words)


def main(name):
    """NAME_test.py BUILD_DIR [unittest options]"""
    if not can_walk():
        print("skipped: it needs root, and namespaces\n\nRan 1 test in 0s\n\nOK (skipped=1)")
        return
    if "AZILR_FAULTS_INSIDE" not in os.environ:
        native.enter_namespaces([os.path.abspath(sys.argv[0]), *sys.argv[1:]])
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        Host.build = Path(sys.argv.pop(1)).resolve()
    Host.furnish(name)
    unittest.main(verbosity=2)
