"""The connection scripts, in the shape of the real ones where a client looks: the assignments, the suffix,
the names. The rest is a stand-in of our own that connects to nothing."""
from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .ilr import Registration
    from .switches import Switches

PLACEHOLDER = "UserInput012345"

_PY_HEAD = '''#! /usr/bin/env python
# -*- coding: utf-8 -*-
# Stand-in for a connection script, made by the test simulator. It connects to nothing.
import os
import sys

'''
# After the assignments come uses of the same names, as in any script: a reader must not take these for values.
_PY_TAIL = '''
def read_password(prompt):
    try:
        return raw_input(prompt)
    except NameError:
        return input(prompt)

def describe(target_name):
    # TargetUserName="not-this-one" stands in a comment only
    line = "TargetNodeAddress = " + TargetNodeAddress
    print("Machine: %s\\nTarget: %s" % (MachineName, target_name))
    return line

def main(argv):
    global TargetPassword
    if TargetPassword == "UserInput012345":
        TargetPassword = read_password("Enter the password: ")
    if len(TargetPassword) != 15:
        sys.stderr.write("A password has 15 characters.\\n")
        return 1
    for port in range(MinPort, MaxPort + 1):
        if not os.path.exists("/nonexistent/%d" % port):
            break
    describe(TargetNodeAddress)
    sys.stderr.write("This stand-in is to be read, not to be run.\\n")
    return 1

if __name__ == "__main__":
    sys.exit(main(sys.argv))
'''
_SH_HEAD = '''#!/bin/bash
# Stand-in for a connection script, made by the test simulator. It connects to nothing.

'''
_SH_TAIL = '''
describe() {
    # TargetUserName="not-this-one" stands in a comment only
    local TargetLine="TargetNodeAddress=$TargetNodeAddress"
    echo "Machine: $MachineName"
    echo "$TargetLine"
}

if [ "$TargetPassword" = "UserInput012345" ]; then
    read -r -s -p "Enter the password: " TargetPassword
fi
if [ ${#TargetPassword} -ne 15 ]; then
    echo "A password has 15 characters." >&2
    exit 1
fi
describe
echo "This stand-in is to be read, not to be run." >&2
exit 1
'''


def password_of(reg: "Registration", switches: "Switches") -> str:
    """What is handed out: with wrong_secret not what the target wants."""
    return reg.wrong_password if switches.wrong_secret else reg.target_password


def suffix(reg: "Registration", switches: "Switches", password: str) -> str:
    guid = reg.guid.replace("-", "")
    return (f"{switches.suffix_prefix or ''}{reg.place.item.vm}{switches.suffix_infix or ''}_{reg.place.vault.geo}"
            f"_{reg.resource}_{reg.sequence[:12]}_{guid}{password}{reg.initiator_password}")


def _assignments(reg: "Registration", switches: "Switches", shell: bool) -> str:
    password = password_of(reg, switches) if switches.password_in_script else PLACEHOLDER
    port = str(reg.portal_port)
    flags = [("IsMultiTarget", int(len(reg.targets) > 1)), ("IsPEEnabled", int(switches.private_endpoint)),
             ("IsLargeDisk", int(switches.large_disk))]
    lines = [
        f'VMName="{reg.place.item.unique_name}"',
        f'MachineName="{reg.place.item.vm}"',
        f'TargetPortalAddress="{reg.portal_name}"',
        f"TargetPortalPortNumber={port}" if shell else f'TargetPortalPortNumber="{port}"',
        f'TargetNodeAddress="{reg.targets[0].name}"',
        f'TargetUserName="{reg.target_user}"',
        f'TargetPassword="{password}"',
        f'InitiatorChapPassword="{reg.initiator_password}"',
        f'ScriptId="{reg.script_id}"',
        *(f'{name}="{value}"' for name, value in flags)]
    ports = ["MinPort=5365", "MaxPort=5396"] if shell else ["MinPort = 5365", "MaxPort = 5396"]
    return "\n".join(lines + ports) + "\n"


def linux(reg: "Registration", switches: "Switches", kind: str) -> str:
    if kind == "sh":
        return _SH_HEAD + _assignments(reg, switches, shell=True) + _SH_TAIL
    return _PY_HEAD + _assignments(reg, switches, shell=False) + _PY_TAIL


def windows_line(reg: "Registration") -> str:
    name, _, _sequence = reg.targets[0].name.partition(":")[2].rpartition(".")
    end = reg.expires
    clock = f"{end.month}/{end.day}/{end.year} {end.hour % 12 or 12}:{end:%M:%S} {'AM' if end.hour < 12 else 'PM'}"
    return (f"User - {reg.target_user} , Target - Owner={reg.resource},Name={name},"
            f"Expiry={clock}, Sequence = {reg.sequence}")


def _encoded(text: str, truncated: Any) -> str:
    if truncated == "empty":
        return ""
    if truncated in (True, "block"):
        text = text[:text.index("TargetNodeAddress=\"") + 40] if "TargetNodeAddress=" in text else text[:len(text) // 2]
    encoded = base64.b64encode(text.encode()).decode()
    return encoded[:len(encoded) // 2 // 4 * 4 + 3] if truncated == "base64" else encoded


def client_scripts(reg: "Registration", switches: "Switches") -> list[dict[str, Any]]:
    """`clientScripts` of a status, or of the list action."""
    # an old script that holds its password has none in its name
    name = suffix(reg, switches, "" if switches.password_in_script else password_of(reg, switches))
    kind, system = switches.script_kind, reg.place.item.os_type
    if kind == "txt" or system == "Windows":
        return [
            {"scriptContent": _encoded(windows_line(reg), switches.truncated_script), "scriptExtension": ".txt",
             "osType": "Windows", "url": None, "scriptNameSuffix": name},
            {"scriptContent": "NA", "scriptExtension": ".exe", "osType": "Windows", "url": reg.script_url("exe"),
             "scriptNameSuffix": name}]
    content: str | None = _encoded(linux(reg, switches, kind), switches.truncated_script)
    url = None
    if switches.script_by_url:
        content, url = None, reg.script_url(kind)
        if isinstance(switches.script_by_url, str):
            url = switches.script_by_url
    return [{"scriptContent": content, "scriptExtension": f".{kind}", "osType": system, "url": url,
             "scriptNameSuffix": name}]


def download(reg: "Registration", switches: "Switches") -> tuple[str, str, str]:
    """As the portal gives it to a person: file name without the password, content, and the password beside."""
    kind = "sh" if switches.script_kind == "sh" else "py"
    return f"{suffix(reg, switches, '')}.{kind}", linux(reg, switches, kind), password_of(reg, switches)
