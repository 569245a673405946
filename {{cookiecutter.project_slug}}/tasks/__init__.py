"""The front door: the commands that there are, `inv --list`. README.md in this folder says what is in which room."""

import atexit
import gc
import importlib
import importlib.util
import sys
from typing import Any

from invoke.collection import Collection

# invoke lets nobody keep bytecode, unless asked to; all that is in this folder would be compiled anew for each command.
sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)

# A command makes most of its objects while it imports, and keeps them: looking often for rubbish takes a tenth of it.
gc.set_threshold(100_000)
atexit.register(gc.freeze)  # and at its end Python would look through all of them, which takes another tenth

from . import commands as of  # noqa: E402
from .files import told_in_a_sentence  # noqa: E402
from .project.settings import OPTIONAL, check_settings_file  # noqa: E402

ALONE = (
    *(of.run.run, of.run.step, of.shell.shell),
    *(of.images.build, of.images.push, of.images.disk, of.images.prune),
    *(of.deploy.compile, of.deploy.deploy, of.deploy.schedule),
    *(of.checks.doctor, of.checks.lint, of.checks.audit, of.checks.test, of.changes.lock),
    of.overview.version,
)
FAMILIES: dict[str, tuple[Any, ...]] = {
    "runs": (
        *(of.runs.listing, of.runs.show, of.runs.logs, of.runs.compare, of.runs.report, of.runs.watch),
        of.runs.fetch,
    ),
    "models": (of.models.listing, of.models.show, of.models.compare, of.models.promote, of.models.rollback),
    "cluster": (
        *(of.cluster.up, of.cluster.status, of.cluster.ui),
        *(of.cluster.proxy, of.cluster.down, of.cluster.reset),
    ),
    "template": (of.template.update, of.template.status, of.template.link),
    "data": (of.changes.adopt,),
    "component": (of.changes.new,),
}
if importlib.util.find_spec("tasks.commands.aks"):  # only where Azure was chosen
    aks = importlib.import_module("tasks.commands.aks")
    FAMILIES["aks"] = (aks.up, aks.status, aks.credentials, aks.down)

sys.excepthook = told_in_a_sentence
check_settings_file()
of.positional.install()
ns = Collection(*ALONE)
for family, its in FAMILIES.items():
    ns.add_collection(Collection(family, *its))
ns.add_task(of.overview.overview_of(ns), default=True)  # `inv` alone
# A variable such as INVOKE_KFP_HOST counts only for a setting that is there, so those that may be left out are.
ns.configure(OPTIONAL)
