"""The arrows between the packages, over import and cimport, and the shape of the tree."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ALLOWED = {
    "cython_vnc": {"cython_vnc"},
    "shm": {"shm"},
    "workers": {"workers", "cython_vnc", "shm"},
    "envserver": {"envserver", "workers", "shm"},
}
IMPORT = re.compile(
    r"^\s*(?:from\s+(?P<source>[\w.]+)\s+c?import\b|c?import\s+(?P<names>[\w.]+(?:\s+as\s+\w+)?"
    r"(?:\s*,\s*[\w.]+(?:\s+as\s+\w+)?)*))",
    re.MULTILINE,
)
SOURCES = [
    path
    for directory in (*ALLOWED, "tests", "benchmarks", "tools", "examples")
    for suffix in ("py", "pyx", "pxd", "pyi", "h")
    for path in sorted((ROOT / directory).rglob(f"*.{suffix}"))
]

FOREIGN = {
    *("_asdict", "_current_frames", "_exit", "_fields"),  # Python's
    *("_make_wrapper_subclass", "_pytree", "_schema"),  # torch's
    *("_add_info", "_response"),  # Gymnasium's, docker-py's
}
"""Names of other libraries, for which there are no others."""
HIDDEN = {"_host"}
"""Of `Task`, whose other names are its authors' to choose."""

EXAMPLE = """\
import a.b, c as d
from e.f import g
cimport h
    from i cimport (
        x,
    )
from . import sibling
name = 'import no'
"""


def imported_packages(text: str) -> set[str]:
    """The top-level packages that a Python or Cython source imports or cimports."""
    found: set[str] = set()
    for match in IMPORT.finditer(text):
        names = match["source"] or match["names"]
        found |= {name.split()[0].split(".")[0] for name in names.split(",")}
    return found


def test_imports_are_seen_in_every_form() -> None:
    assert imported_packages(EXAMPLE) - {""} == {"a", "c", "e", "h", "i"}


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_point_down(package: str) -> None:
    for path in SOURCES:
        if path.relative_to(ROOT).parts[0] == package:
            ours = imported_packages(path.read_text()) & set(ALLOWED)
            assert ours <= ALLOWED[package], f"{path.relative_to(ROOT)} imports {ours}"


def test_docker_is_no_package() -> None:
    # With an __init__.py it would be imported in place of docker-py.
    assert not (ROOT / "docker" / "__init__.py").exists()


def test_files_hold_one_idea() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines > 400} == {}


def test_python_files_open_with_a_docstring() -> None:
    opening = re.compile(r'(?:#.*\n)*r?"""[A-Z`]')
    silent = [
        str(path.relative_to(ROOT))
        for path in SOURCES
        if path.suffix in (".py", ".pyx") and not opening.match(path.read_text())
    ]
    assert silent == []


def names_of_others(text: str) -> set[str]:
    """The names with an underscore that a source reads of objects but has not itself."""
    own = set(re.findall(r"(?:\b(?:self|cls)\.|\bdef |^ +)(_[a-z]\w*)", text, re.MULTILINE))
    return set(re.findall(r"[\w\])]\.(_[a-z]\w*)", text)) - own


@pytest.mark.parametrize("package", ALLOWED)
def test_what_is_private_is_left_alone(package: str) -> None:
    assert names_of_others("self._a = b._a, b._c, self._d, d()._e\n def _e():") == {"_c"}
    for path in SOURCES:
        if path.relative_to(ROOT).parts[0] == package and path.suffix in (".py", ".pyx"):
            found = names_of_others(path.read_text()) - FOREIGN - HIDDEN
            assert found == set(), f"{path.relative_to(ROOT)} reads {found} of others"
