"""Runs one worker: `python -P -m workers --segment-fd A --doorbell-fd B --control-fd C`."""

from workers.main import main

main()
