"""Who is told of a champion that was chosen by hand."""

import os

from ..project.components import component_path
from ..project.notifying import NOTIFY, whom
from ..project.settings import Settings


def tell_promoted(config: Settings, run: str, text: str) -> None:
    """Tell whom `notify` names that there is another champion. What came of it is printed, and ends nothing."""
    if not config.notify:
        return
    with component_path():
        from shared.webhook import tell

        os.environ[NOTIFY] = whom(config)
        tell("promoted", run, text)
