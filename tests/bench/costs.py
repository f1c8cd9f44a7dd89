"""What a command costs by itself: its own process, not its children and not what it waits for."""
import os
import re
import select
import sys
import time
from typing import NamedTuple


class Costs(NamedTuple):
    seconds: float  # from its start to its end
    cpu: float      # seconds
    peak_mib: float


def _start(command: list, output: int, environment) -> int:
    # not a fork of this program, whose pages the child would copy before it is another one
    nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    actions = [(os.POSIX_SPAWN_DUP2, nothing, 0), (os.POSIX_SPAWN_DUP2, output if output >= 0 else nothing, 1),
               (os.POSIX_SPAWN_DUP2, output if output >= 0 else nothing, 2)]
    pid = os.posix_spawnp(command[0], command, environment or os.environ, file_actions=actions)
    os.close(nothing)
    return pid


def _peak_kib(pid: int) -> int:
    """The high-water mark so far, which only grows; 0 once the process has given its memory back."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        found = re.search(r"VmHWM:\s+(\d+)", file.read())
    return int(found[1]) if found else 0


def measure(command: list, output: int = -1, environment=None) -> Costs:
    """Runs a command that must end well."""
    command = [str(word) for word in command]
    start = time.monotonic()
    pid = _start(command, output, environment)
    ended = select.poll()
    pidfd = os.pidfd_open(pid)
    ended.register(pidfd, select.POLLIN)
    peak = 0
    while not ended.poll(1):
        peak = max(peak, _peak_kib(pid))
    seconds = time.monotonic() - start
    os.close(pidfd)
    # not reaped yet: its clock (clock_getcpuclockid(3)) still stands where it ended, to the nanosecond
    cpu = time.clock_gettime((~pid << 3) | 2)
    _, status = os.waitpid(pid, 0)
    if status != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return Costs(seconds, cpu, peak / 1024)


if __name__ == "__main__":
    # costs.py NAME CMD...: as figures of the lab
    found = measure(sys.argv[2:])
    print(f"FIGURE {sys.argv[1]}.cpu {found.cpu:.5f}\nFIGURE {sys.argv[1]}.peak_mib {found.peak_mib:.1f}")
