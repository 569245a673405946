"""What runs made, in Python: `from tasks.shell import runs`, in `inv shell`, a notebook or a script."""

from .views import runs

__all__ = ["runs"]
