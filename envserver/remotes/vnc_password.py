"""The file that holds a VNC server's password, as vncpasswd writes it."""

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

# The fixed key of every VNC implementation: the file is obfuscated, not secret. Each byte is taken
# with its bits in reverse, as VncAuth does with passwords (RFC 6143 section 7.2.2).
_FIXED_KEY = bytes((23, 82, 107, 6, 35, 78, 88, 7))
MAX_PASSWORD_BYTES = 8


def password_file(password: str) -> bytes:
    """The 8 bytes of a password file.

    Raises:
        ValueError: longer than the 8 bytes that VncAuth looks at.
    """
    raw = password.encode("latin-1")
    if len(raw) > MAX_PASSWORD_BYTES:
        raise ValueError(f"VNC password has {len(raw)} bytes, VncAuth takes {MAX_PASSWORD_BYTES}")
    key = bytes(int(f"{byte:08b}"[::-1], 2) for byte in _FIXED_KEY)
    # Single DES is triple DES with one key three times.
    encryptor = Cipher(TripleDES(key * 3), modes.ECB()).encryptor()
    return encryptor.update(raw.ljust(MAX_PASSWORD_BYTES, b"\0")) + encryptor.finalize()
