"""What can go wrong between a trainer and its remotes.

    EnvServerError
      BrokerUnavailable         no daemon answers, or it died
      ProtocolVersionMismatch   daemon and trainer are of different releases
      SessionError
        StartError              a session did not get ready
        SessionClosed           used after close, or its daemon ended it
        ForkedSession           used in a fork of the process that opened it
      RemoteError               a remote or its provider failed
        ResetFailed             no environment that was reset has a new episode
      WouldBlock                what was asked for is not there yet
      InvalidRuntime            runtimes.yml, or a name that is not in it
      RequestFailed             the daemon refused or failed a request in another way

Wrong arguments raise ValueError. `CODES` names the classes that travel over the wire.
"""


class EnvServerError(Exception):
    """Base of everything that envserver raises on purpose."""


class BrokerUnavailable(EnvServerError):
    """No daemon answers at the address, or it ended while it was used."""


class ProtocolVersionMismatch(EnvServerError):
    """Daemon and trainer speak different protocols; the message says which to upgrade."""


class SessionError(EnvServerError):
    """A session cannot do what was asked."""


class StartError(SessionError):
    """A session did not get ready; the message names the remote and what to do."""


class SessionClosed(SessionError):
    """The session was closed, or its daemon ended it."""


class ForkedSession(SessionError):
    """A session belongs to the process that opened it; a fork of it may not use it."""


class RemoteError(EnvServerError):
    """A remote, or what starts remotes, failed."""


class ResetFailed(RemoteError):
    """No environment that was to be reset has a new episode; the message names one and why."""


class WouldBlock(EnvServerError):
    """What was asked for without waiting is not there yet."""


class InvalidRuntime(EnvServerError):
    """A runtime that does not exist, or an entry of runtimes.yml that is wrong."""


class RequestFailed(EnvServerError):
    """The daemon could not do what was asked."""


CODES: dict[str, type[Exception]] = {
    "version": ProtocolVersionMismatch,
    "start": StartError,
    "closed": SessionClosed,
    "remote": RemoteError,
    "runtime": InvalidRuntime,
    "argument": ValueError,
    "failed": RequestFailed,
}


def code_of(error: BaseException) -> str:
    """The wire's word for an exception; "failed" for one that has none."""
    for code, kind in CODES.items():
        if isinstance(error, kind):
            return code
    return "failed"
