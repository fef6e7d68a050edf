"""Images whose servers listen elsewhere, and those that do not say where."""

import json
import secrets
import socket
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from fakes.containers import containers, provider, run

import envserver
from envserver.errors import RemoteError
from envserver.remotes import engine
from envserver.remotes.build import SYSTEM_IMAGE
from envserver.remotes.engine import Engine
from envserver.session import Session

pytestmark = pytest.mark.docker

GREETS = """
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalPort => 7000, Listen => 5, ReuseAddr => 1) or die $!;
while (my $client = $server->accept()) { print $client "RFB 003.008\\n"; close $client; }
"""
DESKTOP = """
import sys
from envserver.runtimes import container
container.VNC_PORT, container.REWARDER_PORT = 7000, 7001
sys.exit(container.main(["terminal.CreateFile-v0"]))
"""
RUNTIMES = """
mine:
  kind: docker
  image: envserver/base
  ports: {{vnc: 7000, rewarder: 7001}}
  command: {command}
  environments:
    Desk-v0:
      summary: A desktop that listens elsewhere
"""


def test_an_image_that_exposes_nothing(tmp_path: Path) -> None:
    greets = {"image": SYSTEM_IMAGE, "command": ["perl", "-e", GREETS]}

    async def work() -> None:
        async with provider(tmp_path, container={**greets, "ports": {"vnc": 7000}}) as remotes:
            remote = await remotes.start(0)
            assert remote.address.rewarder.port == 0
            with socket.create_connection(("127.0.0.1", remote.address.vnc.port), 5) as connection:
                assert connection.recv(4) == b"RFB "
        async with provider(tmp_path, container=greets) as remotes:
            with pytest.raises(
                RemoteError, match=r"exposes neither port 5900 nor 15900: say where"
            ):
                await remotes.start(0)

    run(work)


def test_a_daemon_on_a_network_of_its_own(
    tmp_path: Path, docker_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container stands for the one that this process would run in."""
    api, name = docker_engine.api, f"envserver-test-{secrets.token_hex(4)}"
    mark = tmp_path / "dockerenv"
    mark.touch()
    monkeypatch.delenv("DOCKER_NET_HOST", raising=False)
    monkeypatch.setattr(engine, "IN_CONTAINER", str(mark))
    network = api.create_network(name)["Id"]
    own = api.create_container(
        SYSTEM_IMAGE, ["sleep", "60"], host_config=api.create_host_config(network_mode=name)
    )["Id"]

    async def work() -> None:
        async with provider(tmp_path) as remotes:
            address = (await remotes.start(0)).address.vnc
            [listed] = containers(docker_engine, session=remotes.session)
            assert list(listed["NetworkSettings"]["Networks"]) == [name]
            assert address.host == listed["NetworkSettings"]["Networks"][name]["IPAddress"]
            assert address.port == 5900
            assert not any(each.get("PublicPort") for each in listed["Ports"])
            with socket.create_connection((address.host, address.port), 5) as connection:
                assert connection.recv(4) == b"RFB "

    try:
        api.start(own)
        monkeypatch.setattr(socket, "gethostname", lambda: own[:12])
        run(work)
    finally:
        engine.remove(docker_engine, own)
        api.remove_network(network)


def test_a_runtime_of_an_own_image_with_other_ports(
    tmp_path: Path, docker_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtimes = tmp_path / "runtimes.yml"
    command = json.dumps(["python3", "-P", "-c", DESKTOP])
    runtimes.write_text(RUNTIMES.format(command=command))
    monkeypatch.setenv("ENVSERVER_RUNTIMES", str(runtimes))
    before = {each["Id"] for each in containers(docker_engine)}
    with closing(envserver.make_vec("mine.Desk-v0", 1, screen=(1024, 768))) as envs:
        assert isinstance(envs.session, Session)
        assert envs.session.rewarders == [True]
        observations, infos = envs.reset(seed=0)
        assert observations.shape == (1, 768, 1024, 3)
        assert len(np.unique(observations)) > 1
        assert infos["text"][0]  # the goal, by the rewarder
        [mine] = [
            each
            for each in containers(docker_engine, session=envs.session.name)
            if each["Id"] not in before
        ]
        published = {each["PrivatePort"] for each in mine["Ports"] if each.get("PublicPort")}
        assert published == {7000, 7001}
