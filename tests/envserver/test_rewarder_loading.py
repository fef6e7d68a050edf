"""From a task's name to its class."""

from pathlib import Path

import pytest

from envserver.rewarder import Task, TaskError
from envserver.rewarder.loading import Switch, find_switch, load_task
from envserver.tasks import terminal

RUNTIMES = """
shell:
  kind: xvnc
  environments:
    One-v0: {task: "some.module:One"}
    Large-v0: {task: "some.module:One", time_limit_s: 20, screen: [300, 200]}
    Bare-v0: {command: xterm}
"""


def test_by_module() -> None:
    assert load_task("envserver.tasks.terminal:Archive") is terminal.Archive


def test_by_file(tmp_path: Path) -> None:
    path = tmp_path / "my_own_task.py"
    path.write_text("from envserver.rewarder import Task\nclass Mine(Task): pass\n")
    found = load_task(f"{path}:Mine")
    assert issubclass(found, Task)
    assert found.__name__ == "Mine"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("terminal", "expected 'module:Class'"),
        ("no.such.module:X", "cannot import no.such.module: ModuleNotFoundError"),
        ("/no/such/file.py:X", "cannot import /no/such/file.py: FileNotFoundError"),
        ("envserver.tasks.terminal:Nope", "no Task of the name 'Nope', it has TerminalTask"),
        ("envserver.tasks.terminal:WORDS", "no Task of the name 'WORDS'"),
    ],
)
def test_what_is_none(name: str, says: str) -> None:
    with pytest.raises(TaskError, match=says):
        load_task(name)


def test_a_file_that_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "broken_task.py"
    path.write_text("1 / 0")
    with pytest.raises(TaskError, match="ZeroDivisionError"):
        load_task(f"{path}:Mine")


def test_the_task_of_another_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runtimes.yml"
    path.write_text(RUNTIMES)
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(path))
    assert find_switch("shell.One-v0", "shell.Bare-v0") == Switch("some.module:One")
    large = Switch("some.module:One", time_limit_s=20, screen=(300, 200))
    assert find_switch("shell.Large-v0", "shell.Bare-v0") == large
    with pytest.raises(TaskError, match="has no task"):
        find_switch("shell.Bare-v0", "shell.One-v0")
    with pytest.raises(TaskError, match="shell has no environment"):
        find_switch("shell.Two-v0", "shell.One-v0")
    with pytest.raises(TaskError, match=r"this remote runs shell.One-v0, not 'gym-core.Pong-v0'"):
        find_switch("gym-core.Pong-v0", "shell.One-v0")
    with pytest.raises(TaskError, match="this remote runs one task"):
        find_switch("shell.One-v0", None)
