"""What the benchmark of the handover makes of its turns, and one real turn of each small engine."""

import json
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks.handover import COPY, GYMNASIUM, OURS, Cost, Costs, figures_of, series_of
from benchmarks.page import table

ROOT = Path(__file__).resolve().parents[2]


def costs() -> Costs:
    """Ours took two turns with Gymnasium and then two, twice as slow, with SB3."""
    made: Costs = defaultdict(Cost)
    for change in ("64x64", "10 %", "100 %"):
        made[20, change, OURS] = Cost([1.0, 1.0, 2.0, 2.0], [50, 50, 60, 70])
        made[20, change, COPY] = Cost([2.0, 2.0, 4.0, 4.0], [100] * 4)
        made[20, change, GYMNASIUM] = Cost([20.0, 22.0], [500, 500])
        made[20, change, "SB3 SubprocVecEnv"] = Cost([200.0, 240.0], [5000, 5000])
    return made


def test_a_peer_is_compared_with_our_turns_beside_it() -> None:
    found = {figure.name: figure for figure in figures_of(20, costs())[:5]}
    assert found[f"  {GYMNASIUM}: times ours"].value == 21
    assert found["  SB3 SubprocVecEnv: times ours"].value == 110
    assert found[f"  by {COPY}"].value == 0.5


def test_only_the_figures_with_a_bound_are_judged() -> None:
    judged = {figure.name: figure.holds for figure in figures_of(20, costs()) if figure.reach}
    assert judged == {
        "handover n=20, 64x64: step p50": False,
        "  CPU an env-step": True,
        f"  {GYMNASIUM}: times ours": True,
        f"  by {COPY}": True,
    }


def test_a_line_an_engine() -> None:
    lines = {(each.plot, each.line): each.points for each in series_of(costs())}
    assert lines["handover by n, 64x64", GYMNASIUM] == [(20, 21.0)]
    assert [round(x) for x, _ in lines["handover by change, n=20", OURS]] == [1, 10, 100]


def test_the_pages_table_says_what_was_missed() -> None:
    rows = table([figure.as_json() for figure in figures_of(20, costs())[:2]])
    assert rows[2] == "| handover n=20, 64x64: step p50 | 1.5 ms | ≤ 0.4 | **missed** |"
    assert rows[3] == "| &emsp;CPU an env-step | 55 us | ≤ 60 | holds |"


@pytest.mark.integration
@pytest.mark.parametrize("engine", [OURS, GYMNASIUM, COPY])
def test_an_engine_checks_its_own_steps(engine: str) -> None:
    asked = "".join(json.dumps([change, 2]) + "\n" for change in (0, 2, 1))
    command = [sys.executable, "-m", "benchmarks.engines", engine, "2"]
    said = subprocess.run(
        command, input=asked, capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    ready, *turns = [json.loads(line) for line in said.stdout.splitlines()]
    assert ready["ready_s"] > 0, said.stderr
    if engine == OURS:
        assert turns.pop() == {"batch_is_segment": True}
    assert [len(turn["step_ms"]) for turn in turns] == [2, 2, 2]
    assert all(turn["cpu_us"] > 0 for turn in turns)
