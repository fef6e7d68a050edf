"""The `envserver` group: its commands, and one line and exit code 1 for what goes wrong in them."""

from typing import Any

import click

from envserver.cli.daemon import serve, status, stop
from envserver.cli.demo import demo
from envserver.cli.doctor import doctor
from envserver.cli.mcp import mcp
from envserver.cli.output import AS_JSON, print_json
from envserver.cli.remotes import attach, logs, remotes, runtimes


class Group(click.Group):
    """A group whose commands raise what the library raises."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an expected error becomes click's one line on standard error.

        With `--json` it is an object {"error": ...} on standard output instead.
        """
        from envserver.errors import EnvServerError

        try:
            return super().invoke(ctx)
        except (EnvServerError, ValueError, OSError, click.ClickException) as error:
            shown = error
            if not isinstance(shown, click.ClickException):
                shown = click.ClickException(str(error))
            if not ctx.meta.get(AS_JSON):
                raise shown from error
            print_json({"error": shown.format_message()})
            raise click.exceptions.Exit(shown.exit_code) from error


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="envserver")
def main() -> None:
    """Train agents on real programs, through VNC and shared memory."""


for command in (demo, serve, status, stop, doctor, runtimes, remotes, attach, logs, mcp):
    main.add_command(command)
