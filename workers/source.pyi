"""The screen source of a worker that is not connected; the C face is source.pxd."""

class ScreenSource:
    """No pixels, no descriptor; input is dropped."""

    def why(self) -> str:
        """Say how the source broke."""
