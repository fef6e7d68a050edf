"""What more slots cost: `python -m benchmarks.depth [--num-envs 8] [--rounds 5]`.

A row that is written to lacks what changed since its slot was last used, which is as many steps ago
as there are slots. Sessions of each depth take turns.
"""

import argparse
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack

from benchmarks.command import run, whole
from benchmarks.engines import CHANGES
from benchmarks.handover import OURS, host
from benchmarks.report import Figure, Found, Series, show_found

DEPTHS = (2, 4, 8, 16, 32)
STEPS = 100


def measure(num_envs: int = 8, rounds: int = 5, depths: Sequence[int] = DEPTHS) -> Iterator[Found]:
    """Processor time of an environment's step, by slots and change."""
    cpu_us: dict[tuple[str, int], list[float]] = defaultdict(list)
    with ExitStack() as stack:
        hosts = {
            depth: stack.enter_context(host(OURS, num_envs, "--slots", str(depth)))
            for depth in depths
        }
        for _ in range(rounds):
            for change, label in enumerate(CHANGES):
                for depth, each in hosts.items():
                    cpu_us[label, depth].append(each.turn(change, STEPS)["cpu_us"])
        for each in hosts.values():
            each.end()
    yield from figures(num_envs, cpu_us)


def figures(num_envs: int, cpu_us: Mapping[tuple[str, int], Sequence[float]]) -> Iterator[Found]:
    """A line a change, of the medians of microseconds by change and slots."""
    for label in CHANGES:
        points = [
            (float(depth), statistics.median(costs))
            for (change, depth), costs in cpu_us.items()
            if change == label
        ]
        least, least_us = points[0]
        yield Figure(f"depth n={num_envs}, {label}: {least:g} slots", least_us, "us")
        for depth, cost_us in points[1:]:
            yield Figure(f"  {depth:g} slots", cost_us / least_us, "x")
        yield Series("depth", label, "us", points)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num-envs", type=whole(), default=8)
    parser.add_argument("--rounds", type=whole(), default=5)
    asked = parser.parse_args()
    show_found(measure(asked.num_envs, asked.rounds))


if __name__ == "__main__":
    run(main)
