"""One picture of a batch: a labelled tile for each environment."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

TILE_PX = 512
LABEL_PX = 28
GAP_PX = 8
COLUMNS = 4
BACKGROUND = (24, 26, 30)
TEXT = (230, 230, 230)


def contact_sheet(observations: NDArray[np.uint8], labels: Sequence[str]) -> Image.Image:
    """Tile a batch.

    Args:
        observations: uint8 (n, height, width, 3), RGB, or (n, height, width[, 1]), grey.
        labels: n texts, shown above the tiles.
    """
    if observations.shape[3:] == (1,):
        observations = observations[..., 0]
    count, height, width = observations.shape[:3]
    tile_height = max(1, round(TILE_PX * height / width))
    columns = min(COLUMNS, count)
    rows = math.ceil(count / columns)
    cell = (TILE_PX + GAP_PX, LABEL_PX + tile_height + GAP_PX)
    size = (columns * cell[0] + GAP_PX, rows * cell[1] + GAP_PX)
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=16)
    for index, (observation, label) in enumerate(zip(observations, labels, strict=True)):
        x = GAP_PX + index % columns * cell[0]
        y = GAP_PX + index // columns * cell[1]
        draw.text((x, y + 4), label, font=font, fill=TEXT)
        tile = Image.fromarray(np.ascontiguousarray(observation))
        tile = tile.resize((TILE_PX, tile_height), Image.Resampling.LANCZOS)
        sheet.paste(tile, (x, y + LABEL_PX))
    return sheet
