"""Descriptors travel between processes, all or none."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shm.doorbell import doorbell, recv_descriptors, send_descriptors

ROOT = Path(__file__).resolve().parents[2]
RECEIVER = """
import os, socket, sys
from shm.doorbell import recv_descriptors
from shm.writer import Writer
sock = socket.socket(fileno=int(sys.argv[1]))
segment, bell = recv_descriptors(sock, 2)
print(os.get_inheritable(segment), os.get_inheritable(bell), flush=True)
writer = Writer(segment, 1)
writer.serve(bell, 3, 1, 1 << 30)
"""


def test_a_doorbell_counts_and_does_not_block() -> None:
    bell = doorbell()
    with pytest.raises(BlockingIOError):
        os.eventfd_read(bell)
    os.eventfd_write(bell, 1)
    os.eventfd_write(bell, 1)
    assert os.eventfd_read(bell) == 2
    assert not os.get_inheritable(bell)
    os.close(bell)


@pytest.mark.parametrize("count", [1, 253, 254, 600])
def test_many_descriptors_arrive_in_order(count: int) -> None:
    here, there = socket.socketpair()
    bell = doorbell()
    sent = [bell] * count
    with here, there:
        send_descriptors(here, sent)
        received = recv_descriptors(there, count)
    os.eventfd_write(bell, 7)
    assert len(received) == count
    assert os.eventfd_read(received[-1]) == 7
    for fd in (bell, *received):
        os.close(fd)


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize(
    ("sent", "message"), [(2, "expected 3"), (0, "closed after 0 of 3"), (5, "cut off")]
)
def test_a_wrong_number_is_refused_and_closed(sent: int, message: str) -> None:
    here, there = socket.socketpair()
    bell = doorbell()
    before = open_descriptors()
    with there:
        send_descriptors(here, [bell] * sent)
        here.close()
        with pytest.raises(ConnectionError, match=message):
            recv_descriptors(there, 3)
        assert open_descriptors() == before - 1
    os.close(bell)


@pytest.mark.integration
def test_another_process_answers_through_received_descriptors(rig: Any) -> None:
    here, there = socket.socketpair()
    with here, there:
        process = subprocess.Popen(
            [sys.executable, "-c", RECEIVER, str(there.fileno())],
            pass_fds=[there.fileno()],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        send_descriptors(here, [rig.segment.fd, rig.bells[1]])
        assert process.stdout is not None
        assert process.stdout.readline() == "False False\n"
        rig.send(5)
        assert rig.wait(5, 1) == 1
        process.stdout.close()
        assert process.wait() == 0
    assert (rig.ring.pixels(5)[1] == 5).all()
