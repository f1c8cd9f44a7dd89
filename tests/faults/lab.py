# SPDX-License-Identifier: MIT
"""
The walk in the lab's guest, with real sessions, volume groups and mounts: a script is mounted, since requests to Azure
have their points walked natively, and each takes the guest a second. The scenario faults.sh sets the scene.
"""
from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
import urllib.request
from pathlib import Path

from walker import Journey, Walk

INITIATOR = "iqn.2026-11.com.example:lab"


def register(azure: Path):
    """As the portal does: a registration, of which a person gets the script and, apart from it, the password."""
    ready = json.loads((azure / "ready.json").read_text(encoding="utf-8"))
    point = ready["recovery_points"][0]
    context = ssl.create_default_context(cafile=ready["ca"])
    headers = {"Authorization": "Bearer " + Path(ready["token_file"]).read_text(encoding="utf-8").strip(),
               "Content-Type": "application/json"}

    def call(url, body=None):
        data = json.dumps(body).encode() if body else None
        return urllib.request.urlopen(urllib.request.Request(url, data, headers), context=context)

    answer = call(f"https://management.azure.com{point['id']}/provisionInstantItemRecovery?api-version=2023-02-01"
                  .replace(";", "%3B"), {"properties": {
                      "objectType": "IaasVMILRRegistrationRequest", "recoveryPointId": point["id"],
                      "initiatorName": INITIATOR, "virtualMachineId": point["vm_id"],
                      "renewExistingRegistration": False}})
    while json.load(call(answer.headers["Azure-AsyncOperation"]))["status"] == "InProgress":
        time.sleep(0.2)


def script_of(azure: Path, work: Path):
    folder = work / "script"
    folder.mkdir()
    done = subprocess.run([os.environ["AZILR_FAULTS_CTL"], str(azure), "export-script", str(folder)], check=True,
                          capture_output=True, text=True)
    password = work / "password"
    password.touch(0o600)
    password.write_text(done.stdout, encoding="ascii")
    return next(folder.iterdir()), password


def prepare() -> tuple[Walk, list[Journey]]:
    work = Path(os.environ["LAB_WORK"])
    azure = work / "azure"
    register(azure)
    script, password = script_of(azure, work)
    mount = ["mount", "--script", str(script), "--password-file", str(password), "--ca-file", str(azure / "ca.pem"),
             "--initiator-name", INITIATOR]
    unmount = ["unmount", "--all"]
    walk = Walk("/usr/sbin/azilr", str(work / "azilr-faults"), str(work), unmount, str(azure))
    return walk, [Journey("mount", mount),
                  Journey("unmount", unmount, prepare=[mount]),
                  # what a mount undoes by itself that fails at its very end
                  Journey("undo", mount, stdout="/dev/full", skip="mount")]
