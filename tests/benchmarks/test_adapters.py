"""What the benchmark of the adapters makes of its turns, and one real round."""

import numpy as np
import pytest

from benchmarks.adapters import ADAPTERS, COPY, RAW, Cost, check, figures, measure
from benchmarks.report import Figure, Measured


def judged(**costs: Cost) -> dict[str, bool | None]:
    """Whether each adapter makes no more copies than it may, a copy taking 1000 us."""
    before = {RAW: Cost([100, 200, 300]), COPY: Cost([1100, 1200, 1300], False)}
    found = [each for each in figures("n=2", {**before, **costs}) if isinstance(each, Figure)]
    adds = [figure.name.split(":")[0].strip() for figure in found if ": adds" in figure.name]
    holds = [figure.holds for figure in found if figure.name == "    copies"]
    return dict(zip(adds, holds, strict=True))


def test_what_is_added_is_by_round() -> None:
    # The last round was disturbed.
    cost = Cost([150, 250, 9000])
    found = Measured().take(figures("n=2", {RAW: Cost([100, 200, 300]), COPY: cost, "RLlib": cost}))
    named = {figure.name: figure.value for figure in found.figures}
    assert named["n=2: send and recv"] == 200
    assert named["  RLlib: adds"] == 50
    assert named["    in copies of the batch"] == 1


def test_one_copy_may_be_a_little_more_but_two_may_not() -> None:
    assert judged(TorchRL=Cost([1350, 1450, 1550], False)) == {"TorchRL": True}
    assert judged(TorchRL=Cost([2100, 2200, 2300], False)) == {"TorchRL": False}


def test_observations_elsewhere_are_a_copy_though_it_cost_nothing() -> None:
    cheap = [100.0, 200.0, 300.0]
    assert judged(PufferLib=Cost(cheap)) == {"PufferLib": True}
    assert judged(PufferLib=Cost(cheap, False)) == {"PufferLib": False}


def test_a_hidden_copy_is_one_though_the_observations_are_in_the_segment() -> None:
    assert judged(Gymnasium=Cost([1000, 1100, 1200])) == {"Gymnasium": False}


def test_other_pictures_than_the_newest_are_refused() -> None:
    class Envs:
        newest = np.ones((2, 1, 4, 4, 3), np.uint8)

        def stack(self, depth: int) -> np.ndarray:
            return self.newest

    envs = Envs()
    assert check(envs, envs.newest[:, 0], "ours")  # type: ignore[arg-type]
    assert not check(envs, envs.newest[:, 0].copy(), "ours")  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="ours: the observations"):
        check(envs, envs.newest[:, 0] + 1, "ours")  # type: ignore[arg-type]


@pytest.mark.integration
def test_every_adapter_has_its_figures() -> None:
    found = Measured().take(measure(num_envs=2, rounds=1, steps=2))
    names = [figure.name for figure in found.figures]
    left_out = [note.split(" is left out")[0] for note in found.notes if "left out" in note]
    assert left_out in ([], ["Stable-Baselines3", "TorchRL"])
    for name in ADAPTERS:
        assert (f"  {name}: adds" in names) is (name not in left_out)
    assert len([name for name in names if name.endswith(": send and recv")]) == 3
