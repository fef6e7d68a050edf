"""What runs in a container for a session, and how a person would type it."""

import itertools
import shlex
from pathlib import Path
from typing import Any

import pytest

from envserver.container_options import container_options
from envserver.errors import RemoteError
from envserver.remotes.container_command import container_command, docker_run_line
from envserver.remotes.images import Image, image_name, image_of
from envserver.runtimes_file import load_runtimes, session_fields
from envserver.spec import SessionSpec

OURS = Image(
    "envserver/base:1",
    True,
    {"/tmp": "exec", "/var/lib/envserver": "exec,uid=1000,mode=700"},
    frozenset({5900, 15900}),
)
FOREIGN = Image("someone/else:2", False, {}, frozenset({80, 5900}))


def spec(**fields: Any) -> SessionSpec:
    return SessionSpec(**{"runtime": "xvnc", "num_envs": 1, **fields})


def test_a_desktop_with_a_program() -> None:
    command = container_command(spec(command="xterm & xeyes", screen=(640, 480)), OURS, True)
    assert command.words == (
        *("envserver-remote", "--kind", "xvnc", "--screen", "640x480"),
        *("--", "/bin/sh", "-c", "xterm & xeyes"),
    )
    assert command.ports == (5900,)


def test_a_desktop_with_a_task() -> None:
    asked = spec(task="envserver.tasks.terminal:CreateFile", env_id="terminal.CreateFile-v0")
    command = container_command(asked, OURS, True)
    assert command.words[:2] == ("envserver-remote", "terminal.CreateFile-v0")
    assert command.words[-2:] == ("--task", "envserver.tasks.terminal:CreateFile")
    assert command.ports == (5900, 15900)


def test_a_task_is_told_its_time_limit() -> None:
    asked = spec(task="envserver.tasks.terminal:CreateFile", time_limit_s=90.5)
    command = container_command(asked, OURS, True)
    assert command.environment == {"ENVSERVER_TIME_LIMIT": "90.5"}


def test_a_task_in_a_file_is_seen_by_the_container() -> None:
    asked = spec(task="/srv/my task.py:Mine")
    command = container_command(asked, OURS, True)
    assert command.words[-1] == "/opt/envserver-tasks/my task.py:Mine"
    assert command.files == {"/srv/my task.py": "/opt/envserver-tasks/my task.py"}
    with pytest.raises(RemoteError, match="is a file of this host"):
        container_command(asked, OURS, False)


def test_an_environment_of_gymnasium() -> None:
    asked = spec(
        runtime="gym-core", env_id="ALE/Pong-v5", fps=30.0, env_kwargs={"mode": 1}, screen="native"
    )
    command = container_command(asked, OURS, True)
    assert command.words == (
        *("envserver-remote", "ALE/Pong-v5", "--kind", "gym-core", "--screen", "native"),
        *("--fps", "30", "--env-kwargs", '{"mode": 1}'),
    )
    assert command.describes


def test_foreign_images_run_what_they_run() -> None:
    command = container_command(spec(), FOREIGN, True)
    assert (command.words, command.ports, command.describes) == ((), (5900,), False)
    named = spec(runtime="docker", runtime_name="mine", command="serve & me")
    assert container_command(named, OURS, True).words == ("/bin/sh", "-c", "serve & me")
    own = container_command(spec(container={"command": ["serve", "me"]}), FOREIGN, True)
    assert own.words == ("serve", "me")


def test_where_foreign_images_listen() -> None:
    silent = Image("someone/silent:1", False, {}, frozenset({80}))
    both = Image("someone/both:1", False, {}, frozenset({5900, 15900}))
    assert container_command(spec(), both, True).ports == (5900, 15900)
    said = spec(container={"ports": {"vnc": 7000, "rewarder": 7001}})
    assert container_command(said, silent, True).ports == (7000, 7001)
    rewarder_only = container_command(spec(container={"ports": {"rewarder": 7001}}), both, True)
    assert (rewarder_only.vnc_port, rewarder_only.rewarder_port) == (0, 7001)
    with pytest.raises(RemoteError, match=r"someone/silent:1 exposes neither .* say where"):
        container_command(spec(), silent, True)
    with pytest.raises(RemoteError, match=r"envserver/base:1 is ours and listens at 5900 and 1590"):
        container_command(said, OURS, True)


def test_the_ports_of_a_runtime_reach_its_containers(tmp_path: Path) -> None:
    file = tmp_path / "runtimes.yml"
    file.write_text(
        "mine:\n  kind: docker\n  image: someone/silent:1\n  ports: {vnc: 7000}\n"
        "  environments: any\n"
    )
    fields = session_fields("mine.Desk-v0", runtimes=load_runtimes(file))
    silent = Image("someone/silent:1", False, {}, frozenset())
    command = container_command(SessionSpec(num_envs=1, **fields), silent, True)
    assert command.ports == (7000,)


def test_the_line_has_every_limit_and_no_password() -> None:
    options = container_options({"memory": "1g", "capabilities": ["SYS_PTRACE"], "cpus": 1.5})
    command = container_command(spec(command=["xterm", "-T", "a b"]), OURS, True)
    line = docker_run_line(OURS, options, command, "envserver-1-0")
    words = shlex.split(line)
    assert words[:5] == ["docker", "run", "--rm", "--init", "--name"]
    for option, value in (
        *(("-p", "127.0.0.1:5900:5900"), ("-e", "ENVSERVER_VNC_PASSWORD")),
        *(("--memory", str(1 << 30)), ("--cpus", "1.5"), ("--pids-limit", "512")),
        *(("--cap-drop", "ALL"), ("--cap-add", "SYS_PTRACE")),
        *(("--security-opt", "no-new-privileges"), ("--tmpfs", "/tmp:exec")),
        ("--tmpfs", "/var/lib/envserver:exec,uid=1000,mode=700"),
    ):
        assert (option, value) in list(itertools.pairwise(words))
    assert words[-4:] == ["--", "xterm", "-T", "a b"]


def test_images_of_ours_need_no_tag() -> None:
    def asked(**fields: Any) -> str:
        made = spec(**fields)
        return image_name(made, container_options(made.container))

    assert asked() == image_of("base")
    assert asked(runtime="gym-core", env_id="ALE/Pong-v5") == image_of("gym-core")
    assert asked(container={"image": "envserver/terminal"}) == image_of("terminal")
    assert asked(container={"image": "envserver/terminal:9"}) == "envserver/terminal:9"
    assert asked(container={"image": "debian"}) == "debian"
