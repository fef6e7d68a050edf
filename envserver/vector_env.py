"""The trainer's face: a Gymnasium vector environment whose observations are the session's memory.

Theory of operation: `step` is `send` and `recv`. `send` encodes the actions, which may raise and
then sends nothing, and asks for the step; `recv` waits by the rules of `stepping.py`, reads the
records through `episodes.py`, and returns a `Batch` whose observations nobody copied. Between the
two a step is *pending*; which call may come then, `order.py` says.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

import gymnasium
import numpy as np
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from envserver.actions import ActionCodec
from envserver.attributes import RemoteAttributes
from envserver.batch import Batch
from envserver.collecting import Collector, VectorSession
from envserver.due import AT, NOW, At, DueTime, Ticks, due_fields
from envserver.episodes import Episodes
from envserver.errors import ResetFailed, WouldBlock
from envserver.observing import Shown
from envserver.order import Order
from envserver.rendering import RENDER_MODES, check_render_mode
from envserver.resets import RunningNames, chosen_envs, reset_requests
from envserver.rollouts import Rollout
from envserver.rows import Rows
from envserver.settling import Rules
from envserver.spaces import PictureSpace
from envserver.stepping import Stepper
from envserver.switching import take_switches
from shm.ring import Ring


class VectorEnv(RemoteAttributes, gymnasium.vector.VectorEnv[Any, Any, Any]):
    """Many remotes as one Gymnasium vector environment. Made by `envserver.make_vec`.

    Observations are uint8 (num_envs, height, width, 3), RGB, or (num_envs, height, width), grey:
    read-only views of the session's memory, valid for `slots - 1` further steps.
    Rewards (float64) and flags (bool) are fresh arrays.

    Args:
        session: An open session whose remotes are ready; it is closed with the environment.
        codec: How actions become events.
        autoreset_mode: As the session was opened with.
        while_resetting: "wait" or "mask", as the session was opened with.
        fps: Ticks a second, None for as fast as possible.
        late_after_ms: How long after its due time a row is late; None: half a tick, and
            `step_timeout_s` where no tick says when.
        step_timeout_s: The longest wait for a row of a running episode.
        reset_timeout_s: The longest wait for a new episode.
        render_mode: None or "rgb_array".
        shown: What the observations show of the screen; None: all, as it is.
        keep_dim: Grey observations are (num_envs, height, width, 1).

    Attributes:
        daemon_pid: The daemon's process, under which the remotes and workers run.
        slots: How many steps' observations the memory holds.
        while_resetting: As above, like `autoreset_mode`.
    """

    daemon_pid: int | None = None

    def __init__(
        self,
        session: VectorSession,
        codec: ActionCodec,
        *,
        autoreset_mode: AutoresetMode = AutoresetMode.NEXT_STEP,
        while_resetting: str = "wait",
        fps: float | None = None,
        late_after_ms: float | None = None,
        step_timeout_s: float = 5.0,
        reset_timeout_s: float = 60.0,
        render_mode: str | None = None,
        shown: Shown | None = None,
        keep_dim: bool = False,
    ) -> None:
        self.session = session
        self.render_mode = check_render_mode(render_mode)
        self.autoreset_mode = autoreset_mode
        self._ticks = Ticks(fps) if fps is not None else None
        self.metadata = {
            "autoreset_mode": autoreset_mode,
            "render_modes": list(RENDER_MODES),
            "render_fps": fps or 60,
        }
        self._ring = Ring(session.segment_fd, session.doorbells)
        self.slots = self._ring.slots
        self._rows = Rows(self._ring, keep_dim)
        n, shape = self._ring.num_envs, self._rows.shape
        self.num_envs = n
        self._looked_at = (shown.screen, shown.crop) if shown else ((shape[1], shape[0]), None)
        self.single_observation_space = gymnasium.spaces.Box(0, 255, shape, np.uint8)
        self.observation_space = PictureSpace((n, *shape))
        self.while_resetting = while_resetting
        self._late_after_ns = None if late_after_ms is None else round(late_after_ms * 1e6)
        self._step_timeout_ns = round(step_timeout_s * 1e9)
        self._reset_timeout_ns = round(reset_timeout_s * 1e9)
        same_step = autoreset_mode is AutoresetMode.SAME_STEP
        episodes = Episodes(n, autoreset=autoreset_mode is not AutoresetMode.DISABLED)
        wait = while_resetting == "wait"
        rules = Rules(wait, same_step, self._step_timeout_ns, self._reset_timeout_ns)
        self._stepper = Stepper(self._ring, session, codec, episodes, rules)
        self._use_codec(codec)
        self._asked = self._stepper.asked
        self._order = Order(self._asked, episodes)
        self._collector = Collector(self._rows, session, self._stepper, same_step)
        self._all_envs = range(n)
        self._names = RunningNames()

    # Gymnasium

    @property
    def missed_ticks(self) -> int:
        """How many ticks passed without a step: the trainer, or a row awaited, took too long."""
        return self._ticks.missed if self._ticks is not None else 0

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        """Begin new episodes and return when they run.

        Args:
            seed: An int for environment 0, each further one gets one more; or a list, one each.
            options: For every environment's reset. Not for the environments: "reset_mask", bool
                (num_envs,), which environments to reset, the others keep their picture; "per_env",
                a list of dicts, one an environment, that go beside the others; "env_id", another
                environment of the same runtime; "fresh", True for another remote.

        Raises:
            ValueError, TypeError, InvalidRuntime: seed, mask or options are wrong; nothing was
                reset.
            AlreadyPendingCallError: a step was sent and not received. A step that was interrupted
                is dropped instead where all environments are reset.
            ResetFailed: no environment that was to be reset has a new episode in
                `reset_timeout_s`. Where only some failed, `infos["fault"]` tells.
        """
        self._check_open()
        requests = reset_requests(self.num_envs, seed, options)
        self._order.check_reset(len(requests))
        if self._asked.pending:
            self._give_up()
        codec = take_switches(self.session, requests, self._codec, self.num_envs)
        if isinstance(seed, int | np.integer):
            self._np_random, self._np_random_seed = seeding.np_random(int(seed))
        mask = np.isin(self._all_envs, list(requests))
        self._names.fill(requests, self.session)
        self._order.began = False
        try:
            self._await_reset(requests)
            batch, faults = self._collector.reset(mask)
        except BaseException:
            self._give_up()
            raise
        if self._ticks is not None:
            self._ticks.restart()
        all_failed = len(faults) == len(requests)
        # Where all failed to switch, what may begin has other actions.
        self._order.began = not (all_failed and codec is not None)
        if all_failed:
            raise ResetFailed(self._reset_failure(batch, min(faults)))
        if codec is not None:
            self._use_codec(codec)
        self._names.keep(requests, () if codec is not None else faults)
        return batch.observations, batch.infos

    def step(
        self, actions: Any
    ) -> tuple[
        NDArray[np.uint8],
        NDArray[np.float64],
        NDArray[np.bool_],
        NDArray[np.bool_],
        dict[str, Any],
    ]:
        """Send one action to each environment and wait for the observations (`send`, `recv`)."""
        self.send(actions)
        batch = self.recv()
        return batch.observations, batch.rewards, batch.terminated, batch.truncated, batch.infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:
        """Copies of all newest pictures, RGB; None unless render_mode="rgb_array"."""
        self._check_open()
        if self.render_mode is None:
            return None
        self._order.check_began("render")
        newest = self._asked.newest.tolist()
        return tuple(self._rows.rgb(newest[env], env) for env in self._all_envs)

    def close_extras(self, keep: bool = False, **_: Any) -> None:
        """Give the remotes back, or `keep` them for the client_id; in a fork, do nothing."""
        if not self._order.forked:
            self.session.close(keep=keep)
            self._ring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getstate__(self) -> None:
        """Refuse to be copied or pickled: the memory is this process's."""
        raise TypeError("an environment stays in its process: make another where it is wanted")

    # The asynchronous pair

    def send(
        self, actions: Any, due: DueTime | None = None, envs: Sequence[int] | None = None
    ) -> None:
        """Send actions and say when the observations are due.

        Args:
            actions: One an environment, or one for each of `envs`.
            due: NOW, AT(ns), CHANGED(...) or QUIET(...) of `envserver.due`; None: the next tick of
                the session's fps, NOW without fps.
            envs: Which environments step; None: all. The others are left alone.

        Raises:
            ValueError: an action, `due` or `envs` is wrong; nothing was sent.
            ResetNeeded: an environment has no episode to step.
            AlreadyPendingCallError: an environment's last step was not received yet.
        """
        self._check_open()
        whole = envs is None
        chosen = self._all_envs if envs is None else chosen_envs(self.num_envs, envs)
        self._order.check_send(chosen, whole)
        encoded = self._codec.encode(actions, chosen)
        room = self._ring.queue_entries - 1
        sizes = [len(action.events) for action in encoded]
        if max(sizes) > room:
            env, size = next(found for found in zip(chosen, sizes, strict=True) if found[1] > room)
            raise ValueError(
                f"environment {env}: the action is {size} events, at most {room}"
                " fit: split it over several steps"
            )
        span_ns = max([action.span_us for action in encoded]) * 1000
        sent_ns = time.monotonic_ns() + span_ns
        if due is None:
            due = NOW if self._ticks is None else AT(self._ticks.due_ns(sent_ns))
        elif self._ticks is not None:
            self._ticks.pause()
        fields = due_fields(due, sent_ns, *self._looked_at)
        self._order.interrupted = True  # until all is sent
        self._stepper.ask_step(
            encoded,
            None if whole else np.array(chosen, dtype=np.int32),
            fields,
            max(fields.due_ns, sent_ns) + self._grace_ns(due),
        )
        self._order.interrupted = False

    def recv(self, timeout_s: float | None = None, min_envs: int | None = None) -> Batch:
        """Wait for the observations of what was sent.

        Args:
            timeout_s: Give up after so long; the step stays pending. None: rows come, or are given
                up as late, by rules of their own.
            min_envs: Return as soon as so many environments have answered, with copies of their
                rows; None: when all that were sent have.

        Raises:
            NoAsyncCallError: nothing was sent.
            TimeoutError: `timeout_s` passed.
            BrokerUnavailable: the daemon died.
            ClosedEnvironmentError: another thread closed the environment meanwhile.
        """
        self._check_open()
        pending = self._order.check_recv(min_envs)
        until_ns = None if timeout_s is None else time.monotonic_ns() + round(timeout_s * 1e9)
        self._order.interrupted = True  # unless it returns or times out
        if not self._stepper.complete(min_envs or pending, until_ns):
            self._order.interrupted = False
            raise TimeoutError(
                f"{self._asked.pending - len(self._stepper.done())} of {pending} environments "
                f"did not answer within {timeout_s} s; the step is still pending"
            )
        whole = min_envs is None and self._asked.whole is not None
        batch = self._collector.all() if whole else self._collector.some()
        self._order.interrupted = False
        return batch

    def recv_nowait(self, min_envs: int | None = None) -> Batch:
        """As `recv`, at once.

        Raises:
            WouldBlock: not all, or not `min_envs`, are there.
        """
        try:
            return self.recv(0.0, min_envs)
        except TimeoutError as error:
            raise WouldBlock(str(error)) from None

    # What is under way, and what the ring still holds

    @property
    def pending(self) -> int:
        """For how many environments a step was sent and not received."""
        return self._asked.pending

    @property
    def memory(self) -> NDArray[np.uint8]:
        """All memory that observations are views of, uint8 (bytes,), read-only."""
        return self._rows.memory()

    def rollout(self, steps: int, stack: int = 1) -> Rollout:
        """The newest `steps` steps as arrays (steps, num_envs, ...), pictures without a copy.

        Args:
            steps: How many; with the observation before them they need `steps + stack` slots.
            stack: How many pictures `Rollout.stacks` shows.

        Raises:
            ValueError: too few slots, or the environments did not make these steps together.
            ResetNeeded: there was no reset.
        """
        self._check_open()
        self._order.check_began("rollout")
        return self._collector.history.rollout(self._asked.newest, self._asked.step, steps, stack)

    def stack(self, depth: int) -> NDArray[np.uint8]:
        """The newest `depth` observations, uint8 (num_envs, depth, height, width, ...), read-only.

        A view; a copy while some episode is younger, whose first picture stands in for those
        before it. Raises as `rollout`; `depth` slots are needed.
        """
        self._check_open()
        self._order.check_began("stack")
        return self._collector.history.stack(self._asked.newest, self._asked.step, depth)

    def _use_codec(self, codec: ActionCodec) -> None:
        self.single_action_space = codec.single_space
        self.action_space = codec.batched_space
        self._codec = codec
        self._stepper.use_codec(codec)

    # When a step is late, and what is under way

    def _check_open(self) -> None:
        self._order.check_open(self.closed)

    def _grace_ns(self, due: DueTime) -> int:
        if self._late_after_ns is not None:
            return self._late_after_ns
        if isinstance(due, At) and self._ticks is not None:
            return self._ticks.period_ns // 2
        return self._step_timeout_ns

    def _await_reset(self, requests: Mapping[int, Mapping[str, Any]]) -> None:
        stepper = self._stepper
        now_ns = time.monotonic_ns()
        until_ns = now_ns + self._reset_timeout_ns
        stepper.ask_reset(requests, due_fields(NOW, now_ns, *self._looked_at), until_ns)
        stepper.complete(self.num_envs)
        stepper.end_reset()

    def _give_up(self) -> None:
        """Forget what is under way."""
        self._collector.drop()
        self._stepper.give_up()

    def _reset_failure(self, batch: Batch, env: int) -> str:
        name, cause = self.session.names[env], batch.infos["fault"][env]["cause"]
        why = cause.removeprefix(f"{name}: ")
        return f"no environment began a new episode; environment {env} ({name}): {why}"
