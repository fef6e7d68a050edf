"""The picture of a batch."""

import numpy as np

from envserver.contact_sheet import BACKGROUND, GAP_PX, LABEL_PX, TILE_PX, contact_sheet


def test_each_environment_has_its_tile() -> None:
    observations = np.zeros((5, 96, 128, 3), np.uint8)
    observations[:, :, :] = np.arange(5, dtype=np.uint8)[:, None, None, None] * 50
    sheet = np.asarray(contact_sheet(observations, [f"env {env}" for env in range(5)]))
    tile_height = TILE_PX * 96 // 128
    assert sheet.shape == (
        2 * (tile_height + LABEL_PX + GAP_PX) + GAP_PX,
        4 * (TILE_PX + GAP_PX) + GAP_PX,
        3,
    )
    for env in range(5):
        row, column = divmod(env, 4)
        y = GAP_PX + row * (tile_height + LABEL_PX + GAP_PX) + LABEL_PX + tile_height // 2
        x = GAP_PX + column * (TILE_PX + GAP_PX) + TILE_PX // 2
        assert sheet[y, x].tolist() == [env * 50] * 3


def test_grey_pictures_are_grey_tiles() -> None:
    grey = np.full((2, 96, 128), 90, np.uint8)
    flat = np.asarray(contact_sheet(grey, ["one", "two"]))
    assert (flat == np.asarray(contact_sheet(grey[..., None], ["one", "two"]))).all()
    assert flat[GAP_PX + LABEL_PX + 50, GAP_PX + 50].tolist() == [90] * 3


def test_one_environment_is_one_tile() -> None:
    sheet = contact_sheet(np.zeros((1, 10, 10, 3), np.uint8), ["alone"])
    assert sheet.size == (TILE_PX + 2 * GAP_PX, TILE_PX + LABEL_PX + 2 * GAP_PX)


def test_a_smaller_picture_stands_in_the_middle_of_its_tile() -> None:
    large, tall = np.full((96, 128, 3), 50, np.uint8), np.full((96, 32, 3), 100, np.uint8)
    sheet = np.asarray(contact_sheet([large, tall], ["large", "tall"]))
    middle = GAP_PX + LABEL_PX + TILE_PX * 96 // 128 // 2
    row = sheet[middle, TILE_PX + 2 * GAP_PX :]
    left = (TILE_PX - TILE_PX // 4) // 2
    assert row[left + 2 : left + TILE_PX // 4 - 2].tolist() == [[100] * 3] * (TILE_PX // 4 - 4)
    assert row[left - 1].tolist() == row[left + TILE_PX // 4].tolist() == list(BACKGROUND)
