"""Another environment in a remote that runs, or another remote: what a reset may ask for.

`reset(options={"env_id": ...})` switches in place, within one runtime; `{"fresh": True}` takes
another remote. Both may stand in "per_env". An environment whose actions are other keys changes
the action space, which all environments of a session share. Its task's time limit comes with it.
What a session cannot change, the screen, fps, a limit in steps and env_kwargs, is refused where
another environment has it otherwise; what the trainer itself chose for the session stays.
"""

from collections.abc import Mapping
from typing import Any, Protocol

from envserver.actions import ActionCodec, EventCodec, EventSpace, KeyTableCodec
from envserver.errors import InvalidRuntime
from envserver.runtimes_file import (
    DEFAULT_FPS,
    Environment,
    Runtime,
    find_runtime,
    keep_time_limit,
    load_runtimes,
    wire_env_id,
)
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
    switches = any(ENV_ID in request.get("options", {}) for request in requests.values())
    runtimes = load_runtimes() if switches else {}
    switched: dict[int, str] = {}
    keys: dict[str, tuple[str, ...]] = {}
    for env, request in requests.items():
        options = request.get("options", {})
        for name in (ENV_ID, FRESH):
            if name in options:
                value = options.pop(name)
                if name == ENV_ID:
                    told, environment = _look_up(session.spec, runtimes, env, value)
                    switched[env] = request[ENV_ID] = told
                    keys[told] = environment.keys if environment is not None else ()
                elif _is_fresh(session.spec, value):
                    request[FRESH] = True
        if "options" in request and not options:
            del request["options"]
    if not switched:
        return None
    if isinstance(codec, KeyTableCodec):
        return _table_after(session, switched, codec, num_envs)
    if isinstance(codec, EventCodec) and session.spec.runtime_name in runtimes:
        return _keys_after(switched, keys, codec, num_envs)
    return None


def _keys_after(
    switched: Mapping[int, str],
    keys: Mapping[str, tuple[str, ...]],
    codec: EventCodec,
    num_envs: int,
) -> ActionCodec | None:
    space = codec.space
    new = {name: keys[name] or EventSpace.SAMPLE_KEYS for name in switched.values()}
    others = [name for name, its in new.items() if its != space.keys]
    if not others:
        return None
    first = new[next(iter(new))]
    if len(switched) == num_envs and all(its == first for its in new.values()):
        found = EventSpace(space.width, space.height, keys=first, tap_ms=space.tap_ms)
        return EventCodec(found, num_envs)
    raise ValueError(
        f"{others[0]!r} has the keys {', '.join(new[others[0]])}, what runs has "
        f"{', '.join(space.keys)}, and all environments share one action space: "
        "switch all of them to it"
    )


def _table_after(
    session: SwitchingSession, switched: Mapping[int, str], codec: KeyTableCodec, num_envs: int
) -> ActionCodec | None:
    described = {name: session.describe_env(name) for name in dict.fromkeys(switched.values())}
    for name, its in described.items():
        _check_frame(session.spec, name, its.get("frame"))
    tables = {name: its.get("keysyms") for name, its in described.items()}
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


def _look_up(
    spec: SessionSpec, runtimes: Mapping[str, Runtime], env: int, asked: Any
) -> tuple[str, Environment | None]:
    """What the remote is told, for one of the names of an environment; and what that is."""
    if not isinstance(asked, str) or not asked:
        raise ValueError(f"environment {env}: env_id is {asked!r}, expected a name")
    runtime = runtimes.get(spec.runtime_name or "")
    if runtime is None:
        return asked, None
    _check_family(runtime, runtimes, env, asked)
    if runtime.takes_any and "/" in asked:
        return asked, runtime.base
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
    if runtime.kind == "xvnc" and spec.task != _begun(spec, runtime).task:
        raise InvalidRuntime(
            f"environment {env}: what runs has the task {spec.task}, which no name leads back to: "
            f"make {asked!r} with make_vec"
        )
    problem = _difference(spec, _begun(spec, runtime), environment)
    if problem:
        name = f"{runtime.name}.{environment.name}"
        raise InvalidRuntime(
            f"environment {env}: {name} {problem}, which a session cannot change: "
            f"close it and make another with make_vec({name!r})"
        )
    wire = wire_env_id(runtime, environment)
    return asked if wire is None else wire, environment


def _begun(spec: SessionSpec, runtime: Runtime) -> Environment:
    """What the session was made for: all that runs in it since has the same fixed settings."""
    for environment in runtime.environments.values():
        is_named = spec.env_id is not None and wire_env_id(runtime, environment) == spec.env_id
        if is_named and environment.env_kwargs.items() <= spec.env_kwargs.items():
            return environment
    return runtime.base


def _difference(spec: SessionSpec, begun: Environment, new: Environment) -> str:
    """What a switch would have to change and cannot; "" where there is nothing."""
    has: Any = spec.screen_or_size
    wants: Any = new.screen
    if wants is None and not spec.attached:
        wants = has if begun.screen is None else (spec.width, spec.height)
    if spec.attached:
        has = begun.screen
    if None not in (has, wants) and has != wants:
        return f"has a screen of {_size(wants)}, the remote one of {_size(has)}"
    has, wants = begun.fps or DEFAULT_FPS, new.fps or DEFAULT_FPS
    if spec.fps == has != wants:
        return f"runs at {wants:g} fps, the session at {has:g}"
    has, wants = _steps(begun, spec.fps), _steps(new, spec.fps)
    if spec.max_episode_steps == has != wants:
        return f"is truncated after {wants or 'no'} steps, the session's episodes after {has}"
    if begun.env_kwargs != new.env_kwargs:
        return f"has the env_kwargs {dict(new.env_kwargs)}, the session {dict(spec.env_kwargs)}"
    return ""


def _steps(environment: Environment, fps: float | None) -> int:
    """The limit in steps of an environment's episodes; 0: none."""
    names = ("task", "max_episode_steps", "time_limit_s")
    fields = {name: getattr(environment, name) for name in names if getattr(environment, name)}
    try:
        keep_time_limit(fields, fps)
    except ValueError:
        return -1
    return int(fields.get("max_episode_steps", 0))


def _check_frame(spec: SessionSpec, name: str, frame: Any) -> None:
    """Refuse what draws other pictures than a desktop of the size of the first one's has."""
    if frame is not None and spec.screen_or_size == "native":
        height, width = frame
        if (width, height) != (spec.width, spec.height):
            raise ValueError(
                f"{name!r} draws pictures of {width}x{height}, and the session has native ones of "
                f"{spec.width}x{spec.height}: make it with make_vec, or both with a larger screen"
            )


def _size(screen: Any) -> str:
    return str(screen) if isinstance(screen, str) else f"{screen[0]}x{screen[1]}"


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
