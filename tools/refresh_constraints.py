"""Write constraints.txt: the newest versions that satisfy pyproject.toml, as pip resolves."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESOLVE = ["-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]


def main() -> None:
    report = subprocess.check_output(
        [sys.executable, *RESOLVE, "--no-build-isolation", "--report=-", ".[dev]"],
        cwd=ROOT,
        env={**os.environ, "ENVSERVER_PACKAGES": "none"},
    )
    found = [item["metadata"] for item in json.loads(report)["install"]]
    pins = sorted(f"{m['name'].lower()}=={m['version']}" for m in found if m["name"] != "envserver")
    header = "# Written by `make constraints`."
    (ROOT / "constraints.txt").write_text("\n".join([header, *pins, ""]))


if __name__ == "__main__":
    main()
