"""How a batch of environments takes actions of a vocabulary, or of a policy's space.

`make_vec(..., actions=...)` takes the name of one of `VOCABULARIES`, or a `Policy`, such as those
of `envserver.codecs.policies`. Each environment has a hand; places are pixels of its observations.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import gymnasium

from envserver.actions import (
    TAP_MS,
    ActionCodec,
    EventCodec,
    EventSpace,
    KeyTableCodec,
    describe_batch,
    is_sequence,
)
from envserver.codecs import anthropic, computer13, openai, pyautogui, uitars, universe
from envserver.codecs.events import Event
from envserver.codecs.fields import Size
from envserver.codecs.hand import Hand
from envserver.codecs.requests import Request
from envserver.events import Encoded

if TYPE_CHECKING:
    from envserver.session import Session


Reader = Callable[[Sequence[Any], Size, int], list[Event]]
"""The events of actions, for a picture of this size and what a hand's mask is before them."""


def _one_by_one(read: Callable[[Any, Size], list[Event] | Request]) -> Reader:
    """Requests have no events, since each step shows."""

    def read_all(actions: Sequence[Any], size: Size, mask: int) -> list[Event]:
        events: list[Event] = []
        for place, action in enumerate(actions):
            try:
                said = read(action, size)
            except ValueError as error:
                raise ValueError(f"action {place}: {error}") from error
            events += said if isinstance(said, list) else []
        return events

    return read_all


def _one_event(action: Any, size: Size) -> list[Event]:
    if not isinstance(action, Event):
        raise ValueError(f"{action!r:.80} is no event of envserver.codecs.events")
    return [action]


VOCABULARIES: dict[str, Reader] = {
    "events": _one_by_one(_one_event),
    "anthropic": _one_by_one(anthropic.to_events),
    "openai": _one_by_one(openai.to_events),
    "pyautogui": _one_by_one(pyautogui.to_events),
    "computer_13": _one_by_one(computer13.to_events),
    "ui_tars": _one_by_one(uitars.to_events),
    "universe": lambda actions, size, mask: universe.to_events(actions, size, held=mask),
}


@runtime_checkable
class Policy(Protocol):
    """A space for a policy, and what its elements do."""

    def space(self, size: Size) -> gymnasium.Space[Any]:
        """The space of one environment, whose observations have this width and height."""
        ...

    def to_events(self, action: Any, hand: Hand, size: Size) -> list[Event]:
        """The events of an element, for what the hand holds.

        Raises:
            ValueError: it is no element.
        """
        ...


class SpokenSpace(gymnasium.Space[Any]):
    """Lists of actions of one vocabulary; a sample is the empty one."""

    def __init__(self, vocabulary: str, size: Size) -> None:
        self.vocabulary, self.size = vocabulary, size
        super().__init__(None, None)

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> Any:
        return ()

    def contains(self, x: Any) -> bool:
        try:
            spoken(self.vocabulary, x, self.size)
        except ValueError:
            return False
        return True

    @property
    def is_np_flattenable(self) -> bool:
        return False

    def __repr__(self) -> str:
        return f"SpokenSpace({self.vocabulary!r}, {self.size[0]}x{self.size[1]})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SpokenSpace) and repr(self) == repr(other)

    __hash__ = None  # type: ignore[assignment]


def spoken(vocabulary: str, action: Any, size: Size, mask: int = 0) -> list[Event]:
    """The events of one environment's actions.

    Args:
        vocabulary: Of `VOCABULARIES`.
        action: A list of the vocabulary's actions, or one that is text, a mapping, or an object of
            an API's client.
        size: Width and height of the picture that was seen.
        mask: Of the hand before them.

    Raises:
        ValueError: an action is wrong.
    """
    alone = isinstance(action, str | Mapping) or hasattr(action, "model_dump")
    actions = [action] if alone else action
    if not is_sequence(actions):
        raise ValueError(f"action is {action!r:.80}, expected a list of actions ({vocabulary})")
    return VOCABULARIES[vocabulary](actions, size, mask)


class HandCodec:
    """Actions of a vocabulary or policy, one an environment, done by a hand each.

    Args:
        actions: A name of `VOCABULARIES`, or a `Policy`.
        hands: One an environment.
        size: Width and height of an observation.

    Raises:
        ValueError: `actions` is neither.
    """

    def __init__(self, actions: str | Policy, hands: Sequence[Hand], size: Size) -> None:
        check_actions(actions)
        self.actions, self.hands, self.size = actions, list(hands), size
        self.single_space: gymnasium.Space[Any] = (
            SpokenSpace(actions, size) if isinstance(actions, str) else actions.space(size)
        )
        self.batched_space = gymnasium.vector.utils.batch_space(self.single_space, len(hands))

    def encode(self, actions: Any, envs: Sequence[int]) -> list[Encoded]:
        if isinstance(self.single_space, gymnasium.spaces.Dict) and isinstance(actions, Mapping):
            actions = _each(actions, len(envs))
        if not is_sequence(actions) or len(actions) != len(envs):
            found = describe_batch(actions)
            raise ValueError(f"actions are {found}, expected {len(envs)}, one an environment")
        made = []
        for env, action in zip(envs, actions, strict=True):
            try:
                made.append(self.hands[env].encode(self._events(env, action), self.size))
            except ValueError as error:
                raise ValueError(f"environment {env}: {error}") from error
        return made

    def sent(self, envs: Iterable[int], encoded: Iterable[Encoded]) -> None:
        for env, action in zip(envs, encoded, strict=True):
            self.hands[env].sent(action)

    def forget(self, env: int) -> None:
        self.hands[env].forget()

    def _events(self, env: int, action: Any) -> list[Event]:
        if isinstance(self.actions, str):
            return spoken(self.actions, action, self.size, self.hands[env].mask)
        return self.actions.to_events(action, self.hands[env], self.size)


def make_codec(
    session: "Session", tap_ms: int = TAP_MS, actions: "str | Policy | None" = None
) -> ActionCodec:
    """The codec of a session: for `actions`, or what its runtime asks for.

    That is its key table, or plain events.

    Raises:
        ValueError: `actions` is given, and the runtime has numbered actions of its own.
    """
    table = session.describe.get("keysyms")
    spec, count = session.spec, session.num_envs
    if actions is not None:
        if table:
            raise has_numbered_actions(actions, session.names[0])
        shown = spec.shown
        hands = [Hand(shown.screen, shown=shown.crop, tap_ms=tap_ms) for _ in range(count)]
        return HandCodec(actions, hands, (shown.size[1], shown.size[0]))
    if table:
        return KeyTableCodec(table, count)
    keys = spec.keys or EventSpace.SAMPLE_KEYS
    return EventCodec(EventSpace(spec.width, spec.height, keys=keys, tap_ms=tap_ms), count)


def has_numbered_actions(actions: object, name: str) -> ValueError:
    """What `actions` is answered where the runtime says what actions there are."""
    return ValueError(
        f"actions is {actions!r:.80}, expected None: {name} has numbered actions of its own"
    )


def check_actions(actions: Any) -> None:
    """Check what `make_vec` is given.

    Raises:
        ValueError: it is no name of a vocabulary and no policy.
    """
    if isinstance(actions, str):
        if actions in VOCABULARIES:
            return
    elif isinstance(actions, Policy) and not isinstance(actions, type):
        return
    names = ", ".join(repr(name) for name in VOCABULARIES)
    raise ValueError(f"actions is {actions!r:.80}, expected {names}, or a policy's codec")


def _each(batch: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    """One mapping an environment, of a mapping of batches."""
    for name, values in batch.items():
        if not is_sequence(values) or len(values) != count:
            raise ValueError(
                f"actions[{name!r}] are {describe_batch(values)}, expected {count}, "
                "one an environment"
            )
    return [{name: values[place] for name, values in batch.items()} for place in range(count)]
