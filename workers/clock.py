"""How a remote's clock and this host's compare, from messages that went there and back.

A ping leaves at `sent`, is stamped by the remote's wall clock, and its reply arrives at `received`,
both by this host's CLOCK_MONOTONIC: the stamp was made between the two. So

    sent - stamp <= what must be added to the remote's clock <= received - stamp

and each ping makes the bounds narrower.
"""


class ClockOffset:
    """Bounds of what must be added to a remote's wall clock to get CLOCK_MONOTONIC here.

    Attributes:
        low_ns: at least so much, in nanoseconds.
        high_ns: at most so much.
        pings: how many said so since the last `forget`.
    """

    def __init__(self) -> None:
        self.low_ns = self.high_ns = 0
        self.pings = 0

    def forget(self) -> None:
        """Begin to narrow anew: clocks drift, and are set."""
        self.pings = 0

    def add(self, sent_ns: int, stamp_ns: int, received_ns: int) -> None:
        """Take one ping in."""
        low_ns, high_ns = sent_ns - stamp_ns, received_ns - stamp_ns
        if self.pings:
            narrow = max(self.low_ns, low_ns), min(self.high_ns, high_ns)
            if narrow[0] <= narrow[1]:  # else a clock was set since the ping before
                low_ns, high_ns = narrow
        self.low_ns, self.high_ns = low_ns, high_ns
        self.pings += 1
