"""The command line: its output, its exit codes, and a daemon served, asked and stopped by it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from envserver.cli import main
from envserver.cli.choice import candidates, chosen
from envserver.doctor import Check

COMMAND = [sys.executable, "-c", "from envserver.cli import main; main()"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory in which no daemon runs."""
    monkeypatch.setenv("ENVSERVER_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("ENVSERVER_ADDRESS", raising=False)
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_help_lists_every_command_and_imports_little() -> None:
    code = (
        "import sys\nfrom envserver.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print({'numpy', 'gymnasium', 'zmq', 'rich'} & set(sys.modules))"
    )
    said = subprocess.check_output([sys.executable, "-c", code], text=True)
    assert said.splitlines()[-1] == "set()"
    assert [name for name in main.commands if f"\n  {name} " not in said] == []


@pytest.mark.parametrize(
    "command", [["status"], ["remotes"], ["stop"], ["attach", "0"], ["logs", "0"]]
)
def test_without_a_daemon_one_line_says_what_to_do(command: list[str], home: Path) -> None:
    result = invoke(*command)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: no daemon runs at ipc://{home}/broker: start one with 'envserver serve'\n"
    )


def test_an_address_of_another_kind_is_one_line() -> None:
    result = invoke("status", "--address", "tcp://127.0.0.1:1")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: address is 'tcp://127.0.0.1:1', expected 'ipc://")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("command", [["attach", "one"], ["demo", "--num-envs", "0"], ["no-such"]])
def test_wrong_usage_is_exit_code_2(command: list[str]) -> None:
    assert invoke(*command).exit_code == 2


def test_runtimes_are_listed() -> None:
    assert {"gym-core", "xvnc"} <= set(json.loads(invoke("runtimes", "--json").stdout))
    said = invoke("runtimes").stdout
    assert "gym-core.<Name>-v<k>" in said
    assert "terminal.Shell-v0" in said


@pytest.mark.parametrize(("state", "exit_code"), [("ok", 0), ("warn", 0), ("fail", 1)])
def test_doctor_fails_only_on_failures(
    state: str, exit_code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Check("thing", state, "[found]", "" if state == "ok" else "mend it")
    monkeypatch.setattr("envserver.doctor.examine", lambda: [check])
    result = invoke("doctor")
    assert result.exit_code == exit_code
    assert "[found]" in result.stdout
    assert ("mend it" in result.stdout) == (state != "ok")
    assert json.loads(invoke("doctor", "--json").stdout)["checks"][0]["state"] == state


@pytest.mark.integration
def test_a_daemon_is_served_asked_and_stopped(home: Path) -> None:
    environment = {**os.environ, "ENVSERVER_DIRECTORY": str(home)}
    daemon = subprocess.Popen(
        [*COMMAND, "serve"], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert daemon.stderr is not None
        assert f"serves ipc://{home}/broker" in daemon.stderr.readline()
        (found,) = json.loads(invoke("status", "--json").stdout)
        assert found["pid"] == daemon.pid
        assert found["sessions"] == []
        assert f"process {daemon.pid}" in invoke("status").stdout
        assert json.loads(invoke("remotes", "--json").stdout) == []
        assert invoke("attach", "0").stderr == "Error: no session is open\n"
        assert invoke("serve").exit_code == 1
        assert invoke("stop").stdout == f"stopped ipc://{home}/broker\n"
        assert daemon.wait(10) == 0
    finally:
        daemon.kill()
        daemon.communicate()
    assert list(home.iterdir()) == []


class TestChoice:
    @pytest.fixture
    def running(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
        """The addresses at which a daemon runs: those of two trainers, to begin with."""
        places = [home / name / "broker" for name in ("private-1", "private-2")]
        for place in places:
            place.parent.mkdir()
        urls = {f"ipc://{place}" for place in places}
        monkeypatch.setattr("envserver.channel.is_running", lambda place: place.url in urls)
        return urls

    def test_private_ones_where_no_other_runs(self, running: set[str], home: Path) -> None:
        assert set(candidates(None)) == running
        with pytest.raises(click.UsageError, match="2 daemons run"):
            chosen(None)
        running.remove(f"ipc://{home}/private-1/broker")
        assert chosen(None) == f"ipc://{home}/private-2/broker"

    def test_the_default_one_wins(self, running: set[str], home: Path) -> None:
        running.add(f"ipc://{home}/broker")
        assert chosen(None) == f"ipc://{home}/broker"
        assert set(candidates(None)) == running

    def test_the_variable_is_as_the_option(
        self, running: set[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ENVSERVER_ADDRESS", "ipc:///there/broker")
        assert candidates(None) == [chosen(None)] == ["ipc:///there/broker"]
        assert chosen("ipc:///here/broker") == "ipc:///here/broker"
        monkeypatch.setenv("ENVSERVER_ADDRESS", "")
        assert set(candidates(None)) == running

    def test_stop_takes_no_private_one(self, running: set[str], home: Path) -> None:
        running.remove(f"ipc://{home}/private-1/broker")
        result = invoke("stop")
        assert result.exit_code == 1
        assert f"no daemon runs at ipc://{home}/broker" in result.stderr


def test_remotes_say_where_they_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "envserver.broker.control.status",
        lambda url: {
            "sessions": [{"name": "1", "workers": [{"env": 0, "state": "ready"}]}],
            "kept": [{"client_id": "me", "runtime": "xvnc", "num_envs": 2, "alive": 1}],
        },
    )
    url = "ipc:///x/broker"
    found, kept = json.loads(invoke("remotes", "--json", "--address", url).stdout)
    assert found == {"address": url, "session": "1", "env": 0, "state": "ready"}
    assert kept["address"] == url
    assert kept["state"] == "kept for me"
    assert url in invoke("remotes", "--address", url).stdout


@pytest.mark.parametrize(
    ("picture", "complaint"),
    [("/nowhere/demo.png", "no folder"), ("demo.txt", "no kind of picture"), ("demo", "no kind")],
)
def test_the_picture_is_checked_first(
    picture: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("demo", "--picture", picture)
    assert result.exit_code == 2
    assert complaint in result.stderr


@pytest.mark.integration
def test_a_default_picture_that_cannot_be_written_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo.png").mkdir()
    monkeypatch.chdir(tmp_path)
    result = invoke("demo", "--json", "--num-envs", "1", "--seconds", "0.2")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["num_envs"] == 1
    assert "warning: no picture" in result.stderr


@pytest.mark.integration
def test_a_log_is_followed_until_it_is_gone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("older\nold\n")
    code = f"from pathlib import *\nfrom envserver.cli.remotes import _follow\n_follow({log!r}, 1)"
    follower = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "old\n"
        with log.open("a") as file:
            file.write("new\n")
        assert follower.stdout.readline() == "new\n"
        log.unlink()
        assert follower.wait(10) == 0
    finally:
        follower.kill()
        follower.communicate()


@pytest.mark.integration
def test_ctrl_c_ends_following_without_a_word(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    code = (
        "from envserver.broker import control\n"
        f"control.logs = lambda *_, **__: {{'path': {str(log)!r}, 'lines': [], 'remote': []}}\n"
        "from envserver.cli import main\n"
        "main(['logs', '0', '--follow'])"
    )
    follower = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "old\n"
        follower.send_signal(signal.SIGINT)
        said, errors = follower.communicate(timeout=10)
        assert (follower.returncode, said, errors.strip()) == (130, "", str(log))
    finally:
        follower.kill()
        follower.communicate()


@pytest.mark.parametrize(
    ("command", "exit_code", "error"),
    [
        (["status"], 1, "no daemon runs at ipc://"),
        (["attach", "0"], 1, "no daemon runs at ipc://"),
        (["attach", "one"], 2, "'one' is not a valid integer"),
        (["logs", "0", "--follow"], 2, "--follow prints lines as they come: leave out --json"),
    ],
)
def test_errors_are_objects_for_machines(command: list[str], exit_code: int, error: str) -> None:
    result = invoke(*command, "--json")
    assert result.exit_code == exit_code
    assert error in json.loads(result.stdout)["error"]
    assert result.stderr == ""


@pytest.mark.integration
def test_the_demo_prints_one_object_and_draws_the_last_batch(tmp_path: Path) -> None:
    picture = tmp_path / "demo.png"
    result = invoke(
        *("demo", "--json", "--num-envs", "2", "--seconds", "0.5", "--picture", str(picture))
    )
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert list(found) == list(figures())
    size = [found[name] for name in ("num_envs", "fps", "width", "height")]
    assert size == [2, 60.0, 1024, 768]
    assert found["frame_age_ms"]["p50"] > 0
    assert found["cpu_per_env"] > 0
    with Image.open(picture) as sheet:
        assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 2


def test_the_demo_of_an_unknown_environment_is_one_line() -> None:
    result = invoke("demo", "--env", "gym-core.NoSuchGame-v0", "--num-envs", "1")
    assert result.exit_code == 1
    assert "NoSuchGame" in result.stderr


def figures() -> dict[str, Any]:
    return {
        "num_envs": 2,
        "fps": 60.0,
        "width": 64,
        "height": 48,
        "encoding": "tight",
        "updates_per_env_s": 59.9,
        "ticks_on_time": 0.995,
        "step_ms": {"p50": 16.6, "p99": 17.0},
        "frame_age_ms": None,
        "cpu_per_env": 0.06,
        "faults": 0,
    }


def test_the_table_of_the_demo_shows_every_figure(capsys: pytest.CaptureFixture[str]) -> None:
    from envserver.cli.demo import show

    show("gym-core.Pong-v0", figures(), 58.7, "demo.png")
    said = capsys.readouterr().out
    for part in (
        "2 of 64x48, tight",
        "59.9 of 60",
        "58.7",
        "99.50%",
        "16.60 / 17.00",
        "no stamps",
        "6.0",
    ):
        assert part in said
