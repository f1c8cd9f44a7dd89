# SPDX-License-Identifier: MIT
"""What azilr could leave on a host, looked at without changing it and with as few children as can be."""
from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import stat
import subprocess
import time
from pathlib import Path

PLACES = ("/run/azilr", "/var/lib/azilr", "/mnt/azilr", "/etc/iscsi", "/var/lib/iscsi", "/run/udev/rules.d", "/etc/lvm",
          "/etc/mdadm", "/dev/mapper", "/dev/disk", "/dev/md", "/var/tmp/azilr")
# these count up with each device that there ever was
COUNTED = "/dev/disk/by-diskseq"
# what comes and goes by itself
RESTLESS = re.compile(r"systemd|udev|multipathd|dbus|agetty|kmod|tgtd|iscsid|power-cut|bash$|python3")


def files():
    for place in PLACES:
        names = [place] if os.path.lexists(place) else []
        for folder, folders, others in os.walk(place):
            folders[:] = [name for name in folders if os.path.join(folder, name) != COUNTED]
            names += [os.path.join(folder, name) for name in folders + others]
        for path in sorted(names):
            try:
                found = os.lstat(path)
                text = f"{stat.filemode(found.st_mode)} {found.st_uid}:{found.st_gid} {path}"
                if stat.S_ISLNK(found.st_mode):
                    text += " -> " + os.readlink(path)
                elif stat.S_ISREG(found.st_mode):
                    text += " " + hashlib.sha256(Path(path).read_bytes()).hexdigest()[:16]
            except FileNotFoundError:
                continue
            yield text


def mounts():
    """Without the ids, device numbers and peer groups, which are only numbers."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        yield re.sub(r"(shared|master):\d+ |,pipe_ino=\d+|fd=\d+,", "", line.split(" ", 3)[3])


def sysfs(pattern, attribute):
    for folder in sorted(Path("/sys").glob(pattern)):
        try:
            yield f"{folder.name if attribute != 'targetname' else ''} {(folder / attribute).read_text().strip()}"
        except OSError:
            continue


def processes():
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            name = (folder / "comm").read_text(encoding="utf-8").strip()
        except OSError:
            continue
        if line and not RESTLESS.search(name) and int(folder.name) != os.getpid():
            yield f"{name}: {line}"


def listeners():
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[1].startswith("0100007F:"):
            yield f"127.0.0.1:{int(fields[1].split(':')[1], 16)}"


def iscsid():
    """Whether somebody listens in its place; what state its processes are in is systemd's."""
    table = Path("/proc/net/unix").read_text(encoding="ascii", errors="replace")
    yield str(any(fields[-1] == "@ISCSIADM_ABSTRACT_NAMESPACE" and int(fields[3], 16) & 0x10000
                  for fields in map(str.split, table.splitlines()[1:])))


def mapped():
    """Of the kernel, since a device without a table is not in sysfs."""
    if os.path.exists("/sys/class/misc/device-mapper"):
        done = subprocess.run(["dmsetup", "ls"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        yield from (line for line in done.stdout.splitlines() if not line.startswith("No devices"))


def registrations(simulator):
    if not simulator:
        return
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(os.path.join(simulator, "control.sock"))
        with control.makefile("rw", encoding="utf-8") as lines:
            lines.write(json.dumps({"get": "state"}) + "\n")
            lines.flush()
            state = json.loads(lines.readline())["state"]
    yield from (json.dumps(registration["targets"]) for registration in state["registrations"])


def snapshot(simulator=None):
    """Kind of thing: lines. The simulator's work directory is given where its registrations count."""
    found = {"files": files(), "mounts": mounts(), "processes": processes(), "listeners": listeners(), "iscsid": iscsid(),
             "device-mapper": mapped(), "loop devices": sysfs("block/loop*/loop", "backing_file"),
             "SCSI disks": sysfs("block/sd*", "size"), "arrays": sysfs("block/md*/md", "array_state"),
             "iSCSI sessions": sysfs("class/iscsi_session/*", "targetname"), "registrations": registrations(simulator)}
    return {kind: sorted(lines) for kind, lines in found.items()}


def difference(before, after):
    """What was added (+) and what is missing (-), a line each."""
    lines = []
    for kind, old in before.items():
        new = after[kind]
        lines += [f"+ {kind}: {line}" for line in new if new.count(line) > old.count(line)]
        lines += [f"- {kind}: {line}" for line in old if old.count(line) > new.count(line)]
    return sorted(set(lines))


def left_behind(before, simulator=None, patience=6.0):
    """The difference, once what is still under way (a child of a killed azilr, udev) has had some time to end."""
    end = time.monotonic() + patience
    while True:
        lines = difference(before, snapshot(simulator))
        if not lines or time.monotonic() > end:
            return lines
        time.sleep(0.1)


def remove_files(lines):
    """Of a difference, what was added to the places; the deepest first."""
    paths = [line.split(" ")[4] for line in lines if line.startswith("+ files: ")]
    for path in sorted(paths, reverse=True):
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                os.rmdir(path)
            else:
                os.unlink(path)
        except OSError:
            continue
