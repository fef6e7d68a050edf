"""What is asked of VNC servers: levels, Universe's defaults, subscriptions."""

from typing import Any

import pytest

from envserver.spec import SessionSpec
from envserver.vnc_settings import check_vnc_kwargs

UNIVERSE = {"encoding": "tight", "fine_quality_level": 50, "subsample_level": 2}


@pytest.mark.parametrize(
    ("given", "settings"),
    [
        ({}, UNIVERSE),
        ({"compress_level": 1}, {**UNIVERSE, "compress_level": 1}),
        ({"fine_quality_level": 90}, {**UNIVERSE, "fine_quality_level": 90}),
        ({"encoding": "zrle"}, {"encoding": "zrle"}),
        ({"quality_level": 3}, {"encoding": "tight", "quality_level": 3}),
        ({"fine_quality_level": -1}, {"encoding": "tight", "fine_quality_level": -1}),
    ],
)
def test_defaults_of_desktops(given: dict[str, Any], settings: dict[str, Any]) -> None:
    assert SessionSpec(runtime="xvnc", num_envs=1, vnc_kwargs=given).vnc_settings == settings
    assert SessionSpec(remotes="host", vnc_kwargs=given).vnc_settings == settings
    gym = SessionSpec(runtime="gym-core", env_id="ALE/Pong-v5", num_envs=1, vnc_kwargs=given)
    assert gym.vnc_settings == given


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (3, "vnc_kwargs is 3, expected a mapping"),
        ({"encodng": "raw"}, "vnc_kwargs has 'encodng', allowed are encoding, .* mean 'encoding'"),
        ({"encoding": "h264"}, r"\['encoding'\] is 'h264', allowed are 'tight', 'zrle'"),
        ({"quality_level": 10}, r"\['quality_level'\] is 10, allowed are -1 to 9"),
        ({"compress_level": -2}, r"\['compress_level'\] is -2, allowed are -1 to 9"),
        ({"fine_quality_level": 101}, r"\['fine_quality_level'\] is 101, allowed are -1 to 100"),
        ({"subsample_level": True}, r"\['subsample_level'\] is True"),
        ({"subscription": "all"}, r"\['subscription'\] is 'all', expected a list of \(x, width,"),
        ({"subscription": []}, "has 0 rectangles, expected 1 to 16"),
        ({"subscription": [(0, 10, 0)]}, r"\[0\] is \(0, 10, 0\), expected \(x, width, y, height"),
        ({"subscription": [(0, 8, 0, 8), (0, 0, 0, 8)]}, r"\[1\] .*expected a width of 1"),
        ({"subscription": [(0, 8, -1, 8)]}, r"\[0\] .*expected a height of 1 and more"),
        ({"subscription": [(16000, 800, 0, 8)]}, "ends within 16384 pixels"),
    ],
)
def test_out_of_range_is_refused_by_name(given: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        check_vnc_kwargs(given)


def test_a_subscription_survives_the_wire() -> None:
    spec = SessionSpec(remotes="host", vnc_kwargs={"subscription": [(0, 640, 32, 480)]})
    assert spec.vnc_kwargs["subscription"] == [[0, 640, 32, 480]]
    assert SessionSpec.from_wire(spec.to_wire()) == spec
