# SPDX-License-Identifier: MIT
"""What the tests of finding share: a cloud with several subscriptions, and runs of `azilr list` and of find_driver."""
import json
import os
import subprocess
import sys
import tempfile
import time

from arm_support import DONE, GUID, Case, Run, Sim

ONE, TWO, THREE = (GUID + number for number in "123")


def point(number, time, **more):
    return {"name": str(630000000000000000 + number), "time": time, **more}


def config():
    """web01 is once in the first vault, twice in the third, and once in another subscription's."""
    web = {"vm": "web01", "vm_resource_group": "rg-web", "recovery_points": [
        point(1, "2026-11-18T03:00:00Z"), point(3, "2026-11-20T03:00:00Z"), point(2, "2026-11-19T15:00:00Z"),
        point(4, "2026-06-01T03:00:00Z")]}
    only = {"vm": "app01", "recovery_points": [point(10, "2026-11-20T03:00:00Z"), point(11, "2026-11-19T03:00:00Z")]}
    data = {"vm": "db01", "recovery_points": [
        point(20, "2026-11-20T03:00:00Z", tiers=[{"type": "ArchivedRP", "status": "Valid"}]),
        point(21, "2026-11-19T03:00:00Z", encrypted=True),
        point(22, "2026-11-18T03:00:00Z", tiers=[{"type": "ArchivedRP", "status": "Rehydrated"}])]}
    old = {"vm": "old01", "recovery_points": [point(50, "2024-03-01T03:00:00Z"), point(51, "2024-02-29T03:00:00Z")]}
    return {"subscriptions": [
        {"id": ONE, "name": "first", "vaults": [
            {"name": "vault1", "items": [web, data, only, {"vm": "new01"}]},
            {"name": "vault2", "resource_group": "rg-other", "location": "northeurope", "items": [
                {**web, "vm_resource_group": "rg-a"}, {**web, "vm": "WEB01", "vm_resource_group": "rg-b"},
                {"vm": "bürö-東京", "recovery_points": [point(30, "2026-11-20T03:00:00Z")]}]}]},
        {"id": TWO, "name": "second", "vaults": [
            {"name": "vault1", "items": [web, old, {"vm": "solo", "os_type": "Windows", "recovery_points": [
                point(40, "2026-11-20T03:00:00Z", type="CrashConsistent")]}]},
            {"name": "empty", "resource_group": "rg-empty", "items": []}]},
        {"id": THREE, "name": "third", "vaults": []}]}


def vault_id(subscription, name, group="rg-backup"):
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.RecoveryServices/vaults/{name}"


class Finding(Case):
    """Runs programs as a person without a configuration of their own would, in the UTC zone."""

    @classmethod
    def setUpClass(cls):
        cls.sim = Sim(cls.configuration())

    @staticmethod
    def configuration():
        return config()

    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        self.config = os.path.join(folder.name, "azilr.conf")
        self.write_config("")

    def write_config(self, text, mode=0o644):
        with open(self.config, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(self.config, mode)

    def sign_in(self):
        return ["--endpoint", self.sim.ready["arm"], "--ca-file", os.path.join(self.sim.folder, "ca.pem"),
                "--token-file", self.sim.ready["token_file"]]

    def run_program(self, program, arguments, code=DONE, environment=None, sign_in=True, **more):
        build = os.path.abspath(sys.modules["__main__"].BUILD)
        env = {name: value for name, value in os.environ.items()
               if not name.startswith(("AZURE_", "AZILR_")) and "proxy" not in name.lower()}
        env |= {"TZ": "UTC0", **(environment or {})}
        command = [os.path.join(build, program[0]), *program[1:], *arguments, "--config", self.config]
        command += self.sign_in() if sign_in else []
        start = time.monotonic()
        process = subprocess.run(command, env=env, capture_output=True, text=True, timeout=400, check=False, **more)
        self.output += process.stdout + process.stderr
        if code is not None and process.returncode != code:
            self.fail(f"exit {process.returncode}, not {code}: {process.stderr}{process.stdout}")
        return Run(process, time.monotonic() - start)

    def list(self, *arguments, **more):
        return self.run_program(["azilr", "list"], arguments, **more)

    def list_json(self, *arguments, **more):
        return json.loads(self.list(*arguments, "--json", **more).out)

    def find(self, *arguments, **more):
        """What `azilr mount` would open."""
        return self.run_program(["tests/native/find_driver"], arguments, **more)

    def found(self, *arguments, **more):
        return self.find(*arguments, **more).json["point"][-2:].lstrip("0")
