"""The rules of `check_vector_env`, and the two ways in which it ends."""

import dataclasses

from gymnasium.vector import AutoresetMode

RULES = {
    "type": "it is a gymnasium.vector.VectorEnv",
    "num_envs": "num_envs is a whole number from 1",
    "spaces": "four spaces; the batched ones hold num_envs of the single ones",
    "metadata": 'metadata["autoreset_mode"] is a gymnasium.vector.AutoresetMode',
    "reset returns": "reset gives (observations, infos)",
    "step returns": "step gives (observations, rewards, terminations, truncations, infos)",
    "observations": "observations are in observation_space, with its shape and dtype",
    "rewards": "rewards are floats (num_envs,), none of them NaN",
    "flags": "terminations and truncations are bool (num_envs,)",
    "numbers are kept": "rewards and flags that were returned do not change later",
    "actions are untouched": "step does not write to its actions",
    "infos": "each key has num_envs values and, but in a dict of another, a mask _key, bool",
    "seeds": "reset takes an int, or a list of num_envs; another length is an error",
    "seeds repeat": "equal seeds give equal observations; an int is seed, seed + 1, ...",
    "reset_mask": "only the environments of a mask are reset; the others keep their observation",
    "bad masks": "a mask of another shape or dtype, or without True, is an error",
    "next step": "NEXT_STEP: the step after an end has no reward and no flag",
    "same step": "SAME_STEP: an end brings final_obs and final_info, and nothing else does",
    "disabled": "DISABLED: after an end a reset by mask begins anew, without final_obs",
    "render": "with a render_mode, render gives num_envs frames",
    "views live": "observations stay as they were for as many steps as is asked for",
    "close": "close works, and works again; then `closed` is True",
}


class ContractBroken(AssertionError):
    """A vector environment breaks a rule.

    Attributes:
        rule: The rule's name in `RULES`.
    """

    def __init__(self, rule: str, found: str) -> None:
        super().__init__(f"{rule} ({RULES[rule]}): {found}")
        self.rule = rule


@dataclasses.dataclass(frozen=True)
class Report:
    """What `check_vector_env` found of an environment that breaks no rule.

    Attributes:
        num_envs: How many environments.
        autoreset_mode: What happens at the end of an episode.
        steps: How many steps were made.
        ends: How many episodes ended in them.
        lives: For how many further steps observations stay as they were; None: beyond all that
            were looked at, they are copies.
        read_only: Observations cannot be written to.
        refuses: DISABLED: a step of an environment that ended is an error; None: another mode, or
            not looked at. (Gymnasium's AsyncVectorEnv lets it pass.)
        unchecked: Rule -> why it could not be looked at.
    """

    num_envs: int
    autoreset_mode: AutoresetMode
    steps: int
    ends: int
    lives: int | None
    read_only: bool
    refuses: bool | None
    unchecked: dict[str, str]

    def __str__(self) -> str:
        lives = (
            "are copies"
            if self.lives is None
            else f"are views that live {self.lives} further step{'' if self.lives == 1 else 's'}"
        )
        lines = [
            f"{self.num_envs} environments, {self.autoreset_mode.name}: {self.steps} steps,"
            f" {self.ends} ends, no rule broken",
            f"observations {lives}{', read-only' if self.read_only else ''}",
        ]
        lines += [f"not checked: {rule}: {why}" for rule, why in self.unchecked.items()]
        return "\n".join(lines)
