"""Remotes that outlive their trainer: kept by client_id, taken back, given up."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from click.testing import CliRunner

import envserver
from envserver.broker import control
from envserver.cli import main
from envserver.client import Client
from envserver.errors import RequestFailed, StartError
from envserver.spec import SessionSpec

pytestmark = pytest.mark.integration

TRAINER = """
import envserver, os
envs = envserver.make_vec("gym-core.CartPole-v1", 2, screen=(640, 480), client_id="one", {options})
envs.reset()
print(*envs.session.names, flush=True)
input()
"""


def spec(**fields: Any) -> SessionSpec:
    given: dict[str, Any] = {
        "runtime": "gym-core",
        "runtime_name": "gym-core",
        "env_id": "gym-core.CartPole-v1",
        "num_envs": 2,
        "width": 640,
        "height": 480,
        "client_id": "one",
    }
    return SessionSpec(**{**given, **fields})


def ports(session: Any) -> list[int]:
    return [session.attach(env)["vnc"]["port"] for env in range(session.num_envs)]


def children_of(pid: int) -> set[int]:
    import psutil

    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def test_a_killed_trainer_finds_its_remotes_again(
    daemon: Any, run_script: Callable[[str], Any]
) -> None:
    trainer = run_script(TRAINER.format(options=""))
    assert trainer.line().startswith("gym-core[0] gym-core[1]")
    before = [control.attach(env)["vnc"] for env in range(2)]
    os.kill(trainer.pid, signal.SIGKILL)
    trainer.process.wait()
    options: dict[str, Any] = {"screen": (640, 480), "client_id": "one"}
    with envserver.connect() as connection:
        envs = connection.make_vec(
            "gym-core.CartPole-v1", 2, slots=6, autoreset_mode="same_step", **options
        )
        assert [control.attach(env)["vnc"] for env in range(2)] == before
        envs.close()
        # Closed without keeping: they are gone.
        assert connection.status()["kept"] == []
        envs = connection.make_vec("gym-core.CartPole-v1", 2, **options)
        assert set(ports(envs.session)).isdisjoint(each["port"] for each in before)


def test_close_keeps_when_asked(daemon: Any) -> None:
    with envserver.connect() as connection:
        options: dict[str, Any] = {"screen": (640, 480), "client_id": "a", "fps": None}
        envs = connection.make_vec("gym-core.CartPole-v1", 1, **options)
        (attached,) = ports(envs.session)
        envs.close(keep=True)
        (kept,) = connection.status()["kept"]
        assert kept == {"client_id": "a", "runtime": "gym-core", "num_envs": 1, "alive": 1}
        # Another environment of the same runtime; its own action space.
        envs = connection.make_vec("gym-core.MountainCar-v0", 1, **options)
        assert ports(envs.session) == [attached]
        assert envs.single_action_space.n == 3  # type: ignore[attr-defined]
        _, infos = envs.reset()
        assert infos["valid"].all()
        assert any(envs.step([1])[1][0] <= -1 for _ in range(1000))
        envs.close(keep=True)
        assert control.release("a") == 1
        assert connection.status()["kept"] == []
        with pytest.raises(
            RequestFailed, match="nothing is kept for the client 'a', kept are none"
        ):
            control.release("a")


def test_a_start_that_fails_leaves_what_is_kept(daemon: Any) -> None:
    def interrupt(status: dict[str, Any]) -> None:
        raise KeyboardInterrupt

    with envserver.connect() as connection:
        options: dict[str, Any] = {"screen": (640, 480), "client_id": "a", "fps": None}
        envs = connection.make_vec("gym-core.CartPole-v1", 1, **options)
        (attached,) = ports(envs.session)
        envs.close(keep=True)
        with pytest.raises(StartError, match="Nothing-v7"):
            connection.make_vec("gym-core", 1, env_id="Nothing-v7", **options)
        with pytest.raises(KeyboardInterrupt):
            connection.make_vec("gym-core.CartPole-v1", 1, progress=interrupt, **options)
        assert [each["client_id"] for each in connection.status()["kept"]] == ["a"]
        envs = connection.make_vec("gym-core.CartPole-v1", 1, **options)
        assert ports(envs.session) == [attached]


def test_two_trainers_on_one_name(daemon: Any, run_script: Callable[[str], Any]) -> None:
    trainer = run_script(TRAINER.format(options=""))
    trainer.line()
    with (
        Client() as client,
        pytest.raises(RequestFailed, match=f"client_id 'one' is held by process {trainer.pid} "),
    ):
        client.open_session(spec())


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"num_envs": 3}, "its num_envs is 3, not 2"),
        ({"width": 800}, r"its screen is \(800, 480\), not \(640, 480\)"),
        ({"fps": 30.0}, "its fps is 30.0, not None"),
        ({"runtime": "xvnc", "runtime_name": "terminal"}, "its runtime is 'terminal', not 'gym-c"),
    ],
)
def test_remotes_of_another_kind_are_not_taken(
    daemon: Any, fields: dict[str, Any], complaint: str
) -> None:
    with Client() as client:
        session = client.open_session(spec())
        session.wait_ready()
        session.close(keep=True)
        with pytest.raises(RequestFailed, match=complaint) as raised:
            client.open_session(spec(**fields))
        assert "envserver remotes --release one" in str(raised.value)
        assert len(client.status()["kept"]) == 1


def test_remotes_are_given_up(daemon: Any, ends: Any) -> None:
    with Client() as client:
        session = client.open_session(spec(keep_s=0.2))
        session.wait_ready()
        gone = ends(*(children_of(daemon.pid) - {each["pid"] for each in workers(session)}))
        session.close(keep=True)
        assert gone(10.0)
        assert client.status()["kept"] == []


def workers(session: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = session.status()["workers"]
    return found


def test_a_kept_remote_that_died_is_replaced(daemon: Any, ends: Any) -> None:
    with Client() as client:
        session = client.open_session(spec())
        session.wait_ready()
        before = ports(session)
        hosts = children_of(daemon.pid) - {each["pid"] for each in workers(session)}
        session.close(keep=True)
        gone = ends(*hosts)
        for pid in hosts:
            os.kill(pid, signal.SIGKILL)
        assert gone(10.0)
        again = client.open_session(spec())
        again.wait_ready()
        assert set(ports(again)).isdisjoint(before)


@pytest.mark.usefixtures("home")
def test_a_private_daemon_keeps_nothing() -> None:
    with (
        Client(private=True) as client,
        pytest.raises(RequestFailed, match=r"ends with its trainer .*'envserver serve'"),
    ):
        client.open_session(spec())


def test_keep_needs_a_name(daemon: Any) -> None:
    with Client() as client:
        session = client.open_session(spec(client_id=None))
        with pytest.raises(ValueError, match="no client_id to keep"):
            session.close(keep=True)


@pytest.mark.parametrize("name", ["", "a b", "x" * 65, 3])
def test_wrong_names(name: Any) -> None:
    with pytest.raises(ValueError, match=r"client_id is .*, expected up to 64 letters"):
        spec(client_id=name)


def test_two_that_open_at_once(daemon: Any) -> None:
    with Client() as client, ThreadPoolExecutor(4) as threads:
        opened = [threads.submit(client.open_session, spec()) for _ in range(4)]
        failures = [each.exception() for each in opened]
        assert sum(failure is None for failure in failures) == 1
        assert all("is held by process" in str(failure) for failure in failures if failure)


def test_the_command_line_lists_and_releases(daemon: Any) -> None:
    with Client() as client:
        session = client.open_session(spec())
        session.wait_ready()
        session.close(keep=True)
        listed = CliRunner().invoke(main, ["remotes"])
        assert "2 of gym-core" in listed.stdout
        assert "kept for one" in listed.stdout
        wrong = CliRunner().invoke(main, ["remotes", "--release", "two"])
        assert wrong.exit_code == 1
        assert "nothing is kept for the client 'two', kept are one" in wrong.stderr
        released = CliRunner().invoke(main, ["remotes", "--release", "one"])
        assert released.stdout == "stopped 2 remotes of one\n"
        assert client.status()["kept"] == []
