"""Types: mypy --strict over the Python, stubtest over the Python face of what is compiled."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("cython_vnc", "shm", "workers", "envserver")
STUBS = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.pyi"))


def run(*arguments: str) -> str:
    """What a module's command line says, empty when it is content."""
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return f"\n{done.stdout}{done.stderr}" if done.returncode else ""


@pytest.mark.integration
def test_mypy() -> None:
    complaint = run("mypy")
    assert not complaint, complaint


@pytest.mark.integration
def test_stubs_match_what_is_compiled(tmp_path: Path) -> None:
    allowlist = tmp_path / "allowlist"
    # What Cython adds to each module and class.
    allowlist.write_text(r".*\.__(pyx_\w+|reduce_cython|setstate_cython|test)__" "\n")
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in STUBS]
    assert modules
    options = (
        "--ignore-disjoint-bases",
        "--ignore-unused-allowlist",
        "--allowlist",
        str(allowlist),
    )
    complaint = run("mypy.stubtest", "--mypy-config-file=pyproject.toml", *options, *modules)
    assert not complaint, complaint


def test_every_compiled_module_with_a_python_face_has_a_stub() -> None:
    faces = ("def ", "cpdef ", "class ", "cdef class ")
    sources = [path for package in PACKAGES for path in (ROOT / package).rglob("*.pyx")]
    bare = [
        str(path.relative_to(ROOT))
        for path in sources
        if any(line.startswith(faces) for line in path.read_text().splitlines())
        and not path.with_suffix(".pyi").exists()
    ]
    assert bare == []
