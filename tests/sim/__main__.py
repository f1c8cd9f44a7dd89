"""The command line: start a simulator, say where it is, stop on a signal."""
from __future__ import annotations

import argparse
import json
import signal
import sys
from pathlib import Path

from .service import Options, Simulator
from .switches import BadSwitch
from .target import BackendError
from .vault import ConfigError


def parse(argv: list[str]) -> Options:
    parser = argparse.ArgumentParser(prog="azure-sim", description="A simulator of Azure's item level recovery service.")
    add = parser.add_argument
    add("--dir", required=True, type=Path, help="work directory: certificates, logs, control socket, ready.json")
    add("--config", type=Path, help="JSON file: subscriptions, switches, credentials (see README.md)")
    add("--address", default="127.0.0.1", help="of the REST and sign-in end point")
    add("--port", type=int, default=0, help="of the same; 0 takes a free one")
    add("--portal-address", default="127.0.0.1")
    add("--portal-port", type=int, default=0)
    add("--portal-name", help="host name in scripts and certificate; {geo} is replaced")
    add("--backend", choices=("tgtd", "echo", "sink", "none"), default="none", help="what stands behind the portal")
    add("--tgt-portal", default="127.0.0.1:13260", help="address:port for the tgtd that is started")
    add("--tgt-control-port", type=int, default=60, help="tgtd -C")
    add("--pki", type=Path, help="folder of the certificates, used again when complete (default: DIR/pki)")
    add("--disk", action="append", default=[], dest="disks", help="disk image of the default VM; repeat for more")
    args = parser.parse_args(argv)
    config = {}
    if args.config:
        try:
            config = json.loads(args.config.read_text())
        except (OSError, ValueError) as error:
            parser.error(f"{args.config}: {error}")
    return Options(folder=args.dir.absolute(), config=config,
                   **{name: value for name, value in vars(args).items() if name not in ("dir", "config")})


def main(argv: list[str]) -> int:
    options = parse(argv)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})  # for all threads; taken below by sigwait
    try:
        simulator = Simulator(options)
        simulator.start()
    except (ConfigError, BadSwitch, BackendError, OSError, RuntimeError, KeyError) as error:
        sys.stderr.write(f"azure-sim: {type(error).__name__}: {error}\n")
        return 1
    sys.stderr.write(f"azure-sim: ready, see {options.folder}/ready.json\n")
    signal.sigwait({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
    simulator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
