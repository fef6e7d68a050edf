"""What an agent's action and look cost: one round with a real terminal."""

import pytest

from benchmarks.look import DOUBLE, KINDS, figures, measure
from benchmarks.report import Measured


def test_who_misses_a_final_picture_in_two_of_a_hundred_is_told_so() -> None:
    final = [True] * 98 + [False] * 2
    found = Measured().take(figures("a key", [120.0] * 100, final, [True] * 100)).figures
    assert [figure.holds for figure in found] == [True, None, False, None]
    slow = Measured().take(figures("a key", [160.0] * 100, final, [True] * 100)).figures
    assert slow[0].holds is False


@pytest.mark.integration
def test_every_action_changes_the_screen_and_is_looked_at() -> None:
    found = Measured().take(measure(trials=1))
    named = {figure.name: figure for figure in found.figures}
    assert {f"{kind} and a look, p50" for kind in KINDS} < named.keys()
    assert named[f"{DOUBLE} and a look, p50"].holds is None
    changed = [figure.value for figure in found.figures if "another" in figure.name]
    assert changed == [1.0] * len(KINDS)
