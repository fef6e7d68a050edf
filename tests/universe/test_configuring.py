"""What `configure` takes, ignores and refuses; which environments stand in."""

import logging
from pathlib import Path
from typing import Any

import pytest

from envserver import universe
from envserver.names import ATARI_GAMES
from envserver.universe.configuring import parse_configuration
from envserver.universe.error import Error, UnregisteredEnv
from envserver.universe.stand_ins import stand_in
from envserver.vnc_settings import for_desktop


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GYM_VNC_REMOTES", raising=False)
    found = parse_configuration()
    assert (found.addresses, found.n, found.fps) == (None, 1, 60.0)
    assert found.start_timeout_s is None
    monkeypatch.setenv("GYM_VNC_REMOTES", "3")
    assert parse_configuration().n == 3


def test_addresses_are_split_and_keep_their_password() -> None:
    found = parse_configuration(remotes="vnc://a:1+2,vnc://b:3+4?password=secret")
    assert found.addresses == ("vnc://a:1+2?password=secret", "vnc://b:3+4?password=secret")
    found = parse_configuration(remotes="vnc://a:1", vnc_kwargs={"password": "p,q"})
    assert found.addresses == ("vnc://a:1?password=p%2Cq",)
    assert parse_configuration(remotes="4").n == 4


def test_vnc_kwargs_that_say_nothing_are_dropped() -> None:
    given = {"encoding": "tight", "quality_level": None, "compress_level": 0, "name": "x"}
    found = parse_configuration(vnc_kwargs={**given, "start_timeout": 7})
    assert found.vnc_kwargs == {"encoding": "tight", "compress_level": 0}
    assert found.start_timeout_s == 7


def test_a_script_turns_jpeg_off() -> None:
    found = parse_configuration(vnc_kwargs={"fine_quality_level": -1})
    assert found.vnc_kwargs == {"fine_quality_level": -1}
    assert "subsample_level" not in for_desktop(found.vnc_kwargs)


def test_ignored_arguments_are_named_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "universe"):
        for _ in range(2):
            parse_configuration(api_key="k", record=True, vnc_driver="go", observer=False)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert "api_key" in said[0]
    assert "record" in said[1]


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"remotes": 0}, "remotes is 0"),
        ({"remotes": 1.5}, "remotes is 1.5"),
        ({"remotes": True}, "remotes is True"),
        ({"remotes": "https://allocator"}, "allocator"),
        ({"remotes": "vnc://host:0"}, "remotes entry 0"),
        ({"fps": 0}, "fps is 0"),
        ({"fps": "fast"}, "fps is 'fast'"),
        ({"start_timeout": -1}, "start_timeout is -1"),
        ({"remote": 1}, "no argument 'remote', allowed are remotes"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Error, match=complaint):
        parse_configuration(**arguments)


def test_wrong_values_are_refused_before_anything_starts(home: Path) -> None:
    for kwargs, complaint in (
        ({"vnc_kwargs": {"fine_quality_level": 101}}, "fine_quality_level"),
        ({"client_id": "a b"}, "client_id"),
    ):
        env = universe.make("gym-core.Pong-v0")
        with pytest.raises(Error, match=complaint):
            env.configure(**kwargs)
        assert env.n is None


@pytest.mark.parametrize(
    ("asked", "name", "same"),
    [
        ("flashgames.DuskDrive-v0", "gym-core.Enduro-v0", False),
        ("flashgames.NeonRace-v0", "gym-core.Enduro-v0", False),
        ("gym-core.Pong-v0", "gym-core.Pong-v0", True),
        ("gym-core.PongDeterministic-v3", "gym-core.Pong-v0", True),
        ("gym-core.SpaceInvadersNoFrameskip-v3", "gym-core.SpaceInvaders-v0", True),
        ("gym-core.CartPole-v0", "gym-core.CartPole-v0", True),
        ("terminal.Shell-v0", "terminal.Shell-v0", True),
    ],
)
def test_stand_ins(asked: str, name: str, same: bool) -> None:
    found = stand_in(asked)
    assert (found.name, found.same) == (name, same)
    assert bool(found.notice) is (asked != name)
    if asked != name:
        assert asked in found.notice
        assert name in found.notice
        assert ("the same task" in found.notice) is same


def test_world_of_bits_runs_where_there_is_miniwob(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Error, match="nearest"):
        stand_in("wob.mini.NoSuchTask-v0")
    (tmp_path / "runtimes.yml").write_text(
        "miniwob:\n  kind: xvnc\n  environments:\n    click-test-v1: {}\n    use-slider-v1: {}\n"
    )
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(tmp_path / "runtimes.yml"))
    found = stand_in("wob.mini.ClickTest-v0")
    assert (found.name, found.same) == ("miniwob.click-test-v1", True)
    assert "miniwob.click-test-v1 STANDS IN FOR IT, the same task. ***" in found.notice
    with pytest.raises(Error, match=r"nearest .* 'miniwob\.use-slider-v1'"):
        stand_in("wob.mini.UseSpinner-v0")


def test_every_flash_game_has_a_stand_in() -> None:
    for title in ("Whatever", "SpaceShooter", "PingPong", "SkiRun"):
        name = stand_in(f"flashgames.{title}-v0").name
        assert name.removeprefix("gym-core.").removesuffix("-v0") in ATARI_GAMES


@pytest.mark.parametrize("asked", ["internet.SlitherIO-v0", "gtav.SaneDriving-v0", "VNC.Core-v0"])
def test_what_does_not_run_names_the_nearest(asked: str) -> None:
    env = universe.make(asked)
    with pytest.raises(Error, match=r"'(gym-core|xvnc)\.\w+-v0'"):
        env.configure(remotes=1)


@pytest.mark.parametrize("asked", ["DuskDrive", "flashgames.DuskDrive", "nothing.Here-v0", "", 3])
def test_unknown_names(asked: Any) -> None:
    with pytest.raises(UnregisteredEnv, match="families are flashgames"):
        universe.make(asked)


def test_specs_and_runtimes() -> None:
    assert universe.spec("flashgames.DuskDrive-v0").tags["flashgames"]
    limits = {"flashgames.DuskDrive-v0": 10**7, "gym-core.Pong-v3": 100_000}
    for name, limit in {**limits, "gym-core.CartPole-v0": 500}.items():
        spec = universe.spec(name)
        assert spec.timestep_limit == limit
        assert spec.tags["wrapper_config.TimeLimit.max_episode_steps"] == limit
    assert universe.docker_image("flashgames").endswith(":0.20.28")
    tags = universe.spec("gym-core.PongDeterministic-v3").tags
    assert tags["atari"]
    assert tags["vnc"]
    assert tags["gym_core_id"] == "PongDeterministic-v3"
    registry = universe.runtime_spec("flashgames").server_registry
    assert registry["flashgames.NeonRace-v0"] == {"width": 800, "height": 640}
    with pytest.raises(KeyError):
        registry["gym-core.Pong-v0"]
    with pytest.raises(Error, match="no runtime is called"):
        universe.runtime_spec("nintendo")
