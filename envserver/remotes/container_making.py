"""What the engine is told of a container that it makes, and where that is then reached.

All calls here block: they belong into threads.
"""

import secrets
from collections.abc import Mapping
from typing import Any

from envserver.addresses import DEFAULT_PASSWORD
from envserver.container_options import ContainerOptions
from envserver.remotes import engine
from envserver.remotes.base import Endpoint
from envserver.remotes.container_command import ContainerCommand
from envserver.remotes.container_remote import ContainerRemote
from envserver.remotes.engine import Engine
from envserver.remotes.images import Image
from envserver.runtimes.container import PASSWORD_VARIABLES

ENGINE_LOG = {"max-size": "10m", "max-file": "2"}


class Passwords:
    """Of one container: of its own where its image reads them, else what such images have.

    They go in by the standard input where what runs reads that: the environment of a container's
    first process stays readable to all that its user runs there.
    """

    def __init__(self, image: Image, command: ContainerCommand) -> None:
        self.vnc = secrets.token_urlsafe(6) if image.is_ours else DEFAULT_PASSWORD
        self.rewarder = secrets.token_urlsafe(12) if image.is_ours else DEFAULT_PASSWORD
        self.lines = b""
        pairs = zip(PASSWORD_VARIABLES, (self.vnc, self.rewarder), strict=True)
        self.environment = dict(pairs) if image.is_ours else {}
        if command.reads_passwords:
            self.lines = f"{self.vnc}\n{self.rewarder}\n".encode()
            self.environment = {"ENVSERVER_PASSWORDS": "stdin"}


def make(
    found: Engine,
    image: Image,
    options: ContainerOptions,
    command: ContainerCommand,
    remote: ContainerRemote,
    passwords: Passwords,
    labels: Mapping[str, str],
) -> None:
    """Make a remote's container, unless nobody waits for it any more."""
    # The mark first: whatever ends this process, the next daemon looks for what it left.
    engine.note_use()
    made = found.api.create_container(
        image.name,
        command=list(command.words) or None,
        environment={**command.environment, **passwords.environment},
        name=remote.name,
        labels=dict(labels),
        ports=list(command.ports),
        stdin_open=bool(passwords.lines),
        host_config=host_config(found, image, options, command),
    )
    remote.container = made["Id"]
    if remote.stopped:  # it looked for a container before it set this, or finds one now
        engine.remove(found, made["Id"])


def start(found: Engine, container: str, passwords: Passwords) -> Mapping[str, Any]:
    """Start a container; returns what the engine says of it."""
    if not passwords.lines:
        found.api.start(container)
    else:
        attached = found.api.attach_socket(container, params={"stdin": 1, "stream": 1})
        wire = getattr(attached, "_sock", attached)  # unix sockets come wrapped, for reading only
        try:
            found.api.start(container)
            wire.sendall(passwords.lines)
        finally:
            # docker-py leaves its response at it, which keeps TLS open.
            for each in (getattr(attached, "_response", None), attached, wire):
                if each is not None:
                    each.close()
    facts: Mapping[str, Any] = found.api.inspect_container(container)
    return facts


def host_config(
    found: Engine, image: Image, options: ContainerOptions, command: ContainerCommand
) -> Any:
    published = command.ports if found.host else ()
    return found.api.create_host_config(
        init=True,
        mem_limit=options.memory,
        memswap_limit=options.memory,
        pids_limit=options.pids,
        nano_cpus=None if options.cpus is None else int(options.cpus * 1e9),
        cap_drop=["ALL"],
        cap_add=list(options.capabilities),
        security_opt=["no-new-privileges"],
        shm_size=options.shm_size,
        read_only=bool(image.writable),
        tmpfs=dict(image.writable),
        network_mode=found.network,
        port_bindings=dict.fromkeys(published, (found.publish_on, None)),
        binds={path: {"bind": inside, "mode": "ro"} for path, inside in command.files.items()},
        log_config={"type": "json-file", "config": ENGINE_LOG},
    )


def endpoint(found: Engine, facts: Mapping[str, Any], port: int, password: str) -> Endpoint:
    """Where a port of a container is reached; port 0 where it has none."""
    if not port:
        return Endpoint()
    network = facts["NetworkSettings"]
    if not found.host:
        networks = network.get("Networks") or {}
        own = [each["IPAddress"] for each in networks.values() if each.get("IPAddress")]
        return Endpoint(own[0], port, password) if own else Endpoint()
    bindings = (network.get("Ports") or {}).get(f"{port}/tcp")
    if not bindings:
        return Endpoint()
    return Endpoint(found.host, int(bindings[0]["HostPort"]), password)
