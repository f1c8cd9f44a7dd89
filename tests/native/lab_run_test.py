#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How tests/lab/run deals scenarios out to guests and counts them, with guests that only pretend: lab_run_test.py BUILD_DIR

What a guest does with a scenario is tested in the lab itself; what the lab makes of guests that die can't be.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parent.parent

# takes scenarios off the plan as tests/lab/guest does, and comes to the end that the test has set for it
GUEST = r"""#!/bin/bash
number=$(sed -n 's/.*azilr\.guest=\([0-9]*\).*/\1/p' <<< "$*")
out=$(sed -n 's/.*local,path=\([^,]*\),mount_tag=out.*/\1/p' <<< "$*")
say() { echo "$*" >> "$out/guest$number.results"; }
echo "started with $*" > "$out/guest$number.console.log"
[ "$NO_BOOT" != "$number" ] || exit 1
sleep "0.$number"
say ready
for name in $(sed -n 's/^scenario\.qemu=//p' "$out/plan"); do
    mkdir "$out/taken/$name" 2> /dev/null || continue
    say "running $name"
    sleep 0.2
    case $name in
    "$DIES_IN") exit 1 ;;
    bad) echo "FAIL: it is bad" > "$out/$name.log"; say "not ok - $name (0.2 s)" ;;
    lacks) say "ok - $name # SKIP no tool" ;;
    *) say "ok - $name (0.2 s)" ;;
    esac
done
[ "$DIES_LAST" != "$number" ] || exit 1
say end
exec sleep 60
"""


class Run(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="lab-run-"))
        self.addCleanup(shutil.rmtree, self.top)
        lab = self.top / "tests" / "lab"
        (lab / "scenarios").mkdir(parents=True)
        shutil.copy(TESTS / "tally.sh", self.top / "tests")
        shutil.copy(TESTS / "lab" / "run", lab)
        shutil.copy(TESTS / "lab" / "machine", lab)
        (self.top / "build" / "lab" / "stage").mkdir(parents=True)
        self.script(lab / "image", f"#!/bin/sh\necho {self.top}\n")
        self.script(self.top / "bin" / "qemu-system-x86_64", GUEST)
        for name in ("one", "two", "three", "bad", "lacks"):
            self.scenario(name)

    @staticmethod
    def script(path, text):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def scenario(self, name, header=""):
        (self.top / "tests" / "lab" / "scenarios" / f"{name}.sh").write_text(f"#!/bin/bash\n{header}\n")

    def run_lab(self, *arguments, code=0, **environment):
        env = {**os.environ, "PATH": f"{self.top / 'bin'}:{os.environ['PATH']}", "AZILR_LAB_INSTALL": "no",
               "AZILR_LAB_ACCEL": "tcg", "AZILR_TALLY": "", "NO_BOOT": "", "DIES_IN": "", "DIES_LAST": "", **environment}
        run = subprocess.run([self.top / "tests" / "lab" / "run", *arguments], env=env, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(code, run.returncode, run.stdout + run.stderr)
        self.lines = run.stdout.splitlines()
        return self.lines

    def plan(self):
        text = (self.top / "build" / "lab" / "out" / "plan").read_text()
        return re.findall(r"^scenario\.qemu=(.*)", text, re.MULTILINE)

    def test_two_guests_share_the_scenarios(self):
        lines = self.run_lab("-j2", "one", "two", "three")
        for name in ("one", "two", "three"):
            self.assertIn(f"ok - {name} (0.2 s)", lines)
        self.assertEqual(1, sum(line.startswith("ok - boot") for line in lines))
        self.assertEqual("lab: 4 passed, 0 failed", lines[-1])
        started = [(self.top / "build" / "lab" / "out" / f"guest{n}.console.log").read_text() for n in (1, 2)]
        self.assertTrue(all("-smp 1 " in text for text in started), started)

    def test_one_guest_has_both_processors_and_keeps_the_order(self):
        self.scenario("three", "# weight=500")
        self.run_lab("-j1", "one", "two", "three")
        self.assertEqual(["one", "two", "three"], self.plan())
        self.assertIn("-smp 2 ", (self.top / "build" / "lab" / "out" / "guest1.console.log").read_text())

    def test_the_longest_comes_first(self):
        self.scenario("two", "# timeout=900\n# weight=70")
        self.scenario("three", "# weight=500")
        self.run_lab("-j2", "one", "two", "three")
        self.assertEqual(["three", "two", "one"], self.plan())

    def test_a_failure_and_a_skip_are_counted(self):
        lines = self.run_lab("-j2", code=1)
        self.assertIn("not ok - bad (0.2 s)", lines)
        self.assertIn("# FAIL: it is bad", lines)
        self.assertEqual("lab: 4 passed, 1 failed, 1 skipped", lines[-1])

    def test_a_guest_that_dies_takes_one_scenario_with_it(self):
        lines = self.run_lab("-j2", "one", "two", "three", "lacks", code=1, DIES_IN="two")
        self.assertTrue(any(re.fullmatch(r"not ok - two \(guest [12] ended\)", line) for line in lines), lines)
        self.assertIn("ok - three (0.2 s)", lines)
        self.assertEqual("lab: 3 passed, 1 failed, 1 skipped", lines[-1])

    def test_a_guest_that_does_not_boot_is_a_failure_and_the_other_does_its_work(self):
        lines = self.run_lab("-j2", "one", "two", "three", code=1, NO_BOOT="2")
        self.assertIn("not ok - boot of guest 2", lines)
        self.assertEqual("lab: 4 passed, 1 failed", lines[-1])

    def test_a_guest_that_dies_after_its_last_scenario_is_a_failure(self):
        lines = self.run_lab("-j2", "one", "two", code=1, DIES_LAST="1")
        self.assertIn("not ok - guest 1", lines)
        self.assertEqual("lab: 3 passed, 1 failed", lines[-1])

    def test_without_a_guest_what_was_not_run_has_failed(self):
        lines = self.run_lab("-j1", "one", "two", "three", code=1, DIES_IN="one")
        self.assertIn("not ok - two (not run)", lines)
        self.assertIn("not ok - three (not run)", lines)
        self.assertEqual("lab: 1 passed, 3 failed", lines[-1])

    def test_a_slow_boot_is_a_failure(self):
        lines = self.run_lab("-j1", "one", code=1, AZILR_LAB_BOOT_LIMIT="0")
        self.assertTrue(any(line.startswith("not ok - boot of guest 1 (") for line in lines), lines)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
