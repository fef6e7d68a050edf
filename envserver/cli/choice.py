"""Which daemon a command means: the one that was named, the default, or a trainer's private one."""

import click


def candidates(address: str | None) -> list[str]:
    """The daemons that run, or the default if none does; only `address` where it is given."""
    from envserver.channel import is_running
    from envserver.settings import home_directory, resolve_address

    if address is not None:
        return [resolve_address(address).url]
    default = resolve_address()
    private = [path / "broker" for path in sorted(home_directory().glob("private-*"))]
    places = [default, *map(resolve_address, private)]
    return [place.url for place in places if is_running(place)] or [default.url]


def chosen(address: str | None) -> str:
    """The one daemon that is meant.

    Raises:
        click.UsageError: several run.
    """
    found = candidates(address)
    if len(found) > 1:
        listed = "".join(f"\n  {url}" for url in found)
        raise click.UsageError(f"{len(found)} daemons run, give --address:{listed}")
    return found[0]
