"""The environments of the Universe API: there is one, `VNCEnv`."""

from envserver.universe.envs.vnc_env import VNCEnv

__all__ = ["VNCEnv"]
