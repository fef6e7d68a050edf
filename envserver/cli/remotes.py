"""`envserver runtimes`, `remotes`, `attach` and `logs`."""

import dataclasses
from typing import Any

import click

from envserver.cli.choice import candidates, chosen
from envserver.cli.output import address_option, console, json_option, print_json, print_table


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
    rows: list[tuple[str, str]] = []
    for runtime in found.values():
        rows.append((runtime.name, runtime.summary))
        rows += [
            (f"  {runtime.name}.{environment.name}", environment.summary)
            for environment in runtime.environments.values()
        ]
        if runtime.takes_any:
            rows.append((f"  {runtime.name}.<Name>-v<k>", "any environment that Gymnasium knows"))
    print_table(("name", "what it is"), rows)


@click.command()
@address_option
@json_option
def remotes(address: str | None, as_json: bool) -> None:
    """List the running remotes of every session."""
    from envserver.broker import control

    found = [
        {"address": url, "session": session["name"], **worker}
        for url in candidates(address)
        for session in control.status(url)["sessions"]
        for worker in session["workers"]
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
@session_option
@address_option
@json_option
def logs(env: int, lines: int, session: str | None, address: str | None, as_json: bool) -> None:
    """Print the end of the logs of environment ENV's worker and of its remote."""
    from envserver.broker import control

    found = control.logs(env, session, chosen(address), lines=lines)
    if as_json:
        print_json(found)
        return
    for log in (found, *found["remote"]):
        click.echo(log["path"], err=True)
        for line in log["lines"]:
            click.echo(line)
