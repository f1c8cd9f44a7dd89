#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Every way to sign in, end to end against the simulator: sign_in_test.py BUILD_DIR [unittest options]"""
import contextlib
import json
import os
import pty
import pwd
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from arm_support import AUTH, DONE, INTERRUPTED, NETWORK, NOT_FOUND, USAGE, Case, main
from proxy_support import Proxy


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as once:
        return once.getsockname()[1]


class SignIn(Case):
    def who(self, *names):
        """The application, by some of its variables."""
        values = {"AZURE_TENANT_ID": self.sim.ready["tenant_id"], "AZURE_CLIENT_ID": self.sim.ready["client_id"],
                  "AZURE_CLIENT_SECRET": self.sim.read("client-secret"),
                  "AZURE_CLIENT_CERTIFICATE_PATH": self.sim.ready["client_certificate_file"],
                  "AZURE_FEDERATED_TOKEN_FILE": self.sim.ready["federated_token_file"]}
        return {name: value for name, value in values.items() if name in names}

    def sign_in(self, *arguments, code=DONE, **environment):
        """Signs in and reads a recovery point with the token."""
        return self.run_driver(*arguments, "point", self.sim.point(), sign_in=None, code=code, environment=environment)

    def grants(self):
        return [(r["call"], r["status"]) for r in self.requests() if r["call"] in ("token", "devicecode", "imds", "arc")]


class Certificate(SignIn):
    def setUp(self):
        super().setUp()
        self.names = self.who("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_CERTIFICATE_PATH")
        self.pem = os.path.join(self.sim.folder, "other.pem")

    def openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def write(self, *files, mode=0o600):
        with open(self.pem, "wb") as out:
            for path in files:
                with open(path, "rb") as text:
                    out.write(text.read())
        os.chmod(self.pem, mode)
        self.names["AZURE_CLIENT_CERTIFICATE_PATH"] = self.pem

    def test_good(self):
        run = self.sign_in("--verbose", **self.names)
        self.assertEqual("web01", run.json["vm"])
        body = self.requests("token")[0]["body"]
        self.assertEqual({"grant_type", "client_id", "scope", "client_assertion_type", "client_assertion"}, set(body))

    def test_each_sign_in_has_its_own_assertion(self):
        self.sim.set(token_lifetime=4, operation_seconds=9, retry_after=1)
        self.run_driver("provision", self.sim.point(), sign_in=None, environment=self.names)
        self.assertGreaterEqual(self.grants().count(("token", 200)), 3)
        self.assertEqual(set(self.grants()), {("token", 200)})

    def test_encrypted_key(self):
        key = os.path.join(self.sim.folder, "encrypted.key")
        self.openssl("pkcs8", "-topk8", "-in", os.path.join(self.sim.folder, "pki", "leaf.key"), "-out", key, "-passout",
                     "pass:word of honour")
        self.write(os.path.join(self.sim.folder, "pki", "client.pem"), key)
        self.sign_in(**self.names, AZURE_CLIENT_CERTIFICATE_PASSWORD="word of honour")
        run = self.sign_in(code=USAGE, **self.names, AZURE_CLIENT_CERTIFICATE_PASSWORD="word of shame")
        self.assertIn("AZURE_CLIENT_CERTIFICATE_PASSWORD is not its password", run.err)
        self.assertNotIn("shame", run.err)
        run = self.sign_in(code=USAGE, **self.names)
        self.assertIn("AZURE_CLIENT_CERTIFICATE_PASSWORD is not set", run.err)
        run = self.run_driver("environ", sign_in=None, environment={
            **self.names, "AZURE_CLIENT_CERTIFICATE_PASSWORD": "word of honour"})
        self.assertNotIn("honour", run.out)

    def test_a_certificate_that_azure_does_not_know(self):
        self.openssl("req", "-x509", "-key", os.path.join(self.sim.folder, "pki", "leaf.key"), "-out",
                     os.path.join(self.sim.folder, "unknown.pem"), "-subj", "/CN=unknown")
        self.write(os.path.join(self.sim.folder, "unknown.pem"), os.path.join(self.sim.folder, "pki", "leaf.key"))
        run = self.sign_in(code=AUTH, **self.names)
        self.assertIn("AADSTS700027", run.err)
        self.assertIn("cannot sign in with the certificate of application ", run.err)

    def test_bad_files(self):
        pki = os.path.join(self.sim.folder, "pki")
        for files, part in (([], "holds no private key"), ([f"{pki}/client.pem"], "holds no private key"),
                            ([f"{pki}/leaf.key"], "holds no certificate"),
                            ([f"{pki}/ca.key", f"{pki}/ca.pem"], "is no RSA key"),
                            ([f"{pki}/leaf.key", f"{pki}/ca.pem"], "not the key's own"),
                            ([f"{pki}/leaf.key", f"{pki}/portal-expired.pem"], "has expired: 2021-01-01T00:00:00Z")):
            self.write(*files)
            self.assertIn(part, self.sign_in(code=USAGE, **self.names).err)
        self.write(f"{pki}/leaf.key", f"{pki}/client.pem", mode=0o640)
        self.assertIn("chmod 600", self.sign_in(code=USAGE, **self.names).err)
        os.unlink(self.pem)
        self.assertIn("cannot open", self.sign_in(code=NOT_FOUND, **self.names).err)
        self.assertEqual([], self.grants())

    def test_the_secret_comes_first(self):
        self.sign_in(**self.names, **self.who("AZURE_CLIENT_SECRET"))
        self.assertIn("client_secret", self.requests("token")[0]["body"])


class Workload(SignIn):
    def setUp(self):
        super().setUp()
        self.names = self.who("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")

    def test_good(self):
        self.sign_in(**self.names)
        self.assertEqual([("token", 200)], self.grants())

    def test_the_file_is_read_anew(self):
        self.sim.set(token_lifetime=2, operation_seconds=4, retry_after=1)
        rotated = []

        def rotate():
            while not self.requests("token"):
                time.sleep(0.05)
            self.sim.order({"rotate_federated_token": True})
            rotated.append(True)
        thread = threading.Thread(target=rotate)
        thread.start()
        self.run_driver("provision", self.sim.point(), sign_in=None, environment=self.names)
        thread.join()
        self.assertTrue(rotated)
        self.assertGreaterEqual(len(self.grants()), 2)
        self.assertEqual({("token", 200)}, set(self.grants()))

    def test_bad_files(self):
        path = os.path.join(self.sim.folder, "bad-token")
        self.names["AZURE_FEDERATED_TOKEN_FILE"] = path
        self.assertIn("AZURE_FEDERATED_TOKEN_FILE: cannot open", self.sign_in(code=NOT_FOUND, **self.names).err)
        for text in ("", "two words", "x" * 20000):
            with open(path, "w", encoding="utf-8") as out:
                out.write(text)
            run = self.sign_in("--auth", "workload-identity", code=USAGE if len(text) > 999 else AUTH, **self.names)
            self.assertIn(path, run.err)
        with open(path, "w", encoding="utf-8") as out:
            out.write(self.sim.read("federated-token")[:-3] + "xxx\n")
        self.assertIn("AADSTS50013", self.sign_in(code=AUTH, **self.names).err)


class Managed(SignIn):
    def setUp(self):
        super().setUp()
        self.imds = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.sim.ready["imds"]}

    def test_system_assigned(self):
        run = self.run_driver("token", sign_in=None, environment=self.imds)
        self.assertEqual("managed identity of this VM", run.json["description"])
        self.sign_in(**self.imds)
        self.assertEqual([400, 200] * 2, [r["status"] for r in self.requests("imds")])  # first without the header
        self.assertNotIn("authorization", self.requests("imds")[1]["headers"])

    def test_user_assigned(self):
        known = self.sim.ready["user_assigned_client_id"]
        self.sim.set(managed_identity=False)
        self.sign_in("--identity", known, **self.imds)
        self.sign_in(**self.imds, AZURE_CLIENT_ID=known)
        self.sign_in("--identity", known, **self.imds, AZURE_CLIENT_ID="other")
        run = self.sign_in("--auth", "managed-identity", "--identity", "other", code=AUTH, **self.imds)
        self.assertIn("Identity not found", run.err)
        self.assertIn("hint: no such identity is assigned to this VM", run.err)

    def test_none_assigned(self):
        self.sim.set(managed_identity=False)
        run = self.sign_in(code=AUTH, **self.imds)
        self.assertRegex(run.err, r"\n  managed-identity: .*Identity not found.*\n  azure-cli: ")

    def test_past_every_proxy(self):
        proxy = f"http://127.0.0.1:{closed_port()}"
        self.run_driver("token", sign_in=None, environment={
            **self.imds, "http_proxy": proxy, "HTTP_PROXY": proxy, "all_proxy": proxy, "ALL_PROXY": proxy})

    def test_what_is_repeated(self):
        for status, least, most in ((404, 3, 40), (429, 3, 40), (500, 3, 40), (503, 3, 40)):
            self.sim.set(raw={"calls": "imds", "status": status, "times": 3, "body": ""})
            start = len(self.sim.requests())
            run = self.sign_in(**self.imds)
            self.assertEqual([status] * 3 + [200], [r["status"] for r in self.sim.requests()[start:]
                                                    if r["call"] == "imds"], run.err)
            self.assertGreater(run.seconds, least)
            self.assertLess(run.seconds, most)

    def test_an_update_is_waited_for(self):
        self.sim.set(raw={"calls": "imds", "status": 410, "times": 2, "body": ""})
        run = self.sign_in(**self.imds)
        self.assertGreater(run.seconds, 9.9)  # the first one was the probe's

    def test_what_is_not_repeated(self):
        self.sim.set(raw={"calls": "imds", "status": 403, "times": -1, "body": ""})
        run = self.sign_in(code=AUTH, **self.imds)
        self.assertIn("managed-identity: ", run.err)
        self.assertEqual(2, len(self.requests("imds")))

    def test_repeating_ends(self):
        self.sim.set(raw={"calls": "imds", "status": 500, "times": -1, "body": "", "headers": {"Retry-After": "600"}})
        run = self.sign_in(code=NETWORK, **self.imds)
        self.assertLess(run.seconds, 30)

    def test_interrupted_between_repetitions(self):
        self.sim.set(raw={"calls": "imds", "status": 410, "times": -1, "body": ""})
        seconds = self.interrupt("token", sign_in=None, environment=self.imds,
                                 ready=lambda: len(self.requests("imds")) > 1)
        self.assertLess(seconds, 10)

    def test_something_else_answers(self):
        for body in ("<html>router</html>", "", "[]", "{}", {"access_token": "x y", "token_type": "Bearer"}):
            self.sim.set(raw={"calls": "imds", "times": -1, "body": body, "content_type": "text/html"})
            run = self.sign_in(code=AUTH, **self.imds)
            self.assertIn("\n  managed-identity: ", run.err)

    def test_nothing_answers(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            run = self.sign_in(code=AUTH, AZURE_POD_IDENTITY_AUTHORITY_HOST=f"http://127.0.0.1:{silent.getsockname()[1]}")
        self.assertIn("so this is no Azure VM", run.err)
        self.assertLess(run.seconds, 20)

    def test_no_http_at_all(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def talk():
                with contextlib.suppress(OSError):
                    while True:
                        with listener.accept()[0] as peer:
                            peer.recv(4096)
                            peer.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            threading.Thread(target=talk, daemon=True).start()
            host = f"http://127.0.0.1:{listener.getsockname()[1]}"
            run = self.sign_in(code=AUTH, AZURE_POD_IDENTITY_AUTHORITY_HOST=host)
            self.assertIn("so this is no Azure VM", run.err)
            run = self.sign_in(code=AUTH, IMDS_ENDPOINT=host, IDENTITY_ENDPOINT=host + "/x")
            self.assertIn("\n  managed-identity: ", run.err)

    def test_time_is_up_while_probing(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            run = self.sign_in("--auth", "managed-identity", "--timeout", "0.5", code=NETWORK,
                               AZURE_POD_IDENTITY_AUTHORITY_HOST=f"http://127.0.0.1:{silent.getsockname()[1]}")
        self.assertIn("the time limit is over", run.err)

    def test_only_this_machine(self):
        for host in ("http://10.1.2.3", "http://169.254.169.254@evil.example", "http://127.0.0.1.nip.example",
                     "http://metadata.example", "https://127.0.0.1", "file:///etc/passwd"):
            run = self.sign_in(code=USAGE, AZURE_POD_IDENTITY_AUTHORITY_HOST=host)
            self.assertIn("plain http is used for no other", run.err)


class Refused(SignIn):
    def test_it_is_no_matter_of_what_was_looked_for(self):
        """Whatever a place to sign in at answers with, a 4xx is a sign-in that failed."""
        names = self.who("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
        for raw in ({"status": 404, "body": "gone", "content_type": "text/plain"}, {"status": 400, "body": ""},
                    {"status": 404, "body": {"error": {"code": "ResourceNotFound", "message": "m"}}},
                    {"status": 405, "body": "<html>", "content_type": "text/html"}):
            self.sim.set(raw={"calls": "token", "times": -1, **raw})
            self.assertIn("cannot sign in", self.sign_in(code=AUTH, **names).err)


class Arc(SignIn):
    def setUp(self):
        super().setUp()
        self.names = {"IMDS_ENDPOINT": self.sim.ready["arc"],
                      "IDENTITY_ENDPOINT": self.sim.ready["arc"] + "/metadata/identity/oauth2/token"}
        self.folder = ["--arc-folder", self.sim.ready["arc_folder"]]

    def test_good(self):
        before = os.listdir(self.sim.ready["arc_folder"])
        self.sign_in(*self.folder, **self.names)
        self.assertEqual([("arc", 401), ("arc", 200)], self.grants())
        self.assertEqual(before, os.listdir(self.sim.ready["arc_folder"]))

    def test_files_of_others(self):
        secret = os.path.join(self.sim.folder, "client-secret")
        for path in (secret, "/etc/passwd", self.folder[1] + "/../client-secret.key", self.folder[1] + "/missing.key",
                     self.folder[1] + "-2/x.key"):
            self.sim.set(arc_realm=path)
            self.sign_in(*self.folder, code=AUTH, **self.names)
        self.assertEqual([401] * 5, [r["status"] for r in self.requests("arc")])
        # its own folder is no place for a test's
        self.sim.set(arc_realm=None)
        self.assertIn("/var/opt/azcmagent/tokens/*.key", self.sign_in(code=AUTH, **self.names).err)

    def test_links_and_large_files(self):
        path = os.path.join(self.folder[1], "odd.key")
        self.sim.set(arc_realm=path)
        os.symlink(os.path.join(self.sim.folder, "client-secret"), path)
        self.assertIn("not a plain file", self.sign_in(*self.folder, code=AUTH, **self.names).err)
        os.unlink(path)
        with open(path, "w", encoding="utf-8") as out:
            out.write("x" * 5000)
        self.assertIn("more than the 4096 bytes", self.sign_in(*self.folder, code=USAGE, **self.names).err)
        os.unlink(path)

    def test_wrong_key(self):
        path = os.path.join(self.folder[1], "wrong.key")
        with open(path, "w", encoding="utf-8") as out:
            out.write("wrongkey")
        self.sim.set(arc_realm=path)
        run = self.sign_in(*self.folder, code=AUTH, **self.names)
        self.assertNotIn("wrongkey", run.err)
        os.unlink(path)

    def test_no_challenge(self):
        for raw in ({"status": 401, "body": ""}, {"status": 401, "body": "", "headers": {"WWW-Authenticate": "Bearer"}},
                    {"status": 200, "body": {"access_token": "x", "token_type": "Bearer"}}):
            self.sim.set(raw={"calls": "arc", "times": -1, **raw})
            run = self.sign_in(*self.folder, code=AUTH if raw["status"] == 401 else NETWORK, **self.names)
            self.assertEqual("", run.out)

    def test_agent_is_down(self):
        self.names["IDENTITY_ENDPOINT"] = f"http://127.0.0.1:{closed_port()}/x"
        run = self.sign_in(*self.folder, code=AUTH, **self.names)
        self.assertIn("\n  managed-identity: cannot connect to 127.0.0.1", run.err)

    def test_a_named_identity_is_not_replaced(self):
        self.assertIn("no identity but its own",
                      self.sign_in(*self.folder, "--identity", "x", code=USAGE, **self.names).err)
        self.assertIn("no identity but its own", self.sign_in(*self.folder, code=AUTH, AZURE_CLIENT_ID="x",
                                                              **self.names).err)




@unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
class Cli(SignIn):
    """A stand-in for az, which writes down how it was run."""

    def setUp(self):
        super().setUp()
        self.folder = tempfile.mkdtemp(prefix="az-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o777)
        self.az = os.path.join(self.folder, "az")
        self.person = pwd.getpwnam("nobody")
        self.answer(json.dumps({"accessToken": self.sim.read("token"), "expiresOn": "2030-01-01 00:00:00.000000",
                                "expires_on": int(time.time()) + 3600, "tenant": "t", "tokenType": "Bearer"}))

    def answer(self, text, after="exit 0"):
        token = os.path.join(self.folder, "answer")
        with open(token, "w", encoding="utf-8") as out:
            out.write(text)
        with open(self.az, "w", encoding="utf-8") as out:
            out.write(f"#!/bin/sh\n{{ echo $(id -u) $(id -g) $(id -G); echo \"$@\"; env; pwd; grep -e NoNewPrivs "
                      f"-e SigBlk /proc/self/status; ls /proc/self/fd; ps -o tty= -o sid= -p $$; echo sid $$; }} > "
                      f"{self.folder}/record 2>&1\ncat {token}\n{after}\n")
        os.chmod(self.az, 0o755)

    def record(self):
        path = os.path.join(self.folder, "record")
        self.assertTrue(os.path.exists(path), "it was not run")
        self.owner = os.stat(path).st_uid
        with open(path, encoding="utf-8") as text:
            return text.read().splitlines()

    def az_in(self, *arguments, **more):
        return self.sign_in("--auth", "azure-cli", "--az", self.az, *arguments, **more)

    def sudo(self):
        return {"SUDO_UID": str(self.person.pw_uid), "SUDO_GID": "0", "SUDO_USER": "root", "HOME": "/root"}

    def test_as_the_person_who_called_sudo(self):
        self.assertEqual("web01", self.az_in(**self.sudo()).json["vm"])
        lines = self.record()
        groups = sorted({self.person.pw_gid, *os.getgrouplist("nobody", self.person.pw_gid)})
        self.assertEqual(self.person.pw_uid, self.owner)
        uid, gid, *got = lines[0].split()
        self.assertEqual((str(self.person.pw_uid), str(self.person.pw_gid)), (uid, gid))
        self.assertEqual(groups, sorted(map(int, got)))
        self.assertEqual(f"account get-access-token --output json --resource {self.sim.ready['arm']}/", lines[1])
        self.assertIn("NoNewPrivs:\t1", lines)
        self.assertIn("SigBlk:\t0000000000000000", lines)
        env = {line.partition("=")[0]: line.partition("=")[2] for line in lines[2:] if "=" in line}
        env.pop("_", None), env.pop("PWD", None), env.pop("SHLVL", None), env.pop("OLDPWD", None)
        self.assertEqual({"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": self.person.pw_dir,
                          "USER": "nobody", "LOGNAME": "nobody"}, env)

    def test_where_azure_arc_does_not_serve(self):
        names = {"IMDS_ENDPOINT": self.sim.ready["arc"], **self.sudo(),
                 "IDENTITY_ENDPOINT": self.sim.ready["arc"] + "/metadata/identity/oauth2/token"}
        folder = self.sim.ready["arc_folder"]
        for switches in ({"arc_realm": folder + "/missing.key"}, {"raw": {"calls": "arc", "status": 403, "body": ""}},
                         {"raw": {"calls": "arc", "status": 404, "body": "none", "content_type": "text/plain"}}):
            self.sim.set(**switches)
            run = self.sign_in("--az", self.az, "--arc-folder", folder, "--verbose", **names)
            self.assertIn("not by managed-identity: ", run.err)
            self.record()
            self.sim.set(**switches)
            run = self.sign_in("--az", self.az, "--arc-folder", folder, "--auth", "managed-identity", code=AUTH, **names)
            self.assertIn("cannot sign in with the managed identity of this server", run.err)
            self.sim.set(arc_realm=None)

    def test_trouble_of_azure_arc_is_no_reason_for_another_identity(self):
        self.sim.set(raw={"calls": "arc", "status": 501, "body": ""})
        self.sign_in("--az", self.az, "--arc-folder", self.sim.ready["arc_folder"], code=NETWORK, **self.sudo(),
                     IMDS_ENDPOINT=self.sim.ready["arc"],
                     IDENTITY_ENDPOINT=self.sim.ready["arc"] + "/metadata/identity/oauth2/token")
        self.assertFalse(os.path.exists(os.path.join(self.folder, "record")))

    def test_secrets_and_passwords_stay_here(self):
        self.az_in(**self.sudo(), AZURE_CLIENT_SECRET="s3cr3t", https_proxy="http://me:passw0rd@localhost:1",
                   no_proxy="localhost", AZURE_CONFIG_DIR="/somewhere")
        text = "\n".join(self.record())
        self.assertNotIn("s3cr3t", text)
        self.assertNotIn("passw0rd", text)
        self.assertIn("no_proxy=localhost", text)
        self.assertIn("AZURE_CONFIG_DIR=/somewhere", text)

    def test_a_session_of_its_own(self):
        self.az_in(**self.sudo())
        text = "\n".join(self.record())
        if shutil.which("ps"):
            self.assertRegex(text, r"\? +([0-9]+)\nsid \1$")

    def test_without_sudo_as_oneself(self):
        self.az_in()
        lines = self.record()
        self.assertEqual("0", lines[0].split()[0])
        self.assertIn(f"HOME={pwd.getpwuid(0).pw_dir}", lines)

    def test_sudo_uid_counts_for_root_only(self):
        """Another user's SUDO_UID is just a variable."""
        command, env = self.command("--auth", "azure-cli", "--az", self.az, "token", sign_in=None, ca=None,
                                    environment={"SUDO_UID": "0"})
        command[0] = shutil.copy(command[0], self.folder)  # the build may be where nobody else can go
        run = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False,
                             user=self.person.pw_uid, group=self.person.pw_gid, extra_groups=[])
        self.output += run.stdout + run.stderr
        self.assertEqual(DONE, run.returncode, run.stderr)
        self.assertEqual(str(self.person.pw_uid), self.record()[0].split()[0])

    def test_no_such_person(self):
        run = self.az_in(code=8, SUDO_UID="123456")
        self.assertIn("no user with the number 123456", run.err)
        run = self.az_in(code=8, SUDO_UID="0x0")
        self.assertIn("SUDO_UID is not a user's number", run.err)

    def test_not_installed(self):
        run = self.sign_in("--auth", "azure-cli", code=8)
        self.assertIn("/nonexistent/az is not installed", run.err)

    def test_not_logged_in(self):
        self.answer("", "echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1")
        run = self.az_in(code=AUTH, **self.sudo())
        self.assertIn("the user nobody is not logged in with az", run.err)
        self.assertIn("hint: as nobody: az login", run.err)

    def test_what_it_prints_is_not_shown(self):
        token = self.sim.read("token")
        for text, after in ((token, "exit 1"), (token, "exit 0"), (json.dumps({"accessToken": token}), "exit 0"),
                            (json.dumps({"accessToken": token + "\n", "tokenType": "Bearer"}), "exit 0")):
            self.answer(text, after)
            run = self.az_in("--verbose", code=AUTH, **self.sudo())
            self.assertNotIn(token, run.err)

    def test_too_much(self):
        self.answer("", "cat /dev/zero")
        self.assertIn("printed more than", self.az_in(code=1, **self.sudo()).err)

    def test_interrupted(self):
        self.answer("", "sleep 60")
        seconds = self.interrupt("--auth", "azure-cli", "--az", self.az, "token", sign_in=None, environment=self.sudo(),
                                 ready=lambda: os.path.exists(os.path.join(self.folder, "record")))
        self.assertLess(seconds, 20)
        end = time.monotonic() + 20
        while (left := subprocess.run(["pgrep", "-u", "nobody", "-f", self.az], capture_output=True, text=True,
                                      check=False).stdout) and time.monotonic() < end:
            time.sleep(0.1)
        self.assertEqual("", left)

    def test_renewed_on_401(self):
        self.sim.set(error={"calls": "point_get", "times": 1, "status": 401, "code": "ExpiredAuthenticationToken"})
        self.assertEqual("web01", self.az_in(**self.sudo()).json["vm"])


class Device(SignIn):
    """On a terminal."""

    def on_terminal(self, *arguments, code=DONE, when=None, **environment):
        """Standard input and error are a terminal; when(process, text) is called as text comes."""
        command, env = self.command(*arguments, sign_in=None, environment=environment)
        ours, theirs = pty.openpty()
        text = ""
        start = time.monotonic()
        with subprocess.Popen(command, env=env, stdin=theirs, stderr=theirs, stdout=subprocess.PIPE,
                              text=True) as process:
            os.close(theirs)
            while time.monotonic() - start < 60:
                with contextlib.suppress(OSError):
                    if select.select([ours], [], [], 0.1)[0]:
                        text += os.read(ours, 4096).decode()
                        continue
                if when and when(process, text):
                    when = None
                if process.poll() is not None:
                    break
            # what it said last, between the look at the terminal and that at the process
            with contextlib.suppress(OSError):
                while select.select([ours], [], [], 0)[0]:
                    text += os.read(ours, 4096).decode()
            out = process.stdout.read()
        os.close(ours)
        self.output += out + text
        self.assertEqual(code, process.returncode, text)
        return out, text, time.monotonic() - start

    def test_good(self):
        out, text, _ = self.on_terminal("--auth", "device-code", "point", self.sim.point())
        self.assertEqual("web01", json.loads(out)["vm"])
        self.assertRegex(text, r"open https://microsoft\.com/devicelogin in a browser and enter the code [0-9A-F]{9} ")
        self.assertEqual([("devicecode", 200), ("token", 400), ("token", 200)], self.grants())
        self.assertIn("/organizations/", self.requests("devicecode")[0]["path"])
        self.assertEqual(self.sim.ready["public_client_id"], self.requests("devicecode")[0]["body"]["client_id"])

    def test_last_of_all(self):
        out, _, _ = self.on_terminal("point", self.sim.point(), AZURE_TENANT_ID=self.sim.ready["tenant_id"],
                                     AZURE_CLIENT_ID=self.sim.ready["client_id"])
        self.assertEqual("web01", json.loads(out)["vm"])
        self.assertIn(f"/{self.sim.ready['tenant_id']}/", self.requests("devicecode")[0]["path"])
        self.assertEqual(self.sim.ready["public_client_id"], self.requests("devicecode")[0]["body"]["client_id"])

    def test_no_terminal(self):
        run = self.sign_in("--auth", "device-code", code=AUTH)
        self.assertIn("there is no terminal", run.err)
        self.assertEqual([], self.grants())

    def test_slow_down(self):
        self.sim.set(device_slow_down=1, device_polls=0)
        _, _, seconds = self.on_terminal("--auth", "device-code", "token")
        self.assertGreater(seconds, 7)  # one second, and then six
        self.assertEqual([("devicecode", 200), ("token", 400), ("token", 200)], self.grants())

    def test_trouble_while_the_person_types_is_waited_out(self):
        self.sim.set(device_polls=0, error={"calls": "token", "times": 2, "status": 501, "code": "Odd"},
                     lost_answer={"calls": "token"})  # of the two, the first
        out, _, seconds = self.on_terminal("--auth", "device-code", "token")
        self.assertEqual(1, len(self.requests("devicecode")))
        self.assertGreater(seconds, 16)  # one second, six, and eleven
        self.assertTrue(out)

    def test_declined_and_expired(self):
        for outcome, part in (("decline", "was declined"), ("expire", "nobody has signed in")):
            self.sim.set(device_outcome=outcome)
            _, text, _ = self.on_terminal("--auth", "device-code", "token", code=AUTH)
            self.assertIn(part, text)

    def test_interrupted(self):
        self.sim.set(device_polls=1000)

        def interrupt(process, text):
            if "enter the code" in text:
                process.send_signal(signal.SIGINT)
                return True
            return False
        _, text, seconds = self.on_terminal("--auth", "device-code", "token", code=INTERRUPTED, when=interrupt)
        self.assertIn("interrupted", text)
        self.assertLess(seconds, 20)

    def test_renewed_without_the_person(self):
        # half of a token's life is left when the next is fetched, and a busy machine must not lose that
        self.sim.set(token_lifetime=10, operation_seconds=12, retry_after=1, device_polls=0)
        _, text, _ = self.on_terminal("--auth", "device-code", "provision", self.sim.point())
        self.assertEqual(1, text.count("enter the code"))
        grants = [r["body"]["grant_type"] for r in self.requests("token")]
        self.assertGreaterEqual(grants.count("refresh_token"), 2)
        self.assertEqual({"valid"}, {r["bearer"] for r in self.requests() if r["call"] in ("provision", "status")})

    def test_asks_again_when_that_has_ended(self):
        self.sim.set(token_lifetime=2, operation_seconds=3, retry_after=1, device_polls=0, device_refresh=False)
        _, text, _ = self.on_terminal("--auth", "device-code", "provision", self.sim.point())
        self.assertGreaterEqual(text.count("enter the code"), 2)

    def test_hostile_answers(self):
        good = {"device_code": "d", "user_code": "ABC", "verification_uri": "https://x.example/"}
        for change in ({"user_code": "\x1b]0;x\x07"}, {"verification_uri": "http://x.example/"}, {"user_code": None},
                       {"verification_uri": "javascript:alert(1)"}, {"device_code": ""}, {"device_code": "x" * 20000},
                       {"verification_uri": "https://x.example/\x1b[2J"}):
            self.sim.set(raw={"calls": "devicecode", "times": 1, "body": {**good, **change}})
            _, text, _ = self.on_terminal("--auth", "device-code", "token", code=NETWORK)
            self.assertNotIn("enter the code", text)
            self.assertNotIn("\x1b", text)


class Choice(SignIn):
    def test_none_serves(self):
        run = self.run_driver("token", sign_in=None, code=AUTH, environment={"AZURE_CLIENT_ID": "x"})
        lines = run.err.splitlines()
        self.assertEqual("azilr: no way to sign in to Azure serves here. Tried, in this order:", lines[0])
        self.assertEqual(["token", "environment", "workload-identity", "managed-identity", "azure-cli", "device-code"],
                         [line.split(":")[0].strip() for line in lines[1:7]])
        self.assertIn("not set: AZURE_TENANT_ID AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH", lines[2])

    def test_one_that_is_set_up_but_refused_ends_the_search(self):
        names = self.who("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
        run = self.sign_in(code=AUTH, **names, AZURE_CLIENT_SECRET="wrong",
                           AZURE_POD_IDENTITY_AUTHORITY_HOST=self.sim.ready["imds"])
        self.assertIn("AADSTS7000215", run.err)
        self.assertEqual([("token", 401)], self.grants())

    def test_the_reasons_before_a_failure_are_kept(self):
        names = self.who("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE")
        self.sim.set(error={"calls": "token", "status": 400, "code": "invalid_client", "times": -1})
        run = self.sign_in(code=AUTH, **names)
        self.assertIn("cannot sign in with the workload identity", run.err)
        self.assertIn("\nTried before that:\n  token: neither --token-file nor AZURE_ACCESS_TOKEN is given\n"
                      "  environment: not set: AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH\n", run.err)
        run = self.sign_in("--auth", "workload-identity", code=AUTH, **names)
        self.assertNotIn("Tried before", run.err)
        # one that cannot even be opened
        run = self.sign_in(code=NOT_FOUND, **self.who("AZURE_TENANT_ID", "AZURE_CLIENT_ID"),
                           AZURE_CLIENT_CERTIFICATE_PATH="/missing.pem")
        self.assertIn("\nTried before that:\n  token: ", run.err)

    def test_each_by_name(self):
        everything = {**self.who("AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE"),
                      "AZURE_CLIENT_ID": self.sim.ready["client_id"], "AZURE_ACCESS_TOKEN": self.sim.read("token"),
                      "AZURE_POD_IDENTITY_AUTHORITY_HOST": self.sim.ready["imds"]}
        for auth, begins in (("token", "token in"), ("environment", "client secret of"),
                             ("workload-identity", "workload identity of")):
            run = self.run_driver("--auth", auth, "token", sign_in=None, environment=everything)
            self.assertTrue(run.json["description"].startswith(begins), run.out)
        run = self.run_driver("--auth", "managed-identity", "--identity", self.sim.ready["user_assigned_client_id"],
                              "token", sign_in=None, environment=everything)
        self.assertTrue(run.json["description"].startswith("managed identity 0"), run.out)

    def test_no_other_identity_takes_over(self):
        """The one that gave the first token gives the next, or nobody does."""
        self.sim.set(token_lifetime=2, operation_seconds=6, retry_after=1)
        names = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": self.sim.ready["imds"]}

        def take_it_away():
            while not self.requests("provision"):
                time.sleep(0.05)
            self.sim.set(managed_identity=False)
        thread = threading.Thread(target=take_it_away)
        thread.start()
        run = self.run_driver("provision", self.sim.point(), sign_in=None, code=AUTH, environment=names)
        thread.join()
        self.assertIn("cannot sign in with the managed identity of this VM: ", run.err)
        self.assertIn("Identity not found", run.err)


class Leftovers(SignIn):
    """No copy of a token is left in memory once it has been used and let go of."""

    def test_each_way(self):
        everything = {**self.who("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET",
                                 "AZURE_FEDERATED_TOKEN_FILE"),
                      "AZURE_POD_IDENTITY_AUTHORITY_HOST": self.sim.ready["imds"]}
        # the address sanitizer keeps a copy of the environment, so the token comes in a file
        run = self.run_driver("leftovers", self.sim.point())
        self.assertEqual({"copies": 0}, run.json)
        for auth in ("environment", "workload-identity"):
            run = self.run_driver("--auth", auth, "leftovers", self.sim.point(), sign_in=None,
                                  environment=everything)
            self.assertEqual({"copies": 0}, run.json, auth)
        run = self.run_driver("--auth", "managed-identity", "--identity", self.sim.ready["user_assigned_client_id"],
                              "leftovers", self.sim.point(), sign_in=None, environment=everything)
        self.assertEqual({"copies": 0}, run.json)


class Proxies(SignIn):
    def setUp(self):
        super().setUp()
        self.names = self.who("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
        self.proxy = Proxy()
        self.addCleanup(self.proxy.listener.close)

    def test_through_a_proxy(self):
        self.sign_in(**self.names, https_proxy=f"http://me:word@127.0.0.1:{self.proxy.port}")
        self.assertGreaterEqual(len(self.proxy.heads), 2)  # the sign-in, and Resource Manager
        for head in self.proxy.heads:
            self.assertNotIn(b"bearer", head.lower())
            self.assertTrue(head.startswith(b"CONNECT localhost:"))

    def test_wrong_password(self):
        run = self.sign_in(code=NETWORK, **self.names, HTTPS_PROXY=f"http://me:wrong1@127.0.0.1:{self.proxy.port}")
        self.assertIn("407", run.err)
        self.assertNotIn("wrong1", run.err)

    def test_no_proxy(self):
        closed = f"http://127.0.0.1:{closed_port()}"
        for environment in ({"https_proxy": closed, "no_proxy": "localhost"}, {"HTTPS_PROXY": closed, "NO_PROXY": "*"},
                            {"HTTPS_PROXY": closed, "NO_PROXY": "x.example, localhost"},
                            {"ALL_PROXY": closed, "no_proxy": "localhost"}, {"https_proxy": "", "HTTPS_PROXY": ""},
                            {"HTTP_PROXY": closed, "http_proxy": closed}):
            self.sign_in(**self.names, **environment)
        self.assertIn("proxy", self.sign_in(code=NETWORK, **self.names, HTTPS_PROXY=closed, NO_PROXY="x.example").err)

    def test_which_variable(self):
        """The small letters come first, ALL_PROXY last; a proxy's own name may be given without a scheme."""
        good, closed = (f"http://me:word@127.0.0.1:{port}" for port in (self.proxy.port, closed_port()))
        for environment in ({"https_proxy": good, "HTTPS_PROXY": closed}, {"HTTPS_PROXY": good, "ALL_PROXY": closed},
                            {"all_proxy": good}, {"https_proxy": good.removeprefix("http://")}):
            before = len(self.proxy.heads)
            self.sign_in(**self.names, **environment)
            self.assertGreater(len(self.proxy.heads), before, environment)

    def test_authorities(self):
        ca, other = (os.path.join(self.sim.folder, name) for name in ("ca.pem", "pki/other.pem"))
        for environment, code in (({"CURL_CA_BUNDLE": ca}, DONE), ({"SSL_CERT_FILE": ca}, DONE),
                                  ({"CURL_CA_BUNDLE": ca, "SSL_CERT_FILE": other}, DONE),
                                  ({"CURL_CA_BUNDLE": "", "SSL_CERT_FILE": ca}, DONE),
                                  ({"CURL_CA_BUNDLE": other, "SSL_CERT_FILE": ca}, NETWORK)):
            self.run_driver("point", self.sim.point(), ca=None, code=code, environment=environment)
        for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            run = self.run_driver("point", self.sim.point(), ca=None, code=NOT_FOUND, environment={name: "/missing.pem"})
            self.assertIn("/missing.pem", run.err)
        # --ca-file is trusted besides
        self.run_driver("point", self.sim.point(), environment={"CURL_CA_BUNDLE": other})

    def test_directory_of_authorities(self):
        """As curl's own program: beside the bundle, and only without CURL_CA_BUNDLE."""
        ca, other = (os.path.join(self.sim.folder, name) for name in ("ca.pem", "pki/other.pem"))
        good, empty = (tempfile.mkdtemp(dir=self.sim.folder) for _ in range(2))
        shutil.copy(ca, good)
        subprocess.run(["openssl", "rehash", good], check=True, capture_output=True)
        for environment, code in (({"SSL_CERT_DIR": good}, DONE), ({"SSL_CERT_DIR": f"{empty}:{good}"}, DONE),
                                  ({"SSL_CERT_DIR": good, "SSL_CERT_FILE": other}, DONE),
                                  ({"SSL_CERT_DIR": empty, "SSL_CERT_FILE": ca}, DONE),
                                  ({"SSL_CERT_DIR": good, "CURL_CA_BUNDLE": other}, NETWORK),
                                  ({"SSL_CERT_DIR": empty}, NETWORK), ({"SSL_CERT_DIR": ""}, NETWORK),
                                  ({"SSL_CERT_DIR": "/missing"}, NETWORK)):
            with self.subTest(environment=environment):
                self.run_driver("point", self.sim.point(), ca=None, code=code, environment=environment)
                self.sign_in("--ca-file", ca, **self.names, **environment)


if __name__ == "__main__":
    main(sys.argv)
