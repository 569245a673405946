"""Requests that go where they were sent, and nowhere else."""

from typing import Any
from urllib.request import HTTPRedirectHandler


class Staying(HTTPRedirectHandler):
    """An answer that names another address is an error: nothing that was meant for this one goes there."""

    def redirect_request(self, *_: Any) -> None:
        return None
