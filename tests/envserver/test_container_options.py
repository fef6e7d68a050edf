"""What `container={...}` may say."""

from typing import Any

import pytest

from envserver.container_options import ContainerOptions, container_options, with_cpus
from envserver.spec import SessionSpec


def test_what_is_not_said_has_defaults() -> None:
    assert container_options({}) == ContainerOptions()
    assert ContainerOptions().pids >= 512


def test_no_more_cores_than_the_engine_has() -> None:
    unsaid, said = container_options({}), container_options({"cpus": 3})
    assert [with_cpus(unsaid, count).cpus for count in (1, 2, 8, None)] == [1, 2, 2, 2]
    assert with_cpus(said, 3) == with_cpus(said, None) == said
    with pytest.raises(ValueError, match=r"container\['cpus'\] is 3, expected at most 2: the Dock"):
        with_cpus(said, 2)


@pytest.mark.parametrize(
    ("text", "size"),
    [("512m", 512 << 20), ("1.5g", 3 << 29), ("64k", 64 << 10), ("2 GiB", 2 << 30), (99999, 99999)],
)
def test_sizes(text: Any, size: int) -> None:
    assert container_options({"shm_size": text}).shm_size == size


def test_everything_can_be_said() -> None:
    said = container_options(
        {
            "image": "registry:5000/a/b:1.2",
            "memory": "1g",
            "cpus": 1,
            "pids": 600,
            "capabilities": ["cap_sys_ptrace", "NET_RAW"],
            "command": ["run", "it"],
            "ports": {"vnc": 5901},
        }
    )
    assert said.capabilities == ("SYS_PTRACE", "NET_RAW")
    assert said.command == ("run", "it")
    assert said.ports == {"vnc": 5901}
    assert (said.image, said.memory, said.cpus) == ("registry:5000/a/b:1.2", 1 << 30, 1.0)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"ram": 1}, "container has 'ram', allowed are image, shm_size, memory"),
        ({"image": "Not An Image"}, r"container\['image'\] is 'Not An Image', expected an image"),
        ({"memory": "much"}, r"container\['memory'\] is 'much', expected a size such as '512m'"),
        ({"memory": "1k"}, r"at least \d+ bytes"),
        ({"shm_size": True}, r"container\['shm_size'\] is True"),
        ({"cpus": 0}, "expected a number of cores"),
        ({"pids": 1}, "expected a whole number from 16"),
        ({"capabilities": "SYS_ADMIN"}, r"expected a list such as \['SYS_PTRACE'\]"),
        ({"capabilities": ["ALL"]}, "has 'ALL', expected single ones"),
        ({"command": "a line"}, "expected a list of words"),
        ({"command": []}, "expected a list of words"),
        ({"ports": {}}, r"container\['ports'\] is {}, expected a map such as {'vnc': 5900}"),
        ({"ports": {"http": 80}}, r"container\['ports'\] has 'http', allowed are vnc, rewarder"),
        ({"ports": {"vnc": True}}, "vnc is True, expected a whole number from 1 to 65535"),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        container_options(given)


def test_a_session_checks_them_before_anything_starts() -> None:
    with pytest.raises(ValueError, match="container has 'ram'"):
        SessionSpec(runtime="xvnc", num_envs=1, container={"ram": 1})
    with pytest.raises(ValueError, match="provider is 'podman', allowed are 'auto', 'docker'"):
        SessionSpec(runtime="xvnc", num_envs=1, provider="podman")
