"""Tables that a person and a later run can read."""
import datetime
import pathlib
import platform
import statistics
import subprocess


def median(values: list) -> float:
    return statistics.median(values)


def number(value: float) -> str:
    """Three significant digits, and no more decimals than they need."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def table(head: list, rows: list) -> str:
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    lines += ["| " + " | ".join(cell if isinstance(cell, str) else number(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


class Goals:
    """What was aimed at, what was measured, and whether it is met."""

    def __init__(self):
        self.rows = []
        self.missed = 0

    def at_least(self, name: str, value: float, goal: float):
        self._add(name, value, f"at least {number(goal)}", value >= goal)

    def at_most(self, name: str, value: float, goal: float):
        self._add(name, value, f"at most {number(goal)}", value <= goal)

    def _add(self, name, value, goal, is_met):
        self.rows.append([name, number(value), goal, "met" if is_met else "MISSED"])
        self.missed += not is_met

    def table(self) -> str:
        return table(["goal", "measured", "wanted", ""], self.rows)


def machine() -> str:
    model = "unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    cores = sum(line.startswith("processor") for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines())
    load = pathlib.Path("/proc/loadavg").read_text().split()[0]
    day = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    return f"{day}, {model}, {cores} cores, Linux {platform.release()}, load {load} before the run"


def version(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else ""


def write(path: pathlib.Path, text: str) -> None:
    path.write_text(text)
    print(text)
    print(f"written to {path}")
