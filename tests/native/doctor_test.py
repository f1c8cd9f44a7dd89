#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`azilr doctor`: what it finds wrong, and that it changes nothing: doctor_test.py BUILD_DIR [unittest options]"""
import contextlib
import email.utils
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tunnel_support as tunnel  # noqa: E402
from arm_support import AUTH, INTERRUPTED, NETWORK, NOT_FOUND, USAGE, Server, main  # noqa: E402
from session_test import ID, SessionCase  # noqa: E402
from sign_in_test import Proxy  # noqa: E402
from find_support import ONE, TWO, Finding, vault_id  # noqa: E402

HOST = 8
RUN_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# where a connection or a change to the host would show
WATCHED = ("/run", "/var/lib", "/etc/iscsi", "/mnt", "/etc/udev", "/etc/systemd")


def can_unshare():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True,
                                                check=False).returncode == 0


def host_state():
    """Names, kinds, sizes and times of what is there, the kernel's modules and mounts, and who listens where."""
    state = {}
    for place in WATCHED:
        for folder, names, files in os.walk(place):
            for name in names + files:
                path = os.path.join(folder, name)
                with contextlib.suppress(OSError):
                    status = os.lstat(path)
                    state[path] = (status.st_mode, status.st_size if name in files else 0, status.st_mtime_ns)
    for path in ("/proc/modules", "/proc/self/mountinfo"):
        with contextlib.suppress(OSError):
            state[path] = pathlib.Path(path).read_text(encoding="utf-8")
    return state


class Doctor(Finding):
    def doctor(self, *arguments, code=None, **more):
        """The findings, whatever the machine that the tests run on lacks."""
        run = self.run_doctor(*arguments, "--json", **more)
        self.document = json.loads(run.out)
        first = next((one["exit_code"] for one in self.document["checks"] if one["status"] == "failure"), 0)
        self.assertEqual(first, run.code)
        self.assertEqual(run.code, self.document["exit_code"])
        for one in self.document["checks"]:
            self.assertLessEqual({"group", "check", "subject", "status", "message", "remedy"}, set(one))
            self.assertIn(one["status"], ("ok", "warning", "failure", "skipped"))
            self.assertTrue(one["message"] or one["check"] == "tool", one)
            self.assertEqual("exit_code" in one, one["status"] == "failure")
            self.assertTrue(one["remedy"] or one["status"] in ("ok", "skipped"), one)
        return self.document["checks"]

    def run_doctor(self, *arguments, **more):
        """Any exit code."""
        return self.run_program(["azilr", "doctor"], arguments, code=None, **more)

    @staticmethod
    def of(checks, check, subject=None):
        found = [one for one in checks if one["check"] == check and (subject is None or one["subject"] == subject)]
        return found[0] if len(found) == 1 else found

    def expect(self, checks, check, status, text, subject=None, code=None):
        one = self.of(checks, check, subject)
        self.assertIsInstance(one, dict, one)
        self.assertEqual(status, one["status"], one)
        self.assertIn(text, one["message"])
        self.assertEqual(code, one.get("exit_code"))
        return one

    def name(self):
        return f"localhost:{self.sim.ready['port']}"


class Access(Doctor):
    def test_all_is_well(self):
        checks = self.doctor("-s", ONE, "-v", "vault1")
        for check, subject in (("dns", self.name()), ("tcp", self.name()), ("tls", self.name()), ("https", self.name()),
                               ("clock", None), ("sign-in", None), ("vaults", None), ("permissions", "vault1")):
            self.assertEqual("ok", self.of(checks, check, subject)["status"], check)
        self.assertIn("token in ", self.of(checks, "sign-in")["message"])
        self.assertEqual([], [one for one in checks if one["group"] != "host" and one["status"] == "failure"])

    def test_nothing_is_asked_for_but_what_there_is(self):
        self.doctor()
        methods = {(r["method"], r["call"]) for r in self.requests()}
        self.assertEqual({("GET", call) for call in ("subscriptions_list", "vaults_list", "permissions_list")}, methods)
        self.assertIn("none", {r["bearer"] for r in self.requests("subscriptions_list")})

    def test_the_tokens_own_request_is_the_only_post(self):
        environment = {"AZURE_TENANT_ID": self.sim.ready["tenant_id"], "AZURE_CLIENT_ID": self.sim.ready["client_id"],
                       "AZURE_CLIENT_SECRET": self.sim.read("client-secret")}
        checks = self.doctor(*self.by_secret(), sign_in=False, environment=environment)
        self.expect(checks, "sign-in", "ok", "client secret of application")
        self.assertEqual(["token"], [r["call"] for r in self.requests() if r["method"] != "GET"])
        self.assertEqual(2, len([one for one in checks if one["check"] == "tls" and one["status"] == "ok"]))

    def by_secret(self):
        return ("--endpoint", self.sim.ready["arm"], "--authority", self.sim.ready["authority"].replace("localhost",
                "127.0.0.1"), "--ca-file", os.path.join(self.sim.folder, "ca.pem"))

    def test_wrong_secret(self):
        environment = {"AZURE_TENANT_ID": self.sim.ready["tenant_id"], "AZURE_CLIENT_ID": self.sim.ready["client_id"],
                       "AZURE_CLIENT_SECRET": "not-the-secret"}
        checks = self.doctor(*self.by_secret(), sign_in=False, environment=environment)
        self.expect(checks, "sign-in", "failure", "AADSTS", code=AUTH)
        self.expect(checks, "permissions", "skipped", "not signed in")
        self.assertNotIn("not-the-secret", self.output)

    def test_expired_token(self):
        arguments = ["--endpoint", self.sim.ready["arm"], "--ca-file", os.path.join(self.sim.folder, "ca.pem"),
                     "--token-file", self.sim.ready["expired_token_file"]]
        checks = self.doctor(*arguments, sign_in=False)
        self.expect(checks, "vaults", "failure", "401", code=AUTH)

    def test_forbidden(self):
        self.sim.set(forbidden=["vaults_list"])
        self.expect(self.doctor("-s", ONE), "vaults", "failure", "403", code=AUTH)
        self.sim.set(forbidden=[], forbidden_scopes=[f"/subscriptions/{TWO}"])
        checks = self.doctor()
        self.expect(checks, "vaults", "warning", "cannot be looked into", subject=f"subscription {TWO}")
        self.assertEqual("ok", [one for one in self.of(checks, "vaults") if one["subject"] is None][0]["status"])

    def test_missing_permission(self):
        self.sim.set(forbidden=["revoke"])
        one = self.expect(self.doctor("-s", ONE, "-v", "vault1"), "permissions", "failure",
                          "recoveryPoints/revokeInstantItemRecovery/action", subject="vault1", code=AUTH)
        self.assertIn("Backup Operator", one["remedy"])
        self.assertIn(vault_id(ONE, "vault1"), one["remedy"])
        # of several vaults one may do; none is too few
        checks = self.doctor()
        self.assertEqual(4, len([one for one in self.of(checks, "permissions") if one["status"] == "warning"]))
        self.assertEqual([AUTH], [one["exit_code"] for one in self.of(checks, "permissions") if one["status"] == "failure"])

    def test_permissions_that_may_not_be_seen(self):
        self.sim.set(forbidden=["permissions_list"])
        self.expect(self.doctor("-s", ONE, "-v", "vault1"), "permissions", "warning", "may not see")

    def test_no_such_vault(self):
        checks = self.doctor("-s", ONE, "-v", "nope")
        self.expect(checks, "vaults", "failure", "none that can be seen is called nope", code=NOT_FOUND)

    def test_hostile_permissions(self):
        patterns = ["*" * 1000 + "x", "\x1b[2J", 7, None, "a*" * 2000]
        self.sim.set(raw={"calls": "permissions_list", "times": -1, "body": {"value": [
            {"actions": patterns, "notActions": {"a": 1}}, {"actions": "*"}, {"notActions": ["*"]}, 7]}})
        start = time.monotonic()
        self.expect(self.doctor("-s", ONE, "-v", "vault1"), "permissions", "failure", "lacking", code=AUTH)
        self.assertLess(time.monotonic() - start, 25)
        self.sim.set(raw={"calls": "permissions_list", "times": -1, "body": {"value": [
            {"actions": ["microsoft.RECOVERYservices/*"], "notActions": ["*/write"]}]}})
        self.expect(self.doctor("-s", ONE, "-v", "vault1"), "permissions", "ok", "all that mount")


    def test_too_many_permissions(self):
        """Each page is taken, and so is each role: it is all of them that no identity has."""
        link = self.sim.ready["arm"] + vault_id(ONE, "vault1") + "/providers/Microsoft.Authorization/permissions?api-version=2022-04-01"
        role = {"actions": ["a"] * 17000, "notActions": ["b"] * 17000}
        self.sim.set(raw=[{"calls": "permissions_list", "body": {"value": [role], "nextLink": f"{link}&$skipToken={number}"}}
                          for number in (1, 2, 3)])
        self.expect(self.doctor("-s", ONE, "-v", "vault1"), "permissions", "failure", "more permissions than any identity has",
                    code=NETWORK)


class Network(Doctor):
    def at(self, url, *arguments, **more):
        return self.doctor("--endpoint", url, "--ca-file", os.path.join(self.sim.folder, "ca.pem"), "--token-file",
                           self.sim.ready["token_file"], *arguments, sign_in=False, **more)

    def steps(self, checks, name):
        return [self.of(checks, check, name)["status"] for check in ("dns", "tcp", "tls", "https")]

    def test_broken_dns(self):
        checks = self.at("https://management.nowhere.invalid")
        self.assertEqual(["failure", "skipped", "skipped", "skipped"], self.steps(checks, "management.nowhere.invalid"))
        self.expect(checks, "dns", "failure", "cannot find the address", code=NETWORK)
        self.expect(checks, "clock", "skipped", "")

    def test_closed_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            name = f"127.0.0.1:{taken.getsockname()[1]}"
            checks = self.at(f"https://{name}")
        self.assertEqual(["ok", "failure", "skipped", "skipped"], self.steps(checks, name))
        self.assertIn("443", self.expect(checks, "tcp", "failure", "Connection refused", code=NETWORK)["remedy"])

    def test_certificates(self):
        for kind in ("wrong_name", "expired", "untrusted"):
            with self.subTest(kind=kind), Server(self.sim) as server:
                pki = os.path.join(self.sim.folder, "pki")
                server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                server.context.load_cert_chain(os.path.join(pki, f"portal-{kind}.pem"), os.path.join(pki, "leaf.key"))
                checks = self.at(server.url)
                self.assertEqual(["ok", "ok", "failure", "skipped"], self.steps(checks, server.url[8:]))
                self.expect(checks, "tls", "failure", "cannot trust", code=NETWORK)

    def test_no_tls(self):
        with socket.create_server(("127.0.0.1", 0)) as plain:
            name = f"127.0.0.1:{plain.getsockname()[1]}"
            checks = self.at(f"https://{name}", "--timeout", "2")
        self.assertEqual(["ok", "ok", "failure", "skipped"], self.steps(checks, name))

    def test_no_answer(self):
        with Server(self.sim) as server:
            checks = self.at(server.url)
        self.assertEqual(["ok", "ok", "ok", "failure"], self.steps(checks, server.url[8:]))

    def test_clock(self):
        for skew, status, text, code in ((0, "ok", "agrees", None), (120, "warning", "behind", None),
                                         (-3600, "failure", "ahead of", HOST), (7200, "failure", "behind", HOST)):
            date = email.utils.formatdate(time.time() + skew, usegmt=True)
            answer = f"HTTP/1.1 401 Unauthorized\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            with self.subTest(skew=skew), Server(self.sim, answer.encode()) as server:
                checks = self.at(server.url)
                one = self.expect(checks, "clock", status, text, code=code)
                self.assertEqual("timedatectl set-ntp true" if skew else None, one["remedy"])

    def test_through_a_proxy(self):
        proxy = Proxy()
        self.addCleanup(proxy.listener.close)
        name = self.name()
        checks = self.doctor(environment={"https_proxy": f"http://me:word@127.0.0.1:{proxy.port}"})
        self.assertEqual(["ok"] * 4, self.steps(checks, name))
        self.assertIn("proxy", self.of(checks, "tcp", name)["message"])
        checks = self.doctor(environment={"https_proxy": f"http://me:wrong1@127.0.0.1:{proxy.port}"})
        self.assertEqual(["ok", "ok", "failure", "skipped"], self.steps(checks, name))
        self.expect(checks, "tls", "failure", "407", subject=name, code=NETWORK)
        checks = self.doctor(environment={"https_proxy": "http://me:wrong1@proxy.nowhere.invalid:8080"})
        self.expect(checks, "dns", "failure", "the proxy", subject=name, code=NETWORK)
        self.assertNotIn("wrong1", self.output)

    def test_sign_in_service(self):
        """Out of reach, it matters to those who need it."""
        arguments = ("--endpoint", self.sim.ready["arm"], "--authority", "https://login.nowhere.invalid", "--ca-file",
                     os.path.join(self.sim.folder, "ca.pem"))
        checks = self.doctor(*arguments, sign_in=False)
        self.expect(checks, "dns", "warning", "not every way", subject="login.nowhere.invalid")
        checks = self.doctor(*arguments, sign_in=False, environment={"AZURE_TENANT_ID": self.sim.ready["tenant_id"]})
        self.expect(checks, "dns", "failure", "cannot find", subject="login.nowhere.invalid", code=NETWORK)
        checks = self.doctor()
        self.expect(checks, "https", "skipped", "a token is there", subject="sign-in service")

    def test_one_that_does_not_answer_is_not_waited_for_long(self):
        with Server(self.sim, hang=True) as server:
            start = time.monotonic()
            checks = self.at(server.url, "--timeout", "2")
            self.assertLess(time.monotonic() - start, 25)
        self.expect(checks, "https", "failure", "the time limit is over", subject=server.url[8:], code=NETWORK)

    def test_interrupt(self):
        with Server(self.sim, hang=True) as server:
            command = [os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "azilr"), "doctor", "--json",
                       "--endpoint", server.url, "--ca-file", os.path.join(self.sim.folder, "ca.pem"), "--token-file",
                       self.sim.ready["token_file"], "--config", self.config]
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
                end = time.monotonic() + 30
                while not server.connections and time.monotonic() < end:
                    time.sleep(0.02)
                start = time.monotonic()
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=30)
        self.assertLess(time.monotonic() - start, 20)
        self.assertEqual(INTERRUPTED, process.returncode)
        self.assertIn("interrupted", err)
        document = json.loads(out)
        self.assertEqual(INTERRUPTED, document["error"]["exit_code"])
        self.assertEqual({"host"}, {one["group"] for one in document["checks"]})

    @unittest.skipUnless(can_unshare(), "needs root and a mount namespace")
    def test_a_resolver_that_does_not_answer(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, tempfile.NamedTemporaryFile("w") as conf:
            silent.bind(("127.0.0.53", 53))
            conf.write("nameserver 127.0.0.53\noptions timeout:30\n")
            conf.flush()
            program = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', conf.name,
                       os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "azilr"), "doctor", "--json",
                       "--config", self.config, "--token-file", self.sim.ready["token_file"], "--timeout", "3"]
            start = time.monotonic()
            run = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
            self.assertLess(time.monotonic() - start, 25)
        checks = json.loads(run.stdout)["checks"]
        self.expect(checks, "dns", "failure", "the time limit is over", subject="management.azure.com", code=NETWORK)


class Portals(unittest.TestCase):
    """What it says of a portal, at each step at which it can fail."""

    @classmethod
    def setUpClass(cls):
        tunnel.make_pki()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(tunnel.WORK)

    def look(self, port, host="localhost"):
        driver = os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "tests/native/doctor_driver")
        out = subprocess.run([driver, host, str(port), tunnel.WORK / "ca.pem"], capture_output=True, text=True,
                             timeout=60, check=True).stdout
        lines = [line.split(" ", 3) for line in out.splitlines()]
        self.assertEqual(["portal-dns", "portal-tcp", "certificate"], [line[1] for line in lines])
        return [line[0] for line in lines], {line[1]: (int(line[2]), line[3]) for line in lines}

    def with_server(self, certificate, serve=tunnel.read_all, **more):
        server = tunnel.Server(serve, certificate, **more)
        self.addCleanup(server.close)
        return self.look(server.port)

    def test_good(self):
        received = []
        states, said = self.with_server("good", lambda connection: received.append(tunnel.read_all(connection)))
        self.assertEqual(["ok", "ok", "ok"], states)
        self.assertRegex(said["certificate"][1], r"^good until 20\d\d-\d\d-\d\dT\S+Z; for localhost; issued by ca; TLSv1\.3$")
        self.assertIn("known from a test", said["portal-dns"][1])
        end = time.monotonic() + 10
        while not received and time.monotonic() < end:
            time.sleep(0.02)
        self.assertEqual([b""], received, "something was sent to the portal")

    def test_bad_certificates(self):
        for certificate, words in (("wrong", "hostname mismatch"), ("expired", "expired"), ("untrusted", "unable to get")):
            with self.subTest(certificate=certificate):
                states, said = self.with_server(certificate)
                self.assertEqual(["ok", "ok", "failure"], states)
                self.assertEqual(NETWORK, said["certificate"][0])
                self.assertIn(words, said["certificate"][1].lower())

    def test_old_tls(self):
        states, said = self.with_server("good", newest=ssl.TLSVersion.TLSv1_1)
        self.assertEqual("failure", states[2], said)

    def test_closed(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            states, said = self.look(taken.getsockname()[1])
        self.assertEqual(["ok", "failure", "skipped"], states)
        self.assertIn("refused", said["portal-tcp"][1])
        self.assertEqual(NETWORK, said["portal-tcp"][0])

    def test_unknown_name(self):
        states, said = self.look(3260, "pod01-rec2.nowhere.invalid")
        self.assertEqual(["failure", "skipped", "skipped"], states)
        self.assertIn("cannot look up", said["portal-dns"][1])

    def test_names_are_printable(self):
        tunnel.make_certificate("odd", "localhost,DNS:a,DNS:b,DNS:c,DNS:d", "ca")
        self.assertIn("for localhost, a, b, and 2 others", self.with_server("odd")[1]["certificate"][1])


class Script(Doctor):
    TEXT = ('VMName="iaasvmcontainerv2;rg-web;web01"\nMachineName="web01"\nTargetPortalAddress="%s"\n'
            'TargetPortalPortNumber="3260"\nTargetNodeAddress="iqn.2016-01.microsoft.azure.backup:1-2-3-4.5"\n'
            'TargetUserName="1000000000000000001-00000000-0000-4000-8000-000000000001"\n'
            'TargetPassword="UserInput012345"\nInitiatorChapPassword="0123456789abcd"\n'
            'ScriptId="00000000-0000-4000-8000-000000000002"\nIsMultiTarget="0"\nIsPEEnabled="0"\nIsLargeDisk="0"\n')

    def with_script(self, portal):
        path = os.path.join(os.path.dirname(self.config), "web01.py")
        with open(path, "w", encoding="utf-8") as out:
            out.write(self.TEXT % portal)
        return self.doctor("--script", path, "--timeout", "15")

    def test_a_portal_out_of_reach(self):
        portal = "pod01-rec2.nowhere.backup.windowsazure.com"
        checks = self.with_script(portal)
        # names of Azure are not known where the tests run
        self.assertEqual("failure", self.of(checks, "portal-dns", portal + ":3260")["status"])
        self.expect(checks, "sign-in", "skipped", "does not sign in")
        self.assertEqual([], self.requests())
        self.assertNotIn("0123456789abcd", self.output)

    def test_a_windows_machines_portal_is_the_clouds(self):
        path = os.path.join(os.path.dirname(self.config),
                            "win01_nowhere_1000000000000000001_630000000000_000000000000400080000000000000001s3cretPassw0rd!.txt")
        with open(path, "w", encoding="utf-8") as out:
            out.write("User - 1000000000000000001-00000000-0000-4000-8000-000000000001 , Target - "
                      "Owner=1000000000000000001,Name=1000000000000000001-1-1-2,Expiry=9/7/2027 3:24:24 AM, "
                      "Sequence = 630000000000000003\n")
        for cloud, domain in (("usgov", "us"), ("china", "cn")):
            checks = self.doctor("--script", path, "--timeout", "15", "--cloud", cloud)
            self.of(checks, "portal-dns", f"pod01-rec2.nowhere.backup.windowsazure.{domain}:3260")

    def test_a_portal_that_is_not_azures(self):
        checks = self.with_script("pod01-rec2.weu.backup.example.com")
        self.expect(checks, "script", "failure", "backup.example.com", code=USAGE)
        self.assertEqual([], [one for one in checks if one["check"] == "portal-dns"])

    def test_no_script(self):
        checks = self.doctor("--script", "/nonexistent")
        self.expect(checks, "script", "failure", "/nonexistent", code=NOT_FOUND)


class Sessions(SessionCase):
    PORTAL = "pod01-rec2.weu.backup.windowsazure.com"

    def test_what_is_open_is_told_and_its_portal_tried(self):
        folder = os.path.join(self.work, "run/azilr/sessions", ID)
        os.mkdir(folder, 0o700)
        with open(os.path.join(folder, "state.json"), "w", encoding="utf-8") as out:
            json.dump({"version": 1, "id": ID, "status": "mounted", "vm": "web01", "portal": self.PORTAL, "undo": []}, out)
        hosts = os.path.join(self.work, "hosts")
        with open(hosts, "w", encoding="utf-8") as out:
            out.write(f"127.0.0.1 localhost {self.PORTAL}\n")
        with socket.socket() as taken:
            # nobody listens there while this is bound
            try:
                taken.bind(("127.0.0.1", 3260))
            except OSError as problem:
                self.skipTest(f"port 3260: {problem}")
            run = self.azilr("doctor", "--json", "--endpoint", self.sim.ready["arm"], code=HOST,
                             before=("sh", "-ec", f'mount --bind {hosts} /etc/hosts; mount -t tmpfs none /usr/sbin; exec "$@"',
                                     "sh"))
        found = {one["check"]: one for one in run.json["checks"]}
        # its tunnel does not run
        self.assertEqual(("warning", f"azilr unmount {ID}"), (found["session"]["status"], found["session"]["remedy"]))
        self.assertIn("broken", found["session"]["message"])
        self.assertEqual(f"127.0.0.1; known from session {ID}", found["portal-dns"]["message"])
        self.assertEqual(("failure", NETWORK), (found["portal-tcp"]["status"], found["portal-tcp"]["exit_code"]))
        self.assertIn("port 3260", found["portal-tcp"]["message"])
        self.assertEqual(f"{self.PORTAL}:3260", found["certificate"]["subject"])


class Host(Doctor):
    def test_tools_are_what_is_on_the_path(self):
        checks = self.doctor()
        for tool in ("iscsiadm", "modprobe", "blockdev", "udevadm", "dmsetup", "lvm", "mdadm", "cryptsetup"):
            one = self.of(checks, "tool", tool)
            found = shutil.which(tool, path=RUN_PATH)
            with self.subTest(tool=tool):
                if found:
                    self.assertEqual("ok", one["status"])
                    self.assertTrue(one["message"].startswith(found), one)
                else:
                    self.assertEqual("failure" if tool == "iscsiadm" else "warning", one["status"])
                    self.assertIn("not installed", one["message"])
                    self.assertTrue(one["remedy"])

    def with_tools(self, tools, before=":"):
        """Runs it where /usr/sbin has these programs only, each a shell script."""
        folder = os.path.join(os.path.dirname(self.config), "sbin")
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        shutil.copy(os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "azilr"), folder)
        for name, text in tools.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as out:
                out.write("#!/bin/sh\n" + text)
            os.chmod(os.path.join(folder, name), 0o755)
        script = f'{before} && mount --bind "$1" /usr/sbin && shift && exec /usr/sbin/azilr doctor --json "$@"'
        return subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, "sh", folder, "--config", self.config, "--token-file",
             self.sim.ready["token_file"], "--endpoint", "https://localhost:1"], capture_output=True, text=True,
            timeout=60, check=False)

    @unittest.skipUnless(can_unshare(), "needs root and a mount namespace")
    def test_versions(self):
        asked = os.path.join(os.path.dirname(self.config), "asked")
        run = self.with_tools({"mdadm": "echo 'mdadm - v4.2 - 2021-12-30 - Debian 4.2-5' >&2", "lvm": "echo no number",
                               "iscsiadm": "printf '\\033[2J\\niscsiadm version 2.1.8\\n'", "dmsetup": f"touch {asked}",
                               "cryptsetup": "exec sleep 60"})
        checks = json.loads(run.stdout)["checks"]
        self.assertEqual(["/usr/sbin/mdadm, version 4.2", "/usr/sbin/lvm", "/usr/sbin/iscsiadm, version 2.1.8",
                          "/usr/sbin/cryptsetup"],
                         [self.of(checks, "tool", name)["message"] for name in ("mdadm", "lvm", "iscsiadm", "cryptsetup")])
        self.assertFalse(os.path.exists(asked), "dmsetup was run")

    @unittest.skipUnless(can_unshare(), "needs root and a mount namespace")
    def test_iscsid_is_looked_for_and_not_woken(self):
        if os.path.isdir("/run/systemd/system"):
            self.skipTest("systemd runs here, and has a say")
        tools = {"iscsiadm": "echo iscsiadm version 2.1.8"}
        self.expect(json.loads(self.with_tools(tools).stdout)["checks"], "iscsid", "failure", "nothing is known that starts it",
                    code=HOST)
        with socket.socket(socket.AF_UNIX) as daemon:
            daemon.bind("\0ISCSIADM_ABSTRACT_NAMESPACE")
            # one that nobody listens on is none
            self.assertEqual("failure", self.of(json.loads(self.with_tools(tools).stdout)["checks"], "iscsid")["status"])
            daemon.listen()
            daemon.settimeout(0.2)
            self.expect(json.loads(self.with_tools(tools).stdout)["checks"], "iscsid", "ok", "is there")
            self.assertRaises(TimeoutError, daemon.accept)

    @unittest.skipUnless(can_unshare(), "needs root and a mount namespace")
    def test_tools_by_the_distribution(self):
        cases = (('ID=ubuntu\nID_LIKE=debian\n', "apt-get install open-iscsi"),
                 ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install iscsi-initiator-utils"),
                 ('ID="sles"\nID_LIKE="suse"\n', "zypper install open-iscsi"), ("ID=arch\n", "install open-iscsi"))
        for text, remedy in cases:
            with self.subTest(release=text), tempfile.NamedTemporaryFile("w") as release:
                release.write(text)
                release.flush()
                run = self.with_tools({}, f'mount --bind "{release.name}" /etc/os-release')
                checks = json.loads(run.stdout)["checks"]
                self.assertEqual(HOST, run.returncode)
                one = self.expect(checks, "tool", "failure", "not installed", subject="iscsiadm", code=HOST)
                self.assertEqual(remedy, one["remedy"])
                self.assertEqual("warning", self.of(checks, "tool", "mdadm")["status"])
                self.assertEqual("skipped", self.of(checks, "iscsid")["status"])

    def test_changes_nothing(self):
        before = host_state()
        self.doctor()
        after = host_state()
        self.assertEqual({}, {path: (before.get(path), after.get(path)) for path in before.keys() | after.keys()
                              if before.get(path) != after.get(path)})

    @unittest.skipUnless(os.geteuid() == 0, "is not root anyway")
    def test_needs_no_root(self):
        os.chmod(self.sim.folder, 0o755)
        os.chmod(os.path.dirname(self.config), 0o755)
        program = shutil.copy(os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "azilr"),
                              os.path.dirname(self.config))
        run = subprocess.run([program, "doctor", "--json", "--config", self.config, "--endpoint", "https://localhost:1"],
                             user=65534, group=65534, extra_groups=[], capture_output=True, text=True, timeout=60,
                             check=False)
        checks = json.loads(run.stdout)["checks"]
        self.expect(checks, "root", "warning", "not run by root")
        self.expect(checks, "session", "skipped", "only root")
        self.assertEqual([], [one for one in checks if "Permission denied" in one["message"]])

    def test_text(self):
        run = self.run_doctor("-s", ONE, "-v", "vault1")
        lines = run.out.splitlines()
        self.assertRegex(lines[0], r"^(ok|failure|warning) +root ")
        self.assertRegex(lines[-1], r"^\d+ ok, \d+ warnings?, \d+ failures?, \d+ skipped$")
        self.assertEqual("", run.err)
        quiet = self.run_doctor("-s", ONE, "-v", "vault1", "--quiet").out
        self.assertEqual([], [line for line in quiet.splitlines() if line.startswith(("ok ", "skipped "))])

    def test_usage(self):
        self.assertIn("takes no argument", self.run_doctor("web01").err)
        self.assertEqual(USAGE, self.run_doctor("--at", "now").code)
        self.assertEqual(USAGE, self.run_doctor("--timeout", "0").code)
        self.assertIn("azilr doctor", self.run_doctor("--help").out)


if __name__ == "__main__":
    main(sys.argv)
