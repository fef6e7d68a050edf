"""Events that a vocabulary cannot say: one clear error each."""

from typing import Any

import pytest

from envserver.codecs import anthropic, computer13, openai, pyautogui, uitars, universe
from envserver.codecs.events import Button, Event, Key, Motion, Pointer, Wait, Wheel

SIZE = (1024, 768)


def chord(*keys: str) -> list[Event]:
    return [*(Key(key, True) for key in keys), *(Key(key, False) for key in keys[::-1])]


def click(number: int = 1) -> list[Event]:
    return [Button(number, True), Button(number, False)]


@pytest.mark.parametrize(
    ("module", "events", "message"),
    [
        (anthropic, [Key("a", True)], r"the computer tool cannot say Key\(.*go down and up togeth"),
        (anthropic, [Motion(1, 1)], r"cannot say Motion"),
        (anthropic, [Wheel(1, 1)], r"one direction of the wheel at a time"),
        (anthropic, [Pointer(5000, 1)], r"outside the picture of 1024x768"),
        (anthropic, [Wait(1, at_ms=5)], r"no vocabulary of agents says when in its step"),
        (anthropic, Wait(1), r"events are Wait.*expected a list of events"),
        (
            anthropic,
            [("KeyEvent", "a", True)],
            r"event 0 is .*, expected an event of codecs.events",
        ),
        (
            openai,
            click(),
            r"computer tool of OpenAI cannot say Button\(.*clicks and the wheel have",
        ),
        (openai, [Wait(7)], r"waits take 2000 ms"),
        (openai, chord("A"), r"OpenAI has no name for the key 'A'"),
        (computer13, [Motion(1, 1)], r"computer_13 cannot say Motion"),
        (pyautogui, click(8), r"pyautogui cannot say Button.*three buttons"),
        (pyautogui, chord("é"), r"pyautogui has no name for the key 'é'"),
        (uitars, [Button(1, True)], r"UI-TARS cannot say Button.*no buttons that stay down"),
        (uitars, [Wheel(0, 3)], r"UI-TARS cannot say Wheel.*a scroll is 5 clicks"),
        (universe, click(), r"nothing said where the pointer is: give its place"),
        (universe, [Motion(1, 1)], r"nothing said where the pointer is"),
        (universe, [Pointer(1, 1), Button(1, False)], r"the button is so already"),
        (universe, [Pointer(1, 1), Button(9, True)], r"a mask has buttons 1, 2, 3, 8"),
    ],
)
def test_events_that_a_vocabulary_cannot_say(module: Any, events: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        module.from_events(events, SIZE)
