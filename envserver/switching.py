"""Another environment in a remote that runs, or another remote: what a reset may ask for.

`reset(options={"env_id": ...})` switches in place, within one runtime; `{"fresh": True}` takes
another remote. Both may stand in "per_env". An environment whose actions are other keys changes
the action space, which all environments of a session share.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from envserver.actions import ActionCodec, KeyTableCodec
from envserver.errors import InvalidRuntime
from envserver.runtimes_file import Runtime, find_runtime, load_runtimes, wire_env_id
from envserver.spec import SessionSpec

ENV_ID, FRESH = "env_id", "fresh"


class SwitchingSession(Protocol):
    """What is asked of a session; `envserver.session.Session` is one."""

    spec: SessionSpec

    def describe_env(self, env_id: str) -> dict[str, Any]: ...


def take_switches(
    session: Any, requests: Mapping[int, dict[str, Any]], codec: ActionCodec, num_envs: int
) -> ActionCodec | None:
    """Move `env_id` and `fresh` from the options of each request to its own fields, checked.

    Args:
        session: a `SwitchingSession`, if anything is to be switched.
        requests: of `resets.reset_requests`; changed in place.
        codec: the environment's present one.

    Returns:
        the codec for what runs then, None for the present one.

    Raises:
        ValueError, InvalidRuntime: the runtime has no such environment, it cannot be switched to,
            or its actions differ and not all environments switch.
    """
    switched: dict[int, str] = {}
    for env, request in requests.items():
        options = request.get("options", {})
        for name in (ENV_ID, FRESH):
            if name in options:
                value = options.pop(name)
                if name == ENV_ID:
                    switched[env] = request[ENV_ID] = _wire_name(session.spec, env, value)
                elif _is_fresh(session.spec, value):
                    request[FRESH] = True
        if "options" in request and not options:
            del request["options"]
    if not switched or not isinstance(codec, KeyTableCodec):
        return None
    return _codec_after(session, switched, codec, num_envs)


def _codec_after(
    session: SwitchingSession, switched: Mapping[int, str], codec: KeyTableCodec, num_envs: int
) -> ActionCodec | None:
    tables = {
        name: session.describe_env(name).get("keysyms") for name in dict.fromkeys(switched.values())
    }
    new = {
        name: KeyTableCodec(table, num_envs) if table else codec for name, table in tables.items()
    }
    others = [name for name, its in new.items() if its.table != codec.table]
    if not others:
        return None
    first = new[next(iter(new))]
    if len(switched) == num_envs and all(its.table == first.table for its in new.values()):
        return first
    raise ValueError(
        f"{others[0]!r} has other actions ({len(new[others[0]].table)}) than what runs "
        f"({len(codec.table)}), and all environments share one action space: switch all of them "
        "to it, or make them with env_kwargs={'full_action_space': True}"
    )


def _is_fresh(spec: SessionSpec, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"options['fresh'] is {value!r}, expected True or False")
    if value and spec.attached:
        raise ValueError(
            "options['fresh'] is True, but the remotes were attached to: "
            "only who started them can replace them"
        )
    return value


def _wire_name(spec: SessionSpec, env: int, asked: Any) -> str:
    """What the remote is told, for one of the names of an environment."""
    if not isinstance(asked, str) or not asked:
        raise ValueError(f"environment {env}: env_id is {asked!r}, expected a name")
    if spec.runtime_name is None:
        return asked
    runtimes = load_runtimes()
    runtime = runtimes.get(spec.runtime_name)
    if runtime is None:
        return asked
    _check_family(runtime, runtimes, env, asked)
    if runtime.takes_any and "/" in asked:
        return asked
    environment = runtime.find(asked)
    if runtime.kind == "xvnc" and not environment.task:
        raise InvalidRuntime(
            f"environment {env}: {runtime.name}.{environment.name} has no task, so that nothing "
            "in the remote could switch to it: make it with make_vec"
        )
    if runtime.kind == "xvnc" and spec.task is None:
        raise InvalidRuntime(
            f"environment {env}: what runs has no task and cannot switch to {asked!r}: "
            "make it with make_vec"
        )
    name = wire_env_id(runtime, environment)
    return asked if name is None else name


def _check_family(runtime: Runtime, runtimes: Mapping[str, Runtime], env: int, asked: str) -> None:
    """Refuse an environment of another runtime."""
    if asked.startswith(f"{runtime.name}.") or asked in runtime.environments:
        return
    try:
        other, _ = find_runtime(asked, runtimes)
    except InvalidRuntime:
        return  # a name without its runtime
    raise InvalidRuntime(
        f"environment {env}: {asked!r} is of the runtime {other.name}, these remotes are of "
        f"{runtime.name}: close them and make others with make_vec({asked!r})"
    )
