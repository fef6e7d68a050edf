"""What the engines draw, and how their steps are checked."""

from contextlib import closing
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import handover
from benchmarks.engines import CHANGES, HEIGHT, WIDTH, Engine, PatchEnv, Turns, colours
from benchmarks.handover import COPY, GYMNASIUM, OURS, PEERS, Cost, Costs, Failed, Host, LeftOut
from benchmarks.report import Measured
from workers.synthetic import patch_at


class Direct(Engine):
    """Environments in this process; `spoil` changes what they show."""

    def __init__(self, num_envs: int) -> None:
        super().__init__(num_envs)
        self.envs = [PatchEnv() for _ in range(num_envs)]
        self.spoil: Any = lambda batch: None

    def step(self, change: int) -> NDArray[np.uint8]:
        batch = np.stack([env.step(np.int64(change))[0] for env in self.envs])
        self.spoil(batch)
        return batch

    def close(self) -> None:
        pass


@pytest.mark.parametrize("change", range(len(CHANGES)), ids=list(CHANGES))
def test_a_patch_has_the_colour_of_its_counter_and_no_more(change: int) -> None:
    env = PatchEnv()
    env.counter = 0x0A0B0C
    screen = env.step(np.int64(change))[0]
    width, height = list(CHANGES.values())[change]
    x, y = patch_at(env.counter, WIDTH, HEIGHT, width, height)
    assert (screen[y : y + height, x : x + width] == colours(np.array(env.counter))).all()
    assert tuple(screen[y, x]) == (0x0A, 0x0B, 0x0D)
    assert np.count_nonzero(screen.any(axis=2)) == width * height


def test_turns_of_right_pictures_pass() -> None:
    turns = Turns(Direct(2))
    for change in (0, 1, 2, 0, 1):
        took = turns.turn(change, 3)
        assert len(took["step_ms"]) == 3


def test_a_wrong_pixel_outside_of_the_patches_is_found() -> None:
    engine = Direct(2)
    turns = Turns(engine)
    turns.turn(2, 1)

    def spoil(batch: NDArray[np.uint8]) -> None:
        batch[-1, HEIGHT - 1, WIDTH - 1] ^= 1

    engine.spoil = spoil
    with pytest.raises(AssertionError, match="last row"):
        turns.turn(0, 2)


def test_a_step_that_shows_the_one_before_is_found() -> None:
    engine = Direct(2)
    turns = Turns(engine)
    turns.turn(0, 1)
    engine.spoil = lambda batch: batch.fill(7)
    with pytest.raises(AssertionError, match="show"):
        turns.turn(0, 1)


def test_what_is_left_out_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(host: Host, name: str, num_envs: int) -> None:
        raise LeftOut("it would not fit")

    monkeypatch.setattr(handover.Host, "__init__", refuse)
    found = Measured().take(handover.measure((20, 8), rounds=1, seconds=1))
    assert found.notes == [
        "n=20 is left out: it would not fit",
        "n=8 is left out: it would not fit",
    ]
    assert not found.figures


class ShortHost:
    """A host whose engine takes a turn in no time; one named `broken` fails at its `fails_at`th."""

    broken = ""
    fails_at = 2

    def __init__(self, name: str, num_envs: int) -> None:
        self.name, self._turns = name, 0

    def turn(self, change: int, steps: int) -> dict[str, Any]:
        self._turns += 1
        if self.name == self.broken and self._turns == self.fails_at:
            raise Failed(self.name, "failed, see above")
        return {"step_ms": [1.0], "cpu_us": 50.0}

    def end(self) -> dict[str, Any]:
        return {"batch_is_segment": True}

    def close(self) -> None:
        pass


@pytest.mark.parametrize("broken", [PEERS[1], OURS])
def test_an_engine_that_fails_is_named_after_what_the_others_took(
    broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover, "Host", ShortHost)
    monkeypatch.setattr(ShortHost, "broken", broken)
    # Ours has had its turns with the first peer.
    monkeypatch.setattr(ShortHost, "fails_at", 10 if broken == OURS else 2)
    found = Measured()
    with pytest.raises(SystemExit, match=f"^n=20: {broken} failed, see above$"):
        found.take(handover.measure((20,), rounds=1))
    lines = {series.line for series in found.series}
    assert broken == OURS or broken not in lines
    assert {OURS, COPY, PEERS[0]} <= lines
    assert broken == OURS or lines == {OURS, COPY, *PEERS} - {broken}
    assert found.figures[0].name == "handover n=20, 64x64: step p50"


@pytest.mark.integration
def test_a_process_that_ends_has_failed() -> None:
    """At its start, as it does of no environment, and when it is asked for what it cannot."""
    with pytest.raises(Failed, match="Gymnasium Async, copy=False failed, see above"):
        Host(GYMNASIUM, 0)
    with closing(Host(COPY, 1)) as host:
        assert host.turn(0, 1)["cpu_us"] > 0
        with pytest.raises(Failed, match="memcpy of the batch failed, see above"):
            host.turn(0, 0)
        with pytest.raises(Failed):
            host.turn(0, 1)


def test_turns_that_were_taken_count_where_a_later_peer_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def compare(num_envs: int, rounds: int, until_s: float, costs: Costs, *tell: Any) -> None:
        for change in CHANGES:
            costs[num_envs, change, handover.OURS] = Cost([1.0], [50.0])
        raise KeyboardInterrupt

    monkeypatch.setattr(handover, "compare", compare)
    found = Measured()
    with pytest.raises(KeyboardInterrupt):
        found.take(handover.measure((20, 8)))
    assert found.figures[0].name == "handover n=20, 64x64: step p50"
    assert found.figures[0].value == 1.0
    assert len(found.series) > 0
