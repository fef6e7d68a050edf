"""How much memory this process may still use (I/O: /proc and /sys/fs/cgroup).

Pages of a segment count against the machine and against every control group above the process.
Going over a group's limit does not fail a call, it kills a process; so the question comes before.
"""

from pathlib import Path, PurePosixPath

CGROUPS = Path("/sys/fs/cgroup")
PROC = Path("/proc")


def available_bytes(*, proc: Path = PROC, cgroups: Path = CGROUPS) -> int | None:
    """Memory that can be had without swapping others out; None where the system does not say."""
    amounts = [
        amount
        for amount in (
            _machine(proc / "meminfo"),
            *(_group(folder) for folder in _group_folders(proc / "self" / "cgroup", cgroups)),
        )
        if amount is not None
    ]
    return min(amounts, default=None)


def _machine(meminfo: Path) -> int | None:
    for line in _text(meminfo).splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024
    return None


def _group_folders(membership: Path, cgroups: Path) -> list[Path]:
    """The folders of every memory group that the process is in, of version 1 and version 2."""
    folders: list[Path] = []
    for line in _text(membership).splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        base = cgroups / controllers
        # Inside a container the name may be the host's: _group skips what does not exist here.
        path = PurePosixPath(name.lstrip("/"))
        folders += [base / path, *(base / parent for parent in path.parents), base]
    return folders


def _group(folder: Path) -> int | None:
    """What a group leaves; pages that the kernel can drop count as free."""
    for limit_name, usage_name, reclaimable in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit, usage = _text(folder / limit_name).strip(), _text(folder / usage_name).strip()
        if limit.isdigit() and usage.isdigit():
            fields = (line.split() for line in _text(folder / "memory.stat").splitlines())
            dropped = next((int(value) for name, value in fields if name == reclaimable), 0)
            return max(0, int(limit) - int(usage) + dropped)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
