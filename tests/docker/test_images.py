"""Missing images: built or pulled where somebody asked for containers, and how the trainer sees it.

The images that are made here are tiny: a label on top of our base, or a file in an empty one.
"""

import os
import secrets
import select
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from fakes.containers import provider, run
from fakes.registry import Registry
from fakes.script import Script

import envserver
from envserver import notices
from envserver.errors import RemoteError
from envserver.installation import data_path
from envserver.remotes import build, images
from envserver.remotes.build import has_image
from envserver.remotes.engine import Engine
from envserver.remotes.images import ensure_image, image_of
from envserver.session import Session

pytestmark = pytest.mark.docker

ON_OUR_BASE = "ARG BASE=envserver/base:latest\nFROM ${BASE}\n"
DAEMON = """
import os
from pathlib import Path
from envserver.broker.main import run
from envserver.remotes import build, images
theirs = images.data_path
def data_path(name):
    return Path({place!r}, name) if name.startswith("docker") else theirs(name)
build.data_path = images.data_path = data_path
run(ready_fd=os.dup(1))
"""


class Folder:
    """A folder of a docker/ of our own, and the image that it makes."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.image = f"envserver/test-{secrets.token_hex(4)}"
        self.name = image_of(self.image.removeprefix(build.PREFIX))
        self.dockerfile = place / "docker" / self.image.removeprefix(build.PREFIX) / "Dockerfile"
        self.dockerfile.parent.mkdir(parents=True)
        self.write("LABEL envserver.test=1\n")

    def write(self, lines: str) -> None:
        self.dockerfile.write_text(ON_OUR_BASE + lines)


@pytest.fixture
def folder(tmp_path: Path, docker_engine: Engine) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    if has_image(docker_engine, made.name):
        docker_engine.api.remove_image(made.name)


@pytest.fixture
def daemon(folder: Folder, run_script: Callable[[str], Script]) -> None:
    """A daemon at the default address that knows the folder."""
    script = run_script(DAEMON.format(place=str(folder.place)))
    assert script.process.stdout is not None
    assert select.select([script.process.stdout], [], [], 30)[0]
    assert os.read(script.process.stdout.fileno(), 1) == b"\1"


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "_said", set())


def desktop(num_envs: int, **options: Any) -> envserver.VectorEnv:
    return envserver.make_vec("xvnc.Desktop-v0", num_envs, screen=(320, 240), **options)


@pytest.mark.usefixtures("daemon")
def test_the_trainer_watches_how_an_image_is_built(folder: Folder, docker_engine: Engine) -> None:
    seen: list[dict[str, Any]] = []
    options = {"provider": "docker", "container": {"image": folder.image}, "progress": seen.append}
    with closing(desktop(2, **options)) as envs:
        observations, _ = envs.reset(seed=0)
        assert observations.shape == (2, 240, 320, 3)
    workers = [worker for status in seen for worker in status["workers"]]
    waited = {each["waiting_for"] for each in workers if each["state"] == "preparing"}
    assert f"building the image {folder.name}, step 3 of 3: LABEL envserver.test=1" in waited
    assert docker_engine.api.inspect_image(folder.name)["Config"]["Labels"]["envserver.test"] == "1"


@pytest.mark.usefixtures("daemon")
def test_without_a_terminal_the_trainer_reads_lines(
    folder: Folder, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"provider": "docker", "container": {"image": folder.image}}
    with closing(desktop(2, **options)) as envs:
        assert isinstance(envs.session, Session)
        [line, _] = sorted(worker["command"] for worker in envs.session.status()["workers"])
    building, command = capsys.readouterr().err.splitlines()
    assert building == f"building the image {folder.name}"
    assert command.startswith("$ docker run --rm --init --name envserver-")
    assert f" {folder.name} envserver-remote " in line
    assert command.partition(" -p ")[2] == line.partition(" -p ")[2]


def test_nothing_is_built_for_who_did_not_ask(
    folder: Folder, docker_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    for image, words in (
        (
            folder.image,
            f"processes of this host, since the Docker engine has no image {folder.name};"
            f" container={ {'image': folder.image} } does not hold for them",
        ),
        ("envserver/base", f"containers, since the image {image_of('base')} is there"),
    ):
        caplog.clear()
        with closing(desktop(1, container={"image": image})) as envs:
            assert isinstance(envs.session, Session)
            [worker] = envs.session.status()["workers"]
            assert bool(worker["command"]) == words.startswith("containers")
        said = [each.message for each in caplog.records if each.name == "envserver"]
        assert said == [
            f"the remotes of xvnc are {words};"
            " provider='docker' or 'process', or ENVSERVER_PROVIDER, says otherwise"
        ]
    assert not has_image(docker_engine, folder.name)


def test_an_image_is_pulled(docker_engine: Engine) -> None:
    said: list[str] = []
    with Registry({"ExposedPorts": {"7000/tcp": {}, "53/udp": {}}}) as registry:
        name = f"{registry.address}/tests/tiny:{secrets.token_hex(4)}"
        try:
            image = ensure_image(docker_engine, name, said.append)
            assert image.ports == {7000}
            assert not image.is_ours
            assert said[0] == f"pulling the image {name}"
            assert said[-1] == f"pulling the image {name}, 3.2 of 3.2 MB"
            said.clear()
            ensure_image(docker_engine, name, said.append)
            assert said == []
            docker_engine.api.remove_image(name)
            name = f"{registry.address}/tests/tiny@{registry.digest}"
            assert ensure_image(docker_engine, name, said.append).ports == {7000}
            assert said[0] == f"pulling the image {name}"
        finally:
            docker_engine.api.remove_image(name)
        with pytest.raises(RemoteError, match=r"missing and cannot be pulled .* is the name right"):
            ensure_image(docker_engine, f"{registry.address}/tests/none:1", said.append)


def test_a_build_whose_disk_is_full(
    folder: Folder, docker_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:

    def own(name: str) -> Path:
        return folder.place / name if name.startswith("docker") else data_path(name)

    for module in (build, images):
        monkeypatch.setattr(module, "data_path", own)
    folder.write("RUN cp /etc/hostname /dev/full\n")
    with pytest.raises(RemoteError) as raised:
        ensure_image(docker_engine, folder.name, lambda text: None)
    assert f"the image {folder.name} cannot be built: " in str(raised.value)
    assert "the Docker engine's disk is full, 'docker system prune' makes room" in str(raised.value)
    assert "\n    cp: error writing '/dev/full': No space left on device\n" in str(raised.value)


def test_a_full_disk_for_logs_costs_the_log_alone(tmp_path: Path) -> None:
    (tmp_path / "container-0.log").symlink_to("/dev/full")

    async def work() -> None:
        fields = {"runtime": "gym-core", "env_id": "CartPole-v1", "fps": 30.0}
        async with provider(tmp_path, **fields) as remotes:
            remote = await remotes.start(0)
            assert remote.describe["env_id"] == "CartPole-v1"

    run(work)
