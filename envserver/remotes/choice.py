"""Who makes a session's remotes where that was left open: containers, or processes.  [I/O]

The rule: containers, where an image is named that an engine has already, and that was made for
what is to run; else processes. A command or a task of the trainer's own is only known to be here.
Getting an image takes minutes, and is done for those who ask for containers, and for runtimes that
can run in nothing else.
"""

import dataclasses
import os
from typing import TYPE_CHECKING

from envserver.container_options import PROVIDERS, container_options

if TYPE_CHECKING:
    from envserver.runtimes_file import Runtime
    from envserver.spec import SessionSpec

PROVIDER_VARIABLE = "ENVSERVER_PROVIDER"
"""Environment variable: what provider="auto" means to a daemon."""
HOW_TO_CHOOSE = f"provider='docker' or 'process', or {PROVIDER_VARIABLE}, says otherwise"


@dataclasses.dataclass(frozen=True)
class Choice:
    """What makes the remotes.

    Attributes:
        containers: False: processes of this host, or whatever runs already.
        notice: one line for the trainer: what was chosen, why, what does not hold then, and how
            to choose otherwise; "": somebody chose, and all holds.
    """

    containers: bool
    notice: str = ""


def choose_provider(spec: "SessionSpec") -> Choice:
    """Ask the engine, where nobody chose; it may take its time to answer.

    Raises:
        ValueError: ENVSERVER_PROVIDER is wrong.
    """
    if spec.source == "synthetic" or spec.attached:
        return Choice(containers=False)
    provider = spec.provider
    if provider == "auto":
        provider = os.environ.get(PROVIDER_VARIABLE) or "auto"
        if provider not in PROVIDERS:
            raise ValueError(
                f"{PROVIDER_VARIABLE} is {provider!r}, allowed are {', '.join(PROVIDERS)}"
            )
    if provider == "docker" or spec.runtime == "docker":
        return Choice(containers=True)
    lost = _limits_lost(spec)
    if provider == "process":
        how = f"the remotes of {spec.runtime_name} are processes of this host"
        return Choice(False, f"{how}: {lost}" if lost else "")
    from envserver.errors import RemoteError
    from envserver.remotes.engine import why_image_missing
    from envserver.remotes.images import image_name

    who = f"the remotes of {spec.runtime_name or spec.runtime}"
    image = ""
    try:
        why = _why_not_in_its_image(spec)
        if not why:
            image = image_name(spec, container_options(spec.container))
            why = why_image_missing(image)
    except RemoteError as error:  # which image of this version it would be is not known
        why = str(error)
    if why:
        lost = f"; {lost}" if lost else ""
        return Choice(
            False, f"{who} are processes of this host, since {why}{lost}; {HOW_TO_CHOOSE}"
        )
    return Choice(True, f"{who} are containers, since the image {image} is there; {HOW_TO_CHOOSE}")


def _limits_lost(spec: "SessionSpec") -> str:
    """What the trainer asked of containers, beyond runtimes.yml, and processes do not keep."""
    runtime = _runtime_of(spec)
    usual = runtime.container if runtime is not None else {}
    lost = {name: value for name, value in spec.container.items() if usual.get(name) != value}
    return f"container={lost!r} does not hold for them" if lost else ""


def _runtime_of(spec: "SessionSpec") -> "Runtime | None":
    from envserver.errors import InvalidRuntime
    from envserver.runtimes_file import load_runtimes

    try:
        return load_runtimes().get(spec.runtime_name or "")
    except InvalidRuntime:
        return None


def _why_not_in_its_image(spec: "SessionSpec") -> str:
    """What keeps a session's program from being in the image that is named, in a few words."""
    image = spec.container.get("image")
    if not image:
        return "no image is named for them"
    runtime = _runtime_of(spec)
    if runtime is None or runtime.container.get("image") != image:
        return ""  # the trainer named the image beside its program
    known = [runtime.base, *runtime.environments.values()]
    for name, own, theirs in (
        ("command", spec.command, [each.command for each in known]),
        ("task", spec.task, [each.task for each in known]),
    ):
        if own is not None and own not in theirs:
            return f"{image} need not have the {name} {own!r}"
    return ""
