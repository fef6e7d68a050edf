"""MiniWoB++ in Chromium on a desktop of its own, with the solvers of examples/solvers."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import envserver
from envserver.rewarder import DesktopError
from envserver.runtimes_file import load_runtimes
from envserver.tasks import miniwob, miniwob_browser

SOLVERS = Path(__file__).parents[2] / "examples" / "solvers"
SEEDS = (0, 1, 2)
FULL = 0.95
"""Where a page wants a point, the reward is how near a whole pixel comes to it."""


def load_solvers() -> ModuleType:
    """The example, under another name than that of the package with the pages."""
    sys.path.append(str(SOLVERS))
    try:
        spec = importlib.util.spec_from_file_location("solve_miniwob", SOLVERS / "miniwob.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SOLVERS))
    return module


solvers = load_solvers()


@pytest.fixture(scope="module")
def envs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[envserver.VectorEnv]:
    """One remote for all tests: it switches from task to task."""
    made = solvers.make("ClickTest-v0", provider="process")
    yield made
    made.close()


@pytest.mark.integration
@pytest.mark.parametrize("name", list(solvers.SOLVERS))
def test_solver(envs: envserver.VectorEnv, name: str) -> None:
    assert solvers.episode(envs, name, 7, solve_it=False, max_steps=3) == 0.0
    rewards = [solvers.episode(envs, name, seed) for seed in SEEDS]
    assert min(rewards) >= FULL


@pytest.mark.integration
def test_equal_seeds_show_equal_pictures(envs: envserver.VectorEnv) -> None:
    def picture(seed: int) -> tuple[Any, str]:
        options = {"env_id": "miniwob.ClickColor-v0"}
        observations, infos = envs.reset(seed=seed, options=options)
        return observations[0].copy(), infos["text"][0][-1]

    (one, goal), (two, same), (other, _) = picture(3), picture(3), picture(4)
    assert goal == same
    assert (one == two).all()
    assert (one != other).any()


@pytest.mark.integration
@pytest.mark.parametrize("key", ["F5", "w"])
def test_a_page_that_was_left_ends_the_episode(envs: envserver.VectorEnv, key: str) -> None:
    """A reload has no episode, Control and w close the window; the next reset has both again."""
    envs.reset(seed=0, options={"env_id": "miniwob.ClickTest-v0"})
    control = [("KeyEvent", "Control_L", True), ("Tap", key), ("KeyEvent", "Control_L", False)]
    events = [("Tap", key)] if key == "F5" else control
    total = 0.0
    for _ in range(400):
        _, rewards, terminated, _, _ = envs.step([events])
        events = []
        total += float(rewards[0])
        if terminated[0]:
            break
    assert total == -1.0
    assert solvers.episode(envs, "ClickTest-v0", 1) == 1.0


@pytest.mark.integration
def test_the_page_may_punish_time(envs: envserver.VectorEnv) -> None:
    options = {"env_id": "miniwob.ClickTest-v0", "timed": True}
    observations, infos = envs.reset(seed=0, options=options)
    page = solvers.Page(observations[0], infos["text"][0][-1])
    total = 0.0
    for events in (*page.rest(), *page.wait(10), *solvers.click_button(page)):
        observations, rewards, _, _, _ = envs.step([events])
        page.frame = observations[0]
        total += float(rewards[0])
    for _ in range(20):
        total += float(envs.step([[]])[1][0])
    assert 0.0 < total < 1.0


def test_every_page_is_an_environment() -> None:
    pages = miniwob_browser.pages_directory()
    found = {f"miniwob/{path.name}" for path in (pages / "miniwob").glob("*.html")}
    found |= {
        f"flight/{path.parent.name}/wrapper.html" for path in pages.glob("flight/*/index.html")
    }
    environments = load_runtimes()["miniwob"].environments
    tasks = [each.task.rpartition(":")[2] for each in environments.values() if each.task]
    assert {getattr(miniwob, task).page for task in tasks} == found
    assert len(tasks) == len(found) > 100


def test_a_name_that_is_no_class() -> None:
    with pytest.raises(AttributeError, match="no attribute 'click_test'"):
        _ = miniwob.click_test


def test_missing_pages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DesktopError, match="pip install --no-deps miniwob"):
        miniwob_browser.pages_directory()
