"""The command line: `envserver --help`.

Each command's own imports are inside it, so that `--help` and usage errors come at once.
"""

from envserver.cli.group import main

__all__ = ["main"]
