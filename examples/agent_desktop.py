"""Do a task in a terminal as an agent would: look, act, wait until the screen is quiet, look again.

`python agent_desktop.py [PICTURE]`; needs Xvnc, openbox and xterm (`envserver doctor` looks for
them). What a model would decide is written down here.
"""

import re
import sys
from pathlib import Path

import envserver

picture = Path(sys.argv[1] if len(sys.argv) > 1 else "agent_desktop.png")
with envserver.desktop("terminal.CreateFile-v0", screen=(800, 600), seed=3) as d:
    print(d.goal)
    wanted = re.fullmatch(r"Create the file (\S+) with the content: (.*)", d.goal)
    assert wanted is not None
    d.click(400, 300)
    d.type(f"echo {wanted[2]} > {wanted[1]}")
    quiet = d.wait_stable()
    picture.write_bytes(d.screenshot_png())
    d.press("Return")
    while not d.done and d.wait_change():
        pass
    print(f"quiet: {quiet}, done: {d.done}, reward: {d.reward:g}, saved {picture}")
