#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What /proc/PID/environ shows of a running azilr: environment_test.py BUILD_DIR [unittest options]"""
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time

from arm_support import Case, main

SECRETS = {"AZURE_ACCESS_TOKEN": "the-token-4711", "AZURE_CLIENT_SECRET": "the-secret-4712",
           "AZURE_CLIENT_CERTIFICATE_PASSWORD": "the-password-4713", "https_proxy": "http://me:word-4714@127.0.0.1:1",
           "ALL_PROXY": "http://me:word-4715@127.0.0.1:1"}
PARTS = ("4711", "4712", "4713", "4714", "4715")


class Environment(Case):
    def block(self, process):
        with open(f"/proc/{process.pid}/environ", encoding="utf-8") as text:
            return text.read()

    @contextlib.contextmanager
    def running(self, *arguments, environment=None, before=None):
        """azilr as it runs; it is stopped in the end."""
        program = os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "azilr")
        env = {"PATH": os.environ["PATH"], "MARK": "here-4716", "no_proxy": "localhost", **SECRETS, **(environment or {})}
        command = [program, *arguments]
        with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, preexec_fn=before) as process:
            try:
                yield process
            finally:
                process.send_signal(signal.SIGKILL)
                out, err = process.communicate(timeout=30)
                self.output += out + err

    def wait_for_main(self, process):
        """Until it is past its beginning: the block is that of azilr, and main has blocked or opened something."""
        end = time.monotonic() + 20
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if "here-4716" in self.block(process) and os.readlink(f"/proc/{process.pid}/exe").endswith("azilr"):
                    with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
                        if "State:\tS" in status.read():
                            return
            time.sleep(0.05)
        self.fail("it does not run")

    def assert_hidden(self, process):
        self.wait_for_main(process)
        self.assertIsNone(process.poll())
        block = self.block(process)
        self.assertIn("here-4716", block)
        for part in PARTS:
            self.assertNotIn(part, block)

    def test_tunnel(self):
        with self.running("tunnel", "--listen", "127.0.0.1:0", "--connect", "localhost:1") as process:
            process.stdout.readline()
            self.assert_hidden(process)

    def test_children_can_be_waited_for(self):
        """Though whoever starts azilr does not care for his own, which goes on in what he starts."""
        with tempfile.TemporaryDirectory() as folder:
            pipe = os.path.join(folder, "script.py")
            os.mkfifo(pipe)
            with self.running("inspect", pipe, before=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)) as process:
                self.wait_for_main(process)
                with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
                    ignored = next(int(line.split()[1], 16) for line in status if line.startswith("SigIgn:"))
                self.assertFalse(ignored & 1 << signal.SIGCHLD - 1)

    def test_inspect(self):
        """It waits for a pipe; what is for the sign-in is not even kept."""
        with tempfile.TemporaryDirectory() as folder:
            pipe = os.path.join(folder, "script.py")
            os.mkfifo(pipe)
            with self.running("inspect", pipe) as process:
                self.assert_hidden(process)

    def list_with(self, **environment):
        """What `sudo -E` would hand on, of somebody who is up to something."""
        token = os.path.join(self.sim.folder, "token")
        with self.running("list", "vaults", "--endpoint", self.sim.ready["arm"], "--authority", self.sim.ready["authority"],
                          "--ca-file", self.sim.ready["ca"], "--token-file", token,
                          environment={**dict.fromkeys(SECRETS, ""), **environment}) as process:
            code = process.wait(30)
        self.assertEqual(0, code, self.output)
        self.assertIn("vault1", self.output)

    def test_no_file_is_written_for_others(self):
        """libcurl, with OpenSSL, would note the keys of its connections there."""
        with tempfile.TemporaryDirectory() as folder:
            keys = os.path.join(folder, "keys")
            self.list_with(SSLKEYLOGFILE=keys, LIBMOUNT_UTAB=keys, MALLOC_TRACE=keys)
            self.assertEqual([], os.listdir(folder))

    def test_no_configuration_of_others_is_read(self):
        """By this one nobody could connect; by another the library would load a module of theirs."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "openssl.cnf")
            with open(path, "w", encoding="ascii") as text:
                text.write("openssl_conf = all\n[all]\nproviders = few\n[few]\nbase = base\n[base]\nactivate = 1\n")
            url = self.sim.ready["arm"]
            done = subprocess.run(["curl", "-s", "--cacert", self.sim.ready["ca"], url], check=False,
                                  env={"PATH": os.environ["PATH"], "OPENSSL_CONF": path}, capture_output=True)
            self.assertNotEqual(0, done.returncode, "the configuration is harmless, so it shows nothing")
            self.list_with(OPENSSL_CONF=path)

    def test_while_it_signs_in(self):
        """The secret has left the block, and still is what Azure is told."""
        secret = self.sim.read("client-secret")
        self.sim.set(delay_ms={"calls": "token", "ms": 1500, "times": 1})
        names = {"AZURE_TENANT_ID": self.sim.ready["tenant_id"], "AZURE_CLIENT_ID": self.sim.ready["client_id"],
                 "AZURE_CLIENT_SECRET": secret, "AZURE_ACCESS_TOKEN": ""}
        with self.running("list", "vaults", "--endpoint", self.sim.ready["arm"], "--authority", self.sim.ready["authority"],
                          "--ca-file", self.sim.ready["ca"], environment=names) as process:
            self.assert_hidden(process)
            self.assertNotIn(secret, self.block(process))
            self.assertEqual(0, process.wait(30))
        self.assertIn("vault1", self.output)


if __name__ == "__main__":
    main(sys.argv)
