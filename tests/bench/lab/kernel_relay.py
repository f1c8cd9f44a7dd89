"""kernel_relay.py ROUNDS: figures of the relay with the module tls loaded and without, by the names that lab.py wants."""
import pathlib
import subprocess
import sys
import types

sys.path.insert(0, "/src/tests")
from bench import relay, relays  # noqa: E402

SECONDS, PINGS = 3, 500


def measure(bench, name: str) -> None:
    ours = relays.azilr(bench)
    try:
        figures, cpu, _ = bench.client(ours, "read", 1, relay.DEPTH, relay.SIZE, SECONDS)
        print(f"FIGURE {name}.mb_s {figures['bytes'] / figures['seconds'] / 1e6:.2f}")
        print(f"FIGURE {name}.cpu_gib {cpu / figures['bytes'] * relay.GIB:.3f}")
        figures, _, _ = bench.client(ours, "ping", PINGS, relay.PING_SIZE)
        for key, value in figures.items():
            print(f"FIGURE {name}.{key} {value}")
    finally:
        ours.close()


bench = relay.Bench(types.SimpleNamespace(build=pathlib.Path("/src/build"), seconds=SECONDS))
try:
    for _ in range(int(sys.argv[1])):
        subprocess.run(["modprobe", "-r", "tls"], check=True)
        measure(bench, "process")
        subprocess.run(["modprobe", "tls"], check=True)
        measure(bench, "kernel")
finally:
    bench.close()
    subprocess.run(["modprobe", "-r", "tls"], check=True)
