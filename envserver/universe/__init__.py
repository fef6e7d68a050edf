"""The Universe API over envserver: scripts written for OpenAI Universe run unchanged.

`python -m envserver.universe script.py` runs one that says `import gym; import universe`; as a
library it is `from envserver import universe`, and `universe.make("gym-core.Pong-v0")`.
"""

from envserver.universe import envs, error, pyprofile, spaces, utils, vectorized, wrappers
from envserver.universe.absent import remotes, rewarder, runtimes
from envserver.universe.logs import configure_logging, extra_logger, logger
from envserver.universe.registry import docker_image, make, runtime_spec, spec
from envserver.universe.stand_ins import is_universe_id

__all__ = [
    "configure_logging",
    "docker_image",
    "envs",
    "error",
    "extra_logger",
    "is_universe_id",
    "logger",
    "make",
    "pyprofile",
    "remotes",
    "rewarder",
    "runtime_spec",
    "runtimes",
    "spaces",
    "spec",
    "utils",
    "vectorized",
    "wrappers",
]
