"""Whether a command may change something outside of this machine: asked where an environment says `ask: true`."""

from ..project.settings import Settings
from ..project.settings_files import acting
from ..terminal import sure


def sure_outside(config: Settings, what: str, yes: bool) -> bool:
    """Whether it is agreed that something outside is changed; asked where the environment wants that, see `sure`."""
    if config.ask:
        sure(f"{acting() or 'invoke.yaml'} asks before {what}: go on?", yes)
    return yes or config.ask
