"""The relays that are measured, each as a process tree that listens on a port of loopback."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import time


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_listening(port: int) -> bool:
    """Looked up, not tried: a connection would be one that the relay takes to its server."""
    wanted = f"0100007F:{port:04X}"
    return any(fields[1] == wanted and fields[3] == "0A"
               for fields in (line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]))


def processes(root: int) -> list:
    """A process and all below it."""
    found = [root]
    for task in pathlib.Path(f"/proc/{root}/task").glob("*/children"):
        # a thread may have ended since it was listed
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in task.read_text().split():
                found += processes(int(child))
    return found


def cpu_seconds(pid: int) -> float:
    """To the nanosecond, of all its threads that there are or were (clock_getcpuclockid(3)); 0 if it has ended since it was listed."""
    with contextlib.suppress(OSError):
        return time.clock_gettime((~pid << 3) | 2)
    return 0


class Relay:
    """Starts a command and waits for its port."""

    def __init__(self, command: list, port: int, log: pathlib.Path):
        self.port = port
        self.log = log
        with open(log, "wb") as output:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            start_new_session=True)
        end = time.monotonic() + 20
        while not is_listening(port):
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} does not listen: {log.read_text()}")
            time.sleep(0.01)

    def cpu(self) -> float:
        return sum(cpu_seconds(pid) for pid in processes(self.process.pid))

    def memory_mib(self) -> dict:
        """What its processes have resident now, and had at most; what they share counts once for each."""
        texts = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in processes(self.process.pid)]
        return {name: sum(int(re.search(rf"{field}:\s+(\d+)", text)[1]) for text in texts) / 1024
                for name, field in (("resident", "VmRSS"), ("peak", "VmHWM"))}

    def close(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Direct:
    """No relay: the client speaks TLS itself."""

    def __init__(self, server: int):
        self.port = server

    def cpu(self):
        return None

    def memory_mib(self):
        return {"resident": None, "peak": None}

    def close(self):
        pass


def azilr(bench) -> Relay:
    port = free_port()
    return Relay([bench.build / "azilr", "tunnel", "--listen", f"127.0.0.1:{port}", "--connect",
                  f"localhost:{bench.server_port}", "--ca-file", bench.ca], port, bench.work / "azilr.log")


def stunnel(bench) -> Relay:
    port = free_port()
    config = bench.work / "stunnel.conf"
    config.write_text(f"foreground = yes\npid =\nsyslog = no\ndebug = 3\n[portal]\nclient = yes\n"
                      f"accept = 127.0.0.1:{port}\nconnect = 127.0.0.1:{bench.server_port}\nCAfile = {bench.ca}\n"
                      f"verifyChain = yes\ncheckHost = localhost\n")
    return Relay(["stunnel4", config], port, bench.work / "stunnel.log")


def haproxy(bench) -> Relay:
    port = free_port()
    config = bench.work / "haproxy.cfg"
    config.write_text(f"defaults\n mode tcp\n timeout connect 10s\n timeout client 1h\n timeout server 1h\n"
                      f"listen portal\n bind 127.0.0.1:{port}\n"
                      f" server portal 127.0.0.1:{bench.server_port} ssl verify required ca-file {bench.ca} "
                      f"verifyhost localhost\n")
    return Relay(["haproxy", "-db", "-f", config], port, bench.work / "haproxy.log")


def socat(bench) -> Relay:
    port = free_port()
    return Relay(["socat", f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,nodelay",
                  f"OPENSSL:localhost:{bench.server_port},pf=ip4,cafile={bench.ca},nodelay"], port, bench.work / "socat.log")


def script(bench) -> Relay:
    port = free_port()
    return Relay(["python3", pathlib.Path(__file__).with_name("script_relay.py"), str(port), "localhost",
                  str(bench.server_port), bench.ca], port, bench.work / "script.log")


def direct(bench) -> Direct:
    return Direct(bench.server_port)


# Those that ours is held against, and what else is in the table for orientation.
OURS = "azilr"
RIVALS = ("stunnel", "haproxy", "socat")
ALL = {"none": direct, "azilr": azilr, "haproxy": haproxy, "socat": socat, "stunnel": stunnel, "script": script}
