"""What a VNC server once sent: NAME.rfb holds its bytes, NAME.json what is to be known of them.

The bytes begin with ProtocolVersion and end with the last whole server message. The client that
recorded them spoke RFB 3.8, took the security type None and asked for `pixel_format.BGRX`.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True, slots=True)
class Recording:
    """One stream; `data[body_offset:]` are the messages after ServerInit."""

    data: bytes
    label: str
    width: int
    height: int
    body_offset: int
    encodings: list[int]
    arrivals: list[tuple[float, int]]
    """[seconds, bytes until then]: the timing when it was recorded."""
    picture_hash: str = ""
    """Of the last picture, by another decoder than ours; empty where nobody knows."""

    @property
    def body(self) -> bytes:
        return self.data[self.body_offset :]

    @classmethod
    def load(cls, path: Path) -> "Recording":
        """Read NAME.rfb and NAME.json, given either of them or NAME alone.

        Raises:
            SystemExit: one is missing, or they do not belong together.
        """
        base = path.with_suffix("") if path.suffix in (".rfb", ".json") else path
        try:
            described = json.loads(base.with_suffix(".json").read_text())
            data = base.with_suffix(".rfb").read_bytes()
        except (OSError, ValueError) as error:
            raise SystemExit(f"{base} is no recording: {error}") from error
        ends = [count for _, count in described["arrivals"]]
        if ends and ends[-1] != len(data):
            raise SystemExit(f"{base}.rfb has {len(data)} bytes, expected {ends[-1]}")
        return cls(
            data=data,
            label=base.name,
            width=described["width"],
            height=described["height"],
            body_offset=described["body_offset"],
            encodings=described["encodings"],
            arrivals=[(seconds, count) for seconds, count in described["arrivals"]],
            picture_hash=described.get("picture_hash", ""),
        )

    def save(self, directory: Path) -> None:
        described = asdict(self)
        del described["data"], described["label"]
        (directory / f"{self.label}.rfb").write_bytes(self.data)
        (directory / f"{self.label}.json").write_text(json.dumps(described) + "\n")


def picture_hash(picture: memoryview) -> str:
    """FNV-1a, 64 bit, over B, G, R of every pixel, row by row.

    It begins with 1469598103934665603, one digit short of the usual offset basis.

    Args:
        picture: uint8, (height, width, 4), B, G, R, X; X is skipped.
    """
    found = 1469598103934665603
    for byte in np.asarray(picture)[:, :, :3].tobytes():
        found = (found ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{found:016x}"
