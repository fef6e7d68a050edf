"""MiniWoB++ in a container without rights and without a network: a solver gets its reward."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from fakes.containers import containers

from envserver.remotes.engine import Engine

pytestmark = pytest.mark.docker

SOLVERS = Path(__file__).parents[2] / "examples" / "solvers"


def load_solvers() -> ModuleType:
    """The example, under another name than that of the package with the pages."""
    sys.path.append(str(SOLVERS))
    try:
        spec = importlib.util.spec_from_file_location("solve_miniwob", SOLVERS / "miniwob.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(SOLVERS))
    return module


def test_a_solver_in_a_container(docker_engine: Engine) -> None:
    solvers = load_solvers()
    before = {each["Id"] for each in containers(docker_engine, env="0")}
    envs = solvers.make("ClickTest-v0", provider="docker")
    try:
        for name in ("ClickTest-v0", "EnterText-v0"):
            assert solvers.episode(envs, name, 0, solve_it=False, max_steps=5) == 0.0
            assert solvers.episode(envs, name, 0) == 1.0
        mine = [each for each in containers(docker_engine, env="0") if each["Id"] not in before]
        facts = [docker_engine.api.inspect_container(each["Id"]) for each in mine]
        [one] = [each for each in facts if "miniwob" in each["Config"]["Image"]]
    finally:
        envs.close()
    host = one["HostConfig"]
    assert one["Config"]["User"] == "envserver"
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert not host["Privileged"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["PidsLimit"] >= 512
    assert host["ShmSize"] == 256 << 20


def test_the_browser_needs_no_network(docker_engine: Engine) -> None:
    """It works in a container that has none: the desktop's own test of what is on the screen."""
    from envserver.remotes.images import image_of

    script = (
        "import os, subprocess, sys, time\n"
        "remote = subprocess.Popen(['envserver-remote', 'miniwob.ClickTest-v0'])\n"
        "from websockets.sync.client import connect\n"
        "import base64, json\n"
        "auth = 'Basic ' + base64.b64encode(b'openai').decode()\n"
        "while True:\n"
        "    try:\n"
        "        with connect('ws://127.0.0.1:15900', additional_headers={'Authorization': auth}) "
        "as link:\n"
        "            for text in link:\n"
        "                if json.loads(text)['method'] == 'v0.env.text':\n"
        "                    print(text, flush=True)\n"
        "                    remote.terminate()\n"
        "                    sys.exit(remote.wait())\n"
        "    except OSError:\n"
        "        time.sleep(0.05)\n"
    )
    made = docker_engine.api.create_container(
        image_of("miniwob"),
        command=["python3", "-c", script],
        labels={"envserver-test": "miniwob"},
        host_config=docker_engine.api.create_host_config(
            network_mode="none", cap_drop=["ALL"], security_opt=["no-new-privileges"], init=True
        ),
    )["Id"]
    try:
        docker_engine.api.start(made)
        ended = docker_engine.api.wait(made, timeout=60)
        said = docker_engine.api.logs(made).decode()
        assert "Click the button." in said
        assert ended["StatusCode"] == 0, said
    finally:
        docker_engine.api.remove_container(made, force=True)
