"""Type into a terminal on a desktop of its own, wait until it is quiet, save what it shows.

`python desktop.py [PICTURE]`; needs Xvnc, openbox and xterm (`envserver doctor` looks for them).
"""

import sys

from PIL import Image

import envserver
from envserver import QUIET

picture = sys.argv[1] if len(sys.argv) > 1 else "desktop.png"
envs = envserver.make_vec("terminal.Shell-v0", screen=(800, 600))
envs.reset()
envs.send([[]], due=QUIET(quiet_ms=500, max_ms=10_000))  # until the shell's prompt is there
before = envs.recv().copy()
envs.send([[("Text", "uname -sr; seq 5\n")]], due=QUIET(quiet_ms=500, max_ms=10_000))
after = envs.recv()
changed = (after.observations != before.observations).any(axis=-1).mean()
print(f"typed and waited: {changed:.1%} of the screen changed, late: {after.infos['late'][0]}")
Image.fromarray(after.observations[0]).save(picture)
print(f"saved {picture}")
envs.close()
