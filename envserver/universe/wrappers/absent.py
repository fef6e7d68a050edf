"""Wrappers of Universe's that are not here: they can be imported, and say why they do nothing."""

from typing import Any

from envserver.universe.error import Error


def _absent(name: str, way_out: str) -> type:
    def refuse(self: object, *args: Any, **kwargs: Any) -> None:
        raise Error(f"universe.wrappers.{name} is not in envserver: {way_out}")

    return type(name, (), {"__init__": refuse, "__doc__": f"Not here: {way_out}."})


Recording = _absent("Recording", "write observations, actions and rewards down in the script")
GymCoreObservation = _absent("GymCoreObservation", "use Vision and CropObservations")
GymCoreSync = _absent("GymCoreSync", "use envserver.make_vec(..., clock='step')")
WrappedMultiprocessingEnv = _absent(
    "WrappedMultiprocessingEnv", "use gymnasium.make_vec(..., vectorization_mode='async')"
)
Diagnostics = _absent("Diagnostics", "info['n'][i] has the lags without it")
