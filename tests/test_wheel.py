"""A wheel holds all that is needed outside the clone."""

import json
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("cython_vnc", "shm", "workers", "envserver")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in the clone's own build directory, so that a second run compiles nothing."""
    directory = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", directory)
    run(*build, cwd=ROOT)
    (found,) = directory.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of a venv with the wheel; the dependencies are those of this one."""
    venv = tmp_path_factory.mktemp("venv")
    run(sys.executable, "-m", "venv", "--without-pip", venv, cwd=venv)
    python = venv / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "-q", wheel)
    run(*pip, cwd=venv)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    # A .pth adds the directory alone: the .pth files in it, the clone's among them, do not count.
    shared = venv / "lib" / version / "site-packages" / "dependencies.pth"
    shared.write_text(sysconfig.get_path("purelib"))
    return venv / "bin"


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_wheel_holds_modules_types_and_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    suffix = sysconfig.get_config_var("EXT_SUFFIX")
    for package in PACKAGES:
        assert f"{package}/py.typed" in names
        for source in (ROOT / package).rglob("*.p[xy][xdi]"):
            path = source.relative_to(ROOT)
            wanted = path.with_suffix(suffix) if path.suffix == ".pyx" else path
            assert str(wanted) in names
    data = [*ROOT.glob("runtimes.yml"), *ROOT.glob("docker/**/*")]
    held = {f"envserver/_data/{path.relative_to(ROOT)}" for path in data if path.is_file()}
    assert held <= names
    assert {name.split("/")[0] for name in names} == {*PACKAGES, "envserver-0.1.0.dist-info"}


@pytest.mark.integration
@pytest.mark.timeout(900)
def test_wheel_works_outside_the_clone(installed: Path, tmp_path: Path) -> None:
    code = f"import {', '.join(PACKAGES)}; print({', '.join(f'{p}.__file__' for p in PACKAGES)})"
    files = run(installed / "python", "-c", code, cwd=tmp_path).split()
    assert all(Path(file).is_relative_to(installed.parent) for file in files)
    checks = json.loads(run(installed / "envserver", "doctor", "--json", cwd=tmp_path))["checks"]
    states = {check["name"]: check["state"] for check in checks}
    assert states["compiled modules"] == "ok"
