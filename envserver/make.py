"""Making environments: `make_vec` here, or on a daemon that runs already (`connect`)."""

import contextlib
import operator
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from gymnasium.vector import AutoresetMode

from envserver.actions import TAP_MS
from envserver.arguments import (
    check_max_episode_steps,
    check_num_envs,
    check_times,
    joined_remotes,
    known_options,
    plain_kwargs,
)
from envserver.client import Client
from envserver.codecs.acting import Policy, check_actions, has_numbered_actions, make_codec
from envserver.container_options import container_options
from envserver.names import NAMESPACE
from envserver.observing import check_keep_dim
from envserver.progress import StartProgress
from envserver.rendering import check_render_mode
from envserver.runtimes_file import DEFAULT_FPS, keep_time_limit, session_fields
from envserver.session import Session
from envserver.spec import SessionSpec
from envserver.vector_env import VectorEnv
from envserver.vnc_settings import check_vnc_kwargs

DEFAULT_SCREEN = (1024, 768)

_SPEC_NAMES = {
    AutoresetMode.NEXT_STEP: "next_step",
    AutoresetMode.SAME_STEP: "same_step",
    AutoresetMode.DISABLED: "disabled",
}


@known_options
def make_vec(
    name: str | None = None,
    num_envs: int | None = None,
    *,
    env_id: str | None = None,
    remotes: int | str | Sequence[str] | None = None,
    fps: float | Literal["auto"] | None = "auto",
    clock: str = "real",
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    while_resetting: str = "wait",
    max_episode_steps: int | None = None,
    slots: int = 2,
    frame_skip: int = 1,
    max_pool: bool = False,
    screen: tuple[int, int] | str = DEFAULT_SCREEN,
    crop: tuple[int, int, int, int] | None = None,
    size: tuple[int, int] | None = None,
    color: str = "rgb",
    keep_dim: bool = False,
    exact: bool = False,
    vnc_kwargs: Mapping[str, Any] | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    command: str | Sequence[str] | None = None,
    task: str | None = None,
    provider: str | None = None,
    container: Mapping[str, Any] | None = None,
    client_id: str | None = None,
    keep_s: float = 300.0,
    spares: int = 0,
    actions: str | Policy | None = None,
    tap_ms: int = TAP_MS,
    late_after_ms: float | None = None,
    step_timeout_s: float = 5.0,
    start_timeout_s: float | None = None,
    reset_timeout_s: float = 60.0,
    render_mode: str | None = None,
    address: str | Path | None = None,
    client: Client | None = None,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> VectorEnv:
    """Start remotes, or connect to running ones, and make a vector environment of them.

    Args:
        name: `<runtime>.<Name>-v<k>` such as "gym-core.Pong-v0" or "xvnc.Desktop-v0", or only the
            runtime with `env_id`. May be left out where `remotes` is an address.
        num_envs: How many; None: as many as `remotes` says, else 1.
        env_id: What the runtime calls the environment, such as "ALE/Pong-v5".
        remotes: A number, or the addresses of running desktops: "vnc://host:5900+15900,...",
            or a list of them.
        fps: Ticks a second of real time; None: each step as soon as possible; "auto": what
            runtimes.yml says, else 60, and None in step clock.
        clock: "real", or "step" where the runtime holds its program still between steps.
        autoreset_mode: Gymnasium's, or "next_step", "same_step", "disabled".
        while_resetting: "wait": a batch waits for environments between episodes; "mask": it does
            not, and `infos["valid"]` says who they are.
        max_episode_steps: Truncate episodes after so many steps; None or -1: never.
        slots: How many steps' observations are kept: views live `slots - 1` further steps. More
            cost more (docs/performance.md).
        frame_skip: Step clock: environment steps that one step makes, with one action.
        max_pool: Step clock: show the maximum of the last two of them.
        screen: Width and height of the screen, or "native": of the program's own picture.
        crop: The part of the screen that is shown, (x, y, width, height); None: all of it.
        size: (height, width) of the observations, as Gymnasium's ResizeObservation has it: what is
            shown becomes so small by area averaging (docs/observations.md); None: it stays as is.
        color: "rgb", or "gray" for observations (height, width) of grey.
        keep_dim: Grey observations have a last dimension of 1, as in GrayscaleObservation.
        exact: Decode JPEGs whole and in color, though observations be grey or small
            (docs/observations.md).
        vnc_kwargs: encoding, quality_level, compress_level, fine_quality_level, subsample_level,
            and subscription, a list of (x, width, y, height) outside of which nothing is updated
            (docs/compression.md).
        env_kwargs: For the environment's constructor (gym-core).
        command: The program to run on the desktop (xvnc): a shell's line, or a list of words.
        task: What rewards and resets (xvnc): "module:Class" or "file.py:Class" of an
            `envserver.rewarder.Task`.
        provider: "docker": the remotes are containers; "process": processes of this host; None:
            what runtimes.yml says, else ENVSERVER_PROVIDER, else containers where an engine has
            the image already, which a warning says once (logger "envserver").
        container: Over what runtimes.yml says: image, shm_size, memory, cpus, pids, capabilities,
            command, ports. An error where the remotes are no containers by choice, and part of
            the warning where they are none for want of an engine or image.
        client_id: A name that is the same after a restart: when this process ends, or closes with
            `envs.close(keep=True)`, a daemon that lasts (`envserver serve`) keeps the remotes for
            the next session with that name.
        keep_s: How long it does.
        spares: Remotes that are started beyond those in use: one takes over when another ends, and
            by `reset(options={"fresh": True})`.
        actions: Of a desktop: "events", "anthropic", "openai" or another vocabulary, or a codec of
            `envserver.codecs.policies` (docs/vocabularies.md); None: what its runtime takes.
        tap_ms: How long ('Tap', key) holds its key; other actions, a key or button.
        late_after_ms: See `VectorEnv`.
        step_timeout_s: How long a worker may be silent before it is a fault.
        start_timeout_s: How long the remotes may take to show their first picture, once every
            worker had its turn to start; None: what runtimes.yml says, else 60.
        reset_timeout_s: How long a new episode may take to begin.
        render_mode: None (then `render()` gives None, as Gymnasium has it) or "rgb_array".
        address: Of a daemon that runs; None: ENVSERVER_ADDRESS or the default one if it runs,
            otherwise a private one that ends with this process.
        client: A connection to use instead.
        progress: Called with the session's status while the remotes start; None: standard error
            shows how far it is, and of containers the `docker run` that could be typed instead.

    Raises:
        ValueError, InvalidRuntime: an argument or a name is wrong; nothing was started.
        BrokerUnavailable: there is no daemon at `address`.
        StartError: a remote did not get ready; the message names it and what to do.
    """
    mode = parse_autoreset_mode(autoreset_mode)
    check_render_mode(render_mode)
    check_times(tap_ms, late_after_ms)
    if actions is not None:
        check_actions(actions)
    num_envs = check_num_envs(num_envs)
    addresses: int | str | None = joined_remotes(remotes)
    limit = check_max_episode_steps(max_episode_steps)
    fields = _what(name, env_id, addresses)
    attached = isinstance(addresses, str)
    if actions is not None and fields.get("runtime") == "gym-core" and not attached:
        raise has_numbered_actions(actions, name or "gym-core")
    ticks = _ticks(fps, clock, fields.pop("fps", DEFAULT_FPS))
    if env_kwargs is not None:
        given = plain_kwargs("env_kwargs", env_kwargs)
        fields["env_kwargs"] = {**fields.get("env_kwargs", {}), **given}
    if command is not None:
        fields["command"] = command
    if task is not None:
        path, colon, class_name = task.rpartition(":")
        is_file = path.endswith(".py")
        fields["task"] = f"{Path(path).absolute()}{colon}{class_name}" if is_file else task
    keep_time_limit(fields, ticks, limit)
    if provider is not None:
        fields["provider"] = provider
    if container is not None:
        container_options(container)
        _check_used(container, fields, attached=attached)
        fields["container"] = {**fields.get("container", {}), **container}
    if vnc_kwargs is not None:
        fields["vnc_kwargs"] = {**fields.get("vnc_kwargs", {}), **check_vnc_kwargs(vnc_kwargs)}
    if start_timeout_s is not None:
        fields["start_timeout_s"] = start_timeout_s
    width, height = _screen(screen, fields)
    check_keep_dim(keep_dim, color)
    spec = SessionSpec(
        num_envs=num_envs if num_envs is not None else 0 if remotes is not None else 1,
        remotes=addresses,
        width=width,
        height=height,
        crop=crop,
        size=size,
        color=color,
        exact=exact,
        slots=slots,
        fps=ticks,
        clock=clock,
        autoreset=_SPEC_NAMES[mode],
        while_resetting=while_resetting,
        frame_skip=frame_skip,
        max_pool=max_pool,
        client_id=client_id,
        keep_s=keep_s,
        spares=spares,
        step_timeout_s=step_timeout_s,
        reset_timeout_s=reset_timeout_s,
        **fields,
    )
    session, daemon_pid = _open(spec, address, client)
    try:
        with StartProgress() as shown:
            session.wait_ready(progress=progress or shown)
        envs = VectorEnv(
            session,
            make_codec(session, tap_ms, actions),
            autoreset_mode=mode,
            while_resetting=while_resetting,
            fps=ticks,
            late_after_ms=late_after_ms,
            step_timeout_s=step_timeout_s,
            reset_timeout_s=reset_timeout_s,
            render_mode=render_mode,
            shown=spec.shown,
            keep_dim=keep_dim,
        )
        envs.daemon_pid = daemon_pid
        return envs
    except BaseException:
        session.close(keep=session.reopened)  # they ran before, and may serve another try
        raise


class Connection:
    """A daemon that runs already; `connect` makes it.

    Closing it closes the environments that were made on it.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def make_vec(
        self, name: str | None = None, num_envs: int | None = None, **options: Any
    ) -> VectorEnv:
        """As `envserver.make_vec`, on this daemon."""
        for ours in ("address", "client"):
            if ours in options:
                raise ValueError(f"{ours} is given, but this daemon's is {self._client.address}")
        return make_vec(name, num_envs, client=self._client, **options)

    def status(self) -> dict[str, Any]:
        """What the daemon does."""
        return self._client.status()

    def close(self) -> None:
        """End the connection and its environments."""
        self._client.close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def connect(address: str | Path | None = None) -> Connection:
    """Connect to a daemon that runs: at `address`, ENVSERVER_ADDRESS, or the default address.

    Raises:
        BrokerUnavailable: none does.
    """
    return Connection(Client(address, private=False))


def parse_autoreset_mode(mode: AutoresetMode | str) -> AutoresetMode:
    """Read a mode: Gymnasium's enum, its value ("NextStep") or its name in either case.

    Raises:
        ValueError: it is none.
    """
    if isinstance(mode, AutoresetMode):
        return mode
    for each in AutoresetMode:
        if mode == each.value or (isinstance(mode, str) and mode.upper() == each.name):
            return each
    allowed = ", ".join(repr(name) for name in _SPEC_NAMES.values())
    raise ValueError(f"autoreset_mode is {mode!r}, allowed are {allowed}")


def _open(
    spec: SessionSpec, address: str | Path | None, client: Client | None
) -> tuple[Session, int]:
    """A session, and the daemon's process id."""
    if client is not None and address is not None:
        raise ValueError("address and client are given: leave one of them out")
    owned = client is None
    client = client or Client(address)
    try:
        return client.open_session(spec, owned=owned), int(client.status()["pid"])
    except BaseException:
        if owned:
            client.close()
        raise


def _what(name: str | None, env_id: str | None, remotes: Any) -> dict[str, Any]:
    """The fields of SessionSpec that the environment's name asks for."""
    if name is None:
        if isinstance(remotes, str):
            return {"env_id": env_id}
        raise ValueError("no environment is named, expected a name such as 'gym-core.Pong-v0'")
    if not isinstance(name, str):
        raise ValueError(f"environment is {name!r}, expected a name such as 'gym-core.Pong-v0'")
    attached = isinstance(remotes, str)
    return session_fields(name.removeprefix(NAMESPACE), env_id, attached=attached)


def _check_used(container: Mapping[str, Any], fields: Mapping[str, Any], *, attached: bool) -> None:
    """Refuse what would hold for no remote."""
    if container and attached:
        raise ValueError(
            f"container is {dict(container)!r}, expected none: the remotes run already"
        )
    if container and fields.get("provider") == "process" and fields["runtime"] != "docker":
        raise ValueError(
            f"container is {dict(container)!r}, expected none with provider='process': processes of"
            " this host have no such limits; provider='docker' makes containers"
        )


def _ticks(
    fps: float | Literal["auto"] | None, clock: str, runtimes_fps: float | None
) -> float | None:
    if fps == "auto":
        return None if clock == "step" else runtimes_fps
    if isinstance(fps, str):
        raise ValueError(f"fps is {fps!r}, expected a number, None or 'auto'")
    if clock == "step" and fps is not None:
        raise ValueError(f"fps is {fps!r}, expected None in step clock: time waits for the trainer")
    return fps


def _screen(screen: Any, fields: dict[str, Any]) -> tuple[int, int]:
    """Width and height of the observations."""
    if screen == "native":
        if fields.get("runtime") != "gym-core":
            raise ValueError("screen is 'native', expected (width, height) for all but gym-core")
        fields["screen"] = "native"
        return native_size(fields)
    try:
        width, height = (operator.index(side) for side in screen)
    except (TypeError, ValueError):
        raise ValueError(f"screen is {screen!r}, expected (width, height) or 'native'") from None
    return width, height


def native_size(fields: dict[str, Any]) -> tuple[int, int]:
    """What the environment itself draws: it has to be made once to know."""
    from envserver.runtimes.gym_core.errors import GymCoreError
    from envserver.runtimes.gym_core.game import Game, register_atari

    register_atari()
    with _without_display():
        try:
            game = Game(fields["env_id"], fields.get("env_kwargs"))
        except GymCoreError as error:
            raise ValueError(f"environment {fields['env_id']!r}: {error}") from error
        try:
            height, width = game.frame.shape[:2]
            return width, height
        finally:
            game.close()


@contextlib.contextmanager
def _without_display() -> Iterator[None]:
    """As in the runtime: SDL opens no window, plays no sound and misses no runtime directory."""
    wanted = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy"}
    wanted["XDG_RUNTIME_DIR"] = tempfile.gettempdir()
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
