"""What the command line asks of daemons: serve, status, stop, logs, attach."""

import time
from pathlib import Path
from typing import Any

from envserver.channel import Channel
from envserver.errors import BrokerUnavailable
from envserver.settings import resolve_address

STOP_TIMEOUT_S = 20.0


def serve(address: str | Path | None = None, *, log_directory: Path | None = None) -> None:
    """Run a daemon in this process until it is stopped.

    Raises:
        BrokerUnavailable: another daemon has the address.
    """
    from envserver.broker.main import run

    run(address, log_directory=log_directory)


def status(address: str | Path | None = None) -> dict[str, Any]:
    """What the daemon does.

    Returns:
        pid, address, version, protocol_version, uptime_s, log_directory, and sessions: name,
        trainer_pid, runtime, env_id, num_envs, segment_bytes, age_s, ready, and workers: env, name,
        command, state, waiting_for, generation, pid and the counters of shm.control.ControlPlane;
        and kept: client_id, runtime, num_envs, alive.

    Raises:
        BrokerUnavailable: none runs there.
    """
    found: dict[str, Any] = _ask(address, "status", {})
    return found


def logs(
    env: int,
    session: str | None = None,
    address: str | Path | None = None,
    *,
    lines: int = 200,
    remote: bool = False,
) -> dict[str, Any]:
    """A worker's log: {path, lines, remote}, where `remote` has {path, lines} of its remote's.

    Args:
        session: a name from `status`; None: the only one.
        remote: it is an error if the remote has none.
    """
    wanted = _chosen(session, env=env, lines=lines, remote=remote)
    found: dict[str, Any] = _ask(address, "logs", wanted)
    return found


def attach(
    env: int, session: str | None = None, address: str | Path | None = None
) -> dict[str, Any]:
    """Where a viewer reaches a remote: {name, vnc, rewarder}, by {host, port, password} or None."""
    found: dict[str, Any] = _ask(address, "attach", _chosen(session, env=env))
    return found


def release(client_id: str, address: str | Path | None = None) -> int:
    """Stop the remotes that are kept for a client; returns how many they were.

    Raises:
        RequestFailed: none are.
    """
    return int(_ask(address, "release", {"client_id": client_id}))


def stop(address: str | Path | None = None, *, timeout_s: float = STOP_TIMEOUT_S) -> None:
    """End the daemon and all that it runs; returns when it has ended.

    Raises:
        BrokerUnavailable: none runs there, or it did not end in time.
    """
    channel = Channel(resolve_address(address))
    try:
        channel.request("stop", {}, timeout_s)
        if not channel.wait_end(time.monotonic() + timeout_s):
            raise BrokerUnavailable(
                f"the daemon at {channel.address.url} did not end in {timeout_s:g} s"
            )
    finally:
        channel.close()


def _chosen(session: str | None, **params: Any) -> dict[str, Any]:
    return params if session is None else {"session": session, **params}


def _ask(address: str | Path | None, method: str, params: dict[str, Any]) -> Any:
    channel = Channel(resolve_address(address))
    try:
        return channel.request(method, params, 10.0)
    finally:
        channel.close()
