"""Which `render_mode` a vector environment takes."""

RENDER_MODES = ("rgb_array",)


def check_render_mode(render_mode: str | None) -> str | None:
    """Check a render mode.

    Raises:
        ValueError: it is none of ours.
    """
    if render_mode is not None and render_mode not in RENDER_MODES:
        allowed = ", ".join(repr(mode) for mode in RENDER_MODES)
        raise ValueError(f"render_mode is {render_mode!r}, expected None or {allowed}")
    return render_mode
