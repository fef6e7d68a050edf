"""The table of compression settings: measured on a real server, written where the docs have it."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import compression
from benchmarks.compression import BEGIN, DOCS, END, SETTINGS, Cost
from envserver.vnc_settings import check_vnc_kwargs


@pytest.mark.parametrize("settings", SETTINGS, ids=compression.describe)
def test_every_setting_can_be_asked_for(settings: dict[str, object]) -> None:
    assert check_vnc_kwargs(settings) == settings


def test_the_docs_have_a_row_for_each_setting() -> None:
    text = DOCS.read_text(encoding="utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0]
    rows = [line.split("|")[1].strip() for line in shown.splitlines() if line.startswith("| ")]
    assert rows == ["setting", *map(compression.describe, SETTINGS)]


def test_the_table_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"head\n{BEGIN}\nold\n{END}\ntail\n")
    costs = {"raw": {"game": Cost(4.0, 1.0, 2.0, float("inf"))}}
    compression.write_table(compression.table(costs, {"measured": "", "cpu": "", "cores": 1}), page)
    text = page.read_text()
    assert "| raw | 4.000 | 1.00 | 2.0 | none |" in text
    assert "old" not in text
    assert text.startswith("head\n")
    assert text.endswith("tail\n")
    page.write_text("no marks")
    with pytest.raises(SystemExit, match="has no marks"):
        compression.write_table("", page)


@pytest.mark.integration
def test_jpeg_is_smaller_and_worse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compression, "PACED_STEPS", 10)
    monkeypatch.setattr(compression, "COMPARED_STEPS", 10)
    monkeypatch.setattr(compression, "SIZE", (320, 240))
    picture = compression.photograph(200, 700)
    content = compression.shown(lambda number: picture[:, 4 * (number % 100) :][:, :280])
    exact = compression.measure(content, {"encoding": "zrle"})
    lossy = compression.measure(content, {"encoding": "tight", "fine_quality_level": 50})
    assert np.isinf(exact.psnr_db)
    assert 20 < lossy.psnr_db < 50
    assert lossy.bytes_per_pixel < exact.bytes_per_pixel / 4
