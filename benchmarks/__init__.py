"""Measurements: what costs how much. `python -m benchmarks` runs those of `make bench`."""
