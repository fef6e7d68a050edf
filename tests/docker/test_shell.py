"""A shell in a container reads its keyboard before the first episode begins."""

import concurrent.futures

import pytest

import envserver

pytestmark = pytest.mark.docker


def test_what_is_typed_at_once_arrives_in_every_one_of_several() -> None:
    def exits(_: int) -> bool:
        with envserver.desktop(
            "terminal.Shell-v0",
            screen=(320, 240),
            provider="docker",
        ) as d:
            d.type("exit\n")
            for _ in range(20):
                if d.done:
                    break
                d.wait_change(2000)
            return d.done

    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        assert all(threads.map(exits, range(3)))
