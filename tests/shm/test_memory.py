"""Free memory: the machine's, or what the tightest control group leaves."""

from pathlib import Path

import pytest

from shm.memory import available_bytes

MEGABYTE = 1 << 20


def tree(tmp_path: Path, files: dict[str, str]) -> tuple[Path, Path]:
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "proc", tmp_path / "cgroup"


MEMINFO = {"proc/meminfo": f"MemTotal: 999999999 kB\nMemAvailable: {100 * 1024} kB\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, None),
        (MEMINFO, 100 * MEGABYTE),
        (
            MEMINFO
            | {
                "proc/self/cgroup": "0::/a/b\n",
                "cgroup/a/memory.max": str(60 * MEGABYTE),
                "cgroup/a/memory.current": str(50 * MEGABYTE),
                "cgroup/a/memory.stat": f"anon 1\ninactive_file {20 * MEGABYTE}\n",
                "cgroup/a/b/memory.max": "max",
                "cgroup/a/b/memory.current": "1",
            },
            30 * MEGABYTE,
        ),
        (
            MEMINFO
            | {
                "proc/self/cgroup": "4:memory:/x\n0::/\n",
                "cgroup/memory/memory.limit_in_bytes": str(40 * MEGABYTE),
                "cgroup/memory/memory.usage_in_bytes": str(50 * MEGABYTE),
            },
            0,
        ),
    ],
    ids=["nothing said", "machine", "version 2", "version 1, over its limit"],
)
def test_the_tightest_limit_counts(
    tmp_path: Path, files: dict[str, str], expected: int | None
) -> None:
    proc, cgroups = tree(tmp_path, files)
    assert available_bytes(proc=proc, cgroups=cgroups) == expected


def test_this_machine_says_something() -> None:
    found = available_bytes()
    assert found is not None
    assert found > MEGABYTE
