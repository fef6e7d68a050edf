"""An agent that removes its own home in a terminal, through the public API."""

import os
import time
from pathlib import Path

import pytest

import envserver
from envserver.remotes.init import descendants_of
from envserver.session import Session

pytestmark = pytest.mark.integration

TIMEOUT_S = 20


def homes() -> list[str]:
    """Where the shells below this process are; a place that is gone ends with "(deleted)"."""
    found = []
    for pid in descendants_of(os.getpid()):
        try:
            if Path(f"/proc/{pid}/comm").read_text() == "bash\n":
                found.append(os.readlink(f"/proc/{pid}/cwd"))
        except OSError:  # it has ended meanwhile
            continue
    return found


@pytest.mark.parametrize("line", ["rm -rf ~", "rm -rf ~; ln -s / ~"])
def test_an_environment_comes_back_after_its_home_was_removed(home: Path, line: str) -> None:
    with envserver.make_vec("terminal.CreateFile-v0", 1, provider="process") as envs:
        assert isinstance(envs.session, Session)
        envs.reset(seed=1)
        deadline_s = time.monotonic() + TIMEOUT_S
        envs.step([[("Text", f"{line}\n")]])
        while not any(each.endswith(" (deleted)") for each in homes()):
            assert time.monotonic() < deadline_s
            envs.step([[]])
        for seed in (2, 3):
            _, infos = envs.reset(seed=seed)
            assert infos["valid"].all()
            assert infos["text"][0][0].startswith("Create the file ")
            (there,) = homes()
            assert Path(there).is_dir()
            assert list(Path(there).iterdir()) == []
        assert envs.session.status()["workers"][0]["generation"] == 1
