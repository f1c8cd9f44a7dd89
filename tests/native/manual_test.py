#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Whether the manuals tell of all that the program has: manual_test.py BUILD_DIR [unittest options]"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from arm_support import USAGE, main  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SIGN_IN = {"auth", "token-file", "identity", "cloud", "endpoint", "authority", "ca-file"}
VARIABLE = re.compile(r'"((?:AZURE|SSL|CURL|REQUESTS|IDENTITY|IMDS|SUDO)_[A-Z_]+|https_proxy|HTTPS_PROXY|no_proxy|NO_PROXY)"')



def part(page, kind, title):
    """What stands below that heading."""
    text = (ROOT / "src/man" / page).read_text(encoding="utf-8")
    return re.search(rf"^\.{kind} {re.escape(title)}$(.*?)(?=^\.(?:Sh|{kind}) |\Z)", text, re.M | re.S)[1]


class Manual(unittest.TestCase):
    def azilr(self, *arguments, code=0):
        program = os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "azilr")
        result = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=30, check=False)
        self.assertEqual(code, result.returncode, result.stderr)
        return result.stdout + result.stderr

    def commands(self):
        return re.findall(r"^  ([a-z]+) ", self.azilr("--help"), re.M)

    def options(self, command):
        return re.findall(r"^ .*?--([a-z-]+)", self.azilr(command, "--help"), re.M)

    def test_every_command_and_option(self):
        text = (ROOT / "src/man/azilr.8").read_text(encoding="utf-8")
        self.assertLessEqual({"mount", "unmount", "renew", "list", "status", "doctor", "inspect", "tunnel"}, set(self.commands()))
        for command in self.commands():
            self.assertIn(f"\n.Nm\n.Cm {command}\n", text)
            section = part("azilr.8", "Ss", f"azilr {command}")
            for option in self.options(command):
                with self.subTest(command=command, option=option):
                    if option == "help":
                        self.assertTrue(re.search(r"Fl h , -help\b", text))
                    elif not (option in SIGN_IN and "signing in" in section):
                        self.assertTrue(re.search(rf" -{option}\b(?!-)", section))

    def test_letters(self):
        text = (ROOT / "src/man/azilr.8").read_text(encoding="utf-8")
        for command in ("mount", "list", "doctor"):
            for letter, option in re.findall(r"^  -([a-z]), --([a-z-]+)", self.azilr(command, "--help"), re.M):
                self.assertTrue(re.search(rf"Fl {letter} , -{option}\b", text), option)

    def test_every_variable(self):
        named = {name for path in (ROOT / "src").glob("*/*.c") if path.parent.name != "fuzz"
                 for name in VARIABLE.findall(path.read_text(encoding="utf-8"))}
        self.assertIn("AZURE_CLIENT_ID", named)
        environment = part("azilr.8", "Sh", "ENVIRONMENT")
        self.assertEqual([], sorted(name for name in named if not re.search(rf"\b{name}\b", environment)))

    def test_every_exit_code(self):
        header = (ROOT / "src/util/error.h").read_text(encoding="utf-8")
        codes = re.findall(r"^\s+EXIT_[A-Z_]+ = (\d+),", header, re.M)
        self.assertEqual(codes, re.findall(r"^\.It (\d+)$", part("azilr.8", "Sh", "EXIT STATUS"), re.M))
        for code in codes:
            self.assertRegex(self.azilr("--help"), rf"\b{code} [a-z]")

    def test_every_setting(self):
        documented = {name for line in re.findall(r"^\.It Cm (.*)$", part("azilr.conf.5", "Sh", "DESCRIPTION"), re.M)
                      for name in line.split(" , ")}
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "azilr.conf")
            for option in {one for command in ("mount", "list", "unmount", "renew", "status") for one in self.options(command)}:
                with open(path, "w", encoding="utf-8") as out:
                    out.write(f"{option} = x\n")
                os.chmod(path, 0o644)
                known = "there is no setting" not in self.azilr("list", "--config", path, code=USAGE)
                self.assertEqual(known, option in documented, option)

    def test_every_member_of_a_session(self):
        text = part("azilr.8", "Ss", "mount, renew, status")
        for name in ("damaged", "incomplete", "working", "broken", "preparing", "mounted"):
            self.assertTrue(f"Sq {name} " in text, name)
        sources = (ROOT / "src/volume/volumes.c").read_text(encoding="utf-8")
        members = re.findall(r'json_set_[a-z]+\(object, "([a-z_]+)"', sources)
        for path in ("mount", "open_azure", "open_script", "attach", "mount_volumes"):
            members += re.findall(r'mount_run_note\(run, "([a-z_]+)"', (ROOT / f"src/cmd/{path}.c").read_text(encoding="utf-8"))
        self.assertGreater(len(members), 20)
        for name in members:
            self.assertTrue(re.search(rf"\b{name}\b", text), name)


if __name__ == "__main__":
    main(sys.argv)
