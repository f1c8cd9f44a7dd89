"""The relay beside stunnel, haproxy and socat: from a TLS server on loopback to a plain TCP client."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from bench import relays, report

# A read of a recovery point as the initiator asks for it: see src/iscsi/record.c and tests/bench/README.md.
DEPTH, SIZE = 8, 128 * 1024
PINGS, PING_SIZE = 3000, 4096
GIB = 1 << 30

RIVAL_PACKAGES = ("stunnel4", "haproxy", "socat")


class Bench:
    """The server that all of them relay to, with a CA of its own."""

    def __init__(self, options, ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"):
        self.build = options.build
        self.seconds = options.seconds
        self.load = options.build / "tests" / "bench" / "load"
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="azilr-bench-"))
        self.ca = self.work / "ca.pem"
        self._make_certificates()
        self.server = subprocess.Popen([self.load, "serve", self.work / "server.crt", self.work / "server.key", ciphers],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.server_port = int(self.server.stdout.readline())

    def _make_certificates(self):
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self._openssl("req", "-x509", *new_key, "-days", "2", "-subj", "/CN=bench", "-keyout", "ca.key", "-out", "ca.pem")
        (self.work / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self._openssl("req", *new_key, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
        self._openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days",
                      "2", "-extfile", "names", "-out", "server.crt")

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.work, check=True, capture_output=True)

    def client(self, relay, *arguments) -> tuple:
        """Its figures, and the relay's CPU seconds and memory while its connections are open."""
        before = relay.cpu()
        ca = [self.ca] if isinstance(relay, relays.Direct) else []
        with subprocess.Popen([self.load, arguments[0], str(relay.port), *map(str, arguments[1:]), *ca],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
            line = client.stdout.readline()
            after, memory = relay.cpu(), relay.memory_mib()
            client.stdin.close()
        if client.returncode != 0 or not line:
            raise RuntimeError(f"the load generator failed, exit code {client.returncode}")
        return json.loads(line), None if before is None else after - before, memory

    def close(self):
        self.server.stdin.close()
        self.server.wait()
        shutil.rmtree(self.work)


def measure_one(bench: Bench, name: str) -> dict:
    """Each measurement of one relay, which is started for it alone, so that the peak is of it alone."""
    found = {}
    for connections in (1, 4):
        relay = relays.ALL[name](bench)
        try:
            # what a relay does once, for its first connection, is not what it costs to relay
            bench.client(relay, "ping", 100, PING_SIZE)
            figures, cpu, memory = bench.client(relay, "read", connections, DEPTH, SIZE, bench.seconds)
            found[f"mb_s_{connections}"] = figures["bytes"] / figures["seconds"] / 1e6
            found[f"cpu_{connections}"] = None if cpu is None else cpu / figures["bytes"] * GIB
            found |= {f"{name}_{connections}": value for name, value in memory.items()}
            if connections == 1:
                figures, _, _ = bench.client(relay, "ping", PINGS, PING_SIZE)
                found.update(figures)
        finally:
            relay.close()
    return found


COLUMNS = {"mb_s_1": "MB/s, 1 connection", "mb_s_4": "MB/s, 4", "cpu_1": "CPU s/GiB, 1", "cpu_4": "CPU s/GiB, 4",
           "p50_us": "p50 µs", "p99_us": "p99 µs", "resident_4": "resident MiB, 4", "peak_4": "peak MiB, 4"}


def judge(medians: dict) -> report.Goals:
    goals = report.Goals()
    ours, rivals = medians[relays.OURS], [medians[name] for name in relays.RIVALS if name in medians]
    if not rivals:
        return goals
    for connections in (1, 4):
        speed, cpu = f"mb_s_{connections}", f"cpu_{connections}"
        goals.at_least(f"MB/s with {connections}, of the best's", ours[speed] / max(one[speed] for one in rivals), 1.3)
        goals.at_most(f"CPU s/GiB with {connections}, of the lowest", ours[cpu] / min(one[cpu] for one in rivals), 0.7)
    for percentile in ("p50_us", "p99_us"):
        goals.at_most(f"{percentile[:3]} of the round trip, of the best's",
                      ours[percentile] / min(one[percentile] for one in rivals), 1.0)
    goals.at_most("resident with 4 connections, MiB", ours["resident_4"], 8)
    return goals


def versions() -> str:
    return report.version("dpkg-query", "-W", "-f", "${Package} ${Version}, ", *RIVAL_PACKAGES, "libssl3").rstrip(", ")


def in_a_network_of_its_own(options) -> int:
    """A loopback that nothing else uses, with the kernel's plainest congestion control: a machine's own may pace."""
    inner = "ip link set lo up && echo reno > /proc/sys/net/ipv4/tcp_congestion_control && exec \"$@\""
    passed = [f"--{name}={getattr(options, name)}" for name in ("rounds", "seconds", "build", "results", "only")
              if getattr(options, name)]
    return subprocess.run(["unshare", "--net", "sh", "-c", inner, "sh", sys.executable, sys.argv[0], *passed, "relay"],
                          env={**os.environ, "AZILR_BENCH_INSIDE": "1"}).returncode


def measure(options) -> int:
    if "AZILR_BENCH_INSIDE" not in os.environ:
        return in_a_network_of_its_own(options)
    names = options.only.split(",") if options.only else list(relays.ALL)
    head = report.machine()
    bench = Bench(options)
    samples = {name: [] for name in names}
    try:
        # interleaved: what else the machine does meets all of them alike
        for number in range(options.rounds):
            for name in names:
                samples[name].append(measure_one(bench, name))
                latest = samples[name][-1]
                print(f"round {number + 1}, {name}: {latest['mb_s_1']:.0f} and {latest['mb_s_4']:.0f} MB/s, "
                      f"p50 {latest['p50_us']:.0f} µs", file=sys.stderr)
    finally:
        bench.close()
    medians = {name: {key: None if one[0][key] is None else report.median([sample[key] for sample in one]) for key in COLUMNS}
               for name, one in samples.items()}
    goals = judge(medians) if relays.OURS in medians else report.Goals()
    rows = [[name, *(medians[name][key] for key in COLUMNS)] for name in names]
    report.write(options.results / "relay.md",
                 f"# The relay\n\n{head}. {versions()}. Medians of {options.rounds} rounds; {DEPTH} requests of {SIZE >> 10} KiB "
                 f"under way on each connection; round trips of 48 bytes out, {PING_SIZE >> 10} KiB back.\n\n"
                 + report.table(["relay", *COLUMNS.values()], rows) + "\n" + goals.table())
    return goals.missed
