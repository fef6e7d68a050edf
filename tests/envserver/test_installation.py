"""What importing says where our packages are foreign, or not compiled."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = "from envserver.installation import check_installation; check_installation(); print('ours')"


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The packages' Python files without anything compiled."""
    for package in ("envserver", "workers", "shm", "cython_vnc"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    shutil.copy(ROOT / "envserver" / "installation.py", tmp_path / "envserver")
    return tmp_path


def imported(directory: Path, *first: Path) -> str:
    """What a new interpreter says that finds the packages in these directories."""
    code = f"import sys; sys.path[:0] = {[str(path) for path in (*first, directory)]}; {CHECK}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False
    )
    return (done.stdout + done.stderr).strip().splitlines()[-1]


def compile_all(clone: Path) -> None:
    for module in ("shm/layout.py", "cython_vnc/constants.py", "workers/entries.py"):
        (clone / module).touch()


def test_a_clone_that_was_not_built_names_the_command(clone: Path) -> None:
    assert imported(clone) == (
        f"ImportError: shm.layout is not compiled: run 'make build' in {clone}"
    )


def test_a_built_clone_imports(clone: Path) -> None:
    compile_all(clone)
    assert imported(clone) == "ours"


def test_a_foreign_package_is_named(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    compile_all(clone)
    other = tmp_path_factory.mktemp("other")
    (other / "workers").mkdir()
    (other / "workers" / "__init__.py").touch()
    said = imported(clone, other)
    assert f"found the package 'workers' at {other}/workers/__init__.py" in said
    assert "rename or remove it" in said


def test_a_foreign_module_is_named(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    compile_all(clone)
    other = tmp_path_factory.mktemp("other")
    (other / "shm.py").touch()
    assert f"found the package 'shm' at {other}/shm.py" in imported(clone, other)
