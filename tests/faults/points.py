# SPDX-License-Identifier: MIT
"""Points at which azilr changes the host, what can befall it at each, and which of those a walk takes."""
from __future__ import annotations

import random
import re
from dataclasses import dataclass

SIGNALS = ("kill-before", "kill-after", "int-before", "int-after")
CHILD = ("fail", "do-and-fail", "hang", "do-and-hang", "kill-during", *SIGNALS)
REQUEST = ("fail", "do-and-fail", "hang", *SIGNALS)
HALF_WAY = ("fail", "do-and-fail", *SIGNALS)
CALL = ("fail", *SIGNALS)
OUTCOMES = CHILD


@dataclass(frozen=True)
class Point:
    """As a line of AZILR_FAULT_RECORD names it: ROLE: CALL [WHAT] #N."""
    line: str

    @property
    def call(self) -> str:
        return self.line.split(": ", 1)[1].split(" ", 1)[0]

    @property
    def outcomes(self) -> tuple[str, ...]:
        kinds = {"run": CHILD, "request": REQUEST, "write": HALF_WAY, "mnt_context_mount": HALF_WAY}
        if self.line.startswith("tunnel: ") and self.call in ("bind", "listen"):
            return ("hang", *CALL)
        if self.call == "umount2" and "umount2 by descriptor" not in self.line:
            return ("hang", *CALL)
        return kinds.get(self.call, CALL)


def recorded(path: str) -> list[Point]:
    """The points of a run, in their order."""
    with open(path, encoding="ascii") as lines:
        return [Point(line.rstrip("\n")) for line in lines if line != "HIT\n"]


def was_hit(path: str) -> bool:
    try:
        with open(path, encoding="ascii") as lines:
            return "HIT\n" in lines
    except FileNotFoundError:
        return False


@dataclass(frozen=True)
class Choice:
    """What a walk takes of all points and outcomes."""
    everything: bool
    seed: int
    only: str = ""
    skip: str = "$^"
    outcome: str = ""
    shard: tuple[int, int] = (0, 1)

    def of(self, journey: str, points: list[Point]) -> list[tuple[Point, str]]:
        """Each point with each outcome, or each once, the outcome and the order being the seed's."""
        chance = random.Random(f"{self.seed} {journey}")
        steps = []
        for point in points:
            outcomes = [name for name in point.outcomes if self.outcome in ("", name)]
            if not outcomes or not re.search(self.only, point.line) or re.search(self.skip, point.line):
                continue
            steps += [(point, name) for name in (outcomes if self.everything else [chance.choice(outcomes)])]
        if not self.everything:
            chance.shuffle(steps)
        return steps[self.shard[0]::self.shard[1]]
