"""Containers as remotes: started, limited, watched, ended; and what goes wrong with them."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.containers import containers, provider, run

from envserver.errors import RemoteError
from envserver.remotes import engine
from envserver.remotes.engine import Engine
from envserver.remotes.images import image_of

pytestmark = pytest.mark.docker

XTERM = ["xterm", "-maximized"]


def test_eight_start_at_once(tmp_path: Path, docker_engine: Engine) -> None:
    async def work() -> None:
        async with provider(tmp_path, num_envs=8, command=XTERM) as remotes:
            started = await asyncio.gather(*(remotes.start(env) for env in range(8)))
            ports = {remote.address.vnc.port for remote in started}
            assert len(ports) == 8
            for port in ports:
                with socket.create_connection(("127.0.0.1", port), 5) as connection:
                    assert connection.recv(4) == b"RFB "
            assert len({remote.address.vnc.password for remote in started}) == 8
            assert len(containers(docker_engine, session=remotes.session)) == 8
            for remote in started:
                line = Path(str(remote.log)).read_text().splitlines()[0]
                assert line.startswith("$ docker run ")
                assert remote.address.vnc.password not in line
        assert containers(docker_engine, session=remotes.session) == []

    run(work)


def test_a_container_gets_its_limits_and_nothing_more(
    tmp_path: Path, docker_engine: Engine
) -> None:
    limits = {"memory": "300m", "pids": 600, "cpus": 0.5, "shm_size": "80m"}

    async def work() -> None:
        async with provider(
            tmp_path, container={**limits, "capabilities": ["SYS_NICE"]}
        ) as remotes:
            await remotes.start(0)
            [listed] = containers(docker_engine, session=remotes.session, env="0")
            facts = docker_engine.api.inspect_container(listed["Id"])
            host = facts["HostConfig"]
            assert host["Memory"] == host["MemorySwap"] == 300 << 20
            assert (host["PidsLimit"], host["NanoCpus"]) == (600, 500_000_000)
            assert host["ShmSize"] == 80 << 20
            assert host["CapDrop"] == ["ALL"]
            assert [each.removeprefix("CAP_") for each in host["CapAdd"]] == ["SYS_NICE"]
            assert host["SecurityOpt"] == ["no-new-privileges"]
            assert host["Init"]
            assert host["ReadonlyRootfs"]
            assert not host["Privileged"]
            assert facts["Config"]["User"] == "envserver"
            for bindings in facts["NetworkSettings"]["Ports"].values():
                assert all(each["HostIp"] == "127.0.0.1" for each in bindings or [])

    run(work)


def test_gym_core_describes_itself_and_others(tmp_path: Path) -> None:
    async def work() -> None:
        fields = {"runtime": "gym-core", "env_id": "ALE/Pong-v5", "fps": 30.0}
        async with provider(tmp_path, **fields) as remotes:
            remote = await remotes.start(0)
            assert remote.address.rewarder.port
            assert (remote.describe["env_id"], remote.describe["fps"]) == ("ALE/Pong-v5", 30.0)
            assert remote.describe["num_actions"] == 6
            other = await remotes.describe("CartPole-v1")
            assert other["num_actions"] == 2
            with pytest.raises(RemoteError, match="NoSuch-v0"):
                await remotes.describe("NoSuch-v0")

    run(work)


def test_the_end_of_a_container_is_told(tmp_path: Path, docker_engine: Engine) -> None:
    async def work() -> None:
        async with provider(tmp_path) as remotes:
            remote = await remotes.start(0)
            [listed] = containers(docker_engine, session=remotes.session)
            docker_engine.api.kill(listed["Id"])
            assert "ended by signal 9" in await remote.wait_ended()
            assert not remote.alive
            again = await remotes.start(0)
            assert again.alive
            assert len(containers(docker_engine, session=remotes.session)) == 1

    run(work)


def test_the_end_of_the_program_ends_the_container(tmp_path: Path) -> None:
    async def work() -> None:
        async with provider(tmp_path, command="exit 7") as remotes:
            # It may end before its servers were asked, or after.
            try:
                told = await (await remotes.start(0)).wait_ended()
            except RemoteError as error:
                told = str(error)
            assert "ended with status 7" in told

    run(work)


def test_too_little_memory_is_named(tmp_path: Path) -> None:
    hungry = "import time; time.sleep(1); x = bytearray(1 << 30); time.sleep(60)"

    async def work() -> None:
        async with provider(
            tmp_path, command=["python3", "-c", hungry], container={"memory": "150m"}
        ) as remotes:
            remote = await remotes.start(0)
            assert "more than its 150 MiB of memory" in await remote.wait_ended()

    run(work)


def test_a_stopped_container_ends_cleanly(tmp_path: Path, docker_engine: Engine) -> None:
    async def work() -> None:
        async with provider(tmp_path, command=XTERM) as remotes:
            remote = await remotes.start(0)
            [listed] = containers(docker_engine, session=remotes.session)
            await asyncio.to_thread(docker_engine.api.stop, listed["Id"], timeout=5)
            assert "ended with status 0" in await remote.wait_ended()

    run(work)


def test_an_image_that_exits_at_once(tmp_path: Path, docker_engine: Engine) -> None:
    async def work() -> None:
        command = ["sh", "-c", "echo there is no display; exit 3"]
        async with provider(tmp_path, container={"command": command}) as remotes:
            with pytest.raises(RemoteError) as raised:
                await remotes.start(0)
            assert "ended with status 3" in str(raised.value)
            assert "there is no display" in str(raised.value)
            assert containers(docker_engine, session=remotes.session) == []

    run(work)


def test_an_image_that_cannot_run(tmp_path: Path, docker_engine: Engine) -> None:
    async def work() -> None:
        async with provider(tmp_path, container={"command": ["/no/such/program"]}) as remotes:
            with pytest.raises(RemoteError, match="/no/such/program"):
                await remotes.start(0)
            assert containers(docker_engine, session=remotes.session) == []

    run(work)


def test_an_image_that_never_answers(tmp_path: Path, docker_engine: Engine) -> None:
    async def work() -> None:
        async with provider(
            tmp_path, container={"command": ["sleep", "60"]}, start_timeout_s=2.0
        ) as remotes:
            with pytest.raises(RemoteError, match="did not answer on its ports in 2 s"):
                await remotes.start(0)
            assert containers(docker_engine, session=remotes.session) == []

    run(work)


def test_an_image_that_is_missing(tmp_path: Path) -> None:
    async def work() -> None:
        image = "127.0.0.1:9/no/such:image"  # nothing listens there
        async with provider(tmp_path, container={"image": image}) as remotes:
            with pytest.raises(RemoteError, match="missing and cannot be pulled"):
                await remotes.start(0)

    run(work)


def test_a_server_that_is_none(tmp_path: Path) -> None:
    async def work() -> None:
        server = "python3 -m http.server 5900 & python3 -m http.server 15900"
        async with provider(tmp_path, container={"command": ["sh", "-c", server]}) as remotes:
            with pytest.raises(RemoteError, match=r"rewarder answers b'HTTP/1\.0 "):
                await remotes.start(0)

    run(work)


def test_the_first_fault_ends_all_dialling(tmp_path: Path) -> None:
    async def work() -> None:
        server = ["python3", "-m", "http.server", "15900"]  # nothing listens at the VNC server's
        async with provider(tmp_path, container={"command": server}) as remotes:
            with pytest.raises(RemoteError, match=r"its rewarder answers b'HTTP/1\.0 "):
                await remotes.start(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    run(work)


def test_passwords_are_not_shown_inside(tmp_path: Path, docker_engine: Engine) -> None:
    look = "cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'; env"

    async def work() -> None:
        task = {"task": "envserver.tasks.terminal:CreateFile", "command": XTERM}
        async with provider(tmp_path, **task) as remotes:
            address = (await remotes.start(0)).address
            [listed] = containers(docker_engine, session=remotes.session)
            facts = docker_engine.api.inspect_container(listed["Id"])
            made = docker_engine.api.exec_create(listed["Id"], ["sh", "-c", look])
            seen = docker_engine.api.exec_start(made["Id"]).decode()
            assert "ENVSERVER_PASSWORDS=stdin" in seen  # of the init
            assert "DISPLAY=:" in seen  # of a program
            for each in (address.vnc.password, address.rewarder.password):
                assert each not in seen
                assert each not in str(facts)

    run(work)


def test_scripts_run_where_it_can_be_written(tmp_path: Path) -> None:
    script = "printf '#!/bin/sh\\nexit 9\\n' > it; chmod +x it; ./it; test $? = 9 || exit 1"
    line = f"{script}; cd /tmp; {script}; exit 5"

    async def work() -> None:
        async with provider(tmp_path, command=line) as remotes:
            try:
                told = await (await remotes.start(0)).wait_ended()
            except RemoteError as error:
                told = str(error)
            assert "ended with status 5" in told

    run(work)


def test_more_cores_than_the_engine_has(tmp_path: Path, docker_engine: Engine) -> None:
    count = docker_engine.api.info()["NCPU"]

    async def work() -> None:
        async with provider(tmp_path, container={"cpus": count + 1}) as remotes:
            with pytest.raises(RemoteError, match=rf"cpus'\] is {count + 1}, .* most {count}: the"):
                await remotes.start(0)
        async with provider(tmp_path) as remotes:
            await remotes.start(0)
            [listed] = containers(docker_engine, session=remotes.session)
            facts = docker_engine.api.inspect_container(listed["Id"])
            assert facts["HostConfig"]["NanoCpus"] == min(2, count) * 10**9

    run(work)


def test_volumes_go_with_their_container(
    tmp_path: Path, docker_engine: Engine, image: Callable[[str], str]
) -> None:
    name = image("VOLUME /data")

    def volumes() -> set[str]:
        return {each["Name"] for each in docker_engine.api.volumes()["Volumes"] or []}

    async def work() -> None:
        async with provider(tmp_path, container={"image": name}) as remotes:
            await remotes.start(0)
            [listed] = containers(docker_engine, session=remotes.session)
            [own] = [each["Name"] for each in listed["Mounts"] if each["Type"] == "volume"]
            assert own in volumes()
        assert own not in volumes()

    run(work)


def test_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")

    async def work() -> None:
        async with provider(tmp_path) as remotes:
            with pytest.raises(RemoteError, match=r"no Docker engine answers .* start Docker"):
                await remotes.start(0)

    run(work)


def test_only_containers_without_a_daemon_are_swept(docker_engine: Engine) -> None:
    ours = engine.owner_labels()
    ended = {**ours, engine.OWNER_LABEL: "1:1:another-boot"}
    labels = {
        "abandoned": ended,
        "alive": ours,
        "elsewhere": {**ended, engine.HOST_LABEL: "another host"},
        "foreign": {},
    }
    made = {
        name: docker_engine.api.create_container(
            image_of("base"), command=["true"], labels={**each, "envserver-test": name}
        )["Id"]
        for name, each in labels.items()
    }
    try:
        engine.sweep(docker_engine)
        listed = docker_engine.api.containers(all=True, filters={"label": "envserver-test"})
        left = {each["Labels"]["envserver-test"] for each in listed}
        assert left == {"alive", "elsewhere", "foreign"}
    finally:
        for container in made.values():
            engine.remove(docker_engine, container)
