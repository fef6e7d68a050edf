"""What holds for every test."""

import signal

# A shell starts background jobs with SIGINT ignored, which children inherit: tests press Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)
