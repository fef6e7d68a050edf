"""`envserver runtimes`, `remotes`, `attach` and `logs`."""

from typing import Any

import click

from envserver.cli.output import address_option, console, json_option, print_json, print_table

RUNTIMES = {
    "gym-core": "any Gymnasium environment on a small VNC server of ours; no X server needed",
    "xvnc": "any program on a desktop of its own: TigerVNC's Xvnc and openbox",
}


def session_option(command: Any) -> Any:
    """`--session` of a daemon, needed only where it has several."""
    text = "The session, as `envserver status` names it; not needed if there is one."
    return click.option("--session", metavar="NAME", help=text)(command)


@click.command()
@json_option
def runtimes(as_json: bool) -> None:
    """List the kinds of remotes."""
    if as_json:
        print_json(RUNTIMES)
    else:
        print_table(("runtime", "what it is"), RUNTIMES.items())


@click.command()
@address_option
@json_option
def remotes(address: str | None, as_json: bool) -> None:
    """List the running remotes of every session."""
    from envserver.broker import control

    found = [
        {"session": session["name"], **worker}
        for session in control.status(address=address)["sessions"]
        for worker in session["workers"]
    ]
    if as_json:
        print_json(found)
        return
    columns = ("session", "env", "name", "state")
    print_table(columns, ([remote.get(column) for column in columns] for remote in found))


@click.command()
@click.argument("env", type=click.IntRange(0))
@session_option
@address_option
@json_option
def attach(env: int, session: str | None, address: str | None, as_json: bool) -> None:
    """Say where a VNC viewer reaches environment ENV, and with which password."""
    found = _request("attach", env, session, address)
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
@session_option
@address_option
@json_option
def logs(env: int, session: str | None, address: str | None, as_json: bool) -> None:
    """Print the end of the log of environment ENV's worker."""
    found = _request("logs", env, session, address)
    if as_json:
        print_json(found)
        return
    click.echo(f"==> {found['path']} <==", err=True)
    for line in found["lines"]:
        click.echo(line)


def _request(method: str, env: int, session: str | None, address: str | None) -> dict[str, Any]:
    """Ask a daemon about one environment of a session."""
    from envserver.broker import control
    from envserver.channel import Channel
    from envserver.settings import resolve_address

    names = [each["name"] for each in control.status(address=address)["sessions"]]
    if session is None:
        if len(names) != 1:
            listed = ", ".join(names) or "none"
            raise click.UsageError(
                f"the daemon has {len(names)} sessions ({listed}): give --session"
            )
        session = names[0]
    channel = Channel(resolve_address(address))
    try:
        found: dict[str, Any] = channel.request(method, {"session": session, "env": env}, 10.0)
    finally:
        channel.close()
    return found
