"""Write the environments of the runtime `miniwob` into runtimes.yml: each page of its package.

Their summaries are what the package itself says about them.
"""

import re
from pathlib import Path

from envserver.tasks.miniwob import FLIGHTS, page_of
from envserver.tasks.miniwob_browser import pages_directory

RUNTIMES = Path(__file__).parents[1] / "runtimes.yml"
MARK = "    # `python -m tools.miniwob_environments` writes these.\n"
FLIGHT_SCREEN = "[375, 667]"
MAX_SUMMARY = 70


def entries() -> list[str]:
    """The lines of all environments."""
    directory = pages_directory()
    known = _descriptions(directory.parent / "envs")
    lines = []
    for path in sorted((directory / "miniwob").glob("*.html")):
        name = "".join(word.capitalize() for word in path.stem.split("-"))
        assert page_of(name) == f"miniwob/{path.name}", name
        lines += _entry(name, known.get(path.stem) or _title(path))
    for name, folder in FLIGHTS.items():
        text = known.get(f"flight.{folder}") or f"Book a flight, as the page {folder} asks"
        lines += [*_entry(name, text), f"      screen: {FLIGHT_SCREEN}\n"]
    return lines


def _entry(name: str, summary: str) -> list[str]:
    return [
        f"    {name}-v0:\n",
        f"      summary: {_one_line(summary)}\n",
        f"      task: envserver.tasks.miniwob:{name}\n",
    ]


def _descriptions(directory: Path) -> dict[str, str]:
    """By page, the first paragraph under "Description" of the package's classes."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(directory.glob("*_envs.py")))
    pattern = r'## Description\s+(.*?)\n\s*\n(?:(?!subdomain =).)*subdomain = "([^"]+)"'
    return {page: found for found, page in re.findall(pattern, text, re.DOTALL)}


def _title(path: Path) -> str:
    found = re.search(r"<title>(.*?)</title>", path.read_text(encoding="utf-8"), re.DOTALL)
    return found[1] if found else path.stem


def _one_line(text: str) -> str:
    text = " ".join(re.sub(r"^\[[^\]]*\]", "", text).split()).rstrip(".")
    if len(text) > MAX_SUMMARY:
        text = text[: MAX_SUMMARY - 3].rsplit(" ", 1)[0] + "..."
    return f'"{text}"' if re.search(r"[:#\[\]{}&*!|>'%@`]", text) else text


def main() -> None:
    text = RUNTIMES.read_text(encoding="utf-8")
    before, mark, after = text.partition(MARK)
    assert mark, f"{RUNTIMES} has no line {MARK!r}"
    end = re.search(r"^(?!      |    \w)", after, re.MULTILINE)
    rest = after[end.start() :] if end else ""
    RUNTIMES.write_text(f"{before}{mark}{''.join(entries())}{rest}", encoding="utf-8")


if __name__ == "__main__":
    main()
