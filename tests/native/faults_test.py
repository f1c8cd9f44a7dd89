#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
Faults at the points of mount and unmount that need no virtual machine: faults_test.py BUILD_DIR [unittest options]

A part of the walk of tests/faults, as large as the time allows; the seed that it prints repeats it.
"""
import os
import re
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
WALK = os.path.join(os.path.dirname(HERE), "faults", "walk")
BUILD = "build"
SECONDS = float(os.environ.get("AZILR_FAULTS_SECONDS", "40"))
SEED = os.environ.get("AZILR_FAULTS_SEED", "")


def can_walk():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"],
                                                capture_output=True, check=False).returncode == 0


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

    @unittest.skipUnless(can_walk(), "needs root, and namespaces")
    def test_nothing_is_left_behind(self):
        arguments = ["--seed", SEED] if SEED else []
        done = subprocess.run([WALK, "native", "--build", BUILD, "--seconds", str(SECONDS), *arguments],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SECONDS + 240, check=False)
        print(done.stdout)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        runs, missed = re.search(r"points, (\d+) of \d+ chosen runs \((\d+) did not meet", done.stdout).groups()
        self.assertGreater(int(runs), 5)
        self.assertLessEqual(int(missed), int(runs) // 10)


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        BUILD = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
