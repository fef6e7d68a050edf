"""The newest thing that went wrong with an environment, and how its start failed."""

import dataclasses
from pathlib import Path

from envserver import processes
from envserver.broker.worker import LOG_TITLE
from envserver.remotes.base import Remote
from workers.entries import Fault

LOG_LINES = 10


@dataclasses.dataclass
class FaultReport:
    """What `fault_report` tells a trainer."""

    fault: Fault = Fault.NO_FAULT
    cause: str = ""
    generation: int = 0
    exit_code: int | None = None
    signal: int | None = None


def start_failure(name: str, report: FaultReport, worker_log: Path, remote: Remote | None) -> str:
    """Why an environment never got ready, with the last lines of the log that may say more."""
    log = worker_log
    if report.fault == Fault.REMOTE_DIED and remote is not None and remote.log:
        log = Path(remote.log)
    lines = (line for line in processes.log_tail(log, LOG_LINES) if not line.startswith(LOG_TITLE))
    tail = "".join(f"\n    {line}" for line in lines)
    return f"{name} did not start: {report.cause.removeprefix(f'{name}: ')}{tail}"
