"""What an adapter says when its framework is missing or old, or a session will not do."""

import subprocess
import sys
from typing import Any

import gymnasium
import pytest
from gymnasium.vector import AutoresetMode

from envserver.adapters.needs import check_actions, check_mode, check_slots, importing, release


def test_a_missing_framework_is_one_clear_error() -> None:
    with (
        pytest.raises(ImportError, match=r"no-such-thing is not installed: pip install 'envserver"),
        importing("no-such-thing", "nothing", (1, 0)),
    ):
        raise AssertionError("it was imported")


def test_an_old_framework_is_one_clear_error() -> None:
    with (
        pytest.raises(ImportError, match=r"numpy is \d.*, expected 999\.0 or later: pip install"),
        importing("numpy", "nothing", (999, 0)),
    ):
        raise AssertionError("it was imported")


def test_versions() -> None:
    assert release("2.9.2") == (2, 9)
    assert release("3") == (3, 0)
    assert release("0.14.1+cpu") == (0, 14)
    assert release("3.0rc1") == (3, 0)


@pytest.mark.parametrize(
    ("module", "package"), [("sb3", "stable-baselines3"), ("torchrl", "torchrl")]
)
def test_an_adapter_without_its_framework(module: str, package: str) -> None:
    code = f"""
import importlib.metadata
real = importlib.metadata.version
def version(name):
    if name == {package!r}:
        raise importlib.metadata.PackageNotFoundError(name)
    return real(name)
importlib.metadata.version = version
try:
    import envserver.adapters.{module}
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    expected = f"{package} is not installed: pip install 'envserver[{module}]'\n"
    assert done.stdout == expected, done.stderr


def test_another_environment_is_one_clear_error(scripted: Any) -> None:
    envs = scripted(2, reset=False)
    check_mode(envs, AutoresetMode.NEXT_STEP, "it")
    wrapped: Any = gymnasium.wrappers.vector.ClipReward(envs, -1, 1)
    with pytest.raises(TypeError, match=r"it is given a ClipReward, .*make_vec made; wrappers go"):
        check_mode(wrapped, AutoresetMode.NEXT_STEP, "it")


def test_too_few_slots_are_one_clear_error(scripted: Any) -> None:
    envs = scripted(2, reset=False, slots=2)
    check_slots(envs, 2, "it")
    with pytest.raises(ValueError, match=r"has 2 slots, it holds 3 .*slots=3"):
        check_slots(envs, 3, "it")


def test_actions_of_another_kind_are_one_clear_error(scripted: Any) -> None:
    envs = scripted(2, reset=False)
    assert check_actions(envs, [gymnasium.spaces.Discrete], "it") == envs.single_action_space
    with pytest.raises(ValueError, match=r"the action space is Discrete\(3\), it knows Box"):
        check_actions(envs, [gymnasium.spaces.Box], "it")
