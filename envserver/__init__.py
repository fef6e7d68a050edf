"""Train agents on real programs: many VNC desktops, one batch that nobody copied."""

from envserver.installation import check_installation

check_installation()
