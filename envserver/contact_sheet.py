"""One picture of many: a labelled tile for each environment."""

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


def contact_sheet(
    observations: Sequence[NDArray[np.uint8]] | NDArray[np.uint8], labels: Sequence[str]
) -> Image.Image:
    """Tile a batch, or pictures of several sizes.

    Args:
        observations: n times uint8 (height, width, 3), RGB, or (height, width[, 1]), grey; the
            largest one fills its tile, the others are put into the middle of theirs, as large as
            they can be.
        labels: n texts, shown above the tiles.
    """
    observations = [each[..., 0] if each.shape[2:] == (1,) else each for each in observations]
    count = len(observations)
    height, width = max((each.shape[:2] for each in observations), key=math.prod)
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
        its_height, its_width = observation.shape[:2]
        scale = min(TILE_PX / its_width, tile_height / its_height)
        its_size = max(1, round(its_width * scale)), max(1, round(its_height * scale))
        tile = Image.fromarray(np.ascontiguousarray(observation))
        tile = tile.resize(its_size, Image.Resampling.LANCZOS)
        left, top = (TILE_PX - its_size[0]) // 2, (tile_height - its_size[1]) // 2
        sheet.paste(tile, (x + left, y + LABEL_PX + top))
    return sheet
