#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
What of its secrets a mount leaves in azilr's memory, its output, or its files: mount_secrets_test.py BUILD_DIR [options]

It comes up to its login, by which time there was a sign-in, a script and the link to it, and passwords of targets.
"""
import json
import os
import pty
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from host_support import HERE, WORK, Host, OnHost, main

sys.path.insert(0, str(HERE.parent / "lab"))
from lab import INITIATOR, register  # noqa: E402  pylint: disable=wrong-import-position
from secret_forms import Finder, is_sanitized, run_and_look  # noqa: E402  pylint: disable=wrong-import-position

NETWORK = 5


class MountSecrets(OnHost):
    def setUp(self):
        # not that of the others: what a registration has left goes first
        Host.reset()
        self.addCleanup(Host.reset)
        self.addCleanup(self.tidy_up)
        self.addCleanup(Host.control, "revoke-all")

    def finder(self, more=(), command=()):
        """Of what has been handed out, but for what a person has downloaded in a file's name and gives by that."""
        handed_out = [text.encode() for text in Host.control("secrets").split("\n")
                      if len(text) >= 10 and not any(text in argument for argument in command)]
        return Finder([*handed_out, *more])

    def mount(self, *arguments, output=None, code=NETWORK, secrets=(), **environment):
        """What it said; none of the secrets, nor those that were handed out meanwhile, may be left."""
        command = [Host.walk.azilr, "mount", *arguments, "--verbose", "--ca-file", Host.ready["ca"]]
        with tempfile.TemporaryFile() as file:
            _, status, found = run_and_look(command, lambda: self.finder(secrets, command), {"PATH": os.environ["PATH"],
                                                                                    **environment},
                                            file.fileno() if output is None else output)
            file.seek(0)
            text = file.read()
        self.assertEqual(code, os.waitstatus_to_exitcode(status), text.decode())
        known = self.finder(secrets, command)
        self.assertEqual(set(), known.find(text), text.decode())
        if not is_sanitized(command[0]):
            self.assertEqual(set(), found)
        for place in ("/run", "/var/lib/azilr", "/var/lib/iscsi"):
            for folder, _, names in os.walk(place):
                for path in (Path(folder) / name for name in names):
                    if path.is_file() and not path.is_symlink():
                        self.assertEqual(set(), known.find(path.read_bytes()), path)
        return text.decode()

    @staticmethod
    def where():
        return ["--endpoint", Host.ready["arm"], "--authority", Host.ready["authority"]]

    @staticmethod
    def point():
        return Host.ready["recovery_points"][0]["id"]

    def token(self):
        return Path(Host.ready["token_file"]).read_text(encoding="ascii").strip()

    def test_the_link_to_the_script(self):
        """Who has that link has the script, and so the password of the target."""
        Host.control("set", "script_by_url=true")
        self.mount(self.point(), *self.where(), AZURE_ACCESS_TOKEN=self.token())
        calls = [json.loads(line)["call"] for line in Path(Host.ready["requests"]).read_text().splitlines()]
        self.assertIn("script_download", calls)

    def test_the_password_in_the_script(self):
        Host.control("set", "password_in_script=true")
        self.mount(self.point(), *self.where(), AZURE_ACCESS_TOKEN=self.token())

    def test_a_script_and_its_password(self):
        """As a person downloads it; the password comes from a file or a pipe."""
        folder = Path(tempfile.mkdtemp(prefix="script-"))
        self.addCleanup(shutil.rmtree, folder)
        register(Path(Host.walk.simulator), Host.ready["arm"], INITIATOR)
        (folder / "script").mkdir()
        password = Host.control("export-script", str(folder / "script"))
        script = next((folder / "script").iterdir())
        secret = folder / "password"
        secret.touch(0o600)
        secret.write_text(password, encoding="ascii")
        self.mount("--script", str(script), "--password-file", str(secret), "--initiator-name",
                   INITIATOR, secrets=[password.strip().encode()])

    def test_the_token_of_the_azure_cli(self):
        az = WORK / "sbin" / "az"
        answer = WORK / "az.json"
        answer.touch(0o600)
        answer.write_text(json.dumps({"accessToken": self.token(), "expires_on": 4000000000, "tokenType": "Bearer"}),
                          encoding="ascii")
        az.write_text(f"#!/bin/sh\nexec cat {answer}\n", encoding="ascii")
        az.chmod(0o755)
        self.addCleanup(az.unlink)
        text = self.mount(self.point(), *self.where(), "--auth", "azure-cli", secrets=[self.token().encode()])
        self.assertIn("Azure CLI", text)

    def test_device_code(self):
        """The code that is polled with, and the token that refreshes, are secrets; what a person types is to be seen."""
        ours, theirs = pty.openpty()
        before = os.dup(0)
        os.dup2(theirs, 0)
        shown = []

        def read():
            while True:
                try:
                    shown.append(os.read(ours, 4096))
                except OSError:
                    return
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            self.mount(self.point(), *self.where(), "--auth", "device-code", output=theirs)
        finally:
            os.dup2(before, 0)
            os.close(before)
            os.close(theirs)
        reader.join(20)
        os.close(ours)
        text = b"".join(shown)
        self.assertRegex(text.decode(), r"enter the code [0-9A-F]{9} there")
        self.assertEqual(set(), self.finder().find(text), text)


if __name__ == "__main__":
    main("mount-secrets")
