"""Draws one batch with every family in it, played by the solvers.

    python -m examples.solvers.picture [FILE] [--provider docker]

Three sessions play, one a family. A fourth is attached to all of their desktops, as a viewer
without rewards: its one batch has them all, each in the middle of its row.
"""

import contextlib
from typing import Any

import click

import envserver
from envserver.contact_sheet import contact_sheet
from examples.solvers.__main__ import TASKS
from examples.solvers.playing import Agent, Picture, Random, play
from examples.solvers.terminal import TerminalSolver

SCREEN = (1024, 768)
FAMILIES: dict[str, tuple[tuple[str, ...], int]] = {
    "gym-core": (("Pong-v0", "SpaceInvaders-v0", "DemonAttack-v0", "Galaxian-v0"), 800),
    "terminal": (("CreateFile-v0", "CountLines-v0", "KillProcess-v0", "Archive-v0"), 10),
    "miniwob": (("ClickShades-v0", "DragCircle-v0", "EnterTime-v0", "GridCoordinate-v0"), 5),
}
"""Which environments, and for how many steps they are played."""


class Typist(TerminalSolver):
    """Types the right command and does not send it: the next episode would clear it away."""

    def act(self, picture: Picture, goal: str) -> list[tuple[Any, ...]]:
        return [("Text", text.removesuffix("\n")) for _, text in super().act(picture, goal)]


def agent_for(name: str, envs: envserver.VectorEnv) -> Agent:
    """The solver where there is one."""
    if name.startswith("terminal."):
        return Typist()
    task = TASKS.get(name)
    return Random(envs.single_action_space, seed=0) if task is None else task.solver()


def begin(family: str, provider: str | None) -> envserver.VectorEnv:
    """A session in which the environments of a family have been played for a while."""
    short, steps = FAMILIES[family]
    names = [f"{family}.{name}" for name in short]
    options = {} if provider is None else {"provider": provider}
    envs = TASKS[names[0]].make(len(names), **options)
    try:
        play(envs, [agent_for(name, envs) for name in names], steps, seed=0, names=names)
    except BaseException:
        envs.close()
        raise
    return envs


def address(envs: envserver.VectorEnv, env: int) -> str:
    """Of an environment's desktop, without its rewarder."""
    session: Any = envs.session
    vnc = session.attach(env)["vnc"]
    return f"vnc://{vnc['host']}:{vnc['port']}?password={vnc['password']}"


def middle(picture: Picture, shape: tuple[int, ...]) -> Picture:
    """The part of a row that a desktop of this height and width fills."""
    top, left = (
        (all_of_it - its) // 2 for all_of_it, its in zip(picture.shape[:2], shape[:2], strict=True)
    )
    return picture[top : top + shape[0], left : left + shape[1]]


@click.command(help=__doc__)
@click.argument("file", default="solvers.png", type=click.Path(dir_okay=False, writable=True))
@click.option(
    "--provider", type=click.Choice(["docker", "process"]), help="What the environments run in."
)
def main(file: str, provider: str | None) -> None:
    labels, addresses, shapes = [], [], []
    with contextlib.ExitStack() as open_ones:
        for family, (names, _) in FAMILIES.items():
            envs = open_ones.enter_context(begin(family, provider))
            labels += [f"{family}.{name}" for name in names]
            addresses += [address(envs, env) for env in range(len(names))]
            shapes += [envs.single_observation_space.shape or ()] * len(names)
        lossless = {"encoding": "zrle"}
        seen = envserver.make_vec(remotes=addresses, screen=SCREEN, fps=30, vnc_kwargs=lossless)
        batch = open_ones.enter_context(seen).reset()[0]
        pictures = [middle(each, shape) for each, shape in zip(batch, shapes, strict=True)]
        contact_sheet(pictures, labels).save(file)
        print(f"{file}: one batch, {batch.shape} {batch.dtype}")


if __name__ == "__main__":
    main()
