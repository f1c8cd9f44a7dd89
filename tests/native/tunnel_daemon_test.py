#!/usr/bin/python3
"""The tunnel as a daemon, and whose connections it takes: tests/native/tunnel_daemon_test.py BUILD"""
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from tunnel_support import (AZILR, DRIVER, LIMIT, NOBODY, WORK, Server, Tunnel, as_user, assert_reset, echo,  # noqa: E402
                            make_pki)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Owner(unittest.TestCase):
    """Whoever reaches the tunnel reaches the backup: that is root, and whoever runs it by hand."""

    def setUp(self):
        self.connections = []

        def serve(tls):
            self.connections.append(1)
            echo(tls)

        self.server = Server(serve)
        self.addCleanup(self.server.close)

    def start(self, **options):
        tunnel = Tunnel(self.server.port, **options)
        self.addCleanup(tunnel.close)
        return tunnel

    def refused(self, port, address="127.0.0.1", uid=NOBODY):
        self.assertTrue(as_user(lambda: assert_reset(port, address), uid))

    def accepted(self, port, address="127.0.0.1"):
        with socket.create_connection((address, port), timeout=LIMIT) as client:
            client.sendall(b"through")
            self.assertEqual(client.recv(7), b"through")

    def test_another_user_gets_no_connection_to_the_portal(self):
        tunnel = self.start()
        self.refused(tunnel.port)
        self.accepted(tunnel.port)
        self.assertIn(f"refused a connection of the user {NOBODY}", tunnel.logged())
        self.assertEqual(len(self.connections), 1)

    def test_the_same_with_ipv6(self):
        tunnel = self.start(listen="[::1]:0")
        self.refused(tunnel.port, "::1")
        self.accepted(tunnel.port, "::1")

    def test_a_user_who_runs_it_is_relayed_and_others_are_not(self):
        # below /root it could not be read
        program = WORK / "azilr-of-nobody"
        shutil.copy(AZILR, program)
        tunnel = self.start(program=["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", program])

        def work():
            with socket.create_connection(("127.0.0.1", tunnel.port), timeout=LIMIT) as client:
                client.sendall(b"mine")
                assert client.recv(4) == b"mine"

        self.assertTrue(as_user(work))
        self.accepted(tunnel.port)
        self.refused(tunnel.port, uid=NOBODY - 1)

    def test_a_socket_that_was_closed_is_not_taken_for_roots(self):
        # the kernel says of one that no process has any more that it is of user 0
        tunnel = self.start()
        tunnel.process.send_signal(signal.SIGSTOP)

        def work():
            with socket.create_connection(("127.0.0.1", tunnel.port), timeout=LIMIT) as client:
                client.sendall(b"who am I")

        self.assertTrue(as_user(work))
        tunnel.process.send_signal(signal.SIGCONT)
        tunnel.wait_for_log("refused a connection: ")
        self.accepted(tunnel.port)
        self.assertEqual(len(self.connections), 1)

    def test_another_user_cannot_keep_root_out(self):
        tunnel = self.start()
        ready, go = os.pipe()
        child = os.fork()
        if child == 0:
            os.setresuid(NOBODY, NOBODY, NOBODY)
            held = []
            for _ in range(300):
                client = socket.socket()
                client.settimeout(5)
                held.append(client)
                try:
                    client.connect(("127.0.0.1", tunnel.port))
                except OSError:
                    pass
            os.write(go, b"x")
            time.sleep(LIMIT)
            os._exit(0)
        try:
            os.read(ready, 1)
            self.accepted(tunnel.port)
            descriptors = len(list(pathlib.Path(f"/proc/{tunnel.process.pid}/fd").iterdir()))
            self.assertLess(descriptors, 20)
            self.assertEqual(tunnel.logged().count("refused"), 1, "a user must not be able to fill the log")
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Daemon(unittest.TestCase):
    """The tunnel as mount starts it where there is no systemd: a process of its own, and one that starts it again."""

    def setUp(self):
        self.folder = pathlib.Path(WORK / f"daemon-{time.monotonic_ns()}")
        self.folder.mkdir()
        self.pid_file, self.log, self.state = (self.folder / f"tunnel.{name}" for name in ("pid", "log", "state"))
        self.lock = WORK / f"{self.folder.name}.lock"
        self.addCleanup(self.stop)

    def command(self, port, ca="ca"):
        return [DRIVER, "start", "localhost", str(port), WORK / f"{ca}.pem", self.folder, self.lock]

    def start(self, port, **options):
        return subprocess.run(self.command(port, **options), capture_output=True, text=True, timeout=LIMIT,
                              env={**os.environ, "AZURE_CLIENT_SECRET": "not-for-children"})

    def drive(self, *arguments):
        result = subprocess.run([DRIVER, *arguments], capture_output=True, text=True, timeout=LIMIT)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.strip()

    def stop(self):
        return self.drive("stop", self.folder)

    def look(self):
        names = ("condition", "pid", "port", "restarts", "open", "total", "refused", "up", "down", "expired")
        words = self.drive("look", self.folder).split(" ", len(names))
        return {**{name: word if name == "condition" else int(word) for name, word in zip(names, words)},
                "error": words[len(names)] if len(words) > len(names) else ""}

    def look_until(self, **wanted):
        end = time.monotonic() + LIMIT
        while any(self.look()[name] != value for name, value in wanted.items()):
            self.assertLess(time.monotonic(), end, f"{self.look()} is not {wanted}")
            time.sleep(0.05)
        return self.look()

    def processes(self):
        mark = f"--pid-file={self.pid_file}".encode()
        found = []
        for entry in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                line = entry.read_bytes()
            except OSError:
                continue
            if mark in line and b"\0tunnel\0" in line:
                found.append(int(entry.parent.name))
        return sorted(found)

    def assert_confined(self, pid):
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                      if ":\t" in line)
        self.assertNotIn("0", status["Uid"].split())
        self.assertNotIn("0", status["Gid"].split())
        self.assertEqual(status["Groups"].strip(), "")
        for capabilities in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            self.assertEqual(int(status[capabilities], 16), 0)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        self.assertNotIn(b"not-for-children", pathlib.Path(f"/proc/{pid}/environ").read_bytes())
        self.assertEqual(pathlib.Path(f"/proc/{pid}/comm").read_text(), "azilr\n")
        for link in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            self.assertRegex(os.readlink(link), rf"^(socket:.*|anon_inode:.*|{self.log}|{self.state})$")

    def use(self, port):
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as client:
            client.sendall(b"through")
            self.assertEqual(client.recv(7), b"through")

    def begin(self):
        server = Server(echo)
        self.addCleanup(server.close)
        result = self.start(server.port)
        self.assertEqual(result.returncode, 0, result.stderr)
        return int(result.stdout)

    def test_it_outlives_its_starter_with_no_privileges(self):
        port = self.begin()
        parent, _ = self.pid_file.read_text().split()
        self.assertEqual(self.processes(), sorted([int(parent), self.look()["pid"]]))
        for pid in self.processes():
            self.assert_confined(pid)
            self.assertEqual(os.getsid(pid), int(parent))
        self.assertEqual(self.state.stat().st_mode & 0o777, 0o600)
        self.use(port)
        self.assertEqual(self.stop(), "ran")
        self.assertEqual(self.processes(), [])
        self.assertEqual([path.name for path in self.folder.iterdir()], ["tunnel.log"])
        self.assertEqual(self.stop(), "did not run")

    def test_it_tells_how_it_is(self):
        port = self.begin()
        self.assertEqual(self.look()["total"], 0)
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as client:
            client.sendall(b"x" * 5000)
            got = 0
            while got < 5000:
                got += len(client.recv(5000))
            told = self.look_until(up=5000, down=5000)
            self.assertEqual((told["condition"], told["open"], told["total"], told["port"]), ("runs", 1, 1, port))
            # as iscsiadm and the kernel end a connection: no error of anybody's
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.assertEqual(self.look_until(open=0)["error"], "")
        self.assertTrue(as_user(lambda: assert_reset(port)))
        self.look_until(refused=1, total=1)

    def test_what_went_wrong_last_is_told(self):
        server = Server(echo)
        result = self.start(server.port)
        server.close()
        with socket.create_connection(("127.0.0.1", int(result.stdout)), timeout=LIMIT) as client:
            self.assertEqual(client.recv(1), b"")
        end = time.monotonic() + LIMIT
        while "cannot connect to localhost" not in self.look()["error"]:
            self.assertLess(time.monotonic(), end, self.look())
            time.sleep(0.05)

    def test_a_look_does_not_wait_for_a_tunnel_that_hangs(self):
        self.begin()
        for pid in self.processes():
            os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        self.assertEqual(self.look()["condition"], "runs")
        self.assertLess(time.monotonic() - started, 15)
        self.assertEqual(self.stop(), "ran")
        self.assertEqual(self.processes(), [])

    def test_a_crash_is_mended_and_nobody_else_gets_the_port_meanwhile(self):
        port = self.begin()
        self.use(port)
        before = self.look_until(total=1, open=0, up=7)
        for restarts in (1, 2):
            os.kill(self.look()["pid"], signal.SIGKILL)
            # a connection made at once is not refused: the socket is still there
            self.use(port)
            with socket.socket() as thief:
                thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self.assertRaises(OSError, thief.bind, ("127.0.0.1", port))
            told = self.look_until(condition="runs", restarts=restarts, total=1 + restarts, open=0)
            self.assertEqual(told["port"], port)
            self.assertNotEqual(told["pid"], before["pid"])
            self.assertEqual(told["up"], 7 + 7 * restarts)
        self.assertEqual(len(self.processes()), 2)
        for pid in self.processes():
            self.assert_confined(pid)

    def test_no_process_is_left_without_its_parent(self):
        self.begin()
        os.kill(int(self.pid_file.read_text().split()[0]), signal.SIGKILL)
        end = time.monotonic() + LIMIT
        while self.processes():
            self.assertLess(time.monotonic(), end)
            time.sleep(0.02)
        self.assertEqual(self.look()["condition"], "gone")
        self.assertEqual(self.stop(), "did not run")

    def test_at_its_end_it_relays_no_more_but_keeps_its_port(self):
        port = self.begin()
        with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as client:
            client.sendall(b"x")
            self.assertEqual(client.recv(1), b"x")
            self.drive("extend", self.folder, str(int(time.time())))
            with self.assertRaises(ConnectionResetError):
                client.recv(1)
        self.look_until(expired=1, open=0, condition="runs")
        with socket.socket() as thief:
            self.assertRaises(OSError, thief.bind, ("127.0.0.1", port))
        assert_reset(port)
        self.drive("extend", self.folder, str(int(time.time()) + 600))
        self.look_until(expired=0)
        self.use(port)

    def test_a_portal_that_is_closed_or_not_itself_is_told_of(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            result = self.start(unused.getsockname()[1])
        self.assertEqual(result.returncode, 5)
        self.assertIn("cannot connect to localhost", result.stderr)
        self.assertEqual(self.processes(), [])
        self.stop()
        server = Server(echo, certificate="untrusted")
        self.addCleanup(server.close)
        result = self.start(server.port)
        self.assertEqual(result.returncode, 5)
        self.assertIn("certificate is not good", result.stderr)
        self.assertIn("localhost", result.stderr)
        self.assertEqual(self.processes(), [])

    def test_cas_that_are_none(self):
        server = Server(echo)
        self.addCleanup(server.close)
        (WORK / "empty.pem").write_text("nothing\n")
        for name in ("empty", "missing"):
            result = self.start(server.port, ca=name)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn("--ca-file", result.stderr)
            self.assertEqual(self.processes(), [])
            self.stop()

    def test_a_starter_that_is_killed_leaves_nothing_that_stop_does_not_find(self):
        server = Server(echo)
        self.addCleanup(server.close)
        for delay_ms in (0, 1, 2, 3, 5, 8, 12, 20, 30, 50, 80):
            with self.subTest(delay_ms=delay_ms):
                starter = subprocess.Popen(self.command(server.port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                time.sleep(delay_ms / 1000)
                starter.send_signal(signal.SIGKILL)
                starter.wait(LIMIT)
                # as `unmount` does: whoever holds the lock now has written its pid file before letting go
                with open(self.lock, "a") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    self.stop()
                    self.assertEqual(self.processes(), [])


if __name__ == "__main__":
    make_pki()
    try:
        unittest.main(argv=[sys.argv[0], *sys.argv[2:]], verbosity=2)
    finally:
        shutil.rmtree(WORK, ignore_errors=True)
