"""What `tools/system-packages` does on machines that have all, or lack something."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "tools" / "system-packages"
BASH = shutil.which("bash")
PROGRAMS = (
    *("c++", "pkg-config", "Xvnc", "openbox", "xterm", "chromium"),
    *("xdotool", "xwd", "xrandr"),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The only directory on PATH: every program that is needed, each content with anything."""
    for program in PROGRAMS:
        add_program(tmp_path, program, "exit 0")
    return tmp_path


def add_program(directory: Path, name: str, script: str) -> None:
    (directory / name).write_text(f"#!{BASH}\n{script}\n")
    (directory / name).chmod(0o755)


def run(path: Path, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    assert BASH is not None
    return subprocess.run(
        [BASH, str(SCRIPT), python],
        env={"PATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_nothing_is_said_or_done_where_all_is_there(path: Path) -> None:
    add_program(path, "apt-get", "exit 9")
    done = run(path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_another_system_gets_a_list(path: Path) -> None:
    for program in ("Xvnc", "xterm"):
        (path / program).unlink()
    done = run(path)
    assert done.returncode == 1
    assert done.stderr.endswith("(Debian's names): tigervnc-standalone-server xterm\n")


@pytest.mark.parametrize("user", [0, 1000])
def test_only_what_is_missing_is_installed(path: Path, user: int) -> None:
    (path / "openbox").unlink()
    log = path / "log"
    add_program(path, "id", f"echo {user}")
    add_program(path, "apt-get", f'echo "$DEBIAN_FRONTEND $*" >> {log}')
    if user:
        add_program(path, "sudo", f'echo sudo >> {log}; exec "$@"')
    (path / "env").symlink_to(str(shutil.which("env")))
    assert run(path).returncode == 0
    sudo = ["sudo"] if user else []
    install = "noninteractive install -y -qq --no-install-recommends openbox"
    assert log.read_text().splitlines() == [*sudo, " update -qq", *sudo, install]


def test_without_sudo_a_user_is_told(path: Path) -> None:
    (path / "openbox").unlink()
    add_program(path, "id", "echo 1000")
    add_program(path, "apt-get", "exit 9")
    done = run(path)
    assert done.returncode == 1
    assert done.stderr == "please run as root: apt-get install openbox\n"


def test_an_old_python_is_refused(path: Path) -> None:
    # It has all that is looked for but its version.
    claim = "import sys; sys.version_info = (3, 10); exec(sys.argv[1])"
    script = f"""[[ $2 == *version_info* ]] || exit 0; exec {sys.executable} -c '{claim}' "$2" """
    add_program(path, "python3.10", script)
    done = run(path, python="python3.10")
    assert done.returncode == 1
    assert done.stderr.startswith("envserver needs Python 3.11 or later")
