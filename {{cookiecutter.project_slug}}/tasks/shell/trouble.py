"""What goes wrong in a shell or a notebook: a sentence, without a traceback."""


class Trouble(Exception):
    """What is wrong, and what to do."""

    def _render_traceback_(self) -> list[str]:
        """What IPython and notebooks show of it."""
        return [f"error: {self}"]


class NoSuch(Trouble, AttributeError, LookupError):
    """There is nothing of that name: `hasattr` says no, and `getattr` takes its default."""
