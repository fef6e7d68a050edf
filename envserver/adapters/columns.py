"""Infos by environment: Gymnasium's dict of arrays as a list of dicts."""

from typing import Any

import numpy as np


def by_env(infos: dict[str, Any], num_envs: int) -> list[dict[str, Any]]:
    """What the infos say of each environment; arrays in them are copies.

    Args:
        infos: As `VectorEnv.step` returns them, each column with its mask `_key`.
        num_envs: How many environments they are of.
    """
    found: list[dict[str, Any]] = [{} for _ in range(num_envs)]
    for key, column in infos.items():
        mask = infos.get(f"_{key}")
        if mask is None:
            continue
        if isinstance(column, dict):
            values: Any = by_env(column, num_envs)
        elif column.ndim == 1:
            values = column.tolist()
        else:
            values = column.copy()
        for env in np.flatnonzero(mask).tolist():
            found[env][key] = values[env]
    return found
