"""An RFB (VNC) client without I/O: bytes in, a framebuffer with its damage out.

handshake.Handshake     from the first byte to ServerInit
protocol.RFBProtocol    everything after it
encodings.encodings_for what to ask a server for
keysyms.keysym          keys by name and by character
errors                  what a server can cause
"""
