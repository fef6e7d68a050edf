"""Making segments where memory is there, short, or full; taking over what others made."""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shm.errors import LayoutMismatch, SegmentError, ShmError
from shm.layout import header_bytes
from shm.segment import Segment
from shm.view import Mapping

ROOT = Path(__file__).resolve().parents[2]
SIZES = (2, 4, 8, 3, 4, 16)
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


@pytest.fixture
def segment() -> Iterator[Segment]:
    with Segment.create(*SIZES) as made:
        yield made


def open_descriptors() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


def test_a_new_segment_is_blank_private_and_whole(segment: Segment) -> None:
    status = os.fstat(segment.fd)
    assert status.st_size == segment.nbytes == segment.sizes["total_bytes"]
    assert status.st_blocks * 512 >= segment.nbytes
    assert not os.get_inheritable(segment.fd)
    memory = np.frombuffer(memoryview(segment.map().memory), np.uint8)
    assert not memory[4096:].any()


def test_prefaulting_changes_nothing(segment: Segment) -> None:
    os.pwrite(segment.fd, b"kept", segment.nbytes - 4)
    segment.prefault(threads=3)
    assert os.pread(segment.fd, 4, segment.nbytes - 4) == b"kept"


def test_attaching_takes_the_descriptor_over(segment: Segment) -> None:
    with Segment.attach(os.dup(segment.fd), expect={"num_envs": 2, "slots": 4}) as attached:
        assert attached.sizes == segment.sizes
        assert attached.kind == "attached"
        fd = attached.fd
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_closed_segment_says_so_and_its_mapping_lives(segment: Segment) -> None:
    mapping = segment.map()
    segment.close()
    segment.close()
    assert bytes(memoryview(mapping.memory)[:7]) == b"ESRVSHM"
    with pytest.raises(SegmentError, match="closed"):
        segment.map()


def test_another_version_is_refused(segment: Segment) -> None:
    os.pwrite(segment.fd, (7).to_bytes(4, sys.byteorder), 8)
    with pytest.raises(LayoutMismatch, match=r"layout version 7, this is version 2: .* restart it"):
        Segment.attach(segment.fd)
    with pytest.raises(LayoutMismatch, match="version 7"):
        Mapping(segment.fd)


def test_other_sizes_than_expected_are_refused(segment: Segment) -> None:
    with pytest.raises(LayoutMismatch, match="width = 8, expected 9"):
        Segment.attach(segment.fd, expect={"width": 9})


@pytest.mark.parametrize("content", [b"", b"ESRV", b"x" * 9000, header_bytes(*SIZES)])
def test_what_is_no_whole_segment_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    fd = os.open(path, os.O_RDWR)
    with pytest.raises(LayoutMismatch):
        Segment.attach(fd)
    os.close(fd)


def test_a_descriptor_of_another_kind_is_refused() -> None:
    ends = os.pipe()
    for fd in (*ends, 10_000_000):
        with pytest.raises(LayoutMismatch, match="holds no segment"):
            Segment.attach(fd)
    for fd in ends:
        os.close(fd)


def test_more_than_the_memory_is_refused_before_it_is_asked_for() -> None:
    before = open_descriptors()
    with pytest.raises(SegmentError, match=r"100 slots .* needs .* MB, but this process may use"):
        Segment.create(10_000, 768, 1024, 3, 100)
    assert open_descriptors() == before


def test_no_directory_for_it_means_a_memfd(tmp_path: Path) -> None:
    with Segment.create(*SIZES, directory=tmp_path / "missing") as made:
        assert made.kind == "memfd"
        with pytest.raises(PermissionError):
            os.ftruncate(made.fd, 4096)


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["full", "no-inode"])
def test_a_small_tmpfs_falls_back_to_a_memfd_that_works(tmp_path: Path, kind: str) -> None:
    command = [sys.executable, str(Path(__file__).with_name("small_tmpfs.py")), str(tmp_path), kind]
    unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    allowed = subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode == 0
    done = subprocess.run(
        [*(unshare if allowed else []), *command], env=ENVIRONMENT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["kind"] == "memfd"
    assert result["size"] == result["nbytes"] > 64 << 20
    assert result["blank"]
    assert result["left"] == []
    if result["mounted"]:
        assert result["small_kind"] == ("shm" if kind == "full" else "memfd")


FULL = """
import os, resource, sys
from shm.errors import SegmentError
from shm.segment import Segment
before = os.listdir("/proc/self/fd")
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    Segment.create(8, 240, 320, 3, 4, directory=sys.argv[1])
except SegmentError as error:
    print(error)
print(os.listdir("/proc/self/fd") == before, os.listdir(sys.argv[1]))
"""


@pytest.mark.integration
def test_when_nothing_can_hold_it_the_message_names_all(tmp_path: Path) -> None:
    # A limit on the size of files stands for a full disk: it stops both kinds, for any user.
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], env=ENVIRONMENT, capture_output=True, text=True
    )
    message, left = done.stdout.splitlines()
    assert "8 environments x 4 slots of 320x240x3 needs" in message
    assert f"{tmp_path} can" in message
    assert "a memfd cannot hold it (File too large)" in message
    assert "use fewer slots" in message
    assert left == "True []"


BROKER = """
import os, subprocess, sys
from shm.segment import Segment
segment = Segment.create(2, 240, 320, 3, 4, directory=sys.argv[1])
code = (
    "import sys\\nfrom shm.writer import Writer\\nwriter = Writer(int(sys.argv[1]), 0)\\n"
    "writer.claim(0)\\nprint('up', flush=True)\\nsys.stdin.read()"
)
child = subprocess.Popen([sys.executable, "-c", code, str(segment.fd)], pass_fds=[segment.fd])
print(segment.kind, child.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.integration
def test_nothing_is_left_when_every_process_is_killed() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as directory:
        broker = subprocess.Popen(
            [sys.executable, "-c", BROKER, directory],
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert broker.stdout is not None
        assert broker.stdin is not None
        kind, pid = broker.stdout.readline().split()
        assert broker.stdout.readline() == "up\n"
        assert kind == "shm"
        child = os.pidfd_open(int(pid))
        broker.kill()
        signal.pidfd_send_signal(child, signal.SIGKILL)
        broker.wait()
        # The writer's end: nobody holds the pipe any more.
        assert broker.stdout.read() == ""
        os.close(child)
        broker.stdin.close()
        broker.stdout.close()
        assert os.listdir(directory) == []


def test_no_address_space_is_an_error_not_a_crash(segment: Segment) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    code = (
        "import resource, sys\n"
        "from shm.errors import SegmentError\n"
        "from shm.segment import Segment\n"
        "segment = Segment.create(8, 768, 1024, 3, 4)\n"
        f"resource.setrlimit(resource.RLIMIT_AS, (90 << 20, {hard}))\n"
        "try:\n    segment.map()\nexcept SegmentError as error:\n    print(error)\n"
    )
    said = subprocess.check_output([sys.executable, "-c", code], env=ENVIRONMENT, text=True)
    assert said.startswith("cannot map 95.0 MB of shared memory: Cannot allocate memory")
    assert issubclass(SegmentError, ShmError)
