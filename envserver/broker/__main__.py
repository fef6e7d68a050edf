"""A private daemon, as envserver.private starts it."""

import argparse
import logging
import sys

from envserver.broker.main import PrivateLease, run
from envserver.errors import EnvServerError


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m envserver.broker")
    parser.add_argument("--private", action="store_true", required=True)
    parser.add_argument("--address", required=True)
    parser.add_argument("--trainer-pidfd", type=int, required=True)
    parser.add_argument("--death-fd", type=int, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(name)s: %(message)s"
    )
    lease = PrivateLease(arguments.trainer_pidfd, arguments.death_fd)
    try:
        run(arguments.address, private=lease, ready_fd=arguments.ready_fd)
    except EnvServerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
