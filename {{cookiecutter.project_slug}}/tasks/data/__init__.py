"""A table of one's own: how it is understood, and what becomes of it."""
