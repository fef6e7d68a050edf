"""The errors of a rewarder and its task.

EnvServerError
    RewarderError
        TaskError       a task's class cannot be used, raised, or does not come back
            TaskStuck   it does not come back
        DesktopError    the desktop does not do what the task asked of it
"""

from envserver.errors import EnvServerError


class RewarderError(EnvServerError):
    """Base of all."""


class TaskError(RewarderError):
    """A task's class cannot be used, raised, or does not come back."""


class TaskStuck(TaskError):
    """A task's method does not come back: its thread is lost."""


class DesktopError(RewarderError):
    """The desktop does not do what the task asked of it."""
