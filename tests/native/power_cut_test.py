#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What tests/lab/power-cut makes of what guests report, with guests that only pretend: power_cut_test.py BUILD_DIR"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parent.parent

# says what the real one says when it has booted, and then waits for its end; $RESULT is of the boot after the first cut
GUEST = r"""#!/bin/bash
number=$(sed -n 's/.*azilr\.power=\([0-9]*\).*/\1/p' <<< "$*")
out=$(sed -n 's/.*local,path=\([^,]*\),mount_tag=out.*/\1/p' <<< "$*")
echo "$*" | grep -q 'file=[^ ]*state.ext4,format=raw,if=virtio,cache=writeback' || exit 1
[ "$NO_BOOT" != "$number" ] || exit 1
if [ "$number" != 0 ]; then
    [ "$REVOKES" = no ] || echo '{"call": "revoke", "status": 202}' >> "$out/requests.jsonl"
    echo "${RESULT/LINES/$(wc -l < "$out/requests.jsonl")}" >> "$out/results.jsonl"
fi
echo '{"seconds": 0.2}' > "$out/ready.new"
mv "$out/ready.new" "$out/ready-$number"
echo " 0.1 s  Logging in: done" > "$out/words-$number"
echo '{"call": "provision", "status": 202}' >> "$out/requests.jsonl"
exec sleep 60
"""
CLEAN = '{"found": ["+ files: /etc/iscsi/x"], "left": [], "told": true, "code": 0, "requests": LINES}'


@unittest.skipUnless(shutil.which("mke2fs"), "needs mke2fs")
class PowerCut(unittest.TestCase):
    def setUp(self):
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="power-cut-"))
        self.addCleanup(shutil.rmtree, self.top)
        self.script("tests/lab/power-cut", (TESTS / "lab" / "power-cut").read_text())
        self.script("tests/lab/machine", (TESTS / "lab" / "machine").read_text())
        self.script("tests/lab/image", f"#!/bin/sh\necho {self.top}\n")
        self.script("tests/sim/azure-sim", "#!/bin/sh\n")
        self.script("bin/qemu-system-x86_64", GUEST)

    def script(self, name, text):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run_it(self, *arguments, code=0, result=CLEAN, **environment):
        env = {**os.environ, "PATH": f"{self.top / 'bin'}:{os.environ['PATH']}", "AZILR_LAB_INSTALL": "no", "NO_BOOT": "",
               "REVOKES": "", "AZILR_TALLY": str(self.top / "tally"), "RESULT": result, **environment}
        run = subprocess.run([self.top / "tests" / "lab" / "power-cut", *arguments], env=env, stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(code, run.returncode, run.stdout + run.stderr)
        return run.stdout + run.stderr

    def test_cuts_that_leave_nothing(self):
        said = self.run_it("-n", "2", "-s", "7")
        self.assertIn("2 power cuts (seed 7); 2 left something for `unmount --all`; after it something was left by 0", said)
        self.assertIn('at "0.1 s Logging in: done"', said)
        self.assertEqual("2 0 0\n", (self.top / "tally").read_text())

    def test_something_is_left(self):
        said = self.run_it("-n", "1", code=1, result=CLEAN.replace('"left": []', '"left": ["+ files: /etc/iscsi/x"]'))
        self.assertIn("not ok - cut 1", said)
        self.assertIn("+ files: /etc/iscsi/x", said)
        self.assertEqual("0 1 0\n", (self.top / "tally").read_text())

    def test_unmount_failed(self):
        self.assertIn("ended with 5", self.run_it("-n", "1", code=1, result=CLEAN.replace('"code": 0', '"code": 5')))

    def test_status_was_silent(self):
        said = self.run_it("-n", "1", code=1, result=CLEAN.replace('"told": true', '"told": false'))
        self.assertIn("`azilr status` did not tell of it", said)

    def test_the_registration_stayed(self):
        self.assertIn("the registration was not revoked", self.run_it("-n", "1", code=1, REVOKES="no"))

    def test_a_guest_that_does_not_come_up(self):
        self.assertIn("did not come up", self.run_it("-n", "2", code=1, NO_BOOT="1"))


if __name__ == "__main__":
    if len(sys.argv) > 1 and not sys.argv[1].startswith("-"):
        sys.argv.pop(1)
    unittest.main(verbosity=2)
