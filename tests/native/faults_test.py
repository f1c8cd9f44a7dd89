#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Faults at the points of mount and unmount that need no virtual machine: faults_test.py BUILD_DIR [unittest options]

A part of the walk of tests/faults, as large as the time allows; the seed that it prints repeats it.
"""
import contextlib
import io
import os
import re
import secrets
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "faults"))
from points import Choice, Point  # noqa: E402  pylint: disable=wrong-import-position
from walker import Report, Result  # noqa: E402  pylint: disable=wrong-import-position

WALK = os.path.join(os.path.dirname(HERE), "faults", "walk")
BUILD = "build"
SECONDS = float(os.environ.get("AZILR_FAULTS_SECONDS", "40"))
SEED = int(os.environ.get("AZILR_FAULTS_SEED", secrets.randbelow(1000000)))
# they wait more than they work
SHARDS = 2


CHANGING = set("""
    open openat creat fopen freopen mkstemp mkostemp mkdtemp mkdir mkdirat mknod mknodat mkfifo mkfifoat link linkat symlink
    symlinkat rename renameat renameat2 unlink unlinkat remove rmdir truncate ftruncate fallocate posix_fallocate chmod fchmod
    fchmodat chown fchown lchown fchownat utimensat futimens setxattr fsetxattr write pwrite writev pwritev fsync fdatasync
    sync syncfs flock lockf ioctl mount umount umount2 pivot_root chroot unshare setns swapon mnt_context_mount
    mnt_context_umount bind listen fork vfork clone posix_spawn posix_spawnp execv execve execvp execvpe fexecve system popen
    sendmsg sendmmsg tcsetattr kill killpg tgkill pidfd_send_signal sethostname settimeofday clock_settime""".split())


def can_walk():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"],
                                                capture_output=True, check=False).returncode == 0


class Choosing(unittest.TestCase):
    LINES = ["mount: run iscsiadm -m iface #1", "mount: write /run/x #1", "mount: write /run/x #2", "tunnel: bind #1",
             "mount: rename /run/x #1", "mount: request POST provision #1"]

    def steps(self, everything, seed=1, **more):
        return Choice(everything, seed, **more).of("mount", [Point(line) for line in self.LINES])

    def test_everything(self):
        steps = self.steps(True)
        self.assertEqual(len(steps), len(set(steps)))
        self.assertEqual(9 + 6 + 6 + 6 + 5 + 7, len(steps))
        self.assertIn((Point("tunnel: bind #1"), "hang"), steps)
        self.assertNotIn((Point("mount: rename /run/x #1"), "hang"), steps)
        self.assertIn("hang", Point("unmount: umount2 /mnt/azilr/x #1").outcomes)
        self.assertNotIn("hang", Point("mount: umount2 by descriptor #1").outcomes)

    def test_a_seed_chooses_and_orders(self):
        self.assertEqual(self.steps(False), self.steps(False))
        self.assertNotEqual(self.steps(False), self.steps(False, seed=2))
        self.assertEqual(sorted(self.LINES), sorted(point.line for point, _ in self.steps(False)))

    def test_parts_are_the_whole(self):
        parts = [step for i in range(3) for step in self.steps(True, shard=(i, 3))]
        self.assertEqual(sorted(map(repr, self.steps(True))), sorted(map(repr, parts)))

    def test_filters(self):
        self.assertEqual({"mount: write /run/x #2"},
                         {point.line for point, _ in self.steps(True, only="write", skip="#1$")})
        self.assertEqual(["mount: run iscsiadm -m iface #1"],
                         [point.line for point, _ in self.steps(True, outcome="kill-during")])


class Judging(unittest.TestCase):
    """What counts as a good run."""
    GOOD = {"journey": "mount", "point": "mount: mkdir /x #1", "outcome": "fail", "hit": True, "code": 1, "tidy": True,
            "after": 0, "left": [], "seconds": 1.0}

    def judge(self, *changes):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()) as said:
            report = Report(os.path.join(folder, "results"), False)
            for change in changes:
                report.add(Result(**(self.GOOD | change)))
            return report.close(len(changes)), said.getvalue()

    def test_good(self):
        for change in ({}, {"outcome": "kill-after", "code": -9}, {"outcome": "int-before", "code": -2}, {"code": 130}):
            with self.subTest(change):
                self.assertTrue(self.judge(change)[0])

    def test_bad(self):
        for change, word in (({"left": ["+ mounts"]}, "LEFT"), ({"after": 1}, "LEFT"), ({"code": -11}, "CRASHED"),
                             ({"outcome": "int-after", "code": -9}, "CRASHED"), ({"code": -9}, "CRASHED"),
                             ({"outcome": "kill-before", "code": -9, "stuck": True}, "STUCK")):
            with self.subTest(change):
                good, said = self.judge({}, change)
                self.assertFalse(good)
                self.assertIn(f"{word} mount / mount: mkdir", said)

    def test_misses_are_shown_and_few(self):
        good, said = self.judge(*[{}] * 5, *[{"hit": False}] * 2)
        self.assertTrue(good)
        self.assertRegex(said, r"fail +0 / +2 / 7")
        good, said = self.judge(*[{}] * 5, *[{"hit": False}] * 3)
        self.assertFalse(good)
        self.assertIn("TOO MANY MISSED", said)


class Faults(unittest.TestCase):
    @staticmethod
    def wraps(program):
        symbols = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
        return re.findall(r"__wrap_\w+|\bfault_meet\b", symbols)

    def test_the_program_itself_has_none_of_it(self):
        self.assertIn("__wrap_open", self.wraps(os.path.join(BUILD, "tests", "faults", "azilr")))
        self.assertEqual([], self.wraps(os.path.join(BUILD, "azilr")))
        with open(os.path.join(BUILD, "azilr"), "rb") as program:
            self.assertFalse(b"AZILR_FAULT" in program.read())

    def test_no_call_that_changes_the_host_is_missing(self):
        """Of those that C programs have for it; who comes to use one adds it to tests/faults/wraps.h."""
        with open(os.path.join(os.path.dirname(WALK), "wraps.h"), encoding="utf-8") as text:
            wrapped = set(re.findall(r"^WRAP\([^,]*, (\w+),", text.read(), re.MULTILINE))
        symbols = subprocess.run(["nm", "--undefined-only", os.path.join(BUILD, "azilr")], capture_output=True, text=True,
                                 check=True).stdout
        used = {re.sub(r"^__(\w+?)(_2|_chk)$|64$", r"\1", name) for name in re.findall(r" U (\w+)", symbols)}
        self.assertEqual(set(), used & CHANGING - wrapped)
        self.assertEqual({"openat", "mnt_context_mount", "fsync"}, used & {"openat", "mnt_context_mount", "fsync"})

    @unittest.skipUnless(can_walk(), "needs root, and namespaces")
    def test_nothing_is_left_behind(self):
        walks = [subprocess.Popen([WALK, "native", "--build", BUILD, "--seconds", str(SECONDS), "--seed", str(SEED),
                                   "--shard", f"{i}/{SHARDS}", "--results", os.path.join(BUILD, f"faults-{i}.jsonl")],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                 for i in range(1, SHARDS + 1)]
        runs = missed = 0
        for walk in walks:
            said = walk.communicate(timeout=SECONDS + 240)[0]
            print(said)
            with self.subTest(walk.args):
                self.assertEqual(0, walk.returncode, said)
                counts = re.search(r"points, (\d+) of \d+ chosen runs \((\d+) did not meet", said).groups()
                runs, missed = runs + int(counts[0]), missed + int(counts[1])
        self.assertGreater(runs, 5)
        self.assertLessEqual(missed, runs // 10)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        BUILD = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
