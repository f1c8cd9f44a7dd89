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


class Threats(unittest.TestCase):
    """Every line under "Threats" in PACKAGING.md names tests that there are, and that are run."""
    FOLDERS = {"py": "tests/native", "c": "tests/unit", "sh": "tests/lab/scenarios"}
    NAMED = re.compile(r'`([A-Za-z0-9_-]+\.(py|c|sh)): (?:"([^`]+)"|([a-z0-9_]+))`')

    def setUp(self):
        text = (ROOT / "PACKAGING.md").read_text(encoding="utf-8")
        self.section = re.search(r"^## Threats\n(.*?)(?=^## )", text, re.M | re.S)[1]
        self.rows = [line for line in self.section.splitlines()
                     if line.startswith("| ") and not line.startswith(("| ---", "| it cannot |", "| they cannot |"))]

    @staticmethod
    def sign(kind, step, function):
        """What a test of that name looks like where it stands: for a unit test, that it is among those that are run."""
        name = re.escape(step or function)
        return {"sh": rf"^step [\"']{name}[\"']$", "py": rf"^    def {name}\(self", "c": rf"cmocka_unit_test\({name}\)"}[kind]

    def test_every_line_names_tests(self):
        self.assertGreater(len(self.rows), 25)
        for row in self.rows:
            with self.subTest(row=row):
                shown_by = row.split(" | ", 1)[1].rstrip(" |")
                self.assertEqual("", self.NAMED.sub("", shown_by).replace(",", "").strip(), "no test's name")
                self.assertRegex(shown_by, self.NAMED)

    def test_every_test_is_there(self):
        for name, kind, step, function in self.NAMED.findall("\n".join(self.rows)):
            with self.subTest(name=name, test=step or function):
                path = ROOT / self.FOLDERS[kind] / name
                self.assertTrue(path.is_file(), path)
                self.assertRegex(path.read_text(encoding="utf-8"), re.compile(self.sign(kind, step, function), re.M))

    def test_every_party(self):
        for party in ("answer of the vault", "portal", "backup image", "local user", "network, or a proxy"):
            self.assertRegex(self.section, rf"(?m)^### A hostile {party}")


if __name__ == "__main__":
    main(sys.argv)
