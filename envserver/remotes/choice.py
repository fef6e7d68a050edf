"""Who makes a session's remotes where that was left open: containers, or processes.  [I/O]

The rule: containers, where an engine answers and has the image already, else processes. Getting an
image takes minutes, and is done for those who ask for containers, and for runtimes that can run in
nothing else.
"""

import dataclasses
import os
from typing import TYPE_CHECKING

from envserver.container_options import PROVIDERS, container_options

if TYPE_CHECKING:
    from envserver.spec import SessionSpec

PROVIDER_VARIABLE = "ENVSERVER_PROVIDER"
"""Environment variable: what provider="auto" means to a daemon."""
HOW_TO_CHOOSE = f"provider='docker' or 'process', or {PROVIDER_VARIABLE}, says otherwise"


@dataclasses.dataclass(frozen=True)
class Choice:
    """What makes the remotes.

    Attributes:
        containers: False: processes of this host, or whatever runs already.
        notice: one line for the trainer: what was chosen, why, and how to choose otherwise; "":
            somebody chose.
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
    if provider != "auto" or spec.runtime == "docker":
        return Choice(containers=provider == "docker" or spec.runtime == "docker")
    from envserver.errors import RemoteError
    from envserver.remotes.engine import why_image_missing
    from envserver.remotes.images import image_name

    who = f"the remotes of {spec.runtime_name or spec.runtime}"
    try:
        image = image_name(spec, container_options(spec.container))
        why = why_image_missing(image)
    except RemoteError as error:  # which image of this version it would be is not known
        why = str(error)
    if why:
        return Choice(False, f"{who} are processes of this host, since {why}; {HOW_TO_CHOOSE}")
    return Choice(True, f"{who} are containers, since the image {image} is there; {HOW_TO_CHOOSE}")
