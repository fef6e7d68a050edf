"""`envserver serve`, `status` and `stop`."""

from pathlib import Path
from typing import Any

import click

from envserver.cli.choice import candidates
from envserver.cli.output import address_option, console, json_option, print_json, print_table


@click.command()
@address_option
@click.option(
    "--log-directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where logs stay after their session; else ENVSERVER_LOG_DIRECTORY.",
)
def serve(address: str | None, log_directory: Path | None) -> None:
    """Run a daemon in the foreground, until Ctrl-C or `envserver stop`."""
    import logging

    from envserver.broker import control

    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    control.serve(address, log_directory=log_directory)


@click.command()
@address_option
@json_option
def status(address: str | None, as_json: bool) -> None:
    """Show the running daemons, their sessions and workers."""
    from envserver.broker import control

    found = [control.status(url) for url in candidates(address)]
    if as_json:
        print_json(found)
        return
    for daemon in found:
        uptime_s = round(daemon["uptime_s"])
        console().print(f"{daemon['address']}  process {daemon['pid']}, up {uptime_s} s")
        for session in daemon["sessions"]:
            _print_session(session)


@click.command()
@address_option
def stop(address: str | None) -> None:
    """End a daemon, and with it every session; a trainer's private one only by --address."""
    from envserver.broker import control
    from envserver.settings import resolve_address

    url = resolve_address(address).url
    with console().status("stopping"):
        control.stop(url)
    click.echo(f"stopped {url}")


def _print_session(session: dict[str, Any]) -> None:
    title = (
        f"session {session['name']}: {session['env_id'] or session['runtime'] or 'attached'},"
        f" {session['ready']} of {session['num_envs']} ready, trainer {session['trainer_pid']},"
        f" {session['segment_bytes'] / 2**20:.0f} MiB, {session['age_s']:.0f} s old"
    )
    columns = ("env", "name", "state", "waiting_for", "generation", "pid")
    rows = [[worker.get(column) for column in columns] for worker in session["workers"]]
    print_table(columns, rows, title=title)
