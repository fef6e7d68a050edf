"""Write constraints.txt and its sisters: the newest versions, as pip resolves.

constraints.txt is of what pyproject.toml has for development, constraints-frameworks.txt of what
its extra `frameworks` needs beside that, with torch's build for CPUs: that of the package registry
brings CUDA along. constraints-rllib.txt is of what RLlib needs beside both, and of the Gymnasium
that it wants in place of ours.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESOLVE = ["-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
FIRST, SECOND, THIRD = "constraints.txt", "constraints-frameworks.txt", "constraints-rllib.txt"
CPU_TORCH = ["--extra-index-url", "https://download.pytorch.org/whl/cpu", "--retries", "1"]


def resolved(extras: str, *options: str) -> set[str]:
    """name==version of all that the extras need."""
    report = subprocess.check_output(
        [sys.executable, *RESOLVE, *options, "--no-build-isolation", "--report=-", f".[{extras}]"],
        cwd=ROOT,
        env={**os.environ, "ENVSERVER_PACKAGES": "none"},
    )
    found = [item["metadata"] for item in json.loads(report)["install"]]
    return {
        # Without "+cpu", which only the index of the builds for CPUs knows.
        f"{m['name'].lower()}=={m['version'].partition('+')[0]}"
        for m in found
        if m["name"] != "envserver"
    }


def write(name: str, pins: set[str]) -> None:
    (ROOT / name).write_text("\n".join(["# Written by `make constraints`.", *sorted(pins), ""]))


def main() -> None:
    needed = resolved("dev")
    write(FIRST, needed)
    both = resolved("dev,frameworks", "-c", FIRST, *CPU_TORCH)
    write(SECOND, both - needed)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as others:
        others.writelines(f"{pin}\n" for pin in both if not pin.startswith("gymnasium=="))
        others.flush()
        write(THIRD, resolved("rllib", "-c", others.name) - both)


if __name__ == "__main__":
    main()
