"""What the documentation says is so: its program runs, its commands and links exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
README = (ROOT / "README.md").read_text()
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
