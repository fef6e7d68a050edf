"""`envserver doctor`."""

import dataclasses

import click

from envserver.cli.output import console, json_option, print_json

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Check this machine, and say how to mend what is missing.

    The exit code is 1 if something fails; a warning is no failure.
    """
    from envserver.doctor import examine

    checks = examine()
    if as_json:
        print_json({"checks": [dataclasses.asdict(check) for check in checks]})
    else:
        from rich.markup import escape

        out = console()
        width = max(len(check.name) for check in checks)
        for check in checks:
            state = f"[{COLOURS[check.state]}]{check.state:4}[/]"
            out.print(f"{state}  {check.name:{width}}  {escape(check.found)}", soft_wrap=True)
            if check.mend:
                out.print(f"{'':{width + 6}}  {escape(check.mend)}", style="dim", soft_wrap=True)
    if any(check.state == "fail" for check in checks):
        raise click.exceptions.Exit(1)
