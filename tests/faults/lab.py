# SPDX-License-Identifier: MIT
"""
The walk in the lab's guest, with real sessions, volume groups and mounts: a script is mounted but for what only a
registration has, since requests to Azure have their points walked natively, and each takes the guest a second. The
scenario faults.sh sets the scene.
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


def register(azure: Path, arm="https://management.azure.com", initiator=INITIATOR):
    """As the portal does: a registration, of which a person gets the script and, apart from it, the password."""
    ready = json.loads((azure / "ready.json").read_text(encoding="utf-8"))
    point = ready["recovery_points"][0]
    context = ssl.create_default_context(cafile=ready["ca"])
    headers = {"Authorization": "Bearer " + Path(ready["token_file"]).read_text(encoding="utf-8").strip(),
               "Content-Type": "application/json"}

    def call(url, body=None):
        data = json.dumps(body).encode() if body else None
        return urllib.request.urlopen(urllib.request.Request(url, data, headers), context=context)

    answer = call(f"{arm}{point['id']}/provisionInstantItemRecovery?api-version=2023-02-01"
                  .replace(";", "%3B"), {"properties": {
                      "objectType": "IaasVMILRRegistrationRequest", "recoveryPointId": point["id"],
                      "initiatorName": initiator, "virtualMachineId": point["vm_id"],
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


SESSIONS = Path("/run/azilr/sessions")


def let_access_end():
    """Whoever looks at the session from now on finds its time over; nobody but the keeper of the test is to look."""
    session = next(SESSIONS.iterdir())
    subprocess.run(["systemctl", "stop", f"azilr-keeper-{session.name}.service"], check=True)
    state = session / "state.json"
    told = json.loads(state.read_text(encoding="utf-8"))
    told["expires"] = "2026-01-01T00:00:00Z"
    state.write_text(json.dumps(told), encoding="utf-8")
    return session.name


def journeys(mount, mount_point, unmount, renew) -> list[Journey]:
    keep = ["keeper", "?"]

    def expired():
        keep[1] = let_access_end()

    return [Journey("mount", mount),
            Journey("unmount", unmount, prepare=[mount], is_tidy=True),
            # what a mount takes down by itself that fails at its very end
            Journey("undo", mount, stdout="/dev/full", skip="mount", code=1, says="cannot write to standard output"),
            Journey("renew", renew, prepare=[mount_point]),
            # the keeper ends a session whose time is over
            Journey("keeper", keep, prepare=[mount], before=expired, is_tidy=True)]


def prepare() -> tuple[Walk, list[Journey]]:
    work = Path(os.environ["LAB_WORK"])
    azure, place = work / "azure", Path(os.environ["AZILR_FAULTS_PLACE"])
    register(azure)
    script, password = script_of(azure, work)
    ca = ["--ca-file", str(azure / "ca.pem")]
    sign_in = [*ca, "--token-file", str(azure / "token")]
    how = [*ca, "--initiator-name", INITIATOR]
    if (work / "key").exists():
        how += ["--unlock", "--key-file", str(work / "key")]
    mount = ["mount", "--script", str(script), "--password-file", str(password), *how]
    # another point than that of the script, which is open all the time
    point = json.loads((azure / "ready.json").read_text(encoding="utf-8"))["recovery_points"][1]["id"]
    unmount = ["unmount", "--all", *sign_in]
    walk = Walk("/usr/sbin/azilr", str(place / "azilr"), str(place), unmount, str(azure))
    return walk, journeys(mount, ["mount", point, *how, "--token-file", str(azure / "token")], unmount,
                          ["renew", *sign_in])
