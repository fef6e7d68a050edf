"""The newest thing that went wrong with an environment, and how its start failed."""

import dataclasses
import time
from pathlib import Path

from envserver import processes
from envserver.broker.worker import LOG_TITLE
from envserver.remotes.base import Remote
from workers.entries import Fault

LOG_LINES = 10
WORKERS_OWN = (Fault.NO_FAULT, Fault.WORKER_DIED, Fault.WORKER_SILENT)


@dataclasses.dataclass
class FaultReport:
    """What `fault_report` tells a trainer.

    Attributes:
        exit_code, signal: of the remote's program where that ended, else of the worker.
        log: the last lines of the dead remote, which another may have replaced; None: see `lines`.
    """

    fault: Fault = Fault.NO_FAULT
    cause: str = ""
    generation: int = 0
    exit_code: int | None = None
    signal: int | None = None
    log: list[str] | None = None
    noted_at: float = dataclasses.field(default_factory=time.monotonic)

    def note_exit(self, worker_status: int, remote: Remote | None) -> None:
        """Add how a program ended.

        Args:
            remote: None if it did not even start.
        """
        code: int | None = worker_status
        if self.fault == Fault.REMOTE_DIED:  # the worker was only killed because of it
            code = remote.exit_status if remote is not None else None
            if remote is not None and remote.log is not None:
                self.log = processes.log_tail(remote.log)
        if code is not None:
            self.exit_code = code if code >= 0 else None
            self.signal = -code if code < 0 else None

    def lines(self, worker_log: Path, remote: Remote | None) -> list[str]:
        """The last lines of the log that helps: the remote's, where it has one and is at fault."""
        if self.log is not None:
            return self.log
        if self.fault not in WORKERS_OWN and remote is not None and remote.log is not None:
            # What prints a rewarder's words comes first; a server's are in `log`.
            logs = remote.logs if self.fault == Fault.REWARDER_LOST else []
            for log in (*logs, remote.log):
                if found := processes.log_tail(log):
                    return found
        return processes.log_tail(worker_log)


def start_failure(name: str, report: FaultReport, worker_log: Path, remote: Remote | None) -> str:
    """Why an environment never got ready, with the last lines of the log that may say more."""
    log = worker_log
    if report.fault == Fault.REMOTE_DIED and remote is not None and remote.log:
        log = remote.log
    lines = (line for line in processes.log_tail(log, LOG_LINES) if not line.startswith(LOG_TITLE))
    tail = "".join(f"\n    {line}" for line in lines)
    return f"{name} did not start: {report.cause.removeprefix(f'{name}: ')}{tail}"
