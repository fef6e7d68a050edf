"""Universe's environment ids: what each needs, and what is near; nothing is substituted."""

import pytest

import envserver
from envserver.errors import InvalidRuntime
from envserver.originals import original, running_substitute
from envserver.runtimes_file import load_runtimes, session_fields


@pytest.mark.parametrize(
    ("name", "tag", "nearest"),
    [
        ("flashgames.DuskDrive-v0", "universe.flashgames:0.20.28", "gym-core.Enduro-v0"),
        ("flashgames.SnowRacing3d-v0", "universe.flashgames:0.20.28", "gym-core.Enduro-v0"),
        ("internet.SlitherIO-v0", "universe.flashgames:0.20.28", "gym-core.MsPacman-v0"),
        ("gym-core.PongDeterministic-v3", "universe.gym-core:0.20.6", "gym-core.Pong-v0"),
        ("gym-core.MsPacmanNoFrameskip-v3", "universe.gym-core:0.20.6", "gym-core.MsPacman-v0"),
        ("gym-core.PongDeterministicSlow-v3", "universe.gym-core:0.20.6", "gym-core.Pong-v0"),
        ("wob.mini.ClickTest-v0", "universe.world-of-bits:0.20.0", ""),
        ("wob.real.BookFlight-v0", "universe.world-of-bits:0.20.0", ""),
        ("gtav.Winding-v0", "never published", "gym-core.Enduro-v0"),
    ],
)
def test_says_what_it_needs_and_what_is_near(name: str, tag: str, nearest: str) -> None:
    with pytest.raises(InvalidRuntime) as raised:
        session_fields(name)
    text = str(raised.value)
    assert text.startswith(f"{name!r} is an environment of OpenAI Universe and needs ")
    assert tag in text
    assert f"the nearest environment that runs here is '{nearest}" in text
    # What it names can be asked for.
    substitute = running_substitute(name, load_runtimes())
    assert substitute is not None
    assert session_fields(substitute)["runtime"] in ("gym-core", "xvnc")


@pytest.mark.usefixtures("home")
def test_make_vec_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envserver.client.PrivateDaemon", None)
    with pytest.raises(InvalidRuntime, match="nearest environment that runs here is"):
        envserver.make_vec("flashgames.DuskDrive-v0")
    with pytest.raises(InvalidRuntime, match=r"needs --privileged .* by hand and attach"):
        envserver.make_vec("universe.flashgames.DuskDrive-v0")


@pytest.mark.parametrize(
    "name", ["gym-core.Pong-v0", "gym-core.LunarLander-v3", "gym-core.Pong-v5", "terminal.Shell-v0"]
)
def test_our_own_names_are_ours(name: str) -> None:
    assert original(name) is None


def test_a_running_original_is_attached_to() -> None:
    assert session_fields("flashgames.DuskDrive-v0", attached=True) == {
        "env_id": "flashgames.DuskDrive-v0"
    }
    fields = session_fields("universe.world-of-bits.mini.ClickTest-v0", attached=True)
    assert fields["env_id"] == "wob.mini.ClickTest-v0"
    assert fields["runtime"] == "docker"


def test_nothing_is_near_where_nothing_runs() -> None:
    assert running_substitute("flashgames.DuskDrive-v0", {}) is None
    assert running_substitute("wob.mini.ClickTest-v0", {}) is None
