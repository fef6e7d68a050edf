"""What the documentation says is so: its program runs, its commands and links exist."""

import ast
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
PACKAGES = ("cython_vnc", "shm", "workers", "envserver")
TEXTS = (".py", ".pyx", ".pxd", ".pyi", ".h", ".md", ".toml", ".yml", ".txt", "", ".sh")
DIRECTORIES = (
    *("cython_vnc", "shm", "workers", "envserver", "tests"),
    *("benchmarks", "tools", "examples", "docs", "docker", ".ci"),
)


@pytest.mark.integration
def test_the_trainer_of_the_readme_runs(tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    lines = [line for line in program.splitlines() if line.strip()]
    assert len(lines) <= 10
    (tmp_path / "trainer.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "trainer.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("(8, 768, 1024, 3) uint8")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment in which a daemon runs at the default address."""
    # A path of its own that is short enough for a unix socket to lie in it.
    with tempfile.TemporaryDirectory(prefix="es-") as home:
        environment = {**os.environ, "ENVSERVER_DIRECTORY": home}
        environment.pop("ENVSERVER_ADDRESS", None)
        command = "from envserver.broker.main import run; run(ready_fd=1)"
        with subprocess.Popen(
            [sys.executable, "-c", command], cwd=tmp_path, env=environment, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stdout.read(1)
            try:
                yield environment
            finally:
                process.terminate()


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=mark, id=page.stem)
        for page in sorted((ROOT / "docs").glob("*.md"))
        for mark in [pytest.mark.docker if page.stem == "containers" else pytest.mark.integration]
    ],
)
def test_the_programs_of_the_pages_run(page: Path, daemon: dict[str, str], tmp_path: Path) -> None:
    programs = re.findall(r"(?:`(\w+\.py)`:\n\n)?```python\n(.*?)```", page.read_text(), re.DOTALL)
    for name, program in programs:
        if name:  # "save it as": the next program's
            (tmp_path / name).write_text(program)
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=tmp_path,
            env=daemon,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    from envserver.cli import main

    text = page.read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE)) <= targets
    assert set(re.findall(r"(?:`|^    )envserver ([a-z]+)", text, re.MULTILINE)) <= set(
        main.commands
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#\s]+)", page.read_text()):
        if "://" not in link:
            target = (page.parent / link).resolve()
            assert target.is_relative_to(ROOT), link
            assert target.exists(), link


def test_every_command_is_in_the_readme() -> None:
    from envserver.cli import main

    assert [name for name in main.commands if f"`envserver {name}" not in README] == []


def modules_on_disk() -> set[str]:
    """Every module of the packages; a lone `.pxd` is one, an `__init__` of a docstring is not."""
    found = set()
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.p*")):
        shadowed = path.suffix == ".pxd" and path.with_suffix(".pyx").exists()
        bare = path.name == "__init__.py" and len(ast.parse(path.read_text()).body) <= 1
        if path.suffix in (".py", ".pyx", ".pxd") and not shadowed and not bare:
            found.add(str(path.relative_to(ROOT)))
    return found


def modules_in_architecture() -> set[str]:
    """The names that the bullets of "File by file" begin with, each with its heading's folder."""
    found = set()
    for section in ARCHITECTURE.split("## File by file")[1].split("\n### ")[1:]:
        folder = section.split("`")[1] if section.startswith("`") else None
        for names in re.findall(r"^- (`[^:]+`):", section, re.MULTILINE) if folder else ():
            found |= {f"{folder}{name}" for name in re.findall(r"`([\w.]+)`", names)}
    return found


def test_every_module_is_in_the_architecture() -> None:
    named, there = modules_in_architecture(), modules_on_disk()
    assert sorted(there - named) == []
    assert sorted(name for name in named - there if not (ROOT / name).exists()) == []


IO = re.compile(
    r"""^\s*(?:import|from)\s+(?:asyncio|fcntl|logging|mmap|os|psutil|resource|select|selectors
            |shutil|signal|socket|subprocess|threading|time|websockets|zmq)\b
    |^\s*from\s+posix\.\w+\s+cimport\b
    |^\s*from\s+shm\.atomic\s+cimport\b(?:[^(\n]*|\s*\([^)]*)(?:monotonic_ns|futex)
    |^\s*cdef\ extern\ from\ "<?(?:poll|sys/)
    |\.(?:read|write)_(?:text|bytes)\(|\bPath\(__file__\)""",
    re.MULTILINE | re.VERBOSE,
)


def test_only_modules_named_so_do_io() -> None:
    section = ARCHITECTURE.split("## Who may do I/O")[1].split("\n## ")[0]
    named = set()
    for folder, names in re.findall(r"^- `([\w/]+/)`: ((?:.|\n  )*)", section, re.MULTILINE):
        named |= {f"{folder}{name}" for name in re.findall(r"`(\w+)`", names)}
    sources = [name for name in modules_on_disk() if not name.endswith(".pxd")]
    found = {
        str(Path(name).with_suffix("")) for name in sources if IO.search((ROOT / name).read_text())
    }
    assert sorted(found - named) == []
    assert sorted(named - found) == []


def strays(path: Path) -> list[str]:
    """Loose ends, paths of one machine, and paths that leave the repository, in a file."""
    text = path.read_text()
    words = "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"))
    found = re.findall(rf"\b(?:{words})\b|(?<![\w.~$}}])/(?:home|root|work)/[\w.-]+", text)
    for upwards in re.findall(r"(?<![\w./])(?:\.\./)+\w[\w.-]*", text):
        if not (path.parent / upwards).resolve().is_relative_to(ROOT):
            found.append(upwards)
    return found


def test_the_project_stands_alone() -> None:
    files = [path for name in DIRECTORIES for path in (ROOT / name).rglob("*")]
    files += ROOT.iterdir()
    texts = [path for path in files if path.is_file() and path.suffix in TEXTS]
    found = {str(path.relative_to(ROOT)): strays(path) for path in texts}
    assert {name: words for name, words in found.items() if words} == {}
