"""`envserver demo`."""

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envserver.cli.output import console, json_option, print_json, print_table

if TYPE_CHECKING:
    from rich.progress import Progress

DEFAULT_PICTURE = "demo.png"


@click.command()
@click.option("--env", "env_id", default="gym-core.Pong-v0", show_default=True, metavar="ENV")
@click.option("--num-envs", default=8, show_default=True, type=click.IntRange(1, 4096))
@click.option("--fps", default=60.0, show_default=True, type=click.FloatRange(1, 1000))
@click.option(
    "--seconds",
    default=10.0,
    show_default=True,
    type=click.FloatRange(0, 86400, min_open=True),
    help="How long to step.",
)
@click.option(
    "--picture",
    show_default=DEFAULT_PICTURE,
    type=click.Path(dir_okay=False, writable=True),
    callback=lambda _context, _option, picture: picture and _check_picture(picture),
    help="Where the last batch is drawn.",
)
@json_option
def demo(
    env_id: str, num_envs: int, fps: float, seconds: float, picture: str | None, as_json: bool
) -> None:
    """Step environments with random actions, and measure them."""
    from envserver.client import Client
    from envserver.contact_sheet import contact_sheet
    from envserver.cpu import TreeClock
    from envserver.demo import run_demo
    from envserver.make import make_vec
    from envserver.session import Session

    # A daemon of its own, so that what its tree of processes uses is this run's alone.
    with _progress(disable=as_json) as bar, Client(private=True) as client:
        starting = bar.add_task(f"starting {num_envs} x {env_id}", total=num_envs)
        envs = make_vec(
            env_id,
            num_envs,
            fps=fps,
            provider="process",  # a container is no part of that tree
            client=client,
            progress=lambda status: bar.update(starting, completed=status["ready"]),
        )
        assert isinstance(envs.session, Session)
        with contextlib.closing(envs):
            bar.update(starting, completed=num_envs)
            stepping = bar.add_task(f"stepping at {fps:g} frames a second", total=seconds)
            ran = run_demo(
                envs,
                envs.session.spec,
                seconds,
                TreeClock(client.status()["pid"]),
                lambda elapsed_s: bar.update(stepping, completed=min(elapsed_s, seconds)),
            )
    if as_json:
        print_json(ran.figures)
    else:
        show(env_id, ran.figures, ran.seen_per_env_s, picture or DEFAULT_PICTURE)
    try:
        contact_sheet(ran.observations, ran.labels).save(picture or DEFAULT_PICTURE)
    except OSError as error:
        if picture is not None:
            raise
        click.echo(f"warning: no picture: {error}; --picture names another place", err=True)


def _check_picture(picture: str) -> str:
    """Refuse what cannot be written before anything starts.

    Raises:
        click.BadParameter: there is no such folder, or no such kind of picture.
    """
    from PIL import Image

    path = Path(picture)
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise click.BadParameter(f"{str(path.parent)!r} is no folder that can be written to")
    Image.init()
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise click.BadParameter(f"{path.name!r} names no kind of picture, expected .png or .jpg")
    return picture


def _progress(disable: bool) -> "Progress":
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console(), disable=disable)


def show(env_id: str, figures: dict[str, Any], seen_per_env_s: float, picture: str) -> None:
    """Print the figures of a run as a table."""

    def pair(value: dict[str, float] | None) -> str:
        return f"{value['p50']:.2f} / {value['p99']:.2f}" if value else "the server gives no stamps"

    size = f"{figures['width']}x{figures['height']}, {figures['encoding']}"
    rows = [
        ("screens", f"{figures['num_envs']} of {size}"),
        ("frames a second, each", f"{figures['updates_per_env_s']:.1f} of {figures['fps']:g}"),
        ("of them seen at a tick", f"{seen_per_env_s:.1f}"),
        ("ticks on time", f"{figures['ticks_on_time']:.2%}"),
        ("step, ms, p50 / p99", pair(figures["step_ms"])),
        ("frame age, ms, p50 / p99", pair(figures["frame_age_ms"])),
        ("processor, % of a core, each", f"{100 * figures['cpu_per_env']:.1f}"),
        ("faults", figures["faults"]),
        ("picture", picture),
    ]
    print_table(["", env_id], rows)
