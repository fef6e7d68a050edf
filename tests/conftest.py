"""What holds for every test."""

import os
import signal

# A shell starts background jobs with SIGINT ignored, which children inherit: tests press Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Where an engine has our images, remotes would be containers; tests/docker asks for them by name.
os.environ["ENVSERVER_PROVIDER"] = "process"
