"""The RFB client of one connection after its handshake.

Its C face is inherited: see parser.pxd; its Python face is in protocol.pyi.
"""

from cython_vnc.decoders.base cimport Status
from cython_vnc.parser cimport RFBParser

cdef class RFBProtocol(RFBParser):
    cdef int expect_open(self) except -1
    cdef int count_received(self, Py_ssize_t count) except -1
    cdef int expect_queued(self, Status status) except -1
