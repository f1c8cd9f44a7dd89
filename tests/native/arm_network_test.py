#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""src/azure against bad networks and hostile servers: arm_network_test.py BUILD_DIR [unittest options]"""
import os
import signal
import socket
import sys
import threading

from arm_support import AUTH, NETWORK, NOT_FOUND, USAGE, Case, Server, main
from proxy_support import Proxy


class Network(Case):
    def test_closed_port(self):
        with socket.create_server(("127.0.0.1", 0)) as once:
            port = once.getsockname()[1]
        run = self.run_driver("point", self.sim.point(), code=NETWORK, endpoint=f"https://127.0.0.1:{port}")
        self.assertIn(f"cannot connect to 127.0.0.1:{port}: Connection refused", run.err)
        self.assertLess(run.seconds, 20)

    def test_unknown_host(self):
        run = self.run_driver("point", self.sim.point(), code=NETWORK, endpoint="https://azilr-test.invalid")
        self.assertIn("cannot find the address of azilr-test.invalid", run.err)

    def test_unknown_authority(self):
        run = self.run_driver("point", self.sim.point(), code=NETWORK, ca=None)
        self.assertIn("cannot trust localhost", run.err)
        self.assertIn("--ca-file", run.err)
        run = self.run_driver("point", self.sim.point(), code=NETWORK, ca="pki/other.pem")
        self.assertIn("cannot trust localhost", run.err)
        self.assertEqual([], self.requests())

    def test_authority_from_environment(self):
        environment = {"SSL_CERT_FILE": os.path.join(self.sim.folder, "ca.pem")}
        self.run_driver("point", self.sim.point(), ca=None, environment=environment)

    def test_wrong_name(self):
        with Server(self.sim, address="127.0.0.2") as server:
            run = self.run_driver("point", self.sim.point(), code=NETWORK, endpoint=server.url)
        self.assertIn("cannot trust 127.0.0.2", run.err)
        self.assertIn("127.0.0.2", run.err.partition("cannot trust 127.0.0.2")[2])

    def test_expired_certificate(self):
        with Server(self.sim) as server:
            server.context.load_cert_chain(os.path.join(self.sim.folder, "pki", "portal-expired.pem"),
                                           os.path.join(self.sim.folder, "pki", "leaf.key"))
            run = self.run_driver("point", self.sim.point(), code=NETWORK, endpoint=server.url)
        self.assertIn("certificate has expired", run.err)

    def test_old_tls(self):
        self.sim.set(tls_max="1.1")
        run = self.run_driver("point", self.sim.point(), code=NETWORK)
        self.assertIn("TLS 1.2 or newer", run.err)

    def test_no_tls(self):
        run = self.run_driver("point", self.sim.point(), code=USAGE, endpoint="http://localhost:1")
        self.assertIn("--endpoint", run.err)

    def test_missing_authorities(self):
        run = self.run_driver("point", self.sim.point(), code=NOT_FOUND, ca="missing.pem")
        self.assertIn("missing.pem", run.err)

    def test_redirect_is_not_followed(self):
        for status in (301, 302, 307, 308):
            self.sim.set(raw={"calls": "point_get", "status": status, "body": "",
                              "headers": {"Location": self.sim.ready["trap"] + "/x"}})
            run = self.run_driver("point", self.sim.point(), code=NETWORK)
            self.assertIn("a redirect, which is not followed", run.err)

    def test_proxy_from_environment(self):
        with Server(self.sim, hang=True) as server:
            port = server.listener.getsockname()[1]
            run = self.run_driver("--timeout", "1", "point", self.sim.point(), code=NETWORK,
                                  endpoint="https://azilr-test.invalid",
                                  environment={"https_proxy": f"http://127.0.0.1:{port}"})
            self.assertGreaterEqual(server.connections, 1)
        self.assertNotIn("cannot find the address of azilr-test.invalid", run.err)

    def test_a_request_that_a_proxy_lost_is_sent_again(self):
        """What never got through a tunnel cannot have been acted upon, so that even a provision may be repeated."""
        answer = b"HTTP/1.1 %d Bad\r\nContent-Length: 0\r\n\r\n"
        for spoiled in (answer % 503, answer % 502, b""):
            proxy = Proxy(password=None, spoil=[None, spoiled, spoiled])  # what is read goes through the first
            self.addCleanup(proxy.listener.close)
            before = len(self.requests("provision"))
            run = self.run_driver("provision", self.sim.point(), environment={"https_proxy": f"http://127.0.0.1:{proxy.port}"})
            self.assertIn("trying again", run.err)
            self.assertEqual([], proxy.spoil)
            self.assertFalse(run.json["renewed"])
            self.assertNotIn("was lost", run.err)
            self.assertEqual(1, len(self.requests("provision")) - before)
            self.sim.order({"revoke_all": True})

    def test_a_proxy_that_refuses(self):
        spoiled = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        proxy = Proxy(password=None, spoil=[spoiled] * 9)
        self.addCleanup(proxy.listener.close)
        run = self.run_driver("point", self.sim.point(), code=NETWORK,
                              environment={"https_proxy": f"http://127.0.0.1:{proxy.port}"})
        self.assertIn("the proxy (it answered 403) does not connect to localhost", run.err)
        self.assertIn("no_proxy", run.err)
        self.assertEqual(1, len(proxy.heads))

    def test_too_much(self):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        for answer, flood, part in ((head + b"\r\n", b"[" * 65536, "body is longer"),
                                    (head, b"X-More: " + b"x" * 1000 + b"\r\n", "headers are longer"),
                                    (head + b"X-Long: ", b"x" * 65536, "127.0.0.1")):
            with Server(self.sim, answer, flood) as server:
                run = self.run_driver("point", self.sim.point(), code=NETWORK, endpoint=server.url)
            self.assertIn(part, run.err)

    def test_no_http(self):
        for answer in (b"", b"\x00" * 100, b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"):
            with Server(self.sim, answer) as server:
                run = self.run_driver("point", self.sim.point(), code=NETWORK, endpoint=server.url)
            self.assertIn("127.0.0.1", run.err)


class Hostile(Case):
    """Answers that are not what was asked for: an error with its exit code, no crash, nothing raw on the terminal."""

    def refused(self, raw, code=NETWORK):
        self.sim.set(raw={"calls": "point_get", "times": -1, **raw})
        run = self.run_driver("point", self.sim.point(), code=code)
        self.assertEqual("", run.out)
        self.assertNotRegex(run.err, "[\x00-\x09\x0b-\x1f\x7f]")
        self.assertLess(len(run.err), 25000)
        self.assertLess(run.seconds, 20)
        return run.err

    def test_html(self):
        self.assertIn("text/html", self.refused({"body": "<html><b>Sign in</b></html>", "content_type": "text/html"}))
        self.sim.order({"reset": True})
        self.sim.set(html={"calls": "point_get", "times": -1, "status": 502})
        run = self.run_driver("point", self.sim.point(), code=NETWORK)
        self.assertIn("502 (Bad Gateway): text/html", run.err)
        self.assertEqual(3, len([r for r in self.requests("point_get") if r["fault"] == "html"]))

    def test_no_json(self):
        for body in ("", " ", "null", "[]", "7", "\"x\"", "{", "{\"id\":\"", "{}{}", "{\"a\":1}x", "\x1b[2J\x1b]0;x\x07",
                     "\ufeff{}", "[" * 5000, "{\"a\":" * 5000, "{\"id\": \"x\", \"properties\": {}}"):
            self.refused({"body": body})

    def test_no_text(self):
        for body in ("AAAA", "//79/A==", "eyJhIjoi//8ifQ=="):
            self.refused({"body_base64": body})

    def test_errors(self):
        for status, code in ((400, NETWORK), (401, AUTH), (403, AUTH), (404, NOT_FOUND), (418, NETWORK)):
            for body in ("", "{}", "[]", "{\"error\":null}", "{\"error\":{\"code\":null,\"details\":[[],7,{}]}}",
                         "{\"error\":{\"code\":\"\x1b[31m\"}}", "{\"error\":" * 40):
                self.refused({"status": status, "body": body}, code)

    def test_odd_headers(self):
        self.assertIn("\\x1b", self.refused({"status": 400, "body": "", "headers": {"x-ms-request-id": "\x1b[2J"}}))
        self.refused({"status": 400, "body": "", "content_type": "x" * 5000})

    def test_polls(self):
        for body in ("", "{}", "[]", "{\"status\":7}", "{\"status\":null}", "{\"status\":\"Failed\",\"error\":[]}",
                     "{\"status\":\"Succeeded\",\"properties\":{\"recoveryTarget\":{\"clientScripts\":[7]}}}",
                     "{\"status\":\"Succeeded\",\"properties\":{\"recoveryTarget\":{\"clientScripts\":[{\"scriptContent\":"
                     "\"*\"}]}}}"):
            self.sim.order({"revoke_all": True})
            self.sim.set(raw={"calls": "status", "times": -1, "body": body})
            self.assertEqual("", self.run_driver("provision", self.sim.point(), code=NETWORK).out)

    def test_addresses_to_poll(self):
        port = self.sim.ready["port"]
        trap = self.sim.ready["trap_host"]
        for address in (f"http://localhost:{port}/x", f"https://localhost:{port}@{trap}/x", f"//{trap}/x", "/x", "", "x",
                        f"https://localhost/{trap}", f"https://localhost.evil.example:{port}/x", f"https://{trap}",
                        f"https://x@localhost:{port}/y", f"https://localhost:{port}\\@{trap}/x", "file:///etc/passwd",
                        "https://[::1", f"https://localhost:{port}/" + "x" * 7000 + "\x7f"):
            self.sim.order({"revoke_all": True})
            self.sim.set(raw={"calls": "provision", "status": 202, "body": "",
                              "headers": {"Azure-AsyncOperation": address, "Location": "https://evil.example.invalid/"}})
            run = self.run_driver("provision", self.sim.point(), code=NETWORK)
            self.assertIn("an Azure-AsyncOperation that leads to", run.err, address)
            self.assertEqual([], self.requests("status"))


class Interrupted(Case):
    def test_while_polling(self):
        self.sim.set(polls_before_success=1000)
        seconds = self.interrupt("provision", self.sim.point(), ready=lambda: len(self.requests("status")) >= 2)
        self.assertLess(seconds, 10)

    def test_while_throttled(self):
        self.sim.set(throttle={"calls": "point_get", "times": -1, "retry_after": 60})
        seconds = self.interrupt("point", self.sim.point(), ready=lambda: self.requests("point_get"),
                                 number=signal.SIGTERM)
        self.assertLess(seconds, 10)

    def test_while_waiting_for_an_answer(self):
        with Server(self.sim, hang=True) as server:
            seconds = self.interrupt("point", self.sim.point(), endpoint=server.url, ready=lambda: server.connections > 0)
        self.assertLess(seconds, 10)

    def test_while_shaking_hands(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.settimeout(30)
            accepted = []
            threading.Thread(target=lambda: accepted.append(silent.accept()), daemon=True).start()
            seconds = self.interrupt("point", self.sim.point(), ready=lambda: accepted, number=signal.SIGHUP,
                                     endpoint=f"https://127.0.0.1:{silent.getsockname()[1]}")
            accepted[0][0].close()
        self.assertLess(seconds, 10)


if __name__ == "__main__":
    main(sys.argv)
