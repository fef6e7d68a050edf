"""`envserver runtimes`, `remotes`, `attach` and `logs`."""

import collections
import dataclasses
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from envserver.cli.choice import candidates, chosen
from envserver.cli.output import address_option, console, json_option, print_json, print_table

if TYPE_CHECKING:
    from envserver.runtimes_file import Runtime

FOLLOW_S = 0.1
"""How often a log that is followed is looked at."""


INTERRUPTED = 128 + signal.SIGINT
"""The exit code of what was ended by Ctrl-C."""


def session_option(command: Any) -> Any:
    """`--session` of a daemon, needed only where it has several."""
    text = "The session, as `envserver status` names it; not needed if there is one."
    return click.option("--session", metavar="NAME", help=text)(command)


@click.command()
@json_option
def runtimes(as_json: bool) -> None:
    """List the kinds of remotes, and the environments in them."""
    from envserver.runtimes_file import load_runtimes

    found = load_runtimes()
    if as_json:
        print_json({name: dataclasses.asdict(runtime) for name, runtime in found.items()})
        return
    rows: list[tuple[str, str, str]] = []
    for runtime in found.values():
        rows.append((runtime.name, _where(runtime), runtime.summary))
        if runtime.needs:
            rows.append(("", "", f"needs {runtime.needs}"))
        for environment in runtime.environments.values():
            reward = f" (reward: {environment.reward})" if environment.reward else ""
            rows.append(
                (f"  {runtime.name}.{environment.name}", "", f"{environment.summary}{reward}")
            )
        if runtime.takes_any:
            whose = "of Universe's"
            if runtime.kind == "gym-core":
                whose = "of Gymnasium's with discrete actions"
            rows.append((f"  {runtime.name}.<Name>-v<k>", "", f"any environment {whose}"))
    print_table(("name", "runs as", "what it is"), rows)


def _where(runtime: "Runtime") -> str:
    """Who starts a runtime's remotes, in a word or two."""
    if runtime.needs:
        return "attached"
    if runtime.kind == "docker" or runtime.provider == "docker":
        return "container"
    if not runtime.container.get("image") or runtime.provider == "process":
        return "process"
    return "container or process"


@click.command()
@click.option(
    "--release", metavar="CLIENT_ID", help="Stop the remotes that are kept for this client_id."
)
@address_option
@json_option
def remotes(release: str | None, address: str | None, as_json: bool) -> None:
    """List the running remotes of every session, and those kept for a client_id."""
    from envserver.broker import control

    if release is not None:
        stopped = control.release(release, chosen(address))
        if as_json:
            print_json({"client_id": release, "stopped": stopped})
        else:
            console().print(f"stopped {stopped} remotes of {release}")
        return
    found: list[dict[str, Any]] = []
    for url in candidates(address):
        status = control.status(url)
        found += [
            {"address": url, "session": session["name"], **worker}
            for session in status["sessions"]
            for worker in session["workers"]
        ]
        found += [
            {
                "address": url,
                "session": None,
                "env": None,
                "name": f"{kept['alive']} of {kept['runtime']}",
                "state": f"kept for {kept['client_id']}",
            }
            for kept in status["kept"]
        ]
    if as_json:
        print_json(found)
        return
    columns = ("session", "env", "name", "state", "address")
    print_table(columns, ([remote.get(column) for column in columns] for remote in found))


@click.command()
@click.argument("env", type=click.IntRange(0))
@session_option
@address_option
@json_option
def attach(env: int, session: str | None, address: str | None, as_json: bool) -> None:
    """Say where a VNC viewer reaches environment ENV, and with which password."""
    from envserver.broker import control

    found = control.attach(env, session, chosen(address))
    if as_json:
        print_json(found)
        return
    vnc = found["vnc"]
    if vnc is None:
        raise click.ClickException(f"environment {env} has no VNC server, only rewards")
    console().print(f"address   {vnc['host']}:{vnc['port']}")
    console().print(f"password  {vnc['password'] or '(none)'}")
    console().print(f"try       vncviewer {vnc['host']}::{vnc['port']}", style="dim")


@click.command()
@click.argument("env", type=click.IntRange(0))
@click.option("--lines", default=200, show_default=True, type=click.IntRange(1))
@click.option(
    "--remote", is_flag=True, help="Only of the remote's programs, such as its container."
)
@click.option(
    "--follow", is_flag=True, help="Go on with what is written to the first, until Ctrl-C."
)
@session_option
@address_option
@json_option
def logs(
    env: int,
    lines: int,
    remote: bool,
    follow: bool,
    session: str | None,
    address: str | None,
    as_json: bool,
) -> None:
    """Print the end of the logs of environment ENV's worker and of its remote."""
    from envserver.broker import control

    if follow and as_json:
        raise click.UsageError("--follow prints lines as they come: leave out --json")
    found = control.logs(env, session, chosen(address), lines=lines, remote=remote)
    if as_json:
        print_json(found)
        return
    shown = found["remote"] if remote else [found, *found["remote"]]
    if follow:  # one: that of the worker, or of what runs in the remote
        there = [log for log in shown if Path(log["path"]).exists()]
        path = (there or shown)[0]["path"]
        click.echo(path, err=True)
        try:
            _follow(Path(path), lines)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(INTERRUPTED) from None
        return
    for log in shown:
        click.echo(log["path"], err=True)
        for line in log["lines"]:
            click.echo(line)


def _follow(path: Path, lines: int) -> None:
    """Print the end of a log, and what is added to it for as long as it is there."""
    with path.open(errors="replace") as log:
        click.echo("".join(collections.deque(log, maxlen=lines)), nl=False)
        while path.exists():
            text = log.read()
            if text:
                click.echo(text, nl=False)
            elif log.tell() > path.stat().st_size:
                log.seek(0)  # it was begun anew
            else:
                time.sleep(FOLLOW_S)
