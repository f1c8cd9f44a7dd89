# SPDX-License-Identifier: MIT
"""
The walk that needs no virtual machine: sign-in, registration, state files, tunnel and open-iscsi's records, up to the
login, which fails. It is done in namespaces of its own; a stand-in keeps the records as iscsiadm does.
"""
from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from points import Point
from walker import Journey, Walk

HERE = Path(__file__).resolve().parent
PORTAL = "pod01-rec2.weu.backup.windowsazure.com"
LOGIN = "--login"


def enter_namespaces(arguments):
    """Does not return: the same program again, with mounts, processes and a loopback network of its own."""
    os.environ["AZILR_FAULTS_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc",
                          sys.executable, *arguments])


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def furnish(work: Path):
    """A host with open-iscsi and the kernel's part of it, as far as files tell."""
    mount("--make-rprivate", "/")
    for place in ("/run", "/var/lib", "/mnt", "/sys/class", "/sys/bus"):
        mount("-t", "tmpfs", "none", place)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    programs = work / "sbin"
    programs.mkdir(parents=True)
    for program in Path("/usr/sbin").iterdir():
        (programs / program.name).symlink_to(work / "host-sbin" / program.name)
    (work / "host-sbin").mkdir()
    mount("--bind", "/usr/sbin", str(work / "host-sbin"))
    (programs / "iscsiadm").unlink(missing_ok=True)
    shutil.copy(HERE / "iscsiadm", programs / "iscsiadm")
    mount("--bind", str(programs), "/usr/sbin")
    for place in ("/sys/class/iscsi_transport/tcp", "/sys/bus/scsi/drivers/sd", "/var/lib/iscsi"):
        os.makedirs(place)
    hosts = work / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n127.0.0.2 {PORTAL}\n", encoding="ascii")
    mount("--bind", str(hosts), "/etc/hosts")


def start_simulator(work: Path, pki: Path):
    folder = work / "azure"
    folder.mkdir()
    with open(work / "azure.log", "wb") as log:
        process = subprocess.Popen(  # pylint: disable=consider-using-with
            [str(HERE.parent / "sim" / "azure-sim"), "--dir", str(folder), "--backend", "none", "--portal-address",
             "127.0.0.2", "--portal-port", "3260", "--pki", str(pki)], stdout=log, stderr=log)
    end = time.monotonic() + 60
    while not (folder / "ready.json").exists():
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError("the simulator did not start: " + (work / "azure.log").read_text(encoding="utf-8"))
        time.sleep(0.05)
    subprocess.run([str(HERE.parent / "sim" / "azure-sim-ctl"), str(folder), "set", "polls_before_success=0"], check=True,
                   stdout=subprocess.DEVNULL)
    return folder, json.loads((folder / "ready.json").read_text(encoding="utf-8"))


def stand_in_for_iscsid():
    """Something answers on the socket of iscsid (open-iscsi's mgmt_ipc.h), and that is all."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("\0ISCSIADM_ABSTRACT_NAMESPACE")
    listener.listen()

    def answer():
        while True:
            listener.accept()[0].close()
    threading.Thread(target=answer, daemon=True).start()


def journeys(sign_in, point) -> list[Journey]:
    mount_it = ["mount", point, *sign_in]
    unmount = ["unmount", "--all", *sign_in]
    return [Journey("mount", mount_it, code=5, says="login"),
            # what a mount leaves that is killed before its login, which is all that there is here
            Journey("unmount", unmount, prepare=[mount_it], prepare_with=("", "kill-before"), is_tidy=True)]


def login_point(walk: Walk, journey: Journey) -> str:
    points: list[Point] = walk.points(journey)
    return next(point.line for point in points if point.line.startswith("mount: run") and LOGIN in point.line)


def prepare(build: Path, number: int) -> tuple[Walk, list[Journey]]:
    # on a file system that goes with the namespace
    work = Path("/mnt/faults")
    furnish(work)
    stand_in_for_iscsid()
    # kept from walk to walk, and not shared by two at once
    folder, ready = start_simulator(work, build / "tests" / "faults" / f"pki-{number}")
    sign_in = ["--ca-file", ready["ca"], "--token-file", ready["token_file"], "--endpoint", ready["arm"],
               "--authority", ready["authority"]]
    unmount_all = ["unmount", "--all", *sign_in]
    walk = Walk(str(build / "azilr"), str(build / "tests" / "faults" / "azilr"), str(work), unmount_all, str(folder))
    both = journeys(sign_in, ready["recovery_points"][0]["id"])
    both[1].prepare_with = (login_point(walk, both[0]), "kill-before")
    return walk, both
