"""Train agents on real programs: many VNC desktops, one batch of observations that nobody copied."""

from envserver.installation import check_installation

check_installation()
