"""Steps that the ring still holds, as arrays of `(steps, num_envs, ...)`.

Theory of operation: pictures are never copied, a window of the ring is one array. The numbers are
columns of the records; but what a step returned is not always what its records say (a lost worker,
SAME_STEP's two episodes in one row), so `History` keeps what the unusual steps returned, and only a
window with one of those gets copies of its columns, corrected.
"""

import dataclasses
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envserver.episodes import Outcome
from envserver.rows import Rows
from shm.errors import ShmError
from shm.layout import RowState

DONE = np.uint64(RowState.DONE)
RETURNED = np.dtype(
    [("known", "?"), ("reward", "f8"), ("terminated", "?"), ("truncated", "?"), ("valid", "?")]
)
"""What a step returned for an environment, where that is `known`."""


@dataclasses.dataclass(slots=True, eq=False)
class Rollout:
    """The newest steps, oldest first. All arrays are read-only and, but for `valid`, may be views.

    Attributes:
        observations: uint8 (steps, num_envs, height, width, ...): what each action was chosen on.
        next_observations: The same memory one step later. Where SAME_STEP ended an episode, the
            next one's first picture; the final one is in that step's infos alone.
        actions: int64 (steps, num_envs): a discrete action; 0 where actions are no single numbers.
        rewards: float64 (steps, num_envs), as `step` returned them, like the two flags.
        terminated: bool (steps, num_envs).
        truncated: bool (steps, num_envs).
        valid: bool (steps, num_envs): the action led from one picture of the episode to the next,
            or to its end. False where it was ignored: resets, NEXT_STEP's step after an end,
            remotes without an episode. Leave these out of losses.
        episode_id: int64 (steps, num_envs): the episode that each observation is of.
        step: The number of the newest step.
    """

    observations: NDArray[np.uint8]
    next_observations: NDArray[np.uint8]
    actions: NDArray[np.int64]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    episode_id: NDArray[np.int64]
    step: int
    _depth: int
    _frames: NDArray[np.uint8]
    _first: NDArray[np.intp]
    _rows: Rows | None

    def stacks(self, places: Any) -> NDArray[np.uint8]:
        """The last `stack` pictures behind some observations, a copy of these alone.

        An episode's first picture stands in for those before it.

        Args:
            places: int (m,): `step * num_envs + env` each, as indices of flattened columns are.

        Returns:
            uint8 (m, stack, height, width, ...), oldest first.

        Raises:
            IndexError: there is no such place.
            SlotOverwritten: it is too late.
        """
        steps, num_envs = self.observations.shape[:2]
        indices = np.asarray(places, dtype=np.intp)
        if indices.ndim != 1 or (
            indices.size and not 0 <= indices.min() <= indices.max() < steps * num_envs
        ):
            raise IndexError(
                f"places are of shape {indices.shape}, expected (m,) with numbers from 0 to"
                f" {steps * num_envs - 1}"
            )
        times, envs = np.divmod(indices, num_envs)
        times += len(self._frames) - steps - 1  # frames that only stacks show come before
        found = _stacked(self._frames, self._first, times, envs, self._depth)
        self.check()
        return found

    def is_valid(self) -> bool:
        """Whether the ring still holds all of it."""
        try:
            self.check()
        except ShmError:
            return False
        return True

    def check(self) -> None:
        """Make sure that the ring still holds all of it.

        Raises:
            SlotOverwritten: so many further steps were sent that the oldest is gone.
            RingClosed: the environment was closed; the memory is still there, unchanged.
        """
        if self._rows is not None:
            self._rows.check(self.step - len(self._frames) + 1, "rollout")

    def copy(self) -> "Rollout":
        """A rollout with memory of its own.

        Raises:
            SlotOverwritten: it is too late.
        """
        frames = self._frames.copy()
        columns = {
            name: getattr(self, name).copy()
            for name in (*("actions", "rewards", "terminated", "truncated"), "valid", "episode_id")
        }
        self.check()
        lead = len(frames) - len(self.observations) - 1
        return dataclasses.replace(
            self,
            observations=frames[lead:-1],
            next_observations=frames[lead + 1 :],
            _frames=frames,
            _rows=None,
            **columns,
        )


class History:
    """What the ring's steps returned, where their records alone do not say it.

    Args:
        rows: Where the rows are.
        same_step: Every end of an episode shows the next one.
    """

    def __init__(self, rows: Rows, same_step: bool) -> None:
        self._rows = rows
        self._same_step = same_step
        self._returned: dict[int, NDArray[np.void]] = {}

    def note(
        self,
        steps: NDArray[np.int64],
        envs: NDArray[Any],
        outcome: Outcome,
        *,
        acted: bool = True,
    ) -> None:
        """Remember what `envs` were told of `steps`; `acted`: their actions meant something."""
        for step in np.unique(steps).tolist():
            these = steps == step
            told, whose = self._room(step), envs[these]
            told["known"][whose] = True
            told["reward"][whose] = outcome.rewards[these]
            told["terminated"][whose] = outcome.terminated[these]
            told["truncated"][whose] = outcome.truncated[these]
            told["valid"][whose] = outcome.valid[these] & acted

    def drop(self, steps: NDArray[np.int64], envs: NDArray[Any]) -> None:
        """Remember that `envs` were told nothing of `steps`: no reward, no flag, not valid."""
        for step in np.unique(steps).tolist():
            self._room(step)["known"][envs[steps == step]] = True

    def _room(self, step: int) -> NDArray[np.void]:
        """For what a step returned; what left the ring makes room."""
        if step not in self._returned:
            gone = step - self._rows.ring.slots
            for old in [each for each in self._returned if each <= gone]:
                del self._returned[old]
            self._returned[step] = np.zeros(self._rows.ring.num_envs, RETURNED)
        return self._returned[step]

    def rollout(self, newest: NDArray[np.int64], asked: int, steps: int, stack: int) -> Rollout:
        """As `VectorEnv.rollout`; each has answered step `newest`, the last sent is `asked`."""
        steps, stack = _count("steps", steps), _count("stack", stack)
        last = self._last(newest)
        call = f"rollout({steps}, stack={stack})" if stack > 1 else f"rollout({steps})"
        self._check_slots(call, steps + stack, asked - last)
        if last - steps < 1:
            raise ValueError(
                f"a rollout of {steps} steps, but {last - 1} were made since the start"
            )
        lead = min(stack - 1, last - steps - 1)
        frames, records, first = self._window(last, steps + 1 + lead)
        answers = records[lead + 1 :]
        rewards, terminated = answers["reward"], answers["terminated"].view(np.bool_)
        truncated = answers["truncated"].view(np.bool_)
        episodes = records["episode"]
        valid = episodes[lead + 1 :] == episodes[lead:-1]
        if self._same_step:
            valid |= terminated | truncated
        valid &= answers["resetting"] == 0
        told = {
            step: self._returned[step] for step in self._returned if last - steps < step <= last
        }
        if told:
            rewards, terminated, truncated = rewards.copy(), terminated.copy(), truncated.copy()
        for step, returned in told.items():
            at, known = step - (last - steps) - 1, returned["known"]
            rewards[at, known] = returned["reward"][known]
            terminated[at, known] = returned["terminated"][known]
            truncated[at, known] = returned["truncated"][known]
            same = episodes[lead + 1 + at] == episodes[lead + at]
            ended = (returned["terminated"] | returned["truncated"]) & self._same_step
            valid[at, known] = (returned["valid"] & (same | ended))[known]
        for column in (rewards, terminated, truncated, valid):
            column.flags.writeable = False
        return Rollout(
            observations=frames[lead:-1],
            next_observations=frames[lead + 1 :],
            actions=answers["action"],
            rewards=rewards,
            terminated=terminated,
            truncated=truncated,
            valid=valid,
            episode_id=episodes[lead:-1],
            step=last,
            _depth=stack,
            _frames=frames,
            _first=first,
            _rows=self._rows,
        )

    def stack(self, newest: NDArray[np.int64], asked: int, depth: int) -> NDArray[np.uint8]:
        """As `VectorEnv.stack`."""
        depth, last = _count("depth", depth), self._last(newest)
        self._check_slots(f"stack({depth})", depth, asked - last)
        frames, _, first = self._window(last, min(depth, last))
        if len(frames) == depth and not first[-1].any():
            return np.moveaxis(frames, 0, 1)
        envs = np.arange(frames.shape[1])
        stacked = _stacked(frames, first, np.full(len(envs), len(frames) - 1), envs, depth)
        stacked.flags.writeable = False
        return stacked

    def _last(self, newest: NDArray[np.int64]) -> int:
        last = int(newest.max())
        if int(newest.min()) != last:
            raise ValueError(
                "environments have answered different steps: rollouts and stacks are of steps that"
                " all environments make together"
            )
        return last

    def _check_slots(self, call: str, frames: int, ahead: int) -> None:
        slots, needed = self._rows.ring.slots, frames + ahead
        if slots < needed:
            why = ", with a step under way" if ahead else ""
            raise ValueError(
                f"{call} needs {needed} slots{why}, the environment has {slots}:"
                f" make it with slots={needed} or more"
            )

    def _window(
        self, last: int, count: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.void], NDArray[np.intp]]:
        """Pictures, records, and where in the window each picture's episode begins."""
        records = self._rows.ring.record_window(last, count)
        expected = np.arange(last - count + 1, last + 1, dtype=np.uint64) << np.uint64(2) | DONE
        if (records["state"] != expected[:, None]).any():
            raise ValueError(
                f"not all of the newest {count} steps were made by all environments: rollouts and"
                " stacks are of steps that they make together"
            )
        shown = records["episode"] * 2 + (records["resetting"] != 0)
        first = np.zeros(shown.shape, dtype=np.intp)
        first[1:] = np.where(shown[1:] != shown[:-1], np.arange(1, count)[:, None], 0)
        return self._rows.window(last, count), records, np.maximum.accumulate(first)


def _stacked(
    frames: NDArray[np.uint8],
    first: NDArray[np.intp],
    times: NDArray[np.intp],
    envs: NDArray[np.intp],
    depth: int,
) -> NDArray[np.uint8]:
    """The `depth` frames up to each of `times`, none before the episode's first."""
    wanted = times[:, None] + np.arange(1 - depth, 1)
    picked: NDArray[np.uint8] = frames[
        np.maximum(wanted, first[times, envs][:, None]), envs[:, None]
    ]
    return picked


def _count(name: str, value: Any) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        count = 0
    if count < 1 or isinstance(value, bool):
        raise ValueError(f"{name} is {value!r}, expected a whole number from 1")
    return count
