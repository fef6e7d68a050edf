"""What the Universe API raises: one class, as scripts expect it."""

from envserver.errors import EnvServerError


class Error(EnvServerError):
    """A wrong argument, an environment that cannot run here, or remotes that all failed."""


class UnregisteredEnv(Error):
    """No environment, and no family of environments, is called so."""
