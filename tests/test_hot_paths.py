"""No line of a `noexcept nogil` function touches Python, as the C that Cython writes shows it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# Cython puts the source's file and line in a comment above the C of each statement.
PLACE = re.compile(r'^ *(?:/\*|\*) "([\w/]+\.(?:pyx|pxd))":(\d+)$', re.MULTILINE)
TOUCH = re.compile(r"\b(?:_?Py[A-Z]\w*_\w+|Py_[A-Z]\w+|__Pyx_[A-Z]\w+) *\(")
HEADER_END = re.compile(r"\)[^()]*\bnoexcept\s+nogil\s*:\s*(?:#.*)?$")
SOURCE = """\
cdef int f(
    int a,
) noexcept nogil:
    return a

cdef void g() noexcept nogil:
    if 1:
        pass

def h():
    return 1

cdef class K:
    cdef int m(self) noexcept nogil:
        return 2
    def n(self):
        pass
"""
GENERATED = """\
  /* "shm/row.pxd":12
 *     a = 1             # <<<<<<<<<<<<<<
 */
  __pyx_v_a = 1;

  /* "shm/row.pxd":13
 *     PyErr_SetNone(b)             # <<<<<<<<<<<<<<
 */
  (void)(__Pyx_GetBuiltinName(__pyx_n_s_b));
  Py_ssize_t n = (Py_ssize_t)(1);
"""


def nogil_lines(text: str) -> set[int]:
    """The numbers, from 1, of the lines inside the bodies of `noexcept nogil` functions."""
    found: set[int] = set()
    header_indent = body_indent = -1
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        indent = len(line) - len(line.lstrip())
        if body_indent >= 0 and indent <= body_indent:
            body_indent = -1
        if body_indent >= 0:
            found.add(number)
        elif re.match(r"\s*cdef\s", line):
            header_indent = indent
        if body_indent < 0 and header_indent >= 0 and HEADER_END.search(line):
            body_indent = header_indent
    return found


def touches(generated: str) -> Iterator[tuple[str, int, set[str]]]:
    """File, line, and the calls into Python, of each statement of a C file that Cython wrote."""
    places = list(PLACE.finditer(generated))
    ends = [place.start() for place in places[1:]] + [len(generated)]
    for place, end in zip(places, ends, strict=True):
        code = re.sub(r"^.*?\*/", "", generated[place.end() : end], count=1, flags=re.DOTALL)
        code = code.partition("\n}")[0]  # the end of the function or struct
        yield place[1], int(place[2]), set(TOUCH.findall(code))


def test_bodies_are_found() -> None:
    assert nogil_lines(SOURCE) == {4, 7, 8, 15}


def test_touches_are_found() -> None:
    found = list(touches(GENERATED))
    assert found == [("shm/row.pxd", 12, set()), ("shm/row.pxd", 13, {"__Pyx_GetBuiltinName("})]


@pytest.fixture(scope="module")
def cythonized(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], str]:
    """The C of every module, and what Cython said."""
    directory = tmp_path_factory.mktemp("annotation")
    done = subprocess.run(
        [sys.executable, "setup.py", "--version"],
        cwd=ROOT,
        env={**os.environ, "ENVSERVER_ANNOTATE": str(directory)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return sorted(directory.rglob("*.c")), done.stdout + done.stderr


@pytest.mark.integration
def test_nogil_functions_touch_no_python(cythonized: tuple[list[Path], str]) -> None:
    inside: dict[str, set[int]] = {}
    checked: set[tuple[str, int]] = set()
    touching: set[str] = set()
    for generated in cythonized[0]:
        for file, line, calls in touches(generated.read_text()):
            if file not in inside:
                path = ROOT / file
                inside[file] = nogil_lines(path.read_text()) if path.exists() else set()
            if line in inside[file]:
                checked.add((file, line))
                touching |= {f"{file}:{line}: {call}" for call in calls}
    assert sorted(touching) == []
    packages = {file.split("/")[0] for file, _ in checked}
    assert packages == {"cython_vnc", "shm", "workers"}


@pytest.mark.integration
def test_cython_has_no_performance_hints(cythonized: tuple[list[Path], str]) -> None:
    assert "performance hint" not in cythonized[1]
