"""kernel_relay.py ROUNDS: figures of the relay with the module tls loaded and without, by the names that lab.py wants."""
import pathlib
import subprocess
import sys
import types

sys.path.insert(0, "/src/tests")
from bench import relay, relays  # noqa: E402

# long beside the first answer, which without KVM takes a second
SECONDS, PINGS, DEPTH, SIZE = 8, 300, 8, 32 * 1024
# that of portals, and one that takes less of a processor whose instructions are imitated, so that the rest can be seen
CIPHERS = {"aes": "ECDHE-ECDSA-AES256-GCM-SHA384", "chacha": "ECDHE-ECDSA-CHACHA20-POLY1305"}


def measure(bench, name: str) -> None:
    ours = relays.azilr(bench)
    try:
        # the handshake, and what is used for the first time
        bench.client(ours, "ping", 100, relay.PING_SIZE)
        figures, cpu, _ = bench.client(ours, "read", 1, DEPTH, SIZE, SECONDS)
        print(f"FIGURE {name}.mb_s {figures['bytes'] / figures['seconds'] / 1e6:.2f}")
        print(f"FIGURE {name}.cpu_gib {cpu / figures['bytes'] * relay.GIB:.3f}")
        figures, _, _ = bench.client(ours, "ping", PINGS, relay.PING_SIZE)
        for key, value in figures.items():
            print(f"FIGURE {name}.{key} {value}")
    finally:
        ours.close()


options = types.SimpleNamespace(build=pathlib.Path("/src/build"), seconds=SECONDS)
benches = {name: relay.Bench(options, ciphers) for name, ciphers in CIPHERS.items()}
try:
    for _ in range(int(sys.argv[1])):
        for cipher, bench in benches.items():
            subprocess.run(["modprobe", "-r", "tls"], check=True)
            measure(bench, f"{cipher}.process")
            subprocess.run(["modprobe", "tls"], check=True)
            measure(bench, f"{cipher}.kernel")
finally:
    for bench in benches.values():
        bench.close()
    subprocess.run(["modprobe", "-r", "tls"], check=True)
