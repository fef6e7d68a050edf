"""MiniWoB++ in Chromium on a desktop of its own, with the solvers of examples/solvers."""

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest

import envserver
from envserver.rewarder import DesktopError
from envserver.runtimes_file import load_runtimes
from envserver.tasks import miniwob, miniwob_browser
from examples.solvers.miniwob import FPS, NEAR, TASKS
from examples.solvers.playing import Idle, play

SEEDS = (0, 1, 2)
ALMOST = 0.95
"""What the solvers get of a task that pays for nearness to a point between pixels."""
AT_ONCE = 4
"""How many browsers are idle beside each other."""
IDLE_STEPS = 3 * FPS
NAMES = list(TASKS)


@pytest.fixture(scope="module")
def envs() -> Iterator[envserver.VectorEnv]:
    """One remote for all tests: it switches from task to task."""
    with TASKS[NAMES[0]].make(provider="process") as made:
        yield made


def solve(envs: envserver.VectorEnv, name: str, seed: int) -> float:
    task = TASKS[name]
    played = play(envs, [task.solver()], task.max_steps, seed=seed, names=[name])
    return float(played.rewards[0])


@pytest.mark.integration
@pytest.mark.parametrize("name", NAMES)
def test_solver(envs: envserver.VectorEnv, name: str) -> None:
    rewards = [solve(envs, name, seed) for seed in SEEDS]
    if name.removeprefix("miniwob.") in NEAR:
        assert min(rewards) >= ALMOST
    else:
        assert rewards == [TASKS[name].full] * len(SEEDS)


def test_twenty_tasks_are_solved_in_full() -> None:
    assert len(TASKS) - len(NEAR) >= 20
    assert {f"miniwob.{name}" for name in NEAR} <= set(TASKS)


@pytest.fixture(scope="module")
def beside() -> Iterator[envserver.VectorEnv]:
    """Some remotes for whoever waits: beside each other it takes less long."""
    with TASKS[NAMES[0]].make(AT_ONCE, provider="process") as made:
        yield made


@pytest.mark.integration
@pytest.mark.parametrize("first", range(0, len(NAMES), AT_ONCE))
def test_doing_nothing_gets_nothing(beside: envserver.VectorEnv, first: int) -> None:
    """Every task, for three seconds."""
    names = (NAMES + NAMES)[first : first + AT_ONCE]
    agents = [Idle(beside.single_action_space)] * AT_ONCE
    played = play(beside, agents, IDLE_STEPS, seed=7, names=names)
    assert not played.rewards.any(), names
    assert not played.over.any(), names


@pytest.mark.integration
def test_doing_nothing_until_the_page_gives_up(envs: envserver.VectorEnv) -> None:
    played = play(
        envs,
        [Idle(envs.single_action_space)],
        15 * FPS,  # the page waits for 10 s
        seed=7,
        names=["miniwob.ClickTest-v0"],
        options={"timed": True},
    )
    assert played.over.all()
    assert played.rewards.tolist() == [-1.0]


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
    assert solve(envs, "miniwob.ClickTest-v0", 1) == 1.0


@pytest.mark.integration
def test_the_page_may_punish_time(envs: envserver.VectorEnv) -> None:
    task = TASKS["miniwob.ClickTest-v0"]
    options = {"timed": True}
    solver = [task.solver()]
    played = play(envs, solver, task.max_steps, seed=0, names=[task.name], options=options)
    assert played.over.all()
    assert 0.0 < played.rewards[0] < 1.0


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
