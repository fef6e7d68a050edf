"""What the trainer knows of each environment's episode, and what a row's numbers then mean.

Theory of operation: an environment is *running* from the first row of an episode to the row that
ends it. Records that say nothing unusual are taken as they are, all environments at once. The
others are looked at one by one:

    the worker ended the episode    its flags; not running until a row of another episode comes
    worker lost or replaced, fault  truncated, once: only if the episode ran and was not reported
    resetting                       reward 0, no flags, not valid
    late                            reward 0, no flags; valid while the episode runs
    HAS_FINAL (SAME_STEP)           the end of one episode, and the first picture of the next

A fault is never a reward: a row that reports one carries only rewards of its own episode that had
arrived before.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shm.plain import PlainSteps
from shm.ring import Ring
from workers.entries import Fault, Flag

HAS_FINAL, INFO_ELSEWHERE = int(Flag.HAS_FINAL), int(Flag.INFO_ELSEWHERE)
WORKER_DIED = int(Fault.WORKER_DIED)
RESET_FAILED = int(Fault.RESET_FAILED)

NEVER = -(2**63)
NOBODY: Mapping[int, int] = {}


@dataclasses.dataclass(slots=True)
class Outcome:
    """One batch of rows as the trainer sees them; arrays of the rows' length.

    Attributes:
        faults: Environment -> `Fault` code, for episodes whose loss is reported by this batch.
        plain: No row was unusual.
        silent: Nor did any say more than these numbers.
    """

    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    late: NDArray[np.bool_]
    episode_id: NDArray[np.int64]
    faults: dict[int, int]
    plain: bool
    silent: bool = False


class Episodes:
    """The state of `num_envs` environments between steps.

    Attributes:
        running: bool (num_envs,): an episode runs and its end was not reported.
        ended: bool (num_envs,): the trainer has to reset: before the first reset, and after an end
            without autoreset.
        generation: uint32 (num_envs,): the worker that answered last.
        episode: int64 (num_envs,): the episode of the newest answered row.
    """

    def __init__(self, num_envs: int, *, autoreset: bool) -> None:
        self.num_envs = num_envs
        self.autoreset = autoreset
        self.running = np.zeros(num_envs, dtype=np.bool_)
        self.ended = np.ones(num_envs, dtype=np.bool_)
        self.generation = np.zeros(num_envs, dtype=np.uint32)
        self.episode = np.full(num_envs, -1, dtype=np.int64)
        self._reported = np.full(num_envs, NEVER, dtype=np.int64)
        self._rewards = np.zeros(num_envs, dtype=np.float64)
        self._everyone = np.arange(num_envs)

    def plain_steps(self, ring: Ring) -> PlainSteps:
        """What `fold_plain` looks through."""
        known = self.generation, self._reported, self._rewards, self.episode
        return PlainSteps(ring, *known, HAS_FINAL | INFO_ELSEWHERE)

    def fold_plain(self, plain: PlainSteps, step: int) -> Outcome | None:
        """Take a step that all environments answered, and nothing else happened; None: it did.

        The common step, at a small part of what `fold` costs.
        """
        if not plain.read(step):
            return None
        self.running.fill(True)
        n = self.num_envs
        return Outcome(
            rewards=self._rewards.copy(),
            terminated=np.zeros(n, np.bool_),
            truncated=np.zeros(n, np.bool_),
            valid=self.running.copy(),
            late=np.zeros(n, np.bool_),
            episode_id=self.episode.copy(),
            faults={},
            plain=True,
            silent=True,
        )

    def fold(
        self,
        rows: NDArray[np.void],
        envs: NDArray[np.integer[Any]] | None = None,
        lost: Mapping[int, int] = NOBODY,
    ) -> Outcome:
        """Take one step's records.

        Args:
            rows: The records, one an environment.
            envs: Which environments they are; None: all, in order.
            lost: Environments that were lost while this step was waited for, with the `Fault`.
        """
        # A view of 0 and 1 as bool, and count_nonzero: five times faster than `!= 0` and `any`.
        terminated = rows["terminated"].view(np.bool_).copy()
        truncated = rows["truncated"].view(np.bool_).copy()
        late = rows["late"].view(np.bool_).copy()
        episode = rows["episode"].copy()
        ended = terminated | truncated
        everyone = envs is None
        envs = self._everyone if envs is None else envs
        replaced = rows["generation"] != (self.generation if everyone else self.generation[envs])
        repeated = episode == (self._reported if everyone else self._reported[envs])
        outcome = Outcome(
            rewards=rows["reward"].copy(),
            terminated=terminated,
            truncated=truncated,
            valid=np.ones(len(rows), dtype=np.bool_),
            late=late,
            episode_id=episode,
            faults={},
            plain=not np.count_nonzero(ended),
        )
        if (
            lost
            or np.count_nonzero(late)
            or np.count_nonzero(rows["resetting"])
            or np.count_nonzero(rows["fault"])
            or np.count_nonzero(rows["flags"] & HAS_FINAL)
            or np.count_nonzero(replaced)
            or np.count_nonzero(repeated)
        ):
            unusual = late | replaced | repeated | (rows["resetting"] != 0) | (rows["fault"] != 0)
            unusual |= rows["flags"] & HAS_FINAL != 0
            outcome.plain = False
            if lost:
                unusual |= np.isin(envs, list(lost))
            usual = envs[~unusual]
            self.running[usual] = ~ended[~unusual]
            self.episode[usual] = episode[~unusual]
            for place in np.flatnonzero(unusual):
                env = int(envs[place])
                self._fold_unusual(rows[place], int(place), env, lost.get(env, 0), outcome)
            ended = outcome.terminated | outcome.truncated
        elif everyone:
            np.logical_not(ended, out=self.running)
            self.episode[:] = episode
        else:
            self.running[envs] = ~ended
            self.episode[envs] = episode
        if not self.autoreset:
            self.ended[envs] |= ended
        return outcome

    def fold_reset(
        self, rows: NDArray[np.void], reset: NDArray[np.bool_], lost: Mapping[int, int] = NOBODY
    ) -> Outcome:
        """Take the records that answer a reset of the environments in `reset`.

        The others' episodes are as they were.
        """
        started = (rows["resetting"] == 0) & (rows["late"] == 0) & (rows["fault"] == 0) & reset
        for env in lost:
            started[env] = False
        self.running[reset] = started[reset]
        self.ended[reset] = ~started[reset] & (not self.autoreset)
        self.generation[started] = rows["generation"][started]
        self.episode[started] = rows["episode"][started]
        self._reported[started] = NEVER
        failed = reset & ~started
        codes = {
            int(env): lost.get(int(env)) or int(rows["fault"][env])
            for env in np.flatnonzero(failed)
        }
        return Outcome(
            rewards=np.zeros(len(rows)),
            terminated=np.zeros(len(rows), dtype=np.bool_),
            truncated=np.zeros(len(rows), dtype=np.bool_),
            valid=np.where(reset, started, self.running),
            late=rows["late"] != 0,
            episode_id=rows["episode"].copy(),
            faults=codes,
            plain=not failed.any(),
        )

    def _fold_unusual(
        self, row: np.void, place: int, env: int, lost: int, outcome: Outcome
    ) -> None:
        was_running = bool(self.running[env])
        episode = int(row["episode"])
        ended = bool(row["terminated"]) or bool(row["truncated"])
        away = bool(row["resetting"])
        late = bool(row["late"])
        fault = lost or int(row["fault"])
        replaced = not late and int(row["generation"]) != self.generation[env]
        if replaced:
            self.generation[env] = row["generation"]
            fault = fault or (WORKER_DIED if was_running else 0)
            if self._reported[env] == episode:
                self._reported[env] = NEVER
        # A worker that learns late of a loss repeats what was reported; a plain row is news.
        stale = episode == self._reported[env] and bool(ended or away or fault)

        if row["flags"] & HAS_FINAL and not late:
            self._fold_final(row, place, env, was_running, fault, outcome)
        elif was_running and fault:
            same = not late and episode == self.episode[env]
            self._report_loss(place, env, fault, outcome, float(row["reward"]) if same else 0.0)
            if lost and not (late or away or ended):
                self._set_running(env, episode, True)  # SAME_STEP waited for the next episode
        elif was_running and ended and not late and not stale:
            self._set_running(env, episode, False)
        elif late or away or stale or (fault and not replaced):
            outcome.rewards[place] = 0.0
            outcome.terminated[place] = outcome.truncated[place] = False
            outcome.valid[place] = late and not away and was_running
            if late and away and fault == RESET_FAILED:
                outcome.faults[env] = fault  # it did not come back in reset_timeout_s
        else:
            self._set_running(env, episode, not ended)

    def _fold_final(
        self, row: np.void, place: int, env: int, was_running: bool, fault: int, outcome: Outcome
    ) -> None:
        outcome.rewards[place] = row["final_reward"]
        if not was_running and row["final_episode"] == self._reported[env]:
            outcome.rewards[place] = 0.0
            outcome.terminated[place] = outcome.truncated[place] = False
        elif fault:
            outcome.truncated[place] = True
            outcome.faults[env] = fault
        # With "mask" the row still shows the end, and the next episode comes in a later one.
        self._set_running(env, int(row["episode"]), bool(row["episode"] != row["final_episode"]))

    def _report_loss(
        self, place: int, env: int, fault: int, outcome: Outcome, reward: float
    ) -> None:
        outcome.rewards[place] = reward
        outcome.terminated[place] = False
        outcome.truncated[place] = True
        outcome.faults[env] = fault
        self.running[env] = False
        self._reported[env] = self.episode[env]

    def _set_running(self, env: int, episode: int, running: bool) -> None:
        self.running[env] = running
        self.episode[env] = episode
        self._reported[env] = NEVER
