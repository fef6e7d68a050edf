"""`check_vector_env`: does a vector environment, anyone's, do what Gymnasium says?

Theory of operation: the environment is reset by seeds and by masks, stepped until enough episodes
have ended, and closed twice. The first rule that is broken is raised; those that could not be
looked at are in the report. What is returned is watched: that shows how long views stay what they
were.
"""

import contextlib
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import iterate
from numpy.typing import NDArray

from envserver.testing.returned import WATCHED, Returned
from envserver.testing.rules import ContractBroken, Report
from envserver.testing.values import copied, equal, leaves, said, shape_of

SAMPLES = 8


def check_vector_env(
    envs: Any,
    *,
    actions: Callable[[Any], Any] | None = None,
    max_steps: int = 500,
    ends: int = 2,
    deterministic: bool = True,
    seed_lists: bool = True,
    masks: bool = True,
    lives: int = 0,
    seed: int = 0,
) -> Report:
    """Run a vector environment through Gymnasium's contract, and close it.

    Args:
        envs: Any `gymnasium.vector.VectorEnv`, ours or not, wrapped or not.
        actions: Called with `envs`, gives a batch of actions; None: samples `action_space`.
        max_steps: How many steps are made at most until enough episodes have ended.
        ends: How many ends of episodes are enough.
        deterministic: Equal seeds have to give equal first observations. Programs in real time
            do not.
        seed_lists: `reset` takes a list of seeds, as Sync- and AsyncVectorEnv do; not all of
            Gymnasium's classes do.
        masks: It takes `options["reset_mask"]`, as those do.
        lives: For how many further steps observations have to stay as they were.
        seed: Of resets and of the sampled actions.

    Returns:
        What was found. A rule that could not be looked at, such as that of an end when no episode
        ended, is in `unchecked`.

    Raises:
        ContractBroken: a rule is broken; the message says which, what was found and expected.
    """
    check = _Check(envs, actions, deterministic, masks, lives, seed)
    try:
        check.described()
        check.seeds(seed_lists)
        check.masked()
        check.rendered()
        check.episodes(max_steps, ends)
    except BaseException:
        with contextlib.suppress(Exception):
            envs.close()
        raise
    check.closed()
    return check.report()


class _Check:
    def __init__(
        self,
        envs: Any,
        actions: Callable[[Any], Any] | None,
        deterministic: bool,
        masks: bool,
        lives: int,
        seed: int,
    ) -> None:
        self.envs, self.seed = envs, seed
        self.deterministic, self.masks = deterministic, masks
        self.actions = actions or (lambda envs: envs.action_space.sample())
        self.must_live = lives
        self.steps = self.ends = 0
        self.refuses: bool | None = None
        self.unchecked: dict[str, str] = {}

    def report(self) -> Report:
        return Report(
            num_envs=self.n,
            autoreset_mode=self.mode,
            steps=self.steps,
            ends=self.ends,
            lives=self.returned.lived,
            read_only=self.returned.read_only,
            refuses=self.refuses,
            unchecked=self.unchecked,
        )

    # What it says of itself

    def described(self) -> None:
        envs = self.envs
        if not isinstance(envs, gymnasium.vector.VectorEnv):
            raise ContractBroken("type", f"a {type(envs).__name__}")
        n: Any = getattr(envs, "num_envs", None)
        if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 1:
            raise ContractBroken("num_envs", repr(n))
        self.n = int(n)
        for kind in ("observation", "action"):
            batched: Any = getattr(envs, f"{kind}_space", None)
            single: Any = getattr(envs, f"single_{kind}_space", None)
            for name, space in ((f"{kind}_space", batched), (f"single_{kind}_space", single)):
                if not isinstance(space, gymnasium.Space):
                    raise ContractBroken("spaces", f"{name} is {space!r}")
            if not self._is_batch(batched, single):
                raise ContractBroken("spaces", f"{kind}_space is {batched}, not {n} of {single}")
        mode = (envs.metadata or {}).get("autoreset_mode")
        if not isinstance(mode, AutoresetMode):
            raise ContractBroken("metadata", f"it is {mode!r}")
        self.mode = mode
        self.returned = Returned(envs, self.must_live)

    def _is_batch(self, batched: Any, single: Any) -> bool:
        if isinstance(batched, Box) and isinstance(single, Box):
            return batched.shape == (self.n, *single.shape) and batched.dtype == single.dtype
        batched.seed(self.seed)
        for _ in range(SAMPLES):
            try:
                parts = list(iterate(batched, batched.sample()))
            except TypeError:  # it cannot be taken apart
                return False
            if len(parts) != self.n or not all(single.contains(part) for part in parts):
                return False
        return True

    # Calls, and what always holds of what they return

    def reset(self, rule: str = "reset returns", **arguments: Any) -> tuple[Any, dict[str, Any]]:
        try:
            returned = self.envs.reset(**arguments)
        except Exception as error:
            raise ContractBroken(rule, f"reset({said(arguments)}) raised {error!r}") from error
        if not isinstance(returned, tuple) or len(returned) != 2:
            raise ContractBroken("reset returns", shape_of(returned))
        self.returned.look_at(*returned)
        return returned

    def step(self, rule: str = "step returns") -> tuple[Any, ...]:
        actions = self.actions(self.envs)
        before = [np.array(leaf, copy=True) for leaf in leaves(actions)]
        try:
            returned = self.envs.step(actions)
        except Exception as error:
            raise ContractBroken(rule, f"step raised {error!r}") from error
        if not isinstance(returned, tuple) or len(returned) != 5:
            raise ContractBroken("step returns", shape_of(returned))
        for leaf, copy in zip(leaves(actions), before, strict=True):
            if not np.array_equal(leaf, copy):
                raise ContractBroken("actions are untouched", f"{copy!r} became {leaf!r}")
        observations, rewards, terminated, truncated, infos = returned
        self.steps += 1
        self.returned.look_at_numbers(rewards, terminated, truncated)
        self.returned.look_at(observations, infos)
        return returned

    # Resets

    def seeds(self, lists: bool) -> None:
        self.reset()
        first = copied(self.reset("seeds", seed=self.seed)[0])
        self.step()
        listed: Any = [self.seed + env for env in range(self.n)] if lists else self.seed
        again = copied(self.reset("seeds", seed=listed)[0])
        if not self.deterministic:
            self.unchecked["seeds repeat"] = "deterministic=False"
        elif not equal(first, again):
            raise ContractBroken(
                "seeds repeat",
                f"reset(seed={self.seed}) and reset(seed={listed}) gave other observations; for"
                " programs in real time: deterministic=False",
            )
        if lists:
            self._refused("seeds", "a list of one seed more", seed=[*listed, 0])
        else:
            self.unchecked["seeds"] = "seed_lists=False"

    def masked(self) -> None:
        if not self.masks:
            self.unchecked |= dict.fromkeys(("reset_mask", "bad masks"), "masks=False")
            return
        first = self._parts(copied(self.reset(seed=self.seed)[0]))
        before = copied(self.step()[0])
        for name, mask in (
            ("one environment more", np.ones(self.n + 1, np.bool_)),
            ("integers", np.ones(self.n, np.int64)),
            ("nothing True", np.zeros(self.n, np.bool_)),
        ):
            self._refused("bad masks", name, options={"reset_mask": mask})
        mask = np.zeros(self.n, np.bool_)
        mask[0] = True
        # A list of its own each time: Gymnasium takes the mask out of the options it is given.
        options = {"reset_mask": mask.copy()}
        after = self.reset("reset_mask", seed=self.seed, options=options)[0]
        if self.n == 1:
            self.unchecked["reset_mask"] = "one environment: there are no others to be kept"
        else:
            self._kept_but(mask, before, after)
        if self.deterministic and not equal(first[0], self._parts(after)[0]):
            raise ContractBroken(
                "reset_mask",
                "environment 0 was in the mask, but does not show"
                f" what reset(seed={self.seed}) did",
            )
        self.step("reset_mask")

    def _parts(self, observations: Any) -> list[Any]:
        """The observation of each environment."""
        return list(iterate(self.envs.observation_space, observations))

    def _kept_but(self, mask: NDArray[np.bool_], before: Any, after: Any) -> None:
        pairs = zip(self._parts(before), self._parts(after), strict=True)
        for env, (one, other) in enumerate(pairs):
            if not mask[env] and not equal(one, other):
                raise ContractBroken(
                    "reset_mask", f"environment {env} was not in the mask, its observation changed"
                )

    def _refused(self, rule: str, what: str, **arguments: Any) -> None:
        try:
            self.envs.reset(**arguments)
        except Exception:
            return
        raise ContractBroken(rule, f"{what} was accepted")

    # Ends of episodes

    def episodes(self, max_steps: int, wanted: int) -> None:
        """Step until enough episodes have ended, and a few steps beyond."""
        rule = {
            AutoresetMode.NEXT_STEP: "next step",
            AutoresetMode.SAME_STEP: "same step",
            AutoresetMode.DISABLED: "disabled",
        }[self.mode]
        self.reset(seed=self.seed)
        ended = np.zeros(self.n, np.bool_)
        disabled = self.mode is AutoresetMode.DISABLED
        beyond = 0
        for _ in range(max_steps):
            if disabled and ended.any():
                self._mend(ended)
                ended = np.zeros(self.n, np.bool_)
            _, rewards, terminated, truncated, infos = self.step(rule)
            now = terminated | truncated
            if self.mode is AutoresetMode.NEXT_STEP and (now | (rewards != 0))[ended].any():
                raise ContractBroken(
                    rule, f"after an end: rewards {rewards[ended]}, ended again {now[ended]}"
                )
            self._finals(infos, now, rule)
            ended = now
            self.ends += int(now.sum())
            beyond += self.ends >= wanted
            if beyond > max(self.returned.must_live, WATCHED) and (ended.any() or not disabled):
                break
        if not self.ends:
            self.unchecked[rule] = f"no episode ended in {max_steps} steps"
        elif disabled and ended.any():
            self.refuses = self._is_refused()

    def _finals(self, infos: dict[str, Any], ended: NDArray[np.bool_], rule: str) -> None:
        for key in ("final_obs", "final_info"):
            mask = infos.get(f"_{key}", np.zeros(self.n, np.bool_))
            expected = ended if self.mode is AutoresetMode.SAME_STEP else np.zeros_like(ended)
            if not np.array_equal(mask, expected):
                raise ContractBroken(
                    rule,
                    f"{key} is there for {np.flatnonzero(mask).tolist()}, expected for"
                    f" {np.flatnonzero(expected).tolist()}",
                )
        for env in np.flatnonzero(ended) if self.mode is AutoresetMode.SAME_STEP else ():
            final = infos["final_obs"][env]
            if final is None or not self.envs.single_observation_space.contains(final):
                raise ContractBroken(rule, f"final_obs[{env}] is {shape_of(final)}")

    def _mend(self, ended: NDArray[np.bool_]) -> None:
        before = copied(self.returned.newest)
        if self.masks:
            options = {"reset_mask": ended.copy()}
            self._kept_but(ended, before, self.reset("disabled", options=options)[0])
        else:
            self.reset("disabled")

    def _is_refused(self) -> bool:
        """Comes last: whoever refuses may be of no use afterwards."""
        try:
            self.envs.step(self.actions(self.envs))
        except Exception:
            return True
        return False

    # The rest

    def rendered(self) -> None:
        if self.envs.render_mode is None:
            self.unchecked["render"] = "render_mode is None"
            return
        frames = self.envs.render()
        if not isinstance(frames, tuple) or len(frames) != self.n:
            raise ContractBroken("render", shape_of(frames))

    def closed(self) -> None:
        for time in ("first", "second"):
            try:
                self.envs.close()
            except Exception as error:
                raise ContractBroken("close", f"the {time} close raised {error!r}") from error
        if self.envs.closed is not True:
            raise ContractBroken("close", f"`closed` is {self.envs.closed!r}")
