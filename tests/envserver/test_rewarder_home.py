"""What an agent does to its home: whatever it is, the next episode has an empty one."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.counting_task import run, running

from envserver.rewarder import Desktop, DesktopError
from workers import rewarder_messages as messages


@pytest.fixture
def desktop() -> Iterator[Desktop]:
    made = Desktop()
    yield made
    made.close()


def base(desktop: Desktop) -> Path:
    return desktop.home.parent


def remove(desktop: Desktop) -> None:
    shutil.rmtree(desktop.home)


def replace_by_a_file(desktop: Desktop) -> None:
    remove(desktop)
    desktop.home.write_text("no home")


def replace_by_a_pipe(desktop: Desktop) -> None:
    remove(desktop)
    os.mkfifo(desktop.home)


def remove_scratch_and_lock_home(desktop: Desktop) -> None:
    shutil.rmtree(desktop.scratch)
    (desktop.home / "left").mkdir(mode=0)
    desktop.home.chmod(0)


def remove_everything(desktop: Desktop) -> None:
    shutil.rmtree(base(desktop))


def nest_deeply(desktop: Desktop) -> None:
    here = os.getcwd()
    try:
        os.chdir(desktop.home)
        for _ in range(60):
            os.mkdir("d" * 100)
            os.chdir("d" * 100)
    finally:
        os.chdir(here)


DEEDS = [
    remove,
    replace_by_a_file,
    replace_by_a_pipe,
    remove_scratch_and_lock_home,
    remove_everything,
    nest_deeply,
]


@pytest.mark.parametrize("deed", DEEDS)
def test_clearing_brings_back_an_empty_home(
    desktop: Desktop, deed: Callable[[Desktop], None]
) -> None:
    deed(desktop)
    desktop.clear()
    for directory in (base(desktop), desktop.home, desktop.scratch):
        about = directory.lstat()
        assert stat.S_ISDIR(about.st_mode)
        assert stat.S_IMODE(about.st_mode) == 0o700
    assert list(desktop.home.iterdir()) == list(desktop.scratch.iterdir()) == []
    assert desktop.run(["true"]).wait() == 0


@pytest.mark.parametrize("of", ["home", "scratch", "both"])
def test_clearing_follows_no_link(desktop: Desktop, tmp_path: Path, of: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    for name in ("home", "scratch"):
        (elsewhere / name).mkdir(parents=True)
        (elsewhere / name / "precious").write_text("x")
    (elsewhere / "precious").write_text("x")
    elsewhere.chmod(0o755)
    replaced = base(desktop) if of == "both" else base(desktop) / of
    shutil.rmtree(replaced)
    replaced.symlink_to(elsewhere)
    desktop.clear()
    assert not replaced.is_symlink()
    assert list(desktop.home.iterdir()) == list(desktop.scratch.iterdir()) == []
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755
    kept = [elsewhere, elsewhere / "home", elsewhere / "scratch"]
    assert all((directory / "precious").read_text() == "x" for directory in kept)


def test_a_program_without_a_home_is_a_desktop_error(desktop: Desktop) -> None:
    remove(desktop)
    with pytest.raises(DesktopError, match=f"cannot run 'true'.*{desktop.home}"):
        desktop.run(["true"])


def test_files_are_watched_again_after_the_home_was_removed() -> None:
    async def test() -> None:
        async with running("Watching") as one, one.peer() as peer:
            await peer.reset()
            home = one.task.desktop.home
            for _ in range(2):
                shutil.rmtree(home)
                assert (await peer.reset()).method == messages.REPLY_RESET
                await one.call(lambda: one.task.found.append(1.0))
                (home / "file").write_text("x")
                assert (await peer.told())[0] == 1.0

    run(test())


@pytest.mark.parametrize("env_id", [None, "rt.B-v0"])
def test_a_desktop_that_cannot_be_cleared_ends_the_rewarder(
    monkeypatch: pytest.MonkeyPatch, env_id: str | None
) -> None:
    def find_switch(env_id: str, current: str | None) -> Any:
        from envserver.rewarder.loading import Switch

        return Switch("fakes.counting_task:Other")

    def stays(self: Desktop) -> None:
        raise DesktopError("processes [7] cannot be killed")

    monkeypatch.setattr("envserver.rewarder.runner.find_switch", find_switch)

    async def test() -> None:
        async with running(env_id="rt.A-v0") as one, one.peer() as peer:
            await peer.reset()
            monkeypatch.setattr(Desktop, "clear", stays)
            reply = await peer.reset(env_id=env_id)
            assert reply.method == messages.REPLY_ERROR
            says = "clearing the desktop: DesktopError: processes [7] cannot be killed"
            assert reply.body["message"] == f"Counting: {says}"
            assert one.runner.failed.done()
            assert says in one.runner.failed.result()

    run(test())
