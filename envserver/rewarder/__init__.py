"""Rewarders: a task is one Python class, which a process of its own runs beside a desktop.

    python -P -m envserver.rewarder --task MODULE:CLASS

`Task` is what a task derives from, `Outcome` what its ticks return, `Desktop` what it acts on;
`envserver.rewarder.screen` finds pictures and reads numbers in pixels. The server's side of the
protocol is in `envserver.rewarder.server`, its messages in `workers.rewarder_messages`.
"""

from envserver.rewarder.desktop import Desktop
from envserver.rewarder.errors import DesktopError, RewarderError, TaskError
from envserver.rewarder.task import Outcome, Task

__all__ = ["Desktop", "DesktopError", "Outcome", "RewarderError", "Task", "TaskError"]
