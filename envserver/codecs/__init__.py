"""Vocabularies of actions: what other libraries and agents say, as events of one kind, and back.

`events` is the layer that all have in common, `hand` sends it; each further module is one
vocabulary, with `to_events(action, size)` and `from_events(events, size)`.
"""
