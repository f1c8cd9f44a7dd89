"""The forms in which a secret may be somewhere, and the memory of a process that is about to end."""

import base64
import ctypes
import os
import signal
import sys
import urllib.parse
from pathlib import Path

# Only the shadow memory of a sanitizer is as large, which holds marks and no byte of the program's.
MAX_REGION = 1 << 32
PTRACE_CONT, PTRACE_SEIZE, PTRACE_LISTEN = 7, 0x4206, 0x4208
PTRACE_O_TRACEEXIT, PTRACE_EVENT_EXIT, PTRACE_EVENT_STOP = 0x40, 6, 128


def forms(secret):
    """SECRET, bytes, by what it is called where: plain, hexadecimal, base64 at each of three places and so on."""
    found = {"plain": secret, "reversed": secret[::-1], "hex": secret.hex().encode(), "HEX": secret.hex().upper().encode(),
             "percent": urllib.parse.quote_from_bytes(secret, safe="").encode(),
             "form": urllib.parse.quote_plus(secret).encode()}
    text = secret.decode("latin-1")
    for name in ("utf-16-le", "utf-16-be"):
        found[name] = text.encode(name)
    for offset, first in enumerate((0, 2, 3)):
        # Only what the neighbours have no part in.
        padded = b"\0" * offset + secret
        last = len(padded) // 3 * 4
        found[f"base64+{offset}"] = base64.b64encode(padded)[first:last]
        found[f"base64url+{offset}"] = base64.urlsafe_b64encode(padded)[first:last]
    # A form that is the same as an earlier one needs no second look.
    return {text: name for name, text in reversed(found.items()) if len(text) >= 6}


class Finder:
    def __init__(self, secrets):
        self.forms = {text: (number, name) for number, secret in enumerate(secrets, 1)
                      for text, name in forms(secret).items()}

    def find(self, data):
        """The secrets in DATA: a set of (number of the secret from 1, form)."""
        # One search for each is several times as fast as a regular expression of all.
        return {found for text, found in self.forms.items() if text in data}

    def hide(self, data):
        for text in self.forms:
            data = data.replace(text, b"<secret>")
        return data


def read_secrets(path):
    with open(path, "rb") as file:
        return [line for line in file.read().split(b"\n") if line]


def memory(pid):
    """(region, content) of all that the process can write to."""
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as file:
        maps = file.read().splitlines()
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as file:
        for line in maps:
            span, mode, *_ = line.split()
            if "w" not in mode:
                continue
            start, end = (int(text, 16) for text in span.split("-"))
            if end - start >= MAX_REGION:
                continue
            data = bytearray()
            try:
                file.seek(start)
                while len(data) < end - start:
                    piece = file.read(end - start - len(data))
                    if not piece:
                        break
                    data += piece
            except OSError:
                pass
            # most of it has never been used
            yield (line.split(None, 5) + ["anonymous"])[5], bytes(data).replace(bytes(4096), b"\0")


def is_sanitized(program):
    """Such a program keeps a copy of the environment that it was started with, and cannot lock its memory."""
    return b"__asan_init" in Path(program).read_bytes()


def run_and_look(command, finder, env=None, output=None):
    """Runs COMMAND to its end: (its pid, its wait status, what is in its memory then: (number, form, region)).

    FINDER is called when COMMAND is about to end, since it may have been told further secrets meanwhile.
    OUTPUT is a descriptor for what it writes, if not the caller's.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    ready, go = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(go)
            os.read(ready, 1)
            if output is not None:
                os.dup2(output, 1)
                os.dup2(output, 2)
            # a sanitizer cannot look for leaks in what is traced; other tests let it
            os.execvpe(command[0], command, {"ASAN_OPTIONS": "detect_leaks=0", **(os.environ if env is None else env)})
        finally:
            os._exit(127)
    os.close(ready)
    if libc.ptrace(PTRACE_SEIZE, pid, None, PTRACE_O_TRACEEXIT) < 0:
        os.kill(pid, signal.SIGKILL)
        raise OSError(ctypes.get_errno(), "ptrace")
    os.close(go)
    found, looked = set(), 0
    while True:
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            if not looked:
                raise RuntimeError("it ended without being looked at")
            return pid, status, found
        event, sent = status >> 16, os.WSTOPSIG(status)
        if event == PTRACE_EVENT_EXIT:
            known = finder()
            for region, data in memory(pid):
                looked += len(data)
                found |= {(number, form, region) for number, form in known.find(data)}
        if event:
            stopped = event == PTRACE_EVENT_STOP and sent != signal.SIGTRAP
            libc.ptrace(PTRACE_LISTEN if stopped else PTRACE_CONT, pid, None, None)
        else:
            libc.ptrace(PTRACE_CONT, pid, None, sent)


def main():
    """secret_forms.py SECRETS COMMAND...: runs it; a line "SEEN ..." on descriptor 9 for what is left in its memory."""
    # The command is not of the test, as this is.
    env = {name: value for name, value in os.environ.items() if name != "AZILR_LAB_TESTSIDE"}
    pid, status, found = run_and_look(sys.argv[2:], lambda: Finder(read_secrets(sys.argv[1])), env)
    with os.fdopen(9, "a") as report:
        for number, form, region in sorted(found):
            report.write(f"SEEN secret {number} ({form}) in the memory of {sys.argv[2]} at its end: {region}\n")
        report.write(f"looked at the memory of pid {pid}\n")
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
