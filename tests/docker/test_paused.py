"""A container that is paused hangs: another takes its place, and it is removed."""

import time
from contextlib import closing
from typing import cast

import pytest
from fakes.containers import containers

import envserver
from envserver.remotes.engine import Engine
from envserver.session import Session

pytestmark = pytest.mark.docker

LIMIT_S = 60.0


def test_a_paused_container_is_replaced(docker_engine: Engine) -> None:
    made = envserver.make_vec(
        "terminal.CreateFile-v0",
        1,
        provider="docker",
        fps=20,
        while_resetting="mask",
        step_timeout_s=1.0,
        screen=(160, 120),
    )
    with closing(made) as envs:
        envs.reset()
        session = cast(Session, envs.session)
        name = session.status()["workers"][0]["name"]
        docker_engine.api.pause(name)
        faults = 0
        until_s = time.monotonic() + LIMIT_S
        while time.monotonic() < until_s:
            infos = envs.step([[]])[4]
            faults += "fault" in infos
            if session.status()["workers"][0]["name"] != name and infos["valid"][0]:
                break
        assert faults == 1
        assert infos["valid"][0]
        assert [each for each in containers(docker_engine) if f"/{name}" in each["Names"]] == []
