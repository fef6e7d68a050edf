"""Draws one batch with every family in it, played by the solvers.

    python -m examples.solvers.picture [FILE] [--provider docker]

Three sessions play, one a family. A fourth is attached to all of their desktops, as a viewer
without rewards, and its one batch has them all.
"""

import contextlib
from typing import Any

import click

import envserver
from envserver.contact_sheet import contact_sheet
from examples.solvers.__main__ import TASKS
from examples.solvers.playing import Random, play

SCREEN = (400, 300)
FAMILIES: dict[str, tuple[tuple[str, ...], int]] = {
    "gym-core": (
        ("Pong-v0", "SpaceInvaders-v0", "DemonAttack-v0", "Carnival-v0"),
        400,
    ),
    "terminal": (("CreateFile-v0", "CountLines-v0", "KillProcess-v0", "Archive-v0"), 20),
    "miniwob": (("ClickShades-v0", "DragCircle-v0", "EnterTime-v0", "GridCoordinate-v0"), 5),
}
"""Which environments, and for how many steps they are played."""


def begin(family: str, provider: str | None) -> envserver.VectorEnv:
    """A session in which the environments of a family have been played for a while."""
    names, steps = FAMILIES[family]
    tasks = [TASKS.get(f"{family}.{name}") for name in names]
    assert tasks[0] is not None
    options = {} if provider is None else {"provider": provider}
    screen = {} if family == "miniwob" else {"screen": SCREEN}
    envs = tasks[0].make(len(names), **screen, **options)
    try:
        space = envs.single_action_space
        agents = [Random(space, 0) if task is None else task.solver() for task in tasks]
        play(envs, agents, steps, seed=0, names=[f"{family}.{name}" for name in names])
    except BaseException:
        envs.close()
        raise
    return envs


def address(envs: envserver.VectorEnv, env: int) -> str:
    """Of an environment's desktop, without its rewarder."""
    session: Any = envs.session
    vnc = session.attach(env)["vnc"]
    return f"vnc://{vnc['host']}:{vnc['port']}?password={vnc['password']}"


@click.command(help=__doc__)
@click.argument("file", default="solvers.png", type=click.Path(dir_okay=False, writable=True))
@click.option(
    "--provider", type=click.Choice(["docker", "process"]), help="What the environments run in."
)
def main(file: str, provider: str | None) -> None:
    with contextlib.ExitStack() as open_ones:
        labels, addresses = [], []
        for family, (names, _) in FAMILIES.items():
            envs = open_ones.enter_context(contextlib.closing(begin(family, provider)))
            labels += [f"{family}.{name}" for name in names]
            addresses += [address(envs, env) for env in range(envs.num_envs)]
        seen = envserver.make_vec(
            remotes=addresses, screen=SCREEN, fps=30, vnc_kwargs={"encoding": "zrle"}
        )
        open_ones.enter_context(contextlib.closing(seen))
        observations, _ = seen.reset()
        contact_sheet(observations, labels).save(file)
        print(f"{file}: one batch, {observations.shape} {observations.dtype}")


if __name__ == "__main__":
    main()
