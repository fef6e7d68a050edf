"""What Gymnasium is told; `import envserver` brings it about (announce.py).

It runs right behind Gymnasium's own import: nothing heavy may be imported here.
"""

from typing import TYPE_CHECKING, Any

from gymnasium.envs.registration import register as register_one
from gymnasium.envs.registration import registry

from envserver.names import NAMESPACE, registered_names

if TYPE_CHECKING:
    from envserver.vector_env import VectorEnv


def register() -> None:
    """Register every name of `envserver.names.registered_names`; a second call changes nothing."""
    for name in registered_names():
        full = NAMESPACE + name
        if full not in registry:
            register_one(
                full,
                entry_point="envserver.single_env:SingleEnv",
                vector_entry_point="envserver.registration:make_registered",
                nondeterministic=True,
                kwargs={"name": name},
            )


def make_registered(name: str, num_envs: int = 1, **options: Any) -> "VectorEnv":
    """What `gymnasium.make_vec` calls."""
    from envserver.make import make_vec

    return make_vec(name, num_envs, **options)
