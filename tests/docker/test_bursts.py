"""Containers that start at once, again and again: all draw, no port clashes, none is left."""

import pytest

from benchmarks.containers import TASK, TOGETHER, burst
from envserver.remotes.engine import Engine

pytestmark = pytest.mark.docker

BURSTS = 3


def test_bursts(docker_engine: Engine) -> None:
    for _ in range(BURSTS):
        done = burst(docker_engine, task=TASK)
        assert len(set(done.ports)) == len(done.ports) == 2 * TOGETHER
        assert done.left == 0
