#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What of the secrets of a sign-in is left in azilr's memory as it ends, or in its output: secrets_test.py BUILD_DIR"""
import base64
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

from arm_support import AUTH, DONE, Case, main

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))
from secret_forms import Finder, is_sanitized, run_and_look  # pylint: disable=wrong-import-position


@unittest.skipUnless(os.geteuid() == 0, "only root can look into the memory of azilr")
class Secrets(Case):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="secrets-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(os.open(self.path(name), os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def azilr(self, secrets, *arguments, code=DONE, environment=None):
        """Runs it; none of the secrets, nor those that Azure handed out meanwhile, may be left."""
        program = os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "azilr")
        def finder():
            handed_out = [text.encode() for text in self.sim.secrets() if len(text) >= 10]
            return Finder(secrets + handed_out)

        environment = {"PATH": os.environ["PATH"], **(environment or {})}
        with tempfile.TemporaryFile() as output:
            _, status, found = run_and_look([program, *arguments], finder, environment, output.fileno())
            output.seek(0)
            text = output.read()
        self.assertEqual(code, os.waitstatus_to_exitcode(status), text.decode())
        self.assertEqual(set(), finder().find(text), text.decode())
        if not is_sanitized(program):
            self.assertEqual(set(), found)
        return text.decode()

    def list(self, secrets, *arguments, **more):
        ready = self.sim.ready
        return self.azilr(secrets, "list", "vaults", "--endpoint", ready["arm"], "--authority", ready["authority"],
                          "--ca-file", ready["ca"], "--verbose", *arguments, **more)

    def application(self, **more):
        return {"AZURE_TENANT_ID": self.sim.ready["tenant_id"], "AZURE_CLIENT_ID": self.sim.ready["client_id"], **more}

    def test_client_secret(self):
        secret = self.sim.read("client-secret").strip()
        self.list([secret.encode()], environment=self.application(AZURE_CLIENT_SECRET=secret))

    def test_a_wrong_client_secret(self):
        secret = "wrong/secret+of~azilr-4711 & more"
        self.list([secret.encode()], environment=self.application(AZURE_CLIENT_SECRET=secret), code=AUTH)

    def test_token(self):
        token = self.sim.read("token").strip()
        self.list([token.encode()], environment={"AZURE_ACCESS_TOKEN": token})

    def test_token_file(self):
        token = self.sim.read("token").strip()
        self.list([token.encode()], "--token-file", self.write("token", token))

    def test_a_refused_token(self):
        token = "eyJ0eXAi.eyJhdWQi-refused-4712.c2lnbmF0dXJl"
        self.list([token.encode()], "--token-file", self.write("token", token), code=AUTH)

    def test_what_is_not_used(self):
        """With a token file, the secrets in the environment are not what it signs in with."""
        token, secret = self.sim.read("token").strip(), self.sim.read("client-secret").strip()
        self.list([token.encode(), secret.encode()], "--token-file", self.write("token", token),
                  environment=self.application(AZURE_CLIENT_SECRET=secret))

    def test_certificate(self):
        """The key is a secret in the file's form and as the bytes of that."""
        pem, password = self.path("app.pem"), "pass word/4713"
        key, certificate = self.path("key"), self.path("certificate")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=app", "-days", "30", "-keyout", key,
                        "-out", certificate, "-nodes"], check=True, capture_output=True)
        with open(key, encoding="utf-8") as text:
            line = text.read().splitlines()[9]
        subprocess.run(["openssl", "pkcs8", "-topk8", "-in", key, "-passout", "pass:" + password, "-out", pem], check=True,
                       capture_output=True)
        for source in (key, pem):
            with open(source, encoding="utf-8") as one, open(certificate, encoding="utf-8") as other:
                path = self.write("both", one.read() + other.read())
            # the service does not know it, which it can only tell once it has been used
            self.list([base64.b64decode(line), line.encode(), password.encode()], code=AUTH,
                      environment=self.application(AZURE_CLIENT_CERTIFICATE_PATH=path,
                                                   AZURE_CLIENT_CERTIFICATE_PASSWORD=password))
            os.remove(path)

    def test_its_memory_is_not_swapped_out(self):
        with open("/proc/self/status", encoding="ascii") as status:
            if not int(re.search(r"CapEff:\s*(\w+)", status.read())[1], 16) >> 14 & 1:
                self.skipTest("root may not lock memory here")
        program = os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "azilr")
        least = 0 if is_sanitized(program) else 500
        os.mkfifo(self.path("token"), 0o600)
        locked, end = 0, time.monotonic() + 60
        with subprocess.Popen([program, "list", "vaults", "--token-file", self.path("token")], stderr=subprocess.PIPE) as process:
            while locked < least and process.poll() is None and time.monotonic() < end:
                with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
                    locked = int(re.search(r"VmLck:\s*(\d+) kB|$", status.read())[1] or 0)
                time.sleep(0.05)
            process.kill()
            self.assertLess(time.monotonic(), end)
        self.assertGreaterEqual(locked, least)

    def test_the_test_sees_what_is_left(self):
        """A program that wipes nothing is caught, in whatever form it has the secret."""
        path = self.write("left", "left-on-purpose-4714\n")
        for command in (["sh", "-c", f"read -r kept < {path}"],
                        ["sh", "-c", f"kept=$(base64 {path}); exit 0"]):
            with tempfile.TemporaryFile() as output:
                self.assertNotEqual(set(), run_and_look(command, lambda: Finder([b"left-on-purpose-4714"]), None, output.fileno())[2])


if __name__ == "__main__":
    main(sys.argv)
