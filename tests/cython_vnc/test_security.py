"""VNC Authentication."""

import pytest

from cython_vnc.security import vnc_key, vnc_response


@pytest.mark.parametrize(
    ("password", "key"),
    [
        ("", "0000000000000000"),
        ("\x01\x80\xff", "8001ff0000000000"),
        ("password", "0e86ceceeef64e26"),
        ("password and more", "0e86ceceeef64e26"),
    ],
)
def test_key_has_its_bits_mirrored(password: str, key: str) -> None:
    assert vnc_key(password).hex() == key


def test_response_is_des() -> None:
    # NIST SP 800-17, variable plaintext known answers: key 0101010101010101, which VNC writes as
    # bytes 0x80; parity bits do not count, so it is the key of zeros as well.
    plaintext = bytes.fromhex("8000000000000000")
    expected = bytes.fromhex("95f8a5e5dd31d900")
    assert vnc_response("\x80" * 8, plaintext * 2) == expected * 2
    assert vnc_response("", plaintext * 2) == expected * 2


def test_challenge_is_16_bytes() -> None:
    with pytest.raises(ValueError, match="challenge of 15 bytes, expected 16"):
        vnc_response("secret", bytes(15))


def test_password_is_latin_1() -> None:
    assert len(vnc_key("é")) == 8
    with pytest.raises(ValueError, match="latin-1"):
        vnc_key("€")
