"""Scripted agents that get the full reward from pictures and goals alone.

`python -m examples.solvers` plays them beside random agents and prints a table. They see what any
agent sees, and act by the keys and the pointer that any agent has.
"""
