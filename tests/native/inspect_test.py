#!/usr/bin/python3
"""`azilr inspect` as a person uses it: tests/native/inspect_test.py BUILD"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

AZILR = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").absolute() / "azilr"
PASSWORD, INITIATOR_SECRET = "s3cretPassw0rd!", "0123456789abcd"
GUID = "00000000-0000-4000-8000-000000000001"
RESOURCE = "1000000000000000001"
SECRETS = GUID.replace("-", "") + PASSWORD + INITIATOR_SECRET
NAME = f"web01_weu_{RESOURCE}_630000000000_{SECRETS}"
VALUES = {
    "VMName": "iaasvmcontainerv2;rg-web;web01", "MachineName": "web01",
    "TargetPortalAddress": "pod01-rec2.weu.backup.windowsazure.com", "TargetPortalPortNumber": "3260",
    "TargetNodeAddress": f"iqn.2016-01.microsoft.azure.backup:{RESOURCE}-100001-1-2.630000000000000003",
    "TargetUserName": f"{RESOURCE}-{GUID}", "TargetPassword": "UserInput012345",
    "InitiatorChapPassword": INITIATOR_SECRET, "ScriptId": "00000000-0000-4000-8000-000000000002",
    "IsMultiTarget": "0", "IsPEEnabled": "0", "IsLargeDisk": "False",
}
WINDOWS = (f"User - {RESOURCE}-{GUID} , Target - Owner={RESOURCE},Name={RESOURCE}-100001-1-2,"
           "Expiry=9/7/2017 3:24:24 AM, Sequence = 630000000000000003\n")


def python(**changes):
    return "#! /usr/bin/env python3\nimport os\n" + "".join(f'{name}="{value}"\n' for name, value in
                                                            {**VALUES, **changes}.items())


def shell(**changes):
    values = {**VALUES, **changes}
    return "#!/bin/bash\n" + "".join(f"{name}={value}\n" if value.isdigit() else f'{name}="{value}"\n'
                                     for name, value in values.items())


class Inspect(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_on(self, name, text, *options):
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return self.run_azilr(str(path), *options)

    def run_azilr(self, *arguments, **options):
        result = subprocess.run([AZILR, "inspect", *arguments], capture_output=True, text=True, timeout=30, **options)
        for secret in (PASSWORD, INITIATOR_SECRET):
            # the name of a file is the person's own words; nothing else may repeat what is in it
            self.assertNotIn(secret, (result.stdout + result.stderr).replace(str(self.folder / NAME), ""))
        return result

    def facts(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_a_python_script_with_its_password_in_the_name(self):
        facts = self.facts(self.run_on(NAME + ".py", python(), "--json"))
        self.assertEqual(facts, {
            "format": "py", "portal": VALUES["TargetPortalAddress"], "port": 3260, "target": VALUES["TargetNodeAddress"],
            "user": VALUES["TargetUserName"], "vm": VALUES["VMName"], "machine": "web01",
            "script_id": VALUES["ScriptId"], "multi_target": False, "private_endpoint": False, "large_disk": False,
            "secret_known": True})

    def test_a_download_without_its_password(self):
        name = f"web01_weu_{RESOURCE}_630000000000_{GUID.replace('-', '')}{INITIATOR_SECRET}.py"
        self.assertFalse(self.facts(self.run_on(name, python(), "--json"))["secret_known"])
        self.assertFalse(self.facts(self.run_on("renamed.py", python(), "--json"))["secret_known"])

    def test_a_password_in_the_script(self):
        self.assertTrue(self.facts(self.run_on("x.py", python(TargetPassword=PASSWORD), "--json"))["secret_known"])

    def test_a_shell_script_and_its_flags(self):
        text = shell(IsMultiTarget="1", IsPEEnabled="1", IsLargeDisk="1")
        facts = self.facts(self.run_on(NAME + ".sh", text, "--json"))
        self.assertEqual(facts["format"], "sh")
        self.assertTrue(facts["multi_target"] and facts["private_endpoint"] and facts["large_disk"])

    def test_a_windows_machines_text(self):
        facts = self.facts(self.run_on(NAME + ".txt", WINDOWS, "--json"))
        self.assertEqual(facts["format"], "txt")
        self.assertEqual(facts["target"], VALUES["TargetNodeAddress"])
        self.assertEqual(facts["portal"], VALUES["TargetPortalAddress"])
        self.assertTrue(facts["secret_known"])

    def test_a_windows_machines_portal_is_the_clouds(self):
        for options, variable, domain in (((), "", "com"), (("--cloud", "usgov"), "", "us"), (("--cloud", "china"), "", "cn"),
                                          ((), "AzureChinaCloud", "cn"), (("--cloud", "public"), "china", "com"),
                                          ((), "elsewhere", "com")):
            path = self.folder / (NAME + ".txt")
            path.write_text(WINDOWS, encoding="ascii")
            facts = self.facts(self.run_azilr(str(path), "--json", *options, env={**os.environ, "AZURE_CLOUD": variable}))
            self.assertEqual(facts["portal"], f"pod01-rec2.weu.backup.windowsazure.{domain}")
        self.assertEqual(self.run_azilr(str(path), "--cloud", "mars").returncode, 2)

    def test_standard_input_and_the_table(self):
        result = self.run_azilr("-", input=python())
        self.assertEqual(result.returncode, 0)
        self.assertIn("pod01-rec2.weu.backup.windowsazure.com, port 3260", result.stdout)

    def test_what_is_no_connection_script(self):
        whole = python()
        cases = {
            "empty": "", "other": "print('hello')\n", "binary": b"\0\1\2" * 100,
            "truncated": whole[:whole.index("TargetNodeAddress") + 30],
            "computed": python(TargetNodeAddress="x").replace('"x"', 'os.environ["X"]'),
            "oversized": whole + "#" * (1 << 20),
            "conflicting": whole + 'TargetNodeAddress="iqn.2016-01.com.example:other"\n',
            "bad-port": python(TargetPortalPortNumber="99999"),
            "injected": python(TargetPortalAddress="x.example$(id)"),
        }
        for name, text in cases.items():
            with self.subTest(name=name):
                result = self.run_on(name, text, "--json")
                self.assertIn(result.returncode, (1, 2) if name == "oversized" else (2,))
                self.assertEqual({"error"}, set(json.loads(result.stdout)))
                self.assertEqual(result.returncode, json.loads(result.stdout)["error"]["exit_code"])
                self.assertIn(name, result.stderr)

    def test_usage(self):
        self.assertEqual(self.run_azilr(str(self.folder / "none")).returncode, 4)
        self.assertEqual(self.run_azilr().returncode, 2)
        self.assertEqual(self.run_azilr("--bogus", "x").returncode, 2)
        self.assertEqual(self.run_azilr("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
