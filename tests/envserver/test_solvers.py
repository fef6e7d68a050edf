"""The table of `python -m examples.solvers`: what it plays, what it prints, when it complains."""

import pytest
from click.testing import CliRunner

from examples.solvers.__main__ import TASKS, chosen, is_full, main


def test_a_family_is_all_of_its_tasks() -> None:
    assert chosen([]) == list(TASKS.values())
    families = {task.runtime for task in chosen(["terminal", "gym-core.CartPole-v1"])}
    assert families == {"terminal", "gym-core"}
    assert len(chosen(["terminal", "gym-core.CartPole-v1"])) == 5


def test_a_name_that_is_unknown() -> None:
    done = CliRunner().invoke(main, ["terminal.Nope-v0"])
    assert done.exit_code == 2
    assert "'terminal.Nope-v0' is neither a task that is solved here nor a family" in done.output


def test_only_what_pays_for_nearness_may_miss_a_little() -> None:
    assert not is_full(TASKS["miniwob.ClickTest-v0"], 0.96)
    assert is_full(TASKS["miniwob.CircleCenter-v0"], 0.96)
    assert not is_full(TASKS["miniwob.CircleCenter-v0"], 0.9)


@pytest.mark.integration
@pytest.mark.usefixtures("home")
def test_the_table() -> None:
    asked = ["gym-core.CartPole-v1", "--episodes", "1", "--provider", "process"]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    headings, row = done.output.splitlines()[-2:]
    assert headings.split() == ["environment", "random", "agent", "solver", "full", "seconds"]
    name, by_chance, solved, full, _ = row.split()
    assert (name, solved, full) == ("gym-core.CartPole-v1", "500.00", "500")
    assert float(by_chance) < 200
