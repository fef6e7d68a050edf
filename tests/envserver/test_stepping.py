"""Steps over scripted workers: events, due times, partial batches, and what goes wrong."""

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from fakes.scripted_env import Make, scripted_envs, session_of, taken, workers
from fakes.scripted_worker import HEIGHT, WIDTH, picture
from gymnasium.error import (
    NoAsyncCallError,
)

from envserver.due import AT, CHANGED, NOW, QUIET
from envserver.errors import BrokerUnavailable, ResetFailed, WouldBlock
from workers.entries import Due, EntryKind


@pytest.fixture
def make() -> Iterator[Make]:
    with scripted_envs() as make:
        yield make


class TestEvents:
    def test_only_key_differences_are_sent(self, make: Make) -> None:
        envs = make(1)
        for action in (1, 1, 2, 0):
            envs.step([action])
        keys = [(entry["argument"], entry["value"]) for entry in taken(envs, 0, EntryKind.KEY)]
        assert keys == [(0x20, 1), (0x20, 0), (0xFF51, 1), (0xFF51, 0)]
        assert [entry["value"] for entry in taken(envs, 0, EntryKind.STEP)] == [0, 1, 1, 2, 0]

    def test_the_action_after_a_done_is_not_sent(self, make: Make) -> None:
        envs = make(1)
        workers(envs)[0].plan("done")
        envs.step([1])
        envs.step([2])
        assert len(taken(envs, 0, EntryKind.KEY)) == 1
        envs.step([1])
        keys = [(entry["argument"], entry["value"]) for entry in taken(envs, 0, EntryKind.KEY)]
        assert keys == [(0x20, 1), (0x20, 1)]

    def test_a_reset_forgets_what_is_held(self, make: Make) -> None:
        envs = make(1)
        envs.step([1])
        envs.reset()
        envs.step([1])
        assert [entry["value"] for entry in taken(envs, 0, EntryKind.KEY)] == [1, 1]

    @pytest.mark.parametrize("actions", [[0], [0, 3], [0, -1], [[0], [0]], None, "xy", [0.0, 0.0]])
    def test_a_wrong_action_sends_nothing(self, make: Make, actions: Any) -> None:
        envs = make()
        before = [len(worker.taken) for worker in workers(envs)]
        with pytest.raises(ValueError, match="action"):
            envs.step(actions)
        assert [len(worker.taken) for worker in workers(envs)] == before
        envs.step([1, 1])


class TestDue:
    def test_ticks_are_absolute(self, make: Make) -> None:
        envs = make(1, fps=200, late_after_ms=200)
        for _ in range(3):
            envs.step([0])
        due_ns = [int(entry["due_ns"]) for entry in taken(envs, 0, EntryKind.STEP)[1:]]
        assert {int(e["due"]) for e in taken(envs, 0, EntryKind.STEP)[1:]} == {int(Due.AT)}
        assert {(b - a) % 5_000_000 for a, b in itertools.pairwise(due_ns)} == {0}
        missed = envs.missed_ticks
        envs.send([0], due=AT(due_ns[-1] + 25_000_000))
        envs.recv()
        envs.step([0])
        assert envs.missed_ticks == missed
        last_ns = int(taken(envs, 0, EntryKind.STEP)[-1]["due_ns"])
        assert last_ns > due_ns[-1] + 25_000_000
        assert (last_ns - due_ns[0]) % 5_000_000 == 0

    @pytest.mark.parametrize(
        ("due", "kind"),
        [
            (NOW, Due.NOW),
            (AT(5), Due.AT),
            (CHANGED(10), Due.CHANGED),
            (QUIET(5, 10, (1, 1, 2, 2)), Due.QUIET),
        ],
    )
    def test_due_times_reach_the_worker(self, make: Make, due: Any, kind: Due) -> None:
        envs = make(1)
        envs.send([0], due=due)
        envs.recv()
        entry = taken(envs, 0, EntryKind.STEP)[-1]
        assert entry["due"] == kind
        if kind == Due.QUIET:
            assert [entry[name] for name in ("x", "y", "width", "height")] == [1, 1, 2, 2]
            assert entry["quiet_ns"] == 5_000_000
            envs.step([0])
            assert taken(envs, 0, EntryKind.STEP)[-1]["quiet_ns"] == 0

    def test_a_wrong_due_time_sends_nothing(self, make: Make) -> None:
        envs = make(1)
        with pytest.raises(ValueError, match="leaves the 8x4 screen"):
            envs.send([1], due=CHANGED(1, (0, 0, 9, 1)))
        envs.step([1])
        assert len(taken(envs, 0, EntryKind.STEP)) == 2


class TestAsynchronous:
    def test_the_first_to_answer(self, make: Make) -> None:
        envs = make(3)
        workers(envs)[1].plan("skip")
        envs.send([0, 0, 0])
        batch = envs.recv(min_envs=2)
        assert batch.envs.tolist() == [0, 2]
        assert batch.observations.shape == (2, HEIGHT, WIDTH, 3)
        assert batch.observations.flags.owndata
        assert batch.rewards.tolist() == [1, 1]
        assert batch.infos["_valid"].tolist() == [True, False, True]
        envs.send([1, 1], envs=[2, 0])
        batch = envs.recv(min_envs=2)
        assert batch.envs.tolist() == [0, 2]
        assert (batch.observations == picture(1, 2)).all()
        workers(envs)[1].release()
        batch = envs.recv()
        assert batch.envs.tolist() == [1]
        assert (batch.observations == picture(1, 1)).all()
        observations, *_ = envs.step([0, 0, 0])
        assert observations[:, 0, 0, 0].tolist() == [picture(1, n) for n in (3, 2, 3)]

    def test_only_the_addressed_worker_is_asked(self, make: Make) -> None:
        envs = make(2)
        for _ in range(6):
            envs.send([1], envs=[1])
            assert envs.recv().envs.tolist() == [1]
        assert len(taken(envs, 0, EntryKind.STEP)) == 1
        assert len(taken(envs, 1, EntryKind.STEP)) == 7

    def test_without_waiting(self, make: Make) -> None:
        envs = make(2)
        workers(envs)[0].plan("skip")
        envs.send([0, 0])
        with pytest.raises(WouldBlock, match="the step is still pending"):
            envs.recv_nowait()
        workers(envs)[0].release()
        assert envs.recv().rewards.tolist() == [1, 1]
        envs.send([0, 0])
        envs.recv(min_envs=2)
        with pytest.raises(NoAsyncCallError):
            envs.recv_nowait()

    @pytest.mark.parametrize("chosen", [[], [0, 0], [2], [-1]])
    def test_wrong_environments(self, make: Make, chosen: list[int]) -> None:
        with pytest.raises(ValueError, match="envs "):
            make().send([0] * len(chosen), envs=chosen)

    @pytest.mark.parametrize("count", [0, 3])
    def test_wrong_counts(self, make: Make, count: int) -> None:
        envs = make()
        envs.send([0, 0])
        with pytest.raises(ValueError, match=f"min_envs is {count}, expected 1 to 2"):
            envs.recv(min_envs=count)


class TestTrouble:
    def test_the_daemon_ends(self, make: Make) -> None:
        envs = make(late_after_ms=20)
        session = session_of(envs)
        workers(envs)[0].plan("skip")
        session.alive = False
        with pytest.raises(BrokerUnavailable, match="1 environments were stepping: make the env"):
            envs.step([0, 0])

    def test_a_reset_that_fails_everywhere(self, make: Make) -> None:
        envs = make(reset_timeout_s=0.1)
        for worker in workers(envs):
            worker.slow_resets = True
        with pytest.raises(
            ResetFailed, match=r"a new episode; environment 0 \(scripted remote 0\)"
        ):
            envs.reset()

    def test_a_reset_that_fails_for_some(self, make: Make) -> None:
        envs = make(reset_timeout_s=0.1)
        workers(envs)[0].slow_resets = True
        _, infos = envs.reset()
        assert infos["valid"].tolist() == [False, True]
        assert infos["fault"][0]["fault"] == "RESET_FAILED"
        assert infos["fault"][1] is None

    def test_an_episode_that_does_not_begin_is_said_each_time(self, make: Make) -> None:
        envs = make(reset_timeout_s=0.1)
        envs.reset()
        workers(envs)[0].slow_resets = True
        workers(envs)[0].plan("done")
        assert envs.step([0, 0])[2].tolist() == [True, False]
        for _ in range(2):
            *_, truncated, infos = envs.step([0, 0])
            assert infos["fault"][0]["fault"] == "RESET_FAILED"
            assert infos["valid"].tolist() == [False, True]
            assert not truncated.any()

    def test_a_worker_that_dies_in_a_reset_is_asked_again(self, make: Make) -> None:
        envs = make()
        session = session_of(envs)
        dying = workers(envs)[0]
        dying.slow_resets = True
        done = threading.Event()

        def die() -> None:
            while not dying.resets[1:]:
                time.sleep(0.001)
            session.worker_ended(dying)
            done.set()

        thread = threading.Thread(target=die)
        thread.start()
        _, infos = envs.reset(seed=3)
        thread.join()
        assert done.is_set()
        assert infos["valid"].all()
        assert workers(envs)[0].resets == [2]
        assert session.sent_resets[-1] == (2, {0: {"seed": 3}})

    def test_a_worker_that_died_between_steps(self, make: Make) -> None:
        envs = make()
        session = session_of(envs)
        envs.step([0, 0])
        session.worker_ended(workers(envs)[0])
        observations, rewards, _, truncated, infos = envs.step([0, 0])
        assert truncated.tolist() == [True, False]
        assert rewards.tolist() == [0, 1]
        assert (observations[0] == picture(1, 1)).all()
        assert infos["fault"][0]["log"] == ["last line"]
        observations, _, _, truncated, infos = envs.step([0, 0])
        assert not truncated.any()
        assert infos["valid"].all()
        assert (observations[0] == picture(2, 0)).all()

    def test_a_worker_that_stays_dead_is_not_waited_for_beyond_the_limit(self, make: Make) -> None:
        envs = make(reset_timeout_s=0.1)
        session = session_of(envs)
        session.restarts = False
        session.worker_ended(workers(envs)[0])
        assert envs.step([0, 0])[3].tolist() == [True, False]
        for _ in range(2):
            _, rewards, _, truncated, infos = envs.step([0, 0])
            assert infos["valid"].tolist() == [False, True]
            assert rewards.tolist() == [0, 1]
            assert not truncated.any()
        session.restart(0)
        assert envs.step([0, 0])[4]["valid"].all()

    @pytest.mark.parametrize("due", [None, QUIET(60_000, 60_000)])
    def test_with_mask_an_absent_worker_is_not_waited_for(self, make: Make, due: Any) -> None:
        envs = make(step_timeout_s=60, while_resetting="mask")
        session = session_of(envs)
        session.restarts = False
        session.worker_ended(workers(envs)[0])
        assert envs.step([0, 0])[3].tolist() == [True, False]
        began_s = time.monotonic()
        for _ in range(3):
            envs.send([0, 0], due=due)
            batch = envs.recv()
            assert batch.infos["valid"].tolist() == [False, True]
            assert not batch.truncated.any()
        assert time.monotonic() - began_s < 30
        session.restart(0)
        while not envs.step([0, 0])[4]["valid"].all():
            pass

    def test_a_stopped_worker_fills_its_queue_and_comes_back(self, make: Make) -> None:
        envs = make(1, late_after_ms=1)
        workers(envs)[0].plan("skip")
        for action in [1, 2] * 40:
            *_, infos = envs.step([action])
            assert infos["late"].tolist() == [True]
        workers(envs)[0].release()
        found = envs.step([0])
        while found[4]["late"].any():
            found = envs.step([0])
        assert not found[3].any()

    def test_a_late_row_says_when_it_was_due(self, make: Make) -> None:
        envs = make(1, late_after_ms=1)
        workers(envs)[0].plan("skip")
        due_ns = time.monotonic_ns()
        envs.send([0], due=AT(due_ns))
        record = envs.recv().records[0]
        assert (record["late"], record["due_ns"]) == (1, due_ns)
