"""MiniWoB++ in a container without rights and without a network: a solver gets its reward."""

import pytest
from fakes.containers import containers

from envserver.remotes.engine import Engine
from envserver.remotes.images import image_of
from examples.solvers.miniwob import TASKS
from examples.solvers.playing import play

pytestmark = pytest.mark.docker


def test_a_browser_runs_without_rights(docker_engine: Engine) -> None:
    before = {each["Id"] for each in containers(docker_engine, env="0")}
    task = TASKS["miniwob.ClickTest-v0"]
    with task.make(provider="docker") as envs:
        assert play(envs, [task.solver()], task.max_steps, seed=0).rewards.tolist() == [1.0]
        mine = [each for each in containers(docker_engine, env="0") if each["Id"] not in before]
        facts = [docker_engine.api.inspect_container(each["Id"]) for each in mine]
        [one] = [each for each in facts if "miniwob" in each["Config"]["Image"]]
    host = one["HostConfig"]
    assert one["Config"]["User"] == "envserver"
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["PidsLimit"] >= 512
    assert host["ShmSize"] == 256 << 20


ASK = """
import os, subprocess, sys, time
from websockets.sync.client import connect
from workers import rewarder_messages as messages

subprocess.Popen(["envserver-remote", "miniwob.ClickTest-v0"])
told = {"Authorization": messages.authorization("openai")}
while True:
    try:
        link = connect("ws://127.0.0.1:15900", additional_headers=told)
        break
    except OSError:
        time.sleep(0.05)
head = {"episode_id": "0", "message_id": 1, "sent_at": time.time()}
link.send(messages.build(messages.RESET, head, {"seed": 0}))
for text in link:
    print(text, flush=True)
    if messages.parse(text).method in (messages.TEXT, messages.REPLY_ERROR):
        os._exit(0)
"""


def test_the_browser_needs_no_network(docker_engine: Engine) -> None:
    made = docker_engine.api.create_container(
        image_of("miniwob"),
        command=["python3", "-c", ASK],
        labels={"envserver-test": "miniwob"},
        host_config=docker_engine.api.create_host_config(
            network_mode="none", cap_drop=["ALL"], security_opt=["no-new-privileges"], init=True
        ),
    )["Id"]
    try:
        docker_engine.api.start(made)
        ended = docker_engine.api.wait(made, timeout=45)
        said = docker_engine.api.logs(made).decode()
        assert "Click the button." in said
        assert ended["StatusCode"] == 0, said
    finally:
        docker_engine.api.remove_container(made, force=True)
