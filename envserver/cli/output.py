"""What the commands print: a rich table for people, one JSON object for machines."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

Command = Callable[..., Any]
AS_JSON = "envserver.as_json"
"""What `--json` was is kept under this name in `click.Context.meta`, for errors."""


def json_option(command: Command) -> Command:
    """`--json`, as the argument `as_json`."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        is_eager=True,  # before an argument that is wrong
        callback=_remember,
        help="Print JSON for machines.",
    )(command)


def _remember(context: click.Context, _option: click.Parameter, as_json: bool) -> bool:
    context.meta[AS_JSON] = as_json
    return as_json


def address_option(command: Command) -> Command:
    """`--address` of a daemon."""
    text = "The daemon's ipc:// address; else ENVSERVER_ADDRESS, else the default."
    return click.option("--address", metavar="ADDRESS", help=text)(command)


def console() -> "Console":
    """Standard output, in colour on a terminal."""
    from rich.console import Console

    return Console(highlight=False)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, default=str))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Rows under headings; None is shown as a dash."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, title=title or None, title_justify="left", box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text("-" if cell is None else str(cell)) for cell in row))
    console().print(table)
