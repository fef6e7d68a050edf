"""The methods of envserver/messages.py: parameters in, result out. Knows no socket."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from envserver import messages, processes
from envserver.broker.leases import Lease
from envserver.broker.session import BrokerSession
from envserver.errors import ProtocolVersionMismatch, RequestFailed, SessionClosed
from envserver.spec import SessionSpec
from workers.clipboard import checked_text

if TYPE_CHECKING:
    from envserver.broker.daemon import Daemon

LOG_LINES = 200
INFO_TIMEOUT_S = 2.0
MAX_STATUS_WAIT_S = 10.0
MAX_CLIPBOARD_WAIT_S = 10.0

Params = dict[str, Any]


class Requests:
    """Answers requests; `lease` is that of the connection which asks, None before its hello."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._abandoned: set[tuple[str, str]] = set()
        """Openings whose trainer was interrupted before the session was there."""
        self._methods: dict[str, Callable[[Lease, Params], Awaitable[Any]]] = {
            name: getattr(self, f"_{name}")
            for name in (
                *("open_session", "session_status", "reset", "fault_report", "kill_worker"),
                *("large_info", "logs", "attach", "close_session", "status", "stop"),
                *("describe", "release", "clipboard", "set_clipboard", "pointer"),
            )
        }

    def hello(self, params: Params) -> Lease:
        """The lease that a connection shows.

        Raises:
            ProtocolVersionMismatch: it speaks another version.
            SessionClosed: there is no such lease.
        """
        version = params.get("protocol_version")
        if version != messages.PROTOCOL_VERSION:
            raise ProtocolVersionMismatch(
                messages.version_complaint(messages.PROTOCOL_VERSION, version)
            )
        lease = self._daemon.leases.leases.get(str(params.get("lease")))
        if lease is None:
            raise SessionClosed("the lease is unknown: connect to the daemon's unix socket first")
        return lease

    async def answer(self, lease: Lease | None, method: Any, params: Any) -> Any:
        """The result of one request.

        Raises:
            Exception: whatever it fails with (errors.code_of).
        """
        if lease is None:
            raise RequestFailed(f"{method!r} came before hello")
        if method not in self._methods:
            raise RequestFailed(f"method is {method!r}, known are {', '.join(self._methods)}")
        if not isinstance(params, dict):
            raise ValueError(f"params is a {type(params).__name__}, expected a map")
        return await self._methods[method](lease, params)

    def _session(self, lease: Lease, params: Params) -> BrokerSession:
        """The session of a token, which only its own trainer may use."""
        session = self._daemon.sessions.get(str(params.get("token")))
        if session is None or session.lease != lease.token:
            raise SessionClosed("the session is closed, or belongs to another trainer")
        return session

    def _seen_session(self, lease: Lease, params: Params) -> BrokerSession:
        """The session of a token, or of a name: anyone who may talk to this daemon may look."""
        if "token" in params:
            return self._session(lease, params)
        sessions = list(self._daemon.sessions.values())
        name = params.get("session")
        if name is None and len(sessions) == 1:
            return sessions[0]
        for session in sessions:
            if session.name == name:
                return session
        if not sessions:
            raise ValueError("no session is open")
        names = ", ".join(session.name for session in sessions)
        if name is None:
            raise ValueError(f"several sessions are open, give --session: {names}")
        raise ValueError(f"session is {name!r}, open are: {names}")

    async def _open_session(self, lease: Lease, params: Params) -> dict[str, Any]:
        spec = SessionSpec.from_wire(params["spec"])
        session = await self._daemon.open_session(lease, spec)
        session.opening = str(params.get("opening"))
        if (lease.token, session.opening) in self._abandoned:
            self._abandoned.remove((lease.token, session.opening))
            await self._daemon.close_session(session, keep=session.reopened)
            raise SessionClosed("the session was closed while it was opened")
        try:
            await lease.send_descriptors(session.token, session.descriptors)
        except (OSError, TimeoutError):
            await self._daemon.close_session(session, keep=session.reopened)
            raise
        return {
            "token": session.token,
            "name": session.name,
            "num_envs": spec.num_envs,
            "names": [each.name for each in session.environments],
            "segment_bytes": session.segment_bytes,
            "notice": session.pool.notice,
            "reopened": session.reopened,
        }

    async def _session_status(self, lease: Lease, params: Params) -> dict[str, Any]:
        session = self._session(lease, params)
        timeout_s = min(float(params["timeout_s"]), MAX_STATUS_WAIT_S)
        await session.wait_change(int(params["revision"]), timeout_s)
        return session.status()

    async def _reset(self, lease: Lease, params: Params) -> None:
        session = self._session(lease, params)
        chosen = [(session.environment(env), fields) for env, fields in params["per_env"]]
        for environment, fields in chosen:
            environment.reset(int(params["reset_id"]), fields)

    async def _fault_report(self, lease: Lease, params: Params) -> dict[str, Any]:
        each = self._session(lease, params).environment(params["env"])
        report = await each.fault_report()
        return {
            "code": int(report.fault),
            "fault": report.fault.name,
            "cause": report.cause,
            "name": each.name,
            "generation": report.generation,
            "exit_code": report.exit_code,
            "signal": report.signal,
            "log": report.lines(each.log, each.remote),
        }

    async def _kill_worker(self, lease: Lease, params: Params) -> None:
        each = self._session(lease, params).environment(params["env"])
        await each.kill_worker(int(params["generation"]))

    async def _large_info(self, lease: Lease, params: Params) -> dict[str, Any]:
        each = self._session(lease, params).environment(params["env"])
        step = int(params["step"])
        data = await each.large_infos.get(step, INFO_TIMEOUT_S)
        if data is None:
            raise RequestFailed(f"{each.name}: the info of step {step} is gone, or was never large")
        return {"data": data}

    async def _clipboard(self, lease: Lease, params: Params) -> dict[str, Any]:
        each = self._session(lease, params).environment(params["env"])
        max_s = min(float(params["max_s"]), MAX_CLIPBOARD_WAIT_S)
        return await each.ask("clipboard", max_s, after_ns=int(params["after_ns"]))

    async def _set_clipboard(self, lease: Lease, params: Params) -> None:
        each = self._session(lease, params).environment(params["env"])
        await each.ask("set_clipboard", text=checked_text(params["text"]))

    async def _pointer(self, lease: Lease, params: Params) -> dict[str, Any]:
        return await self._session(lease, params).environment(params["env"]).ask("pointer")

    async def _logs(self, lease: Lease, params: Params) -> dict[str, Any]:
        each = self._seen_session(lease, params).environment(params["env"])
        lines = min(int(params.get("lines", LOG_LINES)), 10_000)
        remote_logs = each.remote.logs if each.remote is not None else []
        if params.get("remote") and not remote_logs:
            raise RequestFailed(f"{each.name} has no log: its programs are not the daemon's")
        worker, *remote = (
            {"path": str(log), "lines": processes.log_tail(log, lines, max_bytes=1 << 20)}
            for log in (each.log, *remote_logs)
        )
        return {**worker, "remote": remote}

    async def _attach(self, lease: Lease, params: Params) -> dict[str, Any]:
        each = self._seen_session(lease, params).environment(params["env"])
        remote = each.remote
        if remote is None or not remote.alive:
            raise RequestFailed(f"{each.name} does not run now: {each.waiting_for}")
        return {
            "name": remote.name,
            "vnc": remote.address.vnc.to_wire(),
            "rewarder": remote.address.rewarder.to_wire(),
        }

    async def _close_session(self, lease: Lease, params: Params) -> None:
        if "opening" not in params:
            session = self._session(lease, params)
            await self._daemon.close_session(session, keep=bool(params.get("keep")))
            return
        opening = str(params["opening"])
        for session in list(self._daemon.sessions.values()):
            if (session.lease, session.opening) == (lease.token, opening):
                await self._daemon.close_session(session, keep=session.reopened)
                return
        self._abandoned.add((lease.token, opening))

    async def _describe(self, lease: Lease, params: Params) -> dict[str, Any]:
        return await self._session(lease, params).pool.describe(str(params["env_id"]))

    async def _release(self, lease: Lease, params: Params) -> int:
        return await self._daemon.kept.release(str(params["client_id"]))

    async def _status(self, lease: Lease, params: Params) -> dict[str, Any]:
        daemon = self._daemon
        return {
            "pid": daemon.pid,
            "address": daemon.address.url,
            "version": _version(),
            "protocol_version": messages.PROTOCOL_VERSION,
            "uptime_s": time.monotonic() - daemon.started_at,
            "log_directory": str(daemon.log_directory),
            "sessions": [session.summary() for session in daemon.sessions.values()],
            "kept": daemon.kept.summaries(),
        }

    async def _stop(self, lease: Lease, params: Params) -> None:
        self._daemon.stop(f"process {lease.pid} asked for it")


def _version() -> str:
    try:
        return importlib.metadata.version("envserver")
    except importlib.metadata.PackageNotFoundError:  # imported from a clone that was not installed
        return "unknown"
