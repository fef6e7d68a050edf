"""VNC Authentication (RFC 6143 section 7.2.2)."""

CHALLENGE_BYTES = 16
PASSWORD_BYTES = 8


def vnc_key(password: str) -> bytes:
    """The DES key of a password: its first 8 bytes, in latin-1, filled up with zeros.

    VNC counts the bits of each byte from the other end than DES does.

    Raises:
        ValueError: the password has a character beyond latin-1.
    """
    try:
        secret = password.encode("latin-1")[:PASSWORD_BYTES].ljust(PASSWORD_BYTES, b"\0")
    except UnicodeEncodeError:
        # `from None`: the first error quotes the password.
        raise ValueError("a VNC password has characters of latin-1 only") from None
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in secret)


def vnc_response(password: str, challenge: bytes) -> bytes:
    """Encrypt a challenge with a password, as client and server both do.

    Raises:
        ValueError: the challenge is not 16 bytes, or the password is not latin-1.
    """
    if len(challenge) != CHALLENGE_BYTES:
        raise ValueError(f"challenge of {len(challenge)} bytes, expected {CHALLENGE_BYTES}")
    # Imported here: most servers need no password, and this costs each process megabytes.
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
    from cryptography.hazmat.primitives.ciphers import Cipher, modes

    # Three times the same key is single DES.
    encryptor = Cipher(TripleDES(vnc_key(password) * 3), modes.ECB()).encryptor()
    return encryptor.update(challenge) + encryptor.finalize()
