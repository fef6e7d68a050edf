"""Write constraints.txt and its sisters: the newest versions, as pip resolves.

constraints.txt is of what pyproject.toml has for development, constraints-frameworks.txt of what
its extra `frameworks` needs beside that, with torch's build for CPUs: that of the package registry
brings CUDA along. constraints-rllib.txt is of what RLlib needs beside both, and of the Gymnasium
that it wants in place of ours; constraints-puffer.txt of what PufferLib's trainer imports beside
both, since pip finds nothing that suits PufferLib and us.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESOLVE = ["-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
FIRST, SECOND = "constraints.txt", "constraints-frameworks.txt"
RLLIB, PUFFER = "constraints-rllib.txt", "constraints-puffer.txt"
PUFFERLIB, PUFFER_NEEDS = "pufferlib==3.0.0", ["gym==0.23.0", "pyro-ppl", "rich-argparse"]
CPU_TORCH = ["--extra-index-url", "https://download.pytorch.org/whl/cpu", "--retries", "1"]


def resolved(*wanted: str) -> set[str]:
    """name==version of all that is needed for what is wanted, in words of `pip install`."""
    report = subprocess.check_output(
        [sys.executable, *RESOLVE, "--no-build-isolation", "--report=-", *wanted],
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
    needed = resolved(".[dev]")
    write(FIRST, needed)
    both = resolved(".[dev,frameworks]", "-c", FIRST, *CPU_TORCH)
    write(SECOND, both - needed)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as others:
        others.writelines(f"{pin}\n" for pin in both if not pin.startswith("gymnasium=="))
        others.flush()
        write(RLLIB, resolved(".[rllib]", "-c", others.name) - both)
    write(PUFFER, {PUFFERLIB} | resolved(*PUFFER_NEEDS, "-c", FIRST, "-c", SECOND) - both)


if __name__ == "__main__":
    main()
