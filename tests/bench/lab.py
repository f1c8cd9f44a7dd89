"""What needs a virtual machine: the read path over slow links, the time to browse, the kernel's TLS, and the command's costs."""
import os
import pathlib
import subprocess
import sys

from bench import costs, plot, report

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
SCENARIOS = ("kernel-relay", "read-path", "browse", "growth")


def figures(log: pathlib.Path) -> dict:
    """Name to all its values, out of the lines FIGURE NAME VALUE of a log."""
    found = {}
    for line in log.read_text(errors="replace").splitlines():
        if line.startswith("FIGURE "):
            _, name, value = line.split()
            found.setdefault(name, []).append(float(value))
    return found


def run(scenario: str) -> dict:
    # how long a boot takes is the tests' business
    done = subprocess.run([TOP / "tests/lab/run", "-j1", "-t", "3600", "-f", HERE / "lab", scenario],
                          env={**os.environ, "AZILR_LAB_BOOT_LIMIT": "600"})
    log = TOP / "build/lab/out" / f"{scenario}.log"
    if done.returncode != 0:
        raise RuntimeError(f"{scenario} failed: {log}")
    return {name: report.median(values) for name, values in figures(log).items()}


# of the read path: what is counted, in which unit
READS = {"sequential": "MB/s", "tree": "files/s", "random": "reads/s", "parallel": "reads/s"}


def rates_of(found: dict) -> dict:
    """By WHAT.RTT.WHO."""
    rates = {}
    for name, seconds in found.items():
        if name.count(".") != 2:
            continue
        what, _, who = name.split(".")
        work = {"sequential": found[f"megabytes.{who}"] * (1 << 20) / 1e6, "tree": found["files"],
                "random": found["reads"], "parallel": found["reads"] * 8}
        rates[name] = work[what] / seconds
    return rates


def report_read_path(found: dict, head: str) -> tuple:
    goals, rows, rates = report.Goals(), [], rates_of(found)
    for what, unit in READS.items():
        for rtt in (0, 5, 20, 50):
            hand, ours, by_file = (rates[f"{what}.{rtt}.{who}"] for who in ("hand", "volume", "file"))
            rows.append([f"{what}, {rtt} ms, {unit}", hand, ours, by_file, ours / hand, by_file / hand])
            # several at a time that read here and there are what --read-ahead file is for
            goals.at_least(f"{what} at {rtt} ms, of by hand", (by_file if what == "parallel" else ours) / hand, 0.95)
            if what == "sequential" and rtt:
                rows.append([f"the same by one plain TCP connection, {rtt} ms", rates[f"sequential.{rtt}.plain"]] + [""] * 4)
    goals.at_least("sequential at 20 ms, of by hand", rates["sequential.20.volume"] / rates["sequential.20.hand"], 5)
    goals.at_least("sequential at 20 ms, of what one plain TCP connection carries",
                   rates["sequential.20.volume"] / rates["sequential.20.plain"], 0.8)
    goals.at_least("tree at 20 ms, of by hand", rates["tree.20.volume"] / rates["tree.20.hand"], 2)
    text = (f"# The read path over a slow link\n\n{head}. In the lab's guest; 1 Gbit/s; time is stretched "
            f"{found['dilation']:.0f} times, for link and round trip alike, so the link is one of {125 / found['dilation']:.0f} MB/s; "
            f"{found['files']:.0f} files, {found['reads']:.0f} reads of 4 KiB (parallel: by each of eight); caches dropped "
            f"before each.\n\n"
            + report.table(["what", "by hand", "azilr", "--read-ahead file", "azilr, ratio", "file, ratio"], rows) + "\n"
            + goals.table())
    return goals, text


def report_browse(found: dict, head: str) -> tuple:
    goals = report.Goals()
    here = report.median([costs.measure([TOP / "build/azilr", "--version"]).cpu for _ in range(9)])
    up, down = ({disks: sum(found[f"hand.{step}.{disks}"] for step in steps) for disks in (1, 32)}
                for steps in (("login", "scan", "settle", "mount"), ("unmount", "logout")))
    rows = [["by hand, 1 disk", up[1], down[1]], ["azilr, 1 disk", found["azilr.mount.1"], found["azilr.unmount.1"]],
            ["by hand, 32 disks over 4 targets", up[32], down[32]],
            ["azilr, 32 disks over 4 targets", found["azilr.mount.32"], found["azilr.unmount.32"]]]
    goals.at_most("mounted, 1 disk, of by hand", found["azilr.mount.1"] / up[1], 1.2)
    goals.at_most("mounted, 32 disks, of by hand", found["azilr.mount.32"] / up[32], 1.2)
    goals.at_most("mounted, 32 disks, of 1", found["azilr.mount.32"] / found["azilr.mount.1"], 2)
    goals.at_most("unmounted, 32 disks, of 1", found["azilr.unmount.32"] / found["azilr.unmount.1"], 2)
    steps = [[name.replace("hand.", ""), seconds] for name, seconds in found.items() if name.startswith("hand.")]
    own = [[name, found[f"{name}.cpu"] * 1000, found[f"{name}.peak_mib"]]
           for name in ("version", "mount", "status", "unmount")]
    # a guest's processor is slower by what `--version` tells
    slower = found["version.cpu"] / here
    goals.at_most("mount, CPU s, on a processor like this machine's", found["mount.cpu"] / slower, 0.3)
    goals.at_most("mount, peak MiB", found["mount.peak_mib"], 24)
    goals.at_most("status, CPU ms, on a processor like this machine's", found["status.cpu"] * 1000 / slower, 20)
    text = (f"# From the script in hand to mounted\n\n{head}. In the lab's guest, whose processor is "
            f"{report.number(slower)} times slower than this machine's.\n\n"
            + report.table(["", "mounted, s", "unmounted, s"], rows) + "\n" + report.table(["by hand, with so many disks", "s"], steps) + "\n"
            + report.table(["own costs", "CPU ms", "peak MiB"], own) + "\n" + goals.table())
    return goals, text


def report_kernel_relay(found: dict, head: str) -> tuple:
    goals = report.Goals()
    rows = [[f"{cipher}, {where}", *(found[f"{cipher}.{where}.{what}"] for what in ("mb_s", "cpu_gib", "p50_us", "p99_us"))]
            for cipher in ("aes", "chacha") for where in ("process", "kernel")]
    gains = [f"{cipher}: {report.number(found[f'{cipher}.kernel.mb_s'] / found[f'{cipher}.process.mb_s'])} times the MB/s at "
             f"{report.number(found[f'{cipher}.kernel.cpu_gib'] / found[f'{cipher}.process.cpu_gib'])} of the CPU s/GiB"
             for cipher in ("aes", "chacha")]
    text = (f"# The kernel's TLS\n\n{head}. In the lab's guest: the relay with the module `tls` and without.\n\n"
            + report.table(["cipher, decrypted by the", "MB/s", "CPU s/GiB", "p50 µs", "p99 µs"], rows)
            + f"\nThe kernel's beside the process's: {'; '.join(gains)}.\n")
    return goals, text


def report_growth(found: dict, head: str) -> tuple:
    """Also its plot."""
    rows, panels = [], []
    for what in ("disks", "volumes"):
        counts = sorted(int(name.split(".")[1]) for name in found if name.startswith(f"{what}.") and name.endswith(".mount"))
        curves = {"mount, s": "mount", "unmount, s": "unmount", "mount, CPU s": "cpu"}
        panels += [(f"{what}: time", what, {label: [(count, found[f"{what}.{count}.{key}"]) for count in counts]
                                            for label, key in curves.items()}),
                   (f"{what}: memory", what, {"peak MiB": [(count, found[f"{what}.{count}.peak_mib"]) for count in counts]})]
        rows += [[f"{what}, {count}", *(found[f"{what}.{count}.{key}"] for key in ("mount", "unmount", "cpu", "peak_mib"))]
                 for count in counts]
    text = (f"# How it grows: disks and volumes\n\n{head}. In the lab's guest; one run. ![](growth-lab.svg)\n\n"
            + report.table(["input", "mount, s", "unmount, s", "mount, CPU s", "peak MiB"], rows))
    return report.Goals(), text, plot.svg(panels)


REPORTS = {"kernel-relay": report_kernel_relay, "read-path": report_read_path, "browse": report_browse, "growth": report_growth}


def measure(options) -> int:
    missed = 0
    for scenario in options.only.split(",") if options.only else SCENARIOS:
        head = report.machine()
        goals, text, *plots = REPORTS[scenario](run(scenario), head)
        for drawing in plots:
            (options.results / f"{scenario}-lab.svg").write_text(drawing)
        report.write(options.results / f"{scenario}{'-lab' if plots else ''}.md", text)
        missed += goals.missed
        sys.stdout.flush()
    return missed
