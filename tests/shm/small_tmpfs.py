"""Make segments where memory is short, in a mount namespace of its own; says what happened in JSON.

Not a test: `test_segment.py` runs it under unshare(1) where that is allowed. Where nothing may be
mounted, the one call that asks a filesystem for its room is answered as the small tmpfs answers.
"""

import json
import os
import subprocess
import sys

import numpy as np

from shm.doorbell import doorbell
from shm.ring import Ring
from shm.segment import Segment

SMALL = 64 << 20


def mounted(directory: str, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", directory]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def pretend(directory: str) -> None:
    real = os.fstatvfs

    def fstatvfs(fd: int) -> os.statvfs_result:
        found = list(real(fd))
        found[2:5] = [SMALL // found[1]] * 3
        return os.statvfs_result(found)

    os.fstatvfs = fstatvfs


def main() -> None:
    directory, kind = sys.argv[1:]
    options = f"size={SMALL}" + (",nr_inodes=1" if kind == "no-inode" else "")
    was_mounted = mounted(directory, options)
    if not was_mounted:
        pretend(directory)
    with Segment.create(8, 768, 1024, 3, 4, directory=directory) as segment:
        segment.prefault(2)
        bells = [doorbell() for _ in range(8)]
        with Ring(segment.fd, bells) as ring:
            ring.open_step(3)
            assert ring.abandon(3, 7)
            ring.fill_abandoned(3, 7)
            blank = not np.any(ring.window(3, 4))
        result = {
            "mounted": was_mounted,
            "kind": segment.kind,
            "nbytes": segment.nbytes,
            "size": os.fstat(segment.fd).st_size,
            "blank": blank,
            "left": os.listdir(directory),
        }
    with Segment.create(1, 84, 84, 3, 4, directory=directory) as small:
        result["small_kind"] = small.kind
    print(json.dumps(result))


if __name__ == "__main__":
    main()
