"""What it costs to hand a batch of screens to the trainer, by how many and by how much changed.

    python -m benchmarks.handover [--num-envs 20 256] [--rounds 5] [--seconds 300]

Ours, its peers and a plain copy of the batch (engines.py), each in its own process. All changes
of one number of environments are measured with ours, the copy and one peer alive, a turn each, so
that noise of the machine meets all; then comes the next peer. A peer that is not installed, takes
too long to start, would not fit into memory or for which no time is left is left out, and said so.
Where an engine fails the others are measured all the same, and the exit status is 1.
"""

import argparse
import contextlib
import json
import select
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from benchmarks.command import positive, run, start, whole
from benchmarks.engines import CHANGES, ENGINES
from benchmarks.report import Figure, Found, Series, show_found

OURS, COPY, GYMNASIUM = "ours", "memcpy of the batch", "Gymnasium Async, copy=False"
PEERS = tuple(name for name in ENGINES if name not in (OURS, COPY))
SHARES = {20: 3, 256: 2, 1: 1, 8: 1, 64: 1, 128: 1}
"""Of the time, by number of environments: those with a bound first, and they have more."""
FEWER_ROUNDS = 2
"""Where there is no bound, or a step of a peer takes seconds."""
TURN_S = 0.3
MOST_STEPS = 60
ANSWER_S = 90.0
NEEDS_MB = 48
"""An environment of any engine, with what its process has for itself."""
SMALL, WHOLE = "64x64", "100 %"


class LeftOut(Exception):
    """An engine cannot be measured; the text says why."""


class Failed(Exception):
    """An engine ended, or said no more, while it was to be measured; the text names it."""

    def __init__(self, engine: str, what: str) -> None:
        super().__init__(f"{engine} {what}")
        self.engine = engine


class Host:
    """One engine's process.

    Raises:
        LeftOut: it is not installed, or was not ready in time.
        Failed: its process ended.
    """

    def __init__(self, name: str, num_envs: int, *arguments: str) -> None:
        self.name = name
        if num_envs * NEEDS_MB << 20 > psutil.virtual_memory().available:
            raise LeftOut(f"{num_envs} environments may need {num_envs * NEEDS_MB} MB")
        self._process = start(
            [sys.executable, "-m", "benchmarks.engines", name, str(num_envs), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        try:
            if not self._answers():
                raise LeftOut(f"it was not ready in {ANSWER_S:g} s")
            said = self._answer()
            if "missing" in said:
                raise LeftOut(f"{said['missing']} is not installed: make bench-deps")
        except BaseException:
            self.close()
            raise
        self.ready_s = float(said["ready_s"])

    def turn(self, change: int, steps: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps([change, steps]), file=self._process.stdin, flush=True)
        return self._answer()

    def end(self) -> dict[str, Any]:
        """Ask what only ours says when all turns are over."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        return self._answer()

    def close(self) -> None:
        """End the process and all below it."""
        below = psutil.Process(self._process.pid).children(recursive=True)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        _, left = psutil.wait_procs(below, timeout=2)
        for process in left:
            process.kill()

    def _answers(self) -> bool:
        """Wait until there is an answer, or nobody left to give one."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], ANSWER_S)[0])

    def _answer(self) -> dict[str, Any]:
        if not self._answers():
            raise Failed(self.name, f"gave no answer in {ANSWER_S:g} s")
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Failed(self.name, "failed, see above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass
class Cost:
    """Of one engine, at one number of environments and one change: a number a turn."""

    step_ms: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    @property
    def p50_ms(self) -> float:
        return statistics.median(self.step_ms)


Costs = dict[tuple[int, str, str], Cost]
"""By number of environments, change and engine."""


@contextmanager
def host(name: str, num_envs: int, *arguments: str) -> Iterator[Host]:
    found = Host(name, num_envs, *arguments)
    try:
        yield found
    finally:
        found.close()


def take_turns(
    hosts: Sequence[Host], num_envs: int, rounds: int, until_s: float, costs: Costs
) -> None:
    """Every change, every engine, `rounds` times; as many steps as fit into TURN_S.

    No round but the first begins after `until_s`.
    """
    steps = {}
    found: Costs = defaultdict(Cost)
    for change in range(len(CHANGES)):
        for each in hosts:
            first_ms = statistics.median(each.turn(change, 1)["step_ms"])
            steps[each.name, change] = max(1, min(MOST_STEPS, round(TURN_S * 1e3 / first_ms)))
    for number in range(rounds):
        if number and time.monotonic() > until_s:
            break
        for change, label in enumerate(CHANGES):
            for each in hosts:
                took = each.turn(change, steps[each.name, change])
                cost = found[num_envs, label, each.name]
                cost.step_ms.append(statistics.median(took["step_ms"]))
                cost.cpu_us.append(took["cpu_us"])
    for key, cost in found.items():
        costs[key].step_ms += cost.step_ms
        costs[key].cpu_us += cost.cpu_us


def compare(
    num_envs: int,
    rounds: int,
    until_s: float,
    costs: Costs,
    say: Callable[[str], None],
    fail: Callable[[str], None],
) -> list[Figure]:
    """All engines at one number of environments.

    Args:
        say: told which peers are left out.
        fail: told which peers failed.

    Raises:
        LeftOut, Failed: what all are compared with, ours or the copy, cannot be measured.
    """
    figures = []
    with ExitStack() as stack:
        own = stack.enter_context(host(OURS, num_envs))
        copy = stack.enter_context(host(COPY, num_envs))
        for peer in PEERS:
            if time.monotonic() > until_s:
                say(f"n={num_envs}: {peer} is left out: no time is left")
                continue
            try:
                with host(peer, num_envs) as other:
                    take_turns((own, copy, other), num_envs, rounds, until_s, costs)
            except LeftOut as why:
                say(f"n={num_envs}: {peer} is left out: {why}")
            except Failed as failure:
                if failure.engine != peer:
                    raise
                fail(f"n={num_envs}: {failure}")
        if (num_envs, SMALL, OURS) not in costs:
            take_turns((own, copy), num_envs, rounds, until_s, costs)
        shared = float(own.end()["batch_is_segment"])
        figures.append(Figure("  the batch is the segment", shared, "", at_least=1))
    return figures


def figures_of(num_envs: int, costs: Costs) -> list[Figure]:
    """What is to be reached, and the ratios to each peer."""
    figures = []
    for change in CHANGES:
        own = costs[num_envs, change, OURS]
        few, many = num_envs == 20 and change == SMALL, num_envs == 256 and change == SMALL
        name = f"handover n={num_envs}, {change}"
        limit = 0.4 if few else 4.0 if many else None
        figures.append(Figure(f"{name}: step p50", own.p50_ms, "ms", at_most=limit))
        cpu_us = statistics.median(own.cpu_us)
        figures.append(Figure("  CPU an env-step", cpu_us, "us", at_most=60 if few else None))
        for engine in (*PEERS, COPY):
            cost = costs.get((num_envs, change, engine))
            if cost is None:
                continue
            if engine == COPY:
                within = 1.3 if num_envs == 20 and change == WHOLE else None
                ratio = own.p50_ms / cost.p50_ms
                figures.append(Figure(f"  by {COPY}", ratio, "x", at_most=within))
                continue
            reach = 20 if few and engine == GYMNASIUM else None
            # Of the turns that were taken together with this peer.
            together = own.step_ms[cost_offset(costs, num_envs, change, engine) :]
            ratios = [a / b for a, b in zip(cost.step_ms, together, strict=False)]
            figures.append(
                Figure(f"  {engine}: times ours", statistics.median(ratios), "x", at_least=reach)
            )
    return figures


def cost_offset(costs: Costs, num_envs: int, change: str, engine: str) -> int:
    """How many turns ours took with the peers before this one."""
    before = PEERS[: PEERS.index(engine)]
    found = (costs.get((num_envs, change, peer)) for peer in before)
    return sum(len(cost.step_ms) for cost in found if cost is not None)


def series_of(costs: Costs) -> list[Series]:
    """A line an engine: cost by number of environments, and by the change at n=20."""
    lines: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
    cpu: dict[tuple[str, str], dict[float, float]] = defaultdict(dict)
    shares = {label: 100 * w * h / (1024 * 768) for label, (w, h) in CHANGES.items()}
    for (num_envs, change, engine), cost in costs.items():
        lines[f"handover by n, {change}", engine][num_envs] = cost.p50_ms
        cpu[f"handover CPU by n, {change}", engine][num_envs] = statistics.median(cost.cpu_us)
        if num_envs == 20:
            lines["handover by change, n=20", engine][shares[change]] = cost.p50_ms
    made = [Series(plot, line, "ms", sorted(p.items())) for (plot, line), p in lines.items()]
    return made + [
        Series(plot, line, "us", sorted(points.items())) for (plot, line), points in cpu.items()
    ]


def measure(
    sizes: Sequence[int] = tuple(SHARES), rounds: int = 5, seconds: float = 300.0
) -> Iterator[Found]:
    """The figures of all sizes.

    Args:
        seconds: each size has its share of them, and what those before it left over; when that has
            passed, only ours and the copy are measured.

    Raises:
        SystemExit: engines failed; it names them, after all that was found.
    """
    costs: Costs = defaultdict(Cost)
    found: list[Found] = []
    failed: list[str] = []
    until_s = time.monotonic() + seconds
    shares = {num_envs: SHARES.get(num_envs, 1) for num_envs in sizes}
    try:
        for num_envs in sizes:
            now_s, left = time.monotonic(), sum(shares.values())
            own_until_s = now_s + (until_s - now_s) * shares.pop(num_envs) / left
            turns = rounds if num_envs == 20 else min(rounds, FEWER_ROUNDS)
            shared: list[Figure] = []
            try:
                shared = compare(num_envs, turns, own_until_s, costs, found.append, failed.append)
            except LeftOut as why:
                found.append(f"n={num_envs} is left out: {why}")
            except Failed as failure:
                failed.append(f"n={num_envs}: {failure}")
            finally:
                if (num_envs, SMALL, OURS) in costs:
                    found += figures_of(num_envs, costs)
            found += shared
    finally:
        # What was found until it failed, too.
        yield from found
        yield from series_of(costs)
    if failed:
        raise SystemExit("; ".join(failed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-envs", type=whole(), nargs="+", default=tuple(SHARES))
    parser.add_argument("--rounds", type=whole(), default=5)
    parser.add_argument("--seconds", type=positive, default=300.0)
    asked = parser.parse_args()
    show_found(measure(asked.num_envs, asked.rounds, asked.seconds))


if __name__ == "__main__":
    run(main)
