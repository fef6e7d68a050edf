"""Makes `Letter` of mail.pxd importable."""
