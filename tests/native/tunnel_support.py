"""What the tests of the tunnel stand on: a CA of their own, TLS servers, and the program in the foreground."""
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time

BUILD = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "build").absolute()
AZILR = BUILD / "azilr"
DRIVER = BUILD / "tests" / "native" / "tunnel_driver"
WORK = pathlib.Path(tempfile.mkdtemp(prefix="azilr-tunnel-"))
LIMIT = int(os.environ.get("AZILR_TESTS_LIMIT", "30"))  # seconds that anything may take
NOBODY = 65534


def openssl(*args: str) -> None:
    subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=WORK)


def make_ca(name: str) -> None:
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
            f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")


def make_certificate(name: str, host: str, ca: str, *dates: str, kind: str = "DNS") -> None:
    (WORK / f"{name}.ext").write_text(f"subjectAltName={kind}:{host}\n")
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={host}", "-keyout",
            f"{name}.key", "-out", f"{name}.csr")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key", "-CAcreateserial", "-out",
            f"{name}.crt", "-extfile", f"{name}.ext", *(dates or ("-days", "1")))


def make_pki() -> None:
    os.chmod(WORK, 0o755)  # the tunnel reads the CA as root, and the tests clean up
    make_ca("ca")
    make_ca("other")
    make_certificate("good", "localhost", "ca")
    make_certificate("wrong", "elsewhere.example", "ca")
    make_certificate("address", "127.0.0.1", "ca", kind="IP")
    make_certificate("untrusted", "localhost", "other")
    # a certificate whose last day was yesterday
    make_certificate("expired", "localhost", "ca", "-days", "-1")


def read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


class Server:
    """A TLS server on loopback that hands each connection to a function, in a thread of its own."""

    def __init__(self, serve, certificate="good", port=0, newest=None, small=False):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if newest:
            self.context.set_ciphers("ALL:@SECLEVEL=0")
            self.context.minimum_version = ssl.TLSVersion.TLSv1
            self.context.maximum_version = newest
        elif "AZILR_TESTS_TLS_1_2" in os.environ:
            self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.context.load_cert_chain(WORK / f"{certificate}.crt", WORK / f"{certificate}.key")
        self.serve = serve
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if small:
            for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                self.listener.setsockopt(socket.SOL_SOCKET, option, 4096)
        self.listener.bind(("127.0.0.1", port))
        self.listener.listen(32)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(plain,), daemon=True).start()

    def _one(self, plain):
        plain.settimeout(LIMIT)
        try:
            # an end without TLS's own is what some tests are about
            with self.context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=True) as tls:
                self.serve(tls)
        except (OSError, ssl.SSLError):
            pass
        finally:
            plain.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Tunnel:
    """`azilr tunnel` in the foreground."""

    def __init__(self, port, *options, ca="ca", listen="127.0.0.1:0", host="localhost", environment=None,
                 program=(AZILR,)):
        self.log = open(WORK / f"log-{time.monotonic_ns()}", "w+b")
        self.process = subprocess.Popen(
            [*program, "tunnel", "--listen", listen, "--connect", f"{host}:{port}", "--ca-file", WORK / f"{ca}.pem", *options],
            stdout=subprocess.PIPE, stderr=self.log, env={**os.environ, **(environment or {})})
        line = self.process.stdout.readline().decode()
        self.port = int(re.fullmatch(r"listening on (?:127\.0\.0\.1|::1):(\d+)\n", line)[1])

    def connect(self) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT)
        return client

    def logged(self) -> str:
        return pathlib.Path(self.log.name).read_text()

    def wait_for_log(self, text: str) -> str:
        end = time.monotonic() + LIMIT
        while text not in self.logged():
            assert time.monotonic() < end, f"{text!r} is not in {self.logged()!r}"
            time.sleep(0.02)
        return self.logged()

    def cpu_seconds(self) -> float:
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_kib(self) -> int:
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def close(self) -> int:
        self.process.terminate()
        code = self.process.wait(LIMIT)
        self.process.stdout.close()
        self.log.close()
        return code


def echo(tls):
    while data := tls.recv(1 << 16):
        tls.sendall(data)
    tls.unwrap()


def as_user(work, uid=NOBODY):
    """Runs work() in a child that is that user; whether it ends well."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            work()
            os._exit(0)
        except BaseException as problem:
            print(f"as user {uid}: {problem!r}", file=sys.stderr)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


def assert_reset(port, address="127.0.0.1"):
    """A connection that is not relayed is reset, before or after the client gets to say something."""
    try:
        with socket.create_connection((address, port), timeout=LIMIT) as client:
            client.sendall(b"let me in")
            client.recv(1)
    except (ConnectionResetError, BrokenPipeError):
        return
    raise AssertionError("not refused")
