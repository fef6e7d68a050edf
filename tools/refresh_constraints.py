"""Write constraints.txt and constraints-frameworks.txt: the newest versions, as pip resolves.

The first is of what pyproject.toml has for development, the second of what its extra `frameworks`
needs beside that, with torch's build for CPUs: that of the package registry brings CUDA along.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESOLVE = ["-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
FIRST, SECOND = "constraints.txt", "constraints-frameworks.txt"
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


if __name__ == "__main__":
    main()
