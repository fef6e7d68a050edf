"""A session in small: a segment, its ring and control plane, writers here or in processes."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from shm.control import ControlPlane
from shm.doorbell import doorbell
from shm.layout import ENTRY_DTYPE
from shm.ring import Ring
from shm.segment import Segment
from shm.writer import Writer

STEP = 3
FAR_S = 20.0
PUPPET = Path(__file__).with_name("puppet.py")
ROOT = Path(__file__).resolve().parents[2]


class Puppet:
    """One writer process; `tell` gives an order, `hear` reads one answer."""

    def __init__(self, segment: Segment, bell: int, env: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PUPPET), str(segment.fd), str(bell), str(env)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[segment.fd, bell],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self.hear() == "ready"

    def tell(self, order: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()

    def hear(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def do(self, *orders: str) -> list[str]:
        """Give orders, and wait until each was carried out; returns what came of them."""
        for order in orders:
            self.tell(order)
        return [self.hear().split()[1] for _ in orders]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()


@dataclasses.dataclass
class Rig:
    """Everything of one session, in this process."""

    segment: Segment
    bells: list[int]
    ring: Ring
    control: ControlPlane
    writers: list[Writer]
    puppets: list[Puppet]

    def puppet(self, env: int) -> Puppet:
        puppet = Puppet(self.segment, self.bells[env], env)
        self.puppets.append(puppet)
        return puppet

    def answer(self, step: int, env: int, value: int | None = None) -> bool:
        """Publish a row whose bytes are all `value` (the step); False: it could not be claimed."""
        writer = self.writers[env]
        if not writer.claim(step):
            return False
        pixels = writer.pixels(step)
        pixels[:] = bytes([(step if value is None else value) & 0xFF]) * len(pixels)
        record = np.frombuffer(writer.record(step), self.ring.records(0).dtype)
        record["frame"] = step + 1
        record["generation"] = 1
        record["late"] = 0
        writer.finish(step)
        writer.arrive()
        return True

    def send(self, step: int, *, opened: bool = False) -> NDArray[np.bool_]:
        """Open a step, unless it is, and give all environments a STEP entry."""
        if not opened:
            self.ring.open_step(step)
        n = self.ring.num_envs
        entries = np.zeros(n, ENTRY_DTYPE)
        entries["kind"] = STEP
        entries["step"] = step
        nothing: NDArray[Any] = np.zeros(0, ENTRY_DTYPE)
        envs = np.arange(n, dtype=np.int32)
        return self.ring.send(step, entries, envs, nothing, envs[:0])

    def wait(self, step: int, wanted: int, within_s: float = FAR_S) -> int:
        return self.ring.wait(step, wanted, time.monotonic_ns() + int(within_s * 1e9))

    def close(self) -> None:
        for puppet in self.puppets:
            puppet.close()
        self.ring.close()
        self.control.close()
        self.segment.close()
        for bell in self.bells:
            os.close(bell)


class MakeRig(Protocol):
    def __call__(
        self,
        num_envs: int = 2,
        height: int = 4,
        width: int = 8,
        slots: int = 4,
        queue_entries: int = 16,
    ) -> Rig: ...


def rig_made(num_envs: int, height: int, width: int, slots: int, queue_entries: int) -> Rig:
    segment = Segment.create(num_envs, height, width, 3, slots, queue_entries)
    bells = [doorbell() for _ in range(num_envs)]
    return Rig(
        segment,
        bells,
        Ring(segment.fd, bells),
        ControlPlane(segment.fd),
        [Writer(segment.fd, env) for env in range(num_envs)],
        [],
    )


@pytest.fixture
def make_rig() -> Iterator[MakeRig]:
    made: list[Rig] = []

    def make(
        num_envs: int = 2, height: int = 4, width: int = 8, slots: int = 4, queue_entries: int = 16
    ) -> Rig:
        made.append(rig_made(num_envs, height, width, slots, queue_entries))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig()
