"""The init of a process remote: starts its programs, reaps them, ends the whole tree.  [I/O]

    python -I -S init.py --control-fd N [-- COMMAND...]

Runs as a script on the standard library alone, so that it costs little. `--control-fd` is one end
of a SOCK_SEQPACKET pair whose other end the daemon holds; messages are JSON maps:

    daemon -> init                                  init -> daemon
    spawn  {name, argv, env, cwd, log, fds}         started {name, pid} | failed {name, message}
           + descriptors
    remove {path, inode}   when all has ended       exited  {name, status, others}

`fds` are the daemon's numbers for the descriptors: 0 becomes the standard input, {fd:N} in argv
the number that N got. `others` counts the processes of the tree that no `spawn` started and that
still run. The end of the daemon, however it comes, is the end of the pair: every descendant is
then killed, also those that left their parent, group or session, since orphans of the tree become
children of this process (PR_SET_CHILD_SUBREAPER).
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
X_SOCKETS = "/tmp/.X11-unix/"
MAX_MESSAGE_BYTES = 1 << 16
MAX_DESCRIPTORS = 16


def become_subreaper() -> None:
    """Make every orphan of this process's tree a child of this process (prctl(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def descendants_of(ancestor: int) -> list[int]:
    """Every process below one, zombies included, parents first."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as stat:
                # The name in parentheses may hold anything, a closing parenthesis too.
                parent = int(stat.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry))
    found = [ancestor]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def kill_tree() -> None:
    """Kill and reap every descendant; what one forked meanwhile is found in the next round."""
    while True:
        for pid in descendants_of(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def x_sockets_of(pids: list[int]) -> list[tuple[str, int | None]]:
    """What X servers among the processes listen at, and leave behind when they are killed."""
    held = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    held.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
    found: list[tuple[str, int | None]] = []
    with contextlib.suppress(OSError), open("/proc/net/unix") as sockets:
        for line in sockets:
            *_, inode, path = line.split()
            if path.startswith(X_SOCKETS) and f"socket:[{inode}]" in held:
                with contextlib.suppress(OSError):
                    found.append((path, os.stat(path).st_ino))
    return found


def remove(path: str, inode: int | None) -> None:
    """Remove a file, if it is still that inode where one is given, or a directory with all."""
    with contextlib.suppress(OSError):
        if inode is not None and os.lstat(path).st_ino != inode:
            return
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            os.unlink(path)


class Init:
    """The programs of one remote."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._spawned: dict[int, str] = {}
        self._removals: list[tuple[str, int | None]] = []

    def run(self) -> None:
        """Serve until the control socket ends."""
        wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._terminate)
        poll = select.poll()
        poll.register(wake_read, select.POLLIN)
        poll.register(self._control.fileno(), select.POLLIN)
        try:
            while True:
                for descriptor, _ in poll.poll():
                    if descriptor == wake_read:
                        with contextlib.suppress(BlockingIOError):
                            os.read(wake_read, 4096)
                        self._reap()
                    elif not self._receive():
                        return
        finally:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            # An X server has its socket before it can say which.
            self._removals += x_sockets_of(descendants_of(os.getpid()))
            kill_tree()
            self._remove_files()

    @staticmethod
    def _terminate(*_: object) -> None:
        raise SystemExit(0)

    def spawn(self, order: dict[str, Any], descriptors: list[int]) -> None:
        """Start one program with `descriptors` at the numbers order["fds"], and say how it went."""
        name = order["name"]
        log = os.open(order["log"] or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            targets = dict(zip(order["fds"], descriptors, strict=True))
            process = subprocess.Popen(
                _with_descriptors(order["argv"], targets),
                env=order["env"],
                cwd=order["cwd"],
                stdin=targets.pop(0, subprocess.DEVNULL),
                stdout=log,
                stderr=log,
                pass_fds=list(targets.values()),
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            self._send({"type": "failed", "name": name, "message": str(error)})
        else:
            self._spawned[process.pid] = name
            process.returncode = 0  # `_reap` waits for it, Popen must not
            self._send({"type": "started", "name": name, "pid": process.pid})
        finally:
            for descriptor in (log, *descriptors):
                os.close(descriptor)

    def _receive(self) -> bool:
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._control, MAX_MESSAGE_BYTES, MAX_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
            )
        except ConnectionError:
            return False
        if not data:
            return False
        order = json.loads(data)
        if order["type"] == "spawn":
            self.spawn(order, descriptors)
        elif order["type"] == "remove":
            self._removals.append((order["path"], order["inode"]))
        return True

    def _reap(self) -> None:
        exited: list[tuple[str, int]] = []
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            name = self._spawned.pop(pid, None)
            if name is not None:
                exited.append((name, os.waitstatus_to_exitcode(status)))
        others = sum(pid not in self._spawned for pid in descendants_of(os.getpid()))
        for name, code in exited:
            self._send({"type": "exited", "name": name, "status": code, "others": others})
        if not exited and others == 0:
            self._send({"type": "exited", "name": "", "status": 0, "others": 0})

    def _send(self, message: dict[str, Any]) -> None:
        # The daemon may be gone: the next `_receive` sees it.
        with contextlib.suppress(OSError):
            self._control.send(json.dumps(message).encode(), socket.MSG_NOSIGNAL)

    def _remove_files(self) -> None:
        for path, inode in self._removals:
            remove(path, inode)


def _with_descriptors(argv: list[str], targets: dict[int, int]) -> list[str]:
    """The command line, in which {fd:N} stands for the descriptor that the daemon numbered N."""
    words = []
    for word in argv:
        for number, descriptor in targets.items():
            word = word.replace(f"{{fd:{number}}}", str(descriptor))
        words.append(word)
    return words


def main(arguments: list[str]) -> None:
    """Run as the init of one remote."""
    options, _, rest = (
        (arguments[: arguments.index("--")], "--", arguments[arguments.index("--") + 1 :])
        if "--" in arguments
        else (arguments, "", [])
    )
    if len(options) != 2 or options[0] != "--control-fd":
        sys.exit("usage: init.py --control-fd N [-- COMMAND...]")
    become_subreaper()
    control = socket.socket(fileno=int(options[1]))
    os.set_inheritable(control.fileno(), False)
    init = Init(control)
    if rest:
        order = {"name": "main", "argv": rest, "env": None, "cwd": None, "log": None, "fds": []}
        init.spawn(order, [])
    init.run()


if __name__ == "__main__":
    main(sys.argv[1:])
