"""Wrappers that narrow what may be done or seen: safe keys, clicks, a game's actions, a crop."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gymnasium

from envserver.universe import vectorized
from envserver.universe.error import Error
from envserver.universe.registry import GAME_SIZE
from envserver.universe.spaces import Hardcoded, KeyEvent, PointerEvent, VNCActionSpace
from envserver.universe.spaces.vnc_event import keycode
from envserver.universe.stand_ins import gym_core_id, is_atari, stand_in

ARROWS = ("up", "left", "right", "down")
FLASH_LEFT, FLASH_TOP = 18, 84
"""Where Universe's browser showed a game."""
Region = tuple[int, int, int, int]


class Crop(NamedTuple):
    """A part of the screen."""

    x: int
    y: int
    width: int
    height: int

    def of(self, picture: Any) -> Any:
        return picture[self.y : self.y + self.height, self.x : self.x + self.width]


ATARI_CROP = Crop(0, 0, 160, 210)
FLASH_CROP = Crop(FLASH_LEFT, FLASH_TOP, GAME_SIZE["width"], GAME_SIZE["height"])


def held(keys: Sequence[int], among: Sequence[int]) -> list[KeyEvent]:
    """The events after which of these keys exactly some are down."""
    return [KeyEvent(key, key in keys) for key in among]


def gym_core_actions(name: str) -> list[list[KeyEvent]]:
    """What each action of a gym-core environment does to the keys.

    Raises:
        Error: there is no such environment, or keys cannot play it.
    """
    from envserver.runtimes.gym_core.errors import GymCoreError
    from envserver.runtimes.gym_core.game import Game, register_atari

    register_atari()
    try:
        game = Game(gym_core_id(name))
    except GymCoreError as error:
        raise Error(str(error)) from error
    try:
        table = [[int(key) for key in action.keysyms] for action in game.actions]
    finally:
        game.close()
    among = sorted({key for keys in table for key in keys})
    return [held(keys, among) for keys in table]


class GymCoreAction(vectorized.ActionWrapper):
    """Actions are the numbers that the game itself has: 0 for NOOP, and so on.

    Args:
        gym_core_id: The game, such as "Pong-v0"; None: as the environment is called.

    Raises:
        Error: it is no gym-core environment.
    """

    def __init__(self, env: Any, gym_core_id: str | None = None) -> None:
        super().__init__(env)
        tags = env.spec.tags if env.spec is not None else {}
        name = gym_core_id or tags.get("gym_core_id")
        if name is None:
            raise Error(f"GymCoreAction wraps gym-core environments, not {env}: give gym_core_id")
        self._actions = gym_core_actions(f"gym-core.{name.removeprefix('gym-core.')}")
        self.action_space = gymnasium.spaces.Discrete(len(self._actions))

    def _action(self, action: Any) -> Any:
        for i, number in enumerate(action):
            if not 0 <= int(number) < len(self._actions):
                raise Error(
                    f"environment {i}: action is {number!r}, "
                    f"expected an integer from 0 to {len(self._actions) - 1}"
                )
        return [self._actions[int(number)] for number in action]


class SafeActionSpace(vectorized.Wrapper):
    """An action space of few actions that keep inside the game: no Alt, no Control, no F keys."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        tags = env.spec.tags if env.spec is not None else {}
        if tags.get("runtime") == "gym-core":
            self.action_space = Hardcoded(gym_core_actions(env.spec.id))
        elif tags.get("runtime") == "flashgames":
            self.action_space = Hardcoded(_driving())
        else:
            self.action_space = VNCActionSpace(keys=[*ARROWS, "space"], buttonmasks=[0, 1])


class SoftmaxClickMouse(vectorized.ActionWrapper):
    """Actions are numbers of points on a grid; each is a click there.

    Args:
        active_region: left, top, right, bottom in pixels.
        discrete_mouse_step: The grid's distance.
        noclick_regions: More such regions, inside which there is no point.
    """

    def __init__(
        self,
        env: Any,
        active_region: Region = (10, 125, 170, 285),
        discrete_mouse_step: int = 10,
        noclick_regions: Sequence[Region] = (),
    ) -> None:
        super().__init__(env)
        left, top, right, bottom = active_region
        step = discrete_mouse_step
        if step < 1:
            raise Error(f"discrete_mouse_step is {step}, expected at least 1")
        self.points = [
            (x, y)
            for x in range(left + step // 2, right, step)
            for y in range(top + step // 2, bottom, step)
            if not any(_inside(region, x, y) for region in noclick_regions)
        ]
        if not self.points:
            raise Error(f"active_region {active_region} has no point to click")
        self.action_space = gymnasium.spaces.Discrete(len(self.points))

    def _action(self, action: Any) -> Any:
        return [self._click(i, int(number)) for i, number in enumerate(action)]

    def _click(self, i: int, number: int) -> list[PointerEvent]:
        if not 0 <= number < len(self.points):
            raise Error(
                f"environment {i}: action is {number}, expected 0 to {len(self.points) - 1}"
            )
        x, y = self.points[number]
        return [PointerEvent(x, y, 0), PointerEvent(x, y, 1), PointerEvent(x, y, 0)]


class CropObservations(vectorized.ObservationWrapper):
    """Only the game's part of the screen, 160x210 of an Atari game."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.crop = _crop_of(env.spec)

    def _observation(self, observation: Any) -> Any:
        return [self._cropped(each) for each in observation]

    def _cropped(self, observation: Any) -> Any:
        if observation is None or self.crop is None:
            return observation
        if isinstance(observation, dict):
            return {**observation, "vision": self.crop.of(observation["vision"])}
        return self.crop.of(observation)


CropAtari = CropObservations


def _crop_of(spec: Any) -> Crop | None:
    """The crop for a name; None: the whole screen."""
    runtime = spec.tags.get("runtime") if spec is not None else None
    if runtime == "flashgames":
        return FLASH_CROP
    if runtime == "gym-core" and is_atari(stand_in(spec.id).name):
        return ATARI_CROP
    return None


def _inside(region: Region, x: int, y: int) -> bool:
    left, top, right, bottom = region
    return left <= x <= right and top <= y <= bottom


def _driving() -> list[list[KeyEvent]]:
    """What driving takes: gas with and without a turn, brakes, and the space bar."""
    among = [keycode(name) for name in (*ARROWS, "space")]
    chosen = (
        *(("up",), ("up", "left"), ("up", "right"), ("left",), ("right",)),
        *(("down",), ("up", "space"), ()),
    )
    return [held([keycode(name) for name in names], among) for names in chosen]
