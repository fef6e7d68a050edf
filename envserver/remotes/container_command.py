"""What runs in a container for a session: words, environment, ports, files; and as `docker run`."""

import dataclasses
import json
import shlex
from collections.abc import Mapping
from pathlib import Path

from envserver.addresses import REWARDER_PORT, VNC_PORT
from envserver.container_options import ContainerOptions, container_options
from envserver.errors import RemoteError
from envserver.remotes.images import Image
from envserver.runtimes.container import PASSWORD_VARIABLES
from envserver.spec import SessionSpec

TASK_FOLDER = "/opt/envserver-tasks"


@dataclasses.dataclass(frozen=True)
class ContainerCommand:
    """What a container is made to run.

    Attributes:
        words: (): the image's own command.
        vnc_port, rewarder_port: where its servers listen inside; 0: it has none.
        files: host's path -> the container's; read-only.
        describes: it prints what its environment is.
        reads_passwords: from its standard input, where it is told so.
    """

    words: tuple[str, ...]
    vnc_port: int = VNC_PORT
    rewarder_port: int = REWARDER_PORT
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)
    describes: bool = False
    reads_passwords: bool = False

    @property
    def ports(self) -> tuple[int, ...]:
        """Those that it has."""
        return tuple(port for port in (self.vnc_port, self.rewarder_port) if port)


def container_command(spec: SessionSpec, image: Image, engine_is_local: bool) -> ContainerCommand:
    """What a session's containers run.

    Raises:
        RemoteError: the task is a file here, and the engine elsewhere; or it is not known where the
            image listens.
    """
    options = container_options(spec.container)
    given = options.command
    own = _program(spec)
    if given is None and spec.runtime == "docker":
        given = own
    if given is not None or not image.is_ours or spec.runtime == "docker":
        return ContainerCommand(given or (), *_ports(options, image))
    if options.ports:
        raise RemoteError(
            f"ports is {dict(options.ports)!r}, but {image.name} is ours and listens at {VNC_PORT}"
            f" and {REWARDER_PORT}: leave it out"
        )
    words = ["envserver-remote"]
    if spec.env_id is not None:
        words.append(spec.env_id)
    words += ["--kind", str(spec.runtime)]
    size = spec.screen_or_size
    words += ["--screen", size if isinstance(size, str) else f"{size[0]}x{size[1]}"]
    if spec.runtime == "gym-core":
        if spec.fps is not None:
            words += ["--fps", f"{spec.fps:g}"]
        if spec.env_kwargs:
            words += ["--env-kwargs", json.dumps(dict(spec.env_kwargs))]
        return ContainerCommand(tuple(words), describes=True, reads_passwords=True)
    files, environment = {}, {}
    if spec.task is not None:
        task, file = _task(spec.task, engine_is_local)
        files.update(file)
        words += ["--task", task]
        if spec.time_limit_s is not None:
            environment["ENVSERVER_TIME_LIMIT"] = f"{spec.time_limit_s:g}"
    if own is not None:
        words += ["--", *own]
    rewarder_port = 0 if spec.task is None else REWARDER_PORT
    return ContainerCommand(
        tuple(words),
        rewarder_port=rewarder_port,
        environment=environment,
        files=files,
        reads_passwords=True,
    )


def docker_run_line(
    image: Image, options: ContainerOptions, command: ContainerCommand, name: str
) -> str:
    """The `docker run` that a person could type for the same container; without its passwords.

    It publishes on the engine's own loopback alone, since without passwords they are known.
    """
    words = ["docker", "run", "--rm", "--init", "--name", name]
    for port in command.ports:
        words += ["-p", f"127.0.0.1:{port}:{port}"]
    if image.is_ours:
        for variable in PASSWORD_VARIABLES:
            words += ["-e", variable]
    for variable, value in command.environment.items():
        words += ["-e", f"{variable}={value}"]
    for path, inside in command.files.items():
        words += ["-v", f"{path}:{inside}:ro"]
    words += ["--memory", str(options.memory), "--memory-swap", str(options.memory)]
    words += ["--pids-limit", str(options.pids)]
    if options.cpus is not None:
        words += ["--cpus", f"{options.cpus:g}"]
    words += ["--shm-size", str(options.shm_size), "--cap-drop", "ALL"]
    for capability in options.capabilities:
        words += ["--cap-add", capability]
    words += ["--security-opt", "no-new-privileges"]
    if image.writable:
        words.append("--read-only")
    for path, how in image.writable.items():
        words += ["--tmpfs", f"{path}:{how}" if how else path]
    return shlex.join([*words, image.name, *command.words])


def _ports(options: ContainerOptions, image: Image) -> tuple[int, int]:
    """Where an image that is not ours has its VNC server and its rewarder."""
    if options.ports:
        return options.ports.get("vnc", 0), options.ports.get("rewarder", 0)
    vnc_port, rewarder_port = (
        port if port in image.ports else 0 for port in (VNC_PORT, REWARDER_PORT)
    )
    if not vnc_port and not rewarder_port:
        raise RemoteError(
            f"the image {image.name} exposes neither port {VNC_PORT} nor {REWARDER_PORT}: say where"
            " its servers listen by container={'ports': {'vnc': 5901, 'rewarder': 15901}}"
        )
    return vnc_port, rewarder_port


def _program(spec: SessionSpec) -> tuple[str, ...] | None:
    if isinstance(spec.command, str):
        return ("/bin/sh", "-c", spec.command)
    return None if spec.command is None else tuple(spec.command)


def _task(task: str, engine_is_local: bool) -> tuple[str, dict[str, str]]:
    """The task as the container names it, and the file that it needs to see."""
    place, _, class_name = task.rpartition(":")
    if not place.endswith(".py"):
        return task, {}
    if not engine_is_local:
        raise RemoteError(
            f"the task {task} is a file of this host, which the Docker engine does not see:"
            " put it into an image, and name it as module:Class"
        )
    inside = f"{TASK_FOLDER}/{Path(place).name}"
    return f"{inside}:{class_name}", {place: inside}
