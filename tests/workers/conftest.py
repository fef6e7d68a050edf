"""Rigs that are closed whatever the test does."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fakes.hot_rig import HotRig, Screen

MakeRig = Callable[..., tuple[HotRig, Screen]]


@pytest.fixture
def make_rig() -> Iterator[MakeRig]:
    """Make a connected rig whose episode 1 runs: `rig, screen = make_rig(autoreset="disabled")`."""
    made: list[HotRig] = []

    def make(width: int = 64, height: int = 48, slots: int = 4, **config: Any) -> Any:
        rig = HotRig(width, height, slots, **config)
        made.append(rig)
        screen = Screen(width, height)
        screen.paint_all(1)
        rig.connect(screen)
        record = rig.reset(1, screen)
        while record["resetting"]:  # with while_resetting="mask"
            record = rig.step()
        return rig, screen

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rigs() -> Iterator[list[HotRig]]:
    """Where a test puts the rigs that it makes itself."""
    made: list[HotRig] = []
    yield made
    for rig in made:
        rig.close()
