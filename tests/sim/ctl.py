"""azure-sim-ctl: turn the switches of a running simulator."""
from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

USAGE = """usage: azure-sim-ctl DIR COMMAND
  set NAME=VALUE…     switches; VALUE is JSON, else taken as text (see README.md)
  reset [NAME=VALUE…] every switch to its default, and then these
  state               registrations, operations, switches and counters, as JSON
  secrets             every secret handed out so far, one a line
  revoke-all          end every registration, as if all had been revoked
  expire-tokens       every token issued so far is expired from now on
  rotate-federated-token  put another into DIR/federated-token; the one before is not taken any more
  cut-portal          cut every connection of the portal
  export-script PATH  the newest script, as downloaded by a person (PATH: file or folder); prints the
                      password, and on standard error the file's name
"""


def ask(folder: Path, order: dict[str, Any]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(60)
        control.connect(str(folder / "control.sock"))
        with control.makefile("rw", encoding="utf-8") as lines:
            lines.write(json.dumps(order) + "\n")
            lines.flush()
            answer: dict[str, Any] = json.loads(lines.readline())
    return answer


def value_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def order_of(command: str, args: list[str]) -> dict[str, Any] | None:
    if all("=" in arg for arg in args) and (command == "reset" or command == "set" and args):
        return {command: {name: value_of(text) for name, _, text in (arg.partition("=") for arg in args)}}
    if command == "export-script" and len(args) == 1:
        return {"export_script": args[0]}
    if args:
        return None
    return {"state": {"get": "state"}, "secrets": {"get": "secrets"},
            "revoke-all": {"revoke_all": True}, "expire-tokens": {"expire_tokens": True},
            "rotate-federated-token": {"rotate_federated_token": True}, "cut-portal": {"cut_portal": True}}.get(command)


def main(argv: list[str]) -> int:
    order = order_of(argv[1], argv[2:]) if len(argv) > 1 else None
    if order is None:
        sys.stderr.write(USAGE)
        return 2
    try:
        answer = ask(Path(argv[0]), order)
    except OSError as error:
        sys.stderr.write(f"azure-sim-ctl: {argv[0]}/control.sock: {error.strerror or error}\n")
        return 1
    if not answer.pop("ok"):
        sys.stderr.write(f"azure-sim-ctl: {answer['error']}\n")
        return 1
    if "password" in answer:
        print(answer["password"])
        sys.stderr.write(answer["path"] + "\n")
    elif "secrets" in answer:
        print("\n".join(answer["secrets"]))
    elif answer:
        print(json.dumps(answer.get("state", answer), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
