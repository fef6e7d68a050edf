"""A worker's process on strings: does one thing to its row for each line on stdin, and says so.

Not a test: `conftest.py` starts it with a segment's descriptor, a doorbell and an environment.
"""

import os
import select
import sys
from collections.abc import Callable

from shm.writer import Writer


def main() -> None:
    fd, doorbell, env = (int(argument) for argument in sys.argv[1:])
    writer = Writer(fd, env)

    def paint(step: str, value: str, share: str = "1") -> str:
        pixels = writer.pixels(int(step))
        count = int(len(pixels) * float(share))
        pixels[:count] = bytes([int(value)]) * count
        return "painted"

    def ring() -> str:
        select.select([doorbell], [], [])
        return str(int.from_bytes(os.read(doorbell, 8), sys.byteorder))

    orders: dict[str, Callable[..., object]] = {
        "claim": lambda step: writer.claim(int(step)),
        "paint": paint,
        "finish": lambda step: writer.finish(int(step)),
        "arrive": writer.arrive,
        "attention": writer.attention,
        "ring": ring,
        "take": writer.take,
        "serve": lambda kind, count, painted: writer.serve(
            doorbell, int(kind), int(count), int(painted)
        ),
    }
    print("ready", flush=True)
    for line in sys.stdin:
        order, *arguments = line.split()
        print(order, orders[order](*arguments), flush=True)


if __name__ == "__main__":
    main()
