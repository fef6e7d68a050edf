"""From finished rows to a `Batch`: records through `Episodes`, infos, and views or copies."""

import logging
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from envserver.batch import Batch
from envserver.episodes import Outcome
from envserver.errors import EnvServerError
from envserver.infos import InfoBuilder, unpack_info
from envserver.rollouts import History
from envserver.rows import Rows
from envserver.settling import SessionPort
from envserver.stepping import Stepper
from workers.entries import Fault, Flag

HAS_FINAL, INFO_ELSEWHERE = int(Flag.HAS_FINAL), int(Flag.INFO_ELSEWHERE)

logger = logging.getLogger(__name__)


class InfoSource(Protocol):
    """Who knows what does not fit into records; `envserver.session.Session` does."""

    rewarders: list[bool]

    def fault_report(self, env: int) -> dict[str, Any]: ...
    def large_info(self, env: int, step: int) -> bytes: ...


class VectorSession(SessionPort, InfoSource, Protocol):
    """What a `VectorEnv` wants of a session; `envserver.session.Session` is one."""

    segment_fd: int
    doorbells: list[int]
    names: list[str]

    def close(self, *, keep: bool = False) -> None: ...


class Collector:
    """Makes the batches of one vector environment.

    Args:
        rows: Where the rows are.
        source: Who knows more about faults and large infos.
        stepper: Whose rows they are.
        same_step: Every end of an episode comes with its final observation.

    Attributes:
        history: What the steps returned that the ring still holds.
    """

    def __init__(self, rows: Rows, source: InfoSource, stepper: Stepper, same_step: bool) -> None:
        self._rows = rows
        ring = self._ring = rows.ring
        self._source = source
        self._stepper = stepper
        self._same_step = same_step
        self.history = History(rows, same_step)
        self._num_envs = ring.num_envs
        self._builder = InfoBuilder(ring.num_envs, source.rewarders)
        self._everyone = np.arange(ring.num_envs)
        self._everyone.flags.writeable = False
        self._outcome: Outcome | None = None
        self._envs: NDArray[np.int32] | None = None

    def all(self) -> Batch:
        """Take the step that all environments were asked for: nothing is copied."""
        stepper = self._stepper
        step = stepper.asked.step
        rows = self._ring.records(step)
        episodes, lost = stepper.episodes, stepper.asked.lost
        outcome = self._fold(
            lambda: (
                (None if lost else episodes.fold_plain(stepper.plain, step))
                or episodes.fold(rows, None, lost)
            )
        )
        return self._whole_batch(step, rows, outcome)

    def reset(self, mask: NDArray[np.bool_]) -> tuple[Batch, dict[int, int]]:
        """Take the rows that answer a reset of `mask`; also says which failed, with the `Fault`."""
        stepper = self._stepper
        step = stepper.asked.step
        rows = self._ring.records(step)
        lost = stepper.asked.lost
        outcome = self._fold(lambda: stepper.episodes.fold_reset(rows, mask, lost))
        batch = self._whole_batch(step, rows, outcome)
        steps = np.full(self._num_envs, step, dtype=np.int64)
        self.history.note(steps, self._everyone, outcome, acted=False)
        return batch, outcome.faults

    def some(self) -> Batch:
        """Take the rows that are there, with copies of their pictures."""
        stepper = self._stepper
        if self._envs is None:
            self._envs = stepper.done()
        envs = self._envs
        steps = stepper.asked.steps[envs]
        places = list(zip(envs.tolist(), steps.tolist(), strict=True))
        pixels = np.stack([self._rows.pixels(step)[env] for env, step in places])
        rows = np.stack([self._ring.records(step)[env] for env, step in places])
        outcome = self._fold(lambda: stepper.episodes.fold(rows, envs, stepper.asked.lost))
        infos = self._infos(rows, pixels, envs, outcome, steps)
        self._taken(envs, outcome)
        return Batch(
            pixels,
            outcome.rewards,
            outcome.terminated,
            outcome.truncated,
            infos,
            int(steps.max()),
            rows,
            envs.astype(np.intp),
        )

    def drop(self) -> None:
        """The step under way is given up: nothing of it is ever returned."""
        steps = self._stepper.asked.steps
        envs = np.flatnonzero(steps >= 0)
        self.history.drop(steps[envs], envs)
        self._outcome = self._envs = None

    def _fold(self, fold: Callable[[], Outcome]) -> Outcome:
        """Once a step: who is interrupted while asking for infos takes the same outcome later."""
        if self._outcome is None:
            self._outcome = fold()
        return self._outcome

    def _whole_batch(self, step: int, rows: NDArray[np.void], outcome: Outcome) -> Batch:
        pixels = self._rows.pixels(step)
        infos = self._infos(rows, pixels, None, outcome, None)
        self._taken(None, outcome)
        return Batch(
            pixels,
            outcome.rewards,
            outcome.terminated,
            outcome.truncated,
            infos,
            step,
            rows,
            self._everyone,
            self._rows,
        )

    def _taken(self, envs: NDArray[np.int32] | None, outcome: Outcome) -> None:
        stepper = self._stepper
        if not outcome.plain:
            steps = stepper.asked.steps if envs is None else stepper.asked.steps[envs]
            whose = self._everyone if envs is None else envs
            self.history.note(steps, whose, outcome)
        stepper.asked.collect(envs)
        self._outcome = self._envs = None
        if not outcome.plain:
            for env in whose[outcome.terminated | outcome.truncated].tolist():
                # The worker releases what is held when an episode ends.
                stepper.codec.forget(env)

    def _infos(
        self,
        rows: NDArray[np.void],
        pixels: NDArray[np.uint8],
        envs: NDArray[np.int32] | None,
        outcome: Outcome,
        steps: NDArray[np.int64] | None,
    ) -> dict[str, Any]:
        infos = self._columns(envs, outcome)
        if outcome.silent:
            return infos
        flags, sizes = rows["flags"], rows["info_bytes"]
        if (
            outcome.plain
            and not np.count_nonzero(sizes)
            and not np.count_nonzero(flags & INFO_ELSEWHERE)
        ):
            return infos
        told = (sizes != 0) | (flags & INFO_ELSEWHERE != 0)
        whose = (self._everyone if envs is None else envs).tolist()
        final = flags & HAS_FINAL != 0
        ended = outcome.terminated | outcome.truncated
        for place in np.flatnonzero(told | final | ended).tolist():
            env, row = whose[place], rows[place]
            info = self._told(
                row, env, self._stepper.asked.step if steps is None else int(steps[place])
            )
            if self._same_step and ended[place]:
                if final[place]:
                    picture = self._rows.spare(env).copy()
                else:
                    last = self._stepper.asked.finals.get(env)
                    picture = pixels[place].copy() if last is None else self._rows.cut(last)
                self._builder.add_final(infos, env, picture, info)
                info = {}
            if row["info_bytes"] and final[place]:
                info = unpack_info(row["info"][: row["info_bytes"]].tobytes())
            if info:
                self._builder.add_remote(infos, env, info)
        for env, code in outcome.faults.items():
            self._builder.add_object(infos, "fault", env, self._fault(env, code))
        return infos

    def _columns(self, envs: NDArray[np.int32] | None, outcome: Outcome) -> dict[str, Any]:
        if envs is None:
            return self._builder.start(outcome.valid, outcome.late, outcome.episode_id)
        n = self._num_envs
        valid, late = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
        episode_id, there = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.bool_)
        valid[envs], late[envs] = outcome.valid, outcome.late
        episode_id[envs], there[envs] = outcome.episode_id, True
        infos = self._builder.start(valid, late, episode_id)
        for name in ("valid", "late", "episode_id"):
            infos[f"_{name}"] = there.copy()
        return infos

    def _told(self, row: np.void, env: int, step: int) -> dict[str, Any]:
        """What the remote said: of the episode that ended, where the row has two."""
        if row["flags"] & INFO_ELSEWHERE:
            try:
                return unpack_info(self._source.large_info(env, step))
            except EnvServerError as error:
                logger.warning("environment %d: the info of step %d is lost: %s", env, step, error)
                return {}
        name = "final_info" if row["flags"] & HAS_FINAL else "info"
        size = int(row[f"{name}_bytes"])
        return unpack_info(row[name][:size].tobytes()) if size else {}

    def _fault(self, env: int, code: int) -> dict[str, Any]:
        """What is known of a fault; the broker knows more than the record."""
        name = Fault(code).name if code in Fault.__members__.values() else str(code)
        known = {"code": code, "fault": name, "cause": name.lower().replace("_", " "), "log": []}
        try:
            report = self._source.fault_report(env)
        except EnvServerError as error:
            logger.warning("environment %d: no report of its fault: %s", env, error)
            return known
        if not report.get("code"):
            report = {**report, "code": code, "fault": name}
        return {**known, **report}
