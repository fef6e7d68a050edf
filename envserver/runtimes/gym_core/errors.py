"""What can go wrong in the embedded runtime.

GymCoreError
├── UnknownEnvironment       no such environment, or its package is missing
├── UnsupportedActionSpace   its actions cannot be keys
├── EnvironmentFailed        it was made, and then raised or drew what cannot be shown
└── RfbError                 a viewer broke the RFB protocol
"""

from envserver.errors import RemoteError


class GymCoreError(RemoteError):
    """Base of all errors of the embedded runtime."""


class UnknownEnvironment(GymCoreError):
    """Gymnasium knows no such environment, or cannot make it."""


class UnsupportedActionSpace(GymCoreError):
    """The action space cannot be played by held keys."""


class EnvironmentFailed(GymCoreError):
    """The environment raised, or drew a frame that cannot be shown."""


class RfbError(GymCoreError):
    """A viewer sent what RFC 6143 and rfbproto do not allow."""
