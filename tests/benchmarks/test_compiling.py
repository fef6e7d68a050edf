"""Programs in C are compiled when their source is newer, beside those that run."""

import os
import subprocess
from pathlib import Path

import pytest

from benchmarks import compiling
from benchmarks.compiling import compiled


def test_a_program_that_runs_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "BUILT", tmp_path / "built")
    source = tmp_path / "program.c"
    source.write_text("#include <stdio.h>\nint main(void) { return getchar() == 'x' ? 3 : 4; }\n")
    with subprocess.Popen(compiled(source), stdin=subprocess.PIPE) as running:
        source.write_text("int main(void) { return STATUS; }\n")
        newer_ns = (tmp_path / "built" / "program").stat().st_mtime_ns + 10**9
        os.utime(source, ns=(newer_ns, newer_ns))
        program = compiled(source, lambda: ["-DSTATUS=5"])
        running.communicate(b"x")
    assert running.returncode == 3
    assert subprocess.run([program]).returncode == 5
    assert list((tmp_path / "built").iterdir()) == [program]
    os.utime(program, ns=(newer_ns, newer_ns))
    assert compiled(source, lambda: pytest.fail("compiled again")) == program
