"""Train agents on real programs: many VNC desktops, one batch of observations that nobody copied."""
