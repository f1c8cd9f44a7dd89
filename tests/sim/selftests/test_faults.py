"""The switches that spoil answers, the control socket, and the command line."""
from __future__ import annotations

import http.client
import json
import os
import signal
import ssl
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from sim.switches import BadSwitch, Switches

from .support import VERSION, SimCase

SIM = Path(__file__).resolve().parent.parent


class Faults(SimCase):
    def get(self) -> tuple[int, object, object]:
        return self.call("GET", f"{self.point}?{VERSION}")

    def test_throttle(self) -> None:
        self.set(throttle={"calls": ["point_get"], "times": 2, "retry_after": 7})
        for _ in range(2):
            status, headers, answer = self.get()
            self.assertEqual((status, headers["Retry-After"]), (429, "7"))
            self.assertEqual(answer["error"]["code"], "SubscriptionRequestsThrottled")
        self.assertEqual(self.get()[0], 200)
        self.assertEqual([e["fault"] for e in self.log()[-3:]], ["throttle", "throttle", None])

    def test_others_by_number(self) -> None:
        for name, status in (("unavailable", 503), ("html", 502), ("empty_body", 500), ("error", 400)):
            self.set(**{name: 1})
            self.assertEqual(self.get()[0], status, name)
            self.assertEqual(self.get()[0], 200, name)

    def test_html(self) -> None:
        self.set(html={"status": 200})
        status, headers, body = self.get()
        self.assertEqual((status, headers["Content-Type"], body[:6]), (200, "text/html", b"<html>"))

    def test_error_tree(self) -> None:
        self.set(error={"status": 409, "code": "Outer", "message": "m", "details": [
            {"code": "Inner", "message": "n", "details": [{"code": "Innermost", "message": "o"}]}]})
        self.assertEqual(self.get()[2]["error"]["details"][0]["details"][0]["code"], "Innermost")

    def test_raw(self) -> None:
        self.set(raw=[{"body": "{not json"}, {"status": 299, "body_base64": "AAEC", "headers": {"Retry-After": "soon"}}])
        with self.assertRaises(ValueError):
            self.get()
        self.set(raw={"status": 299, "body_base64": "AAEC", "content_type": None, "headers": {"Retry-After": "soon"}})
        status, headers, body = self.get()
        self.assertEqual((status, headers["Retry-After"], body), (299, "soon", b"\0\1\2"))

    def test_lost_answer(self) -> None:
        self.set(lost_answer={"calls": "provision"})
        with self.assertRaises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
            self.provision()
        self.assertTrue(self.get()[2]["properties"]["isInstantIlrSessionActive"])

    def test_late_failure(self) -> None:
        self.set(late_failure={"calls": "provision", "retry_after": 1})
        status, headers, _ = self.call("POST", f"{self.point}/provisionInstantItemRecovery?{VERSION}", self.body())
        self.assertEqual((503, "1"), (status, headers["Retry-After"]))
        self.assertTrue(self.get()[2]["properties"]["isInstantIlrSessionActive"])

    def test_drop(self) -> None:
        self.set(drop_after={"bytes": 900, "times": 1})
        with self.assertRaises((http.client.IncompleteRead, ConnectionError, ssl.SSLError)):
            self.get()

    def test_delay(self) -> None:
        self.set(delay_ms=150)
        started = time.monotonic()
        self.get()
        self.assertGreater(time.monotonic() - started, 0.15)

    def test_only_the_named_call(self) -> None:
        self.set(throttle={"calls": "provision"})
        self.assertEqual(self.get()[0], 200)

    def test_old_tls(self) -> None:
        self.set(tls_max="1.1")
        with self.assertRaises(ssl.SSLError):
            self.get()

    def test_trap(self) -> None:
        self.set(wrong_host_async=self.ready["trap_host"])
        self.assertTrue(self.provision().startswith(self.ready["trap"]))


class SwitchValues(unittest.TestCase):
    def test_bad(self) -> None:
        for values in ({"nonsense": 1}, {"generation": "other"}, {"throttle": {"calls": ["nothing"]}},
                       {"html": {"retry_after": 1}}, {"polls_before_success": "3"}, {"portal_closed": "yes"},
                       {"forbidden": "x"}, {"polls_before_success": True}):
            with self.assertRaises(BadSwitch, msg=values):
                Switches(values)

    def test_all_or_none(self) -> None:
        switches = Switches()
        with self.assertRaises(BadSwitch):
            switches.set({"retry_after": 5, "nonsense": 1})
        self.assertEqual(switches.retry_after, 60)

    def test_every_switch_is_in_the_readme(self) -> None:
        text = (SIM / "README.md").read_text()
        self.assertEqual([name for name in Switches().values() if f"`{name}`" not in text], [])


class CommandLine(unittest.TestCase):
    def test_start_turn_and_stop(self) -> None:
        with tempfile.TemporaryDirectory() as tmp:
            folder = Path(tmp) / "work"
            process = subprocess.Popen([SIM / "azure-sim", "--dir", folder, "--backend", "echo"],
                                       stderr=subprocess.DEVNULL)
            try:
                for _ in range(1200):
                    if (folder / "ready.json").exists() or process.poll() is not None:
                        break
                    time.sleep(0.05)
                ready = json.loads((folder / "ready.json").read_text())
                self.assertEqual(ready["pid"], process.pid)

                def ctl(*args: str) -> subprocess.CompletedProcess:
                    return subprocess.run([SIM / "azure-sim-ctl", folder, *args], capture_output=True, text=True)
                self.assertEqual(ctl("set", "retry_after=3", 'throttle={"times":2}', "script_kind=sh").returncode, 0)
                switches = json.loads(ctl("state").stdout)["switches"]
                self.assertEqual((switches["retry_after"], switches["script_kind"]), (3, "sh"))
                self.assertEqual(ctl("reset", "retry_after=4").returncode, 0)
                switches = json.loads(ctl("state").stdout)["switches"]
                self.assertEqual((switches["retry_after"], switches["script_kind"]), (4, "py"))
                self.assertEqual(ctl("set", "nonsense=1").returncode, 1)
                self.assertEqual(ctl("export-script", tmp).returncode, 1)
                self.assertEqual(ctl("frobnicate").returncode, 2)
                self.assertIn((folder / "token").read_text(), ctl("secrets").stdout)
                for name in ("token", "client-secret", "requests.jsonl", "pki/leaf.key"):
                    self.assertEqual(os.stat(folder / name).st_mode & 0o77, 0, name)
            finally:
                process.send_signal(signal.SIGTERM)
                self.assertEqual(process.wait(10), 0)
            self.assertFalse((folder / "ready.json").exists())
            self.assertFalse((folder / "control.sock").exists())
