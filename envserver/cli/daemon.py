"""`envserver serve`, `status` and `stop`."""

from typing import Any

import click

from envserver.cli.output import address_option, console, json_option, print_json, print_table


@click.command()
@address_option
def serve(address: str | None) -> None:
    """Run the daemon in the foreground, until Ctrl-C or `envserver stop`."""
    from envserver.broker import control

    control.serve(address=address)


@click.command()
@address_option
@json_option
def status(address: str | None, as_json: bool) -> None:
    """Show the daemon's sessions and their workers."""
    from envserver.broker import control

    found = control.status(address=address)
    if as_json:
        print_json(found)
        return
    console().print(f"daemon {found['pid']}, up {found['uptime_s']:.0f} s")
    for session in found["sessions"]:
        print_session(session)


@click.command()
@address_option
def stop(address: str | None) -> None:
    """End the daemon, and with it every session."""
    from envserver.broker import control

    control.stop(address=address)
    console().print("stopped")


def print_session(session: dict[str, Any]) -> None:
    """One session's workers as a table."""
    columns = ("env", "name", "state", "generation", "pid")
    rows = [[worker.get(column) for column in columns] for worker in session["workers"]]
    print_table(columns, rows, title=f"session {session['name']}")
