"""Makes the enums of constants.pxd importable."""
