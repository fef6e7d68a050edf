"""`python -m envserver.universe script.py [args]`: run an unchanged Universe script."""

import functools
import os
import runpy
import sys
from types import TracebackType

USAGE = "usage: python -m envserver.universe script.py [arguments of the script]"


def main(arguments: list[str]) -> int:
    """Run a script as __main__; returns an exit status where there is none to run."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"{USAGE}\n\n{__doc__}" if arguments else USAGE, file=sys.stderr)
        return 0 if arguments else 2
    script = arguments[0]
    if not os.path.isfile(script):
        print(f"{USAGE}\nno file is called {script!r}", file=sys.stderr)
        return 2
    from envserver.universe.install import install

    install()
    sys.argv = list(arguments)
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    sys.excepthook = functools.partial(_show_error, script)
    runpy.run_path(script, run_name="__main__")
    return 0


def _show_error(
    script: str, kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """As Python shows it where the script is run by itself: from its own first line on."""
    while trace is not None and trace.tb_frame.f_code.co_filename != script:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
