"""The daemon: sessions, leases, workers and their remotes."""
