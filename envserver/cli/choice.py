"""Which daemon a command means: the one that was named, the default, or a trainer's private one."""

import os

import click


def candidates(address: str | None) -> list[str]:
    """The daemons that run, or the default if none does.

    Only the one that is named, where `address` or ENVSERVER_ADDRESS names one.
    """
    from envserver.channel import is_running
    from envserver.settings import home_directory, resolve_address

    default = resolve_address(address)
    if address is not None or os.environ.get("ENVSERVER_ADDRESS"):
        return [default.url]
    private = [path / "broker" for path in sorted(home_directory().glob("private-*"))]
    places = [default, *map(resolve_address, private)]
    return [place.url for place in places if is_running(place)] or [default.url]


def chosen(address: str | None) -> str:
    """The one daemon that is meant: the named or default one before trainers' private ones.

    Raises:
        click.UsageError: several private ones run.
    """
    from envserver.settings import resolve_address

    found = candidates(address)
    default = resolve_address(address).url
    if len(found) > 1 and default not in found:
        listed = "".join(f"\n  {url}" for url in found)
        raise click.UsageError(f"{len(found)} daemons run, give --address:{listed}")
    return default if default in found else found[0]
