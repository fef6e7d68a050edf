"""What containers print, and whose they are: on the command line, in Python, by their labels."""

import os
import subprocess
import sys
from contextlib import closing

import pytest
from fakes.containers import containers

import envserver
from envserver.remotes import engine
from envserver.remotes.engine import Engine
from envserver.session import Session

pytestmark = pytest.mark.docker

FOLLOW = "from envserver.cli import main; main(['logs', '0', '--remote', '--follow'])"


def test_a_containers_log_is_followed_until_it_goes(docker_engine: Engine) -> None:
    made = envserver.make_vec(
        "xvnc.Desktop-v0", 1, provider="docker", screen=(320, 240), command="echo first; xterm"
    )
    with closing(made) as envs:
        assert isinstance(envs.session, Session)
        [listed] = containers(docker_engine, owner=str(engine_owner(docker_engine, envs)))
        follower = subprocess.Popen(
            [sys.executable, "-u", "-c", FOLLOW],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert follower.stdout is not None
            run_line = follower.stdout.readline()
            assert run_line.startswith(f"$ docker run --rm --init --name {envs.session.names[0]} ")
            while follower.stdout.readline() != "first\n":
                assert follower.poll() is None
            said = docker_engine.api.exec_create(
                listed["Id"], ["sh", "-c", "echo later >/proc/1/fd/1"]
            )
            docker_engine.api.exec_start(said["Id"])
            while follower.stdout.readline() != "later\n":
                assert follower.poll() is None
            from_python = envs.session.logs(0, remote=True)
            assert from_python[0] == run_line.rstrip("\n")
            assert {"first", "later"} <= set(from_python)
            assert envs.session.logs(0, remote=True, lines=1) == from_python[-1:]
            assert "first" not in envs.session.logs(0)
            envs.close()
            assert follower.wait(30) == 0
        finally:
            follower.kill()
            follower.communicate()


def engine_owner(found: Engine, envs: envserver.VectorEnv) -> str:
    """The label of the containers of an environment's daemon."""
    [owner] = {
        str(each["Labels"][engine.OWNER_LABEL])
        for each in containers(found)
        if each["Labels"].get(engine.OWNER_LABEL, "").startswith(f"{envs.daemon_pid}:")
    }
    return owner


def test_labels_say_which_session_and_which_trainer(docker_engine: Engine) -> None:
    made = envserver.make_vec("xvnc.Desktop-v0", 2, provider="docker", screen=(320, 240))
    with closing(made) as envs:
        assert isinstance(envs.session, Session)
        owner = engine_owner(docker_engine, envs)
        mine = containers(docker_engine, owner=owner, session=envs.session.name)
        assert sorted(each["Labels"][engine.ENV_LABEL] for each in mine) == ["0", "1"]
        for each in mine:
            pid, _, rest = each["Labels"][engine.LEASE_LABEL].partition(":")
            assert (int(pid), len(rest) > 0) == (os.getpid(), True)
        commands = [worker["command"] for worker in envs.session.status()["workers"]]
        names = {each["Names"][0].lstrip("/") for each in mine}
        assert {command.split("--name ")[1].split()[0] for command in commands} == names
