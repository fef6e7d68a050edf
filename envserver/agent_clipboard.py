"""What programs of a desktop copy and paste."""

import time

from envserver.agent_steps import SLICE_MS, AgentSteps, in_turn
from envserver.due import check_ms


class AgentClipboard(AgentSteps):
    """A session with one environment and its clipboard."""

    @in_turn
    def clipboard(self) -> str:
        r"""The text that a program copied last, its lines ended by "\n"; "" before the first.

        A selection counts as copied, where programs give it to the middle button (X11's PRIMARY).
        What `set_clipboard` says does not.

        Raises:
            RemoteError: the text is longer than 1 MiB, or the desktop is not connected now.
        """
        self._check_open()
        text, copied_ns = self._session.clipboard(0)
        self._copy_seen_ns = max(self._copy_seen_ns, copied_ns)
        return text

    @in_turn
    def wait_clipboard(self, max_ms: float = 5000.0) -> str | None:
        """Wait until a program copies a text.

        One counts that came after `clipboard` or this call gave the one before, or after the last
        action began if that was later. So `press("ctrl+c")`, then `wait_clipboard`, brings what
        that copied.

        Args:
            max_ms: The longest wait, in milliseconds.

        Returns:
            The text; None after `max_ms`.

        Raises:
            RemoteError: as `clipboard`.
        """
        until_ns = time.monotonic_ns() + round(check_ms("max_ms", max_ms) * 1e6)
        after_ns = max(self._copy_seen_ns, self._acted_ns)
        while True:
            self._check_waits()
            left_s = max((until_ns - time.monotonic_ns()) / 1e9, 0.0)
            text, copied_ns = self._session.clipboard(0, after_ns, min(left_s, SLICE_MS / 1000))
            if copied_ns > after_ns:
                self._copy_seen_ns = copied_ns
                return text
            if left_s <= SLICE_MS / 1000:
                return None

    @in_turn
    def set_clipboard(self, text: str) -> None:
        """Make a text what programs paste, by "ctrl+v" and by the middle button.

        Args:
            text: At most 1 MiB of UTF-8. VNC servers without the Extended Clipboard (not
                TigerVNC's) take latin-1 alone. Each kind of line end becomes the program's own.

        Raises:
            ValueError: the text is none of that; nothing was sent.
            RemoteError: the desktop is not connected now.
        """
        self._check_open()
        self._session.set_clipboard(0, text)
