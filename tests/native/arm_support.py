# SPDX-License-Identifier: MIT
"""What the tests of src/azure share: the simulator, servers that misbehave, and runs of arm_driver."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SIM = os.path.join(os.path.dirname(HERE), "sim")
DONE, USAGE, AUTH, NOT_FOUND, NETWORK, INTERRUPTED = 0, 2, 3, 4, 5, 130
INITIATOR = "iqn.2026-11.io.azilr:arm-test"
GUID = "00000000-0000-4000-8000-00000000000"


def config():
    """Two vaults; one has two machines of the same name, points of every tier, and a list that needs pages."""
    def point(number, day, **more):
        return {"name": f"63000000000000000{number}", "time": f"2026-11-{day:02}T03:00:00Z", **more}
    web = {"vm": "web01", "vm_resource_group": "rg-web",
           "recovery_points": [point(1, 18), point(3, 20), point(2, 19)]}
    return {"subscriptions": [
        {"id": GUID + "1", "vaults": [
            {"name": "vault1", "items": [
                web, {"vm": "db01", "recovery_points": [
                    point(4, 17, tiers=[{"type": "ArchivedRP", "status": "Valid"}]),
                    point(5, 16, encrypted=True)]},
                {"share": "files1", "storage_account": "acct1", "recovery_points": [point(7, 20)]},
                {"vm": "new01"}, {"vm": "win01", "os_type": "Windows", "recovery_points": [point(6, 20)]}]},
            {"name": "vault2", "items": [web, {**web, "vm": "WEB01", "vm_resource_group": "rg-other"}]},
            {"name": "empty", "items": []}]}]}


class Sim:
    """A simulator for the tests of one class; each starts with the switches at their defaults, and quick operations."""

    def __init__(self, configuration=None):
        self.folder = tempfile.mkdtemp(prefix="arm-test-")
        path = os.path.join(self.folder, "config.json")
        with open(path, "w", encoding="utf-8") as out:
            json.dump(configuration or config(), out)
        with open(os.path.join(self.folder, "sim.log"), "wb") as self.log:
            self.process = subprocess.Popen(  # pylint: disable=consider-using-with
                [os.path.join(SIM, "azure-sim"), "--dir", self.folder, "--backend", "none", "--config", path],
                stdout=self.log, stderr=self.log)
        ready = os.path.join(self.folder, "ready.json")
        end = time.monotonic() + 60
        while not os.path.exists(ready):
            if self.process.poll() is not None or time.monotonic() > end:
                with open(os.path.join(self.folder, "sim.log"), encoding="utf-8") as log:
                    raise RuntimeError("the simulator did not start: " + log.read())
            time.sleep(0.05)
        with open(ready, encoding="utf-8") as text:
            self.ready = json.load(text)

    def stop(self):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.folder)

    def order(self, order):
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(self.ready["control"])
            with control.makefile("rw", encoding="utf-8") as lines:
                lines.write(json.dumps(order) + "\n")
                lines.flush()
                answer = json.loads(lines.readline())
        if not answer["ok"]:
            raise RuntimeError(answer["error"])
        return answer

    def set(self, **switches):
        self.order({"set": switches})

    def secrets(self):
        answer = self.order({"get": "secrets"})
        return answer["secrets"]

    def requests(self):
        with open(self.ready["requests"], encoding="utf-8") as lines:
            # the last one may be half written
            return [json.loads(line) for line in lines if line.endswith("\n")]

    def read(self, name):
        with open(os.path.join(self.folder, name), encoding="utf-8") as text:
            return text.read()

    def point(self, vm="web01", vault="vault1", name="630000000000000003"):
        return next(p["id"] for p in self.ready["recovery_points"]
                    if p["vm"] == vm and p["vault"] == vault and p["name"].endswith(name[-1]))


class Server:
    """A TLS server that answers every connection with the same bytes, and then closes, stays silent or floods."""

    def __init__(self, sim, answer=b"", flood=b"", address="127.0.0.1", hang=False, read=True):
        self.answer, self.flood, self.hang, self.read, self.connections = answer, flood, hang, read, 0
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(sim.folder, "pki", "arm.pem"), os.path.join(sim.folder, "pki", "leaf.key"))
        self.context = context
        self.listener = socket.create_server((address, 0))
        self.url = f"https://{address}:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _serve(self):
        while True:
            try:
                plain = self.listener.accept()[0]
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._talk, args=(plain,), daemon=True).start()

    def _talk(self, plain):
        try:
            with self.context.wrap_socket(plain, server_side=True) as connection:
                if self.read:
                    connection.recv(65536)
                connection.sendall(self.answer)
                while self.flood:
                    connection.sendall(self.flood)
                while self.hang:
                    time.sleep(0.1)
        except OSError:
            plain.close()


class Run:
    def __init__(self, process, seconds):
        self.code, self.out, self.err, self.seconds = process.returncode, process.stdout, process.stderr, seconds

    @property
    def json(self):
        return json.loads(self.out)


class Case(unittest.TestCase):
    sim: Sim

    @classmethod
    def setUpClass(cls):
        cls.sim = Sim()

    @classmethod
    def tearDownClass(cls):
        cls.sim.stop()

    def setUp(self):
        self.sim.order({"reset": True})
        self.sim.order({"revoke_all": True})
        self.sim.set(polls_before_success=0)
        self.start = len(self.sim.requests())
        self.output = ""

    def tearDown(self):
        """Whatever was tried: no token left for another host, and no secret was printed."""
        self.assertEqual([], [r for r in self.requests() if r["listener"] == "trap"])
        for secret in self.sim.secrets() + [self.sim.read("token"), self.sim.read("token.expired")]:
            self.assertNotIn(secret, self.output)

    def requests(self, call=None):
        return [r for r in self.sim.requests()[self.start:] if call is None or r["call"] == call]

    @staticmethod
    def wait_for(ready, seconds=60):
        """Whether ready() comes true in that time, which is long, for machines that are busy."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    DELAY_MS = 4000

    def delay(self, call):
        """Answers this call late. The simulator notes a request when it answers, so tests of those who give up on one end
        with undelay(), lest it be counted as the next test's."""
        self.sim.set(delay_ms={"calls": call, "times": -1, "ms": self.DELAY_MS})

    def undelay(self):
        self.sim.set(delay_ms=None)
        time.sleep(self.DELAY_MS / 1000 + 0.5)

    def command(self, *arguments, endpoint=None, ca="ca.pem", sign_in="token", environment=None):
        env = {name: value for name, value in os.environ.items()
               if not name.startswith(("AZURE_", "SUDO_", "IDENTITY_", "IMDS_", "SSL_CERT_")) and
               "proxy" not in name.lower() and not name.endswith("_CA_BUNDLE")}
        # this very host may be a VM in Azure, and have az
        env |= {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:1", **(environment or {})}
        program = os.path.join(sys.modules["__main__"].BUILD, "tests", "native", "arm_driver")
        options = ["--endpoint", endpoint or self.sim.ready["arm"], "--authority", self.sim.ready["authority"],
                   "--initiator", INITIATOR, "--az", "/nonexistent/az"]
        if ca:
            options += ["--ca-file", ca if ca.startswith("/") else os.path.join(self.sim.folder, ca)]
        if sign_in == "token":
            options += ["--token-file", self.sim.ready["token_file"]]
        elif sign_in == "expired":
            options += ["--token-file", self.sim.ready["expired_token_file"]]
        elif sign_in == "secret":
            env |= {"AZURE_TENANT_ID": self.sim.ready["tenant_id"], "AZURE_CLIENT_ID": self.sim.ready["client_id"],
                    "AZURE_CLIENT_SECRET": self.sim.read("client-secret"), **(environment or {})}
        return [program, *options, *arguments], env

    def run_driver(self, *arguments, code=DONE, **more):
        command, env = self.command(*arguments, **more)
        start = time.monotonic()
        process = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=400,
                                 check=False)
        self.output += process.stdout + process.stderr
        if process.returncode != code:
            self.fail(f"exit {process.returncode}, not {code}: {process.stderr}{process.stdout}")
        return Run(process, time.monotonic() - start)

    def interrupt(self, *arguments, ready, number=signal.SIGINT, **more):
        """Runs until ready(), then sends a signal; gives how long it took to end."""
        command, env = self.command(*arguments, **more)
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            self.assertTrue(self.wait_for(lambda: ready() or process.poll() is not None))
            self.assertIsNone(process.poll())
            start = time.monotonic()
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        self.output += out + err
        self.assertEqual(INTERRUPTED, process.returncode, err)
        self.assertIn("interrupted", err)
        return time.monotonic() - start



def main(arguments):
    """NAME_test.py BUILD_DIR [unittest options]"""
    build = "build"
    if len(arguments) > 1 and not arguments[1].startswith("-"):
        build = arguments.pop(1)
    sys.modules["__main__"].BUILD = build
    unittest.main(module="__main__", argv=arguments)
