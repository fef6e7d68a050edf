"""Everything this package raises about a peer.

    RFBError
    +-- ProtocolError           the server broke the protocol (RFC 6143 or an extension of it)
    |   +-- DecodeError         a rectangle cannot be what its encoding says
    +-- AuthenticationError     wrong password, no password, or the server refused us
    +-- UnsupportedServer       a server we cannot talk to: its version, or its security types

A wrong argument is a `ValueError`.
"""


class RFBError(Exception):
    """Base class; catch it to catch whatever a server can cause."""


class ProtocolError(RFBError):
    """The server sent what the protocol does not allow; the connection cannot be used further."""


class DecodeError(ProtocolError):
    """A rectangle leaves the framebuffer, or its payload is not what its encoding says."""


class AuthenticationError(RFBError):
    """The server did not let us in."""


class UnsupportedServer(RFBError):
    """The server speaks a version or asks for a security type that we do not know."""
