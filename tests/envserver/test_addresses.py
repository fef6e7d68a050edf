"""Every form of `remotes=`, and what is said about the wrong ones."""

import pytest

from envserver.addresses import Address, parse_addresses

FORMS = [
    ("vnc://a:5901+15901", [("a", 5901, 15901, "openai")]),
    (
        "vnc://a:5900+15900,b:5901+15901",
        [("a", 5900, 15900, "openai"), ("b", 5901, 15901, "openai")],
    ),
    (
        "vnc://a:5900+15900,vnc://b:5901+15901",
        [("a", 5900, 15900, "openai"), ("b", 5901, 15901, "openai")],
    ),
    ("a", [("a", 5900, 15900, "openai")]),
    ("vnc://a, b/", [("a", 5900, 15900, "openai"), ("b", 5900, 15900, "openai")]),
    ("127.0.0.1:5902", [("127.0.0.1", 5902, 0, "openai")]),
    ("a+15907", [("a", 0, 15907, "openai")]),
    ("a:5900,b+15900", [("a", 5900, 0, "openai"), ("b", 0, 15900, "openai")]),
    (
        "vnc://a:1+2,b:3+4?password=secret",
        [("a", 1, 2, "secret"), ("b", 3, 4, "secret")],
    ),
    ("a:1?password=one,b:2?password=two", [("a", 1, 0, "one"), ("b", 2, 0, "two")]),
    ("a:1?password=p%2Cq%3F", [("a", 1, 0, "p,q?")]),
    ("a:1?password=", [("a", 1, 0, "")]),
    ("vnc://[::1]:5901+15901", [("::1", 5901, 15901, "openai")]),
    ("[fe80::1%eth0]", [("fe80::1%eth0", 5900, 15900, "openai")]),
]


@pytest.mark.parametrize(("text", "expected"), FORMS)
def test_forms(text: str, expected: list[tuple[str, int, int, str]]) -> None:
    assert parse_addresses(text) == [Address(*each) for each in expected]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "remotes is empty"),
        ("a,,b", "remotes entry 1 (''): expected host"),
        ("a:0", "remotes entry 0 ('a:0'): VNC port is '0', expected a number from 1 to 65535"),
        ("a:1,b:70000", "remotes entry 1 ('b:70000'): VNC port is '70000'"),
        ("a:x+1", "VNC port is 'x'"),
        ("a:+1", "VNC port is ''"),
        ("a+", "rewarder port is ''"),
        ("a:\u0663", "VNC port is '\u0663'"),
        ("http://a", "scheme is not known, expected vnc://"),
        ("::1:5900", "an IPv6 address goes in brackets"),
        ("a b", "expected host[:vnc_port][+rewarder_port]"),
        ("a:1?passwd=secret", "something else than 'password'"),
    ],
)
def test_errors_name_the_entry(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="remotes") as raised:
        parse_addresses(text)
    assert complaint in str(raised.value)
    assert "secret" not in str(raised.value)


def test_passwords_are_not_shown() -> None:
    (address,) = parse_addresses("vnc://[::1]:1+2?password=secret")
    assert address.password == "secret"
    assert "secret" not in f"{address} {address.name}"
    assert address.name == "[::1]:1+2"
