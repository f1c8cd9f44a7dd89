#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What a local user can put in azilr's way, or leave in its surroundings: local_user_test.py BUILD_DIR [options]"""
import os
import signal
import subprocess
import sys
import tempfile
import time

from arm_support import DONE, INTERRUPTED, USAGE, Case, main


class LocalUser(Case):
    def setUp(self):
        super().setUp()
        self.folder = tempfile.TemporaryDirectory(prefix="local-user-")
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def launch(self, *arguments, environment=None, **more):
        """A list of vaults, or another command in place of that."""
        program = os.path.join(os.path.abspath(sys.modules["__main__"].BUILD), "azilr")
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        process = subprocess.Popen([program, *arguments],  # pylint: disable=consider-using-with
                                   env={"PATH": os.environ["PATH"], **(environment or {})}, text=True, **more)
        self.addCleanup(lambda: (process.kill(), process.communicate()))
        return process

    def list(self, *arguments, **more):
        ready = self.sim.ready
        return self.launch("list", "vaults", "--endpoint", ready["arm"], "--authority", ready["authority"],
                          "--ca-file", ready["ca"], *arguments, **more)

    def end(self, process, code):
        out, err = process.communicate(timeout=30)
        self.assertEqual(code, process.returncode, out + err)
        return out + err

    def pipe(self, mode=0o600):
        path = self.path("pipe")
        os.mkfifo(path)
        os.chmod(path, mode)
        return path

    def until_it_waits(self, process, path):
        end = time.monotonic() + 20
        while time.monotonic() < end:
            self.assertIsNone(process.poll())
            for fd in os.listdir(f"/proc/{process.pid}/fd"):
                try:
                    if os.readlink(f"/proc/{process.pid}/fd/{fd}") == path:
                        return
                except OSError:
                    pass
            time.sleep(0.05)
        self.fail("it does not open the pipe, or not without a writer")

    def test_a_pipe_that_nobody_writes_to(self):
        """Each of the signals ends it, though they are blocked while a token is read."""
        path = self.pipe()
        for number in (signal.SIGINT, signal.SIGTERM):
            process = self.list("--token-file", path)
            self.until_it_waits(process, path)
            process.send_signal(number)
            self.assertIn("interrupted", self.end(process, INTERRUPTED))

    def test_a_pipe_with_a_writer_who_thinks(self):
        path = self.pipe()
        process = self.list("--token-file", path)
        self.until_it_waits(process, path)
        token = self.sim.read("token").strip()
        with open(path, "w", encoding="utf-8") as pipe:
            for part in (token[:10], token[10:]):
                time.sleep(0.3)
                pipe.write(part)
                pipe.flush()
        self.assertIn("vault1", self.end(process, DONE))

    def test_a_pipe_without_end(self):
        """Bounded by what a token may have."""
        path = self.pipe()
        process = self.list("--token-file", path)
        self.until_it_waits(process, path)
        try:
            with open(path, "w", encoding="utf-8") as pipe:
                while True:
                    pipe.write("x" * 4096)
        except BrokenPipeError:
            pass
        self.assertIn("more than the", self.end(process, USAGE))

    def test_a_pipe_that_others_can_use(self):
        """They would take the secret out of it, or put another in."""
        path = self.pipe(0o666)
        self.assertIn("others than its owner", self.end(self.list("--token-file", path), USAGE))

    def test_no_pipe_and_no_file(self):
        for path in ("/dev/zero", self.folder.name):
            self.assertIn("neither a file nor a pipe", self.end(self.list("--token-file", path), USAGE))

    def test_closed_standard_streams(self):
        """No file of azilr's takes their place, and the result says that nothing could be written."""
        token = self.path("token")
        with open(os.open(token, os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as out:
            out.write(self.sim.read("token"))
        before = os.stat(token).st_size
        for closed in ((0,), (1,), (2,), (0, 1, 2)):
            process = self.list("--token-file", token, preexec_fn=lambda fds=closed: [os.close(fd) for fd in fds])
            process.communicate(timeout=30)
            self.assertEqual(before, os.stat(token).st_size)
            self.assertIn(process.returncode, (0, 1))


if __name__ == "__main__":
    main(sys.argv)
