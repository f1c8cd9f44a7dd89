# SPDX-License-Identifier: MIT
"""A walk over points: each is met once more with an outcome, `unmount --all` follows, and the host is compared."""
from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from host import left_behind, remove_files, snapshot
from points import OUTCOMES, Choice, Point, recorded, was_hit

LIMIT_S = 240

# of the runs, so few may miss their point: what is walked is to be what was recorded
MISSED_PART, MISSED_FEW = 10, 2


@dataclass
class Journey:
    """A command whose points are walked: what must be there before it, and its arguments."""
    name: str
    arguments: list[str]
    prepare: list[list[str]] = field(default_factory=list)
    prepare_with: tuple[str, str] | None = None  # point and outcome of the last of them
    stdout: str = os.devnull
    skip: str = ""  # another journey, whose points are left out here
    code: int = 0  # without a fault, and what is said last then
    says: str = ""
    is_tidy: bool = False  # without a fault it leaves nothing
    before: Callable[[], None] | None = None  # once prepared


@dataclass
class Result:
    journey: str
    point: str
    outcome: str
    hit: bool
    code: int
    tidy: bool  # nothing was left even before unmount --all
    after: int  # exit code of unmount --all
    left: list[str]
    seconds: float
    words: str = ""
    stuck: bool = False  # it did not end by itself


class Walk:
    def __init__(self, azilr: str, azilr_faults: str, work: str, unmount_all: list[str], simulator: str | None = None):
        self.azilr, self.azilr_faults, self.work, self.unmount_all = azilr, azilr_faults, work, unmount_all
        self.simulator = simulator
        self.record = os.path.join(work, "points")
        self.before = snapshot(simulator)
        self.words, self.stuck = "", False
        self.environment = {}  # what azilr is given beside the walk's own

    def run(self, arguments, point=None, outcome=None, faults=True, stdout=os.devnull):
        """The exit code; minus the signal's number where one ended it."""
        env = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "AZILR_"))}
        env |= self.environment
        self.stuck = False
        if faults:
            env["AZILR_FAULT_RECORD"] = self.record
        if point:
            env |= {"AZILR_FAULT_POINT": point, "AZILR_FAULT_OUTCOME": outcome}
        with open(stdout, "wb") as out:
            done = subprocess.Popen([self.azilr_faults if faults else self.azilr, *arguments], env=env, stdout=out,
                                    stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/")
            try:
                words = done.communicate(timeout=LIMIT_S)[1]
            except subprocess.TimeoutExpired:
                done.kill()
                self.stuck = True
                # its children and its tunnel may have the pipe still
                words = b"(killed by the walk: it did not end)"
                done.wait()
        self.words = words.decode(errors="replace")
        return done.returncode

    def prepared(self, journey):
        for i, arguments in enumerate(journey.prepare):
            last = i == len(journey.prepare) - 1 and journey.prepare_with
            code = self.run(arguments, *(journey.prepare_with if last else (None, None)), faults=bool(last))
            if code != (-9 if last else 0):
                raise RuntimeError(f"{journey.name}: {' '.join(arguments)} ended with {code}: {self.words}")
        if journey.before:
            journey.before()
        Path(self.record).unlink(missing_ok=True)
        # a tunnel has another user
        Path(self.record).touch()
        os.chmod(self.record, 0o666)

    def points(self, journey) -> list[Point]:
        self.prepared(journey)
        code = self.run(journey.arguments, stdout=journey.stdout)
        words = self.words
        points = recorded(self.record)
        left = left_behind(self.before, self.simulator) if journey.is_tidy else []
        self.tidy_up()
        # what is walked would be another way than the one that is meant
        if code != journey.code or not re.search(journey.says, words) or left:
            raise RuntimeError("\n    ".join([f"{journey.name}: exit {code} without a fault, not {journey.code}; left "
                                              f"behind: {left}; it said:", *words.splitlines()]))
        print(f"# {journey.name}: exit {code} without a fault, as it must", flush=True)
        return points

    def tidy_up(self):
        """Returns unmount's exit code and what is left after it."""
        code = self.run(self.unmount_all, faults=False)
        return code, left_behind(self.before, self.simulator)

    def step(self, journey, point, outcome) -> Result:
        start = time.monotonic()
        self.prepared(journey)
        code = self.run(journey.arguments, point.line, outcome, stdout=journey.stdout)
        words, stuck = self.words, self.stuck
        hit = was_hit(self.record)
        tidy = not left_behind(self.before, self.simulator, 0)
        after, left = self.tidy_up()
        result = Result(journey.name, point.line, outcome, hit, code, tidy, after, left, time.monotonic() - start,
                        f"{words}\n-- unmount --all:\n{self.words}", stuck)
        if not is_bad(asdict(result)):
            result.words = ""
        return result


def crashed(result):
    """By another signal than the one that the outcome sends; SIGINT counts until azilr catches it."""
    sent = {"kill": -9, "int": -2}.get(result["outcome"].split("-")[0])
    return result["code"] < 0 and result["code"] != sent


def is_bad(result):
    return bool(result["left"]) or result["after"] != 0 or crashed(result) or result.get("stuck", False)


def why_bad(result):
    return ("STUCK" if result.get("stuck", False) else "CRASHED" if crashed(result) else "LEFT")


class Report:
    """Results as they come, in a file of JSON lines; the table and the counts at the end."""

    def __init__(self, path: str, resume: bool):
        self.results = []
        if resume and os.path.exists(path):
            with open(path, encoding="utf-8") as lines:
                self.results = [json.loads(line) for line in lines]
        self.known = {(r["journey"], r["point"], r["outcome"]) for r in self.results}
        self.out = open(path, "a" if resume else "w", encoding="utf-8")

    def add(self, result: Result):
        self.results.append(asdict(result))
        self.out.write(json.dumps(self.results[-1]) + "\n")
        self.out.flush()
        if is_bad(self.results[-1]):
            print(f"{why_bad(self.results[-1])} {result.journey} / {result.point} / {result.outcome}: exit {result.code}, then unmount --all "
                  f"{result.after}", *result.left, *result.words.splitlines(), sep="\n    ", flush=True)

    def table(self):
        """A line a point and a column an outcome, with azilr's exit code; `!` where it was bad, `?` where the point was
        not met."""
        rows = defaultdict(dict)
        for r in self.results:
            mark = "!" if is_bad(r) else "" if r["hit"] else "?"
            rows[(r["journey"], r["point"])][r["outcome"]] = f"{r['code']}{mark}"
        yield " ".join(f"{name:>11}" for name in OUTCOMES) + "  point"
        for (journey, point), cells in rows.items():
            yield " ".join(f"{cells.get(name, '.'):>11}" for name in OUTCOMES) + f"  {journey} / {point}"

    def summary(self):
        """By call and outcome: how many runs were bad, how many did not meet their point, and how many there were."""
        bad, missed, counts = Counter(), Counter(), Counter()
        for r in self.results:
            key = (r["journey"], r["outcome"])
            counts[key] += 1
            missed[key] += not r["hit"]
            bad[key] += is_bad(r)
        journeys = sorted({r["journey"] for r in self.results})
        yield f"{'bad / missed / runs':24}" + "".join(f"{name:>20}" for name in journeys)
        for name in OUTCOMES:
            yield f"{name:24}" + "".join(f"{bad[(j, name)]:>7} / {missed[(j, name)]:>3} / {counts[(j, name)]:<4}"
                                         for j in journeys)

    def close(self, total: int) -> bool:
        self.out.close()
        points = len({(r["journey"], r["point"]) for r in self.results})
        left = sum(bool(r["left"]) or r["after"] != 0 for r in self.results)
        stopped = sum(crashed(r) or r.get("stuck", False) for r in self.results)
        missed = sum(not r["hit"] for r in self.results)
        tidy = sum(r["tidy"] for r in self.results)
        print(*self.summary(), sep="\n")
        print(f"{points} points, {len(self.results)} of {total} chosen runs ({missed} did not meet their point); {stopped} "
              f"crashed or did not end; after {tidy} nothing was left by azilr itself, after `unmount --all` something was "
              f"left by {left}", flush=True)
        if missed > self.misses_allowed():
            print(f"TOO MANY MISSED: {missed}, of which {self.misses_allowed()} are allowed", flush=True)
            return False
        return left == stopped == 0 and self.results != []

    def misses_allowed(self):
        return max(MISSED_FEW, len(self.results) // MISSED_PART)


def walk(walk_: Walk, journeys: list[Journey], choice: Choice, report: Report, seconds: float) -> bool:
    """All journeys' steps in turn, until the time is over, which begins when it is known what there is to walk."""
    plans, points = [], {}
    for journey in journeys:
        points[journey.name] = walk_.points(journey)
        others = {point.line for point in points.get(journey.skip, [])}
        mine = [point for point in points[journey.name] if point.line not in others]
        steps = choice.of(journey.name, mine)
        print(f"# {journey.name}: {len(points[journey.name])} points, {len(mine)} walked here, {len(steps)} runs chosen",
              flush=True)
        plans.append([(journey, *step) for step in steps])
    total = sum(map(len, plans))
    end = time.monotonic() + seconds if seconds else None
    for journey, point, outcome in spread(plans):
        if end and time.monotonic() > end:
            print(f"# the time of {seconds:.0f} s is over", flush=True)
            break
        if (journey.name, point.line, outcome) in report.known:
            continue
        result = walk_.step(journey, point, outcome)
        report.add(result)
        if result.left:
            # what was left would be found after each of the following too; a session that is there goes as one
            walk_.tidy_up()
            remove_files(left_behind(walk_.before, walk_.simulator))
            walk_.before = snapshot(walk_.simulator)
    return report.close(total)


def spread(plans):
    """The plans side by side, each at its own pace, so that all end together."""
    paced = [((i + 0.5) / len(plan), number, i) for number, plan in enumerate(plans) for i in range(len(plan))]
    return [plans[number][i] for _, number, i in sorted(paced)]

