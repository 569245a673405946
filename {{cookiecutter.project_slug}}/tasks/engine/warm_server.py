"""What steps are forked from: it imports what components' programs import and forks when asked.

A program of its own, `python warm_server.py CONTROL NAME...`, for Linux. CONTROL is a socket on which each request
comes as two files: a socket, on which the request is one line of JSON, and the step's log. On that socket the step's
process id is written, and when it has ended its exit code. The programs of the components that are named are prepared
for at once, in this order, those of others when they are asked for. An empty name stands for lightweight components.

It ends with the process that has the other end of CONTROL, however that ended, and ends what it started. It gives up
where a module that it imports starts a thread, which a fork would lose, or writes what would be in no step's log.
"""

import ast
import atexit
import contextlib
import functools
import gc
import importlib
import io
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import Any

Imported = tuple[str, tuple[str, ...]]  # a module, and what is taken of it: that may be a module that comes only then

COMPONENTS = Path("components")
LIGHTWEIGHT: list[Imported] = [("kfp.dsl.executor", ())]
LATER = {  # what packages import only when they are used, which each step would do for itself
    "pandera": "pandera.backends.pandas.builtin_checks",
    "pyarrow": "pyarrow.parquet",
    "typer": "typer._adapters",
}
LOADED = set[Imported]()
ADDED: dict[str, dict[str, str]] = {}  # variables that packages add to the environment when they are imported


class Server:
    """What was imported, and the steps that run: the socket of each by its process id."""

    def __init__(self, control: socket.socket, names: list[str]) -> None:
        self._control = control
        self._modules = [imported for name in names for imported in modules_of(name)]
        self._running: dict[int, socket.socket] = {}
        self._woken, self._wakes = socket.socketpair()  # a signal that comes just before a wait would not end it

    def serve(self) -> dict[str, Any]:
        """Import and fork, until there is nobody to do it for. In a fork, it returns what that is to be."""
        self._wakes.setblocking(False)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, self._report)
        while True:
            ready = select.select([self._control, self._woken], [], [], 0 if self._modules else None)[0]
            if self._woken in ready:
                self._woken.recv(1000)
            elif ready:
                files: list[int] = []
                with contextlib.suppress(OSError):
                    _, files, _, _ = socket.recv_fds(self._control, 1, 2)
                if len(files) < 2:
                    self._end()
                if request := self._forked(socket.socket(fileno=files[0]), files[1]):
                    return request
            elif self._modules:
                load(*self._modules.pop(0))

    def _forked(self, answers: socket.socket, log: int) -> dict[str, Any] | None:
        """Fork for one request; what it is, in the fork, and nothing here."""
        with answers.makefile("rb") as lines:
            line = lines.readline()
        if not line.endswith(b"\n"):
            return None
        request: dict[str, Any] = json.loads(line)
        for imported in modules_of(request["component"], program_of(request["command"])):
            load(*imported)
        gc.freeze()  # what is here is not looked at any more, so that its memory stays shared
        ready, told = os.pipe()
        try:
            pid = os.fork()
        except OSError:  # the step starts as always, which says why it cannot
            for number in (ready, told, log):
                os.close(number)
            return None
        if pid:
            os.close(log)
            os.close(told)
            os.read(ready, 1)  # until it has its session, or is over: only then is it killed by its session
            os.close(ready)
            try:
                answers.sendall(f"{pid}\n".encode())
            except OSError:  # nobody waits for it any more
                _kill(pid)
            self._running[pid] = answers  # from here on its end is told, which comes after its id
            self._report()  # it may have ended before
            return None
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP):  # whatever `inv` was started to ignore
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.setsid()
        for number in (1, 2):
            os.dup2(log, number)
        for number in (log, ready, told):
            os.close(number)
        for each in [self._control, self._woken, self._wakes, answers, *self._running.values()]:
            each.close()
        return request

    def _report(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Say of the steps that have ended how they did."""
        for pid, answers in list(self._running.items()):
            with contextlib.suppress(ChildProcessError):
                found, status = os.waitpid(pid, os.WNOHANG)
                if found:
                    del self._running[pid]
                    with contextlib.suppress(OSError), answers:
                        answers.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())

    def _end(self) -> None:
        for pid in self._running:
            _kill(pid)
        os._exit(0)


def _kill(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def modules_of(component: str, program: str = "") -> list[Imported]:
    """What a program of a component, or all of them, imports of packages at the top of its files, and of those of its
    own and of `shared` that it imports.
    """
    if not component:
        return LIGHTWEIGHT
    folder = COMPONENTS / component / "src"
    own, found = _names(folder), list[Imported]()
    files = [path] if (path := folder / f"{program}.py").is_file() else sorted(folder.glob("*.py"))
    for path in files:  # which grows
        for module, names in _imported(path):
            first, _, rest = module.partition(".")
            if first == "shared" or first in own:
                theirs = _shared(rest, names) if first == "shared" else [folder / f"{first}.py"]
                files += [file for file in theirs if file not in files and file.is_file()]
            elif (module, names) not in found:
                found.append((module, names))
                found += [(LATER[first], ())] if first in LATER else []
    return found


def program_of(command: list[str]) -> str:
    """The program's name in `python -m NAME ...` or `python folder/NAME.py ...`."""
    return command[2] if command[1] == "-m" else Path(command[1]).stem


def _shared(rest: str, names: tuple[str, ...]) -> list[Path]:
    """The files of `from shared.rest import names`, or of `from shared import names`."""
    return [COMPONENTS / "shared" / f"{name}.py" for name in ([rest] if rest else names)]


@functools.cache
def _imported(path: Path) -> list[Imported]:
    """What a file imports at its top, as it was when this was first asked."""
    found = list[Imported]()
    with contextlib.suppress(SyntaxError, UnicodeDecodeError, OSError):
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.Import):
                found += [(alias.name, ()) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                found.append((node.module, tuple(alias.name for alias in node.names)))
    return found


def load(module: str, names: tuple[str, ...]) -> None:
    """Import a module and what is taken of it. What cannot be imported is left to the step, which says so."""
    if (module, names) in LOADED:
        return
    LOADED.add((module, names))
    before = dict(os.environ)
    with contextlib.suppress(Exception):
        __import__(module, fromlist=names)
    added = {name: value for name, value in os.environ.items() if name not in before}
    ADDED.setdefault(module.partition(".")[0], {}).update(added)
    threads = len(list(Path("/proc/self/task").iterdir())) > 1
    unbounded = "numpy" in sys.modules and "threadpoolctl" not in sys.modules  # nothing else sets its threads later
    if threads or unbounded or os.fstat(1).st_size:
        os._exit(1)


def become(request: dict[str, Any]) -> None:
    """Run a step's program in this process, as if it had been started with its command."""
    command, environment = request["command"], request["environment"]
    os.environ.clear()
    for package in {module.partition(".")[0] for module, _ in modules_of(request["component"])}:
        os.environ.update(ADDED.get(package, {}))
    os.environ.update(environment)
    module = command[2] if command[1] == "-m" else ""
    first = str(Path.cwd() if module else Path(command[1]).resolve().parent)
    added = [first, *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    sys.path[:0] = added
    shadowed = {name for folder in added for name in _names(Path(folder))}
    if shadowed & (sys.modules.keys() | {"sitecustomize", "usercustomize"}):  # it would find another module than ours
        os.execve(sys.executable, command, environment)
    importlib.invalidate_caches()
    _as_new(environment)
    sys.orig_argv[:] = command
    usual = {"__annotations__": {}, "__builtins__": sys.modules["builtins"], "__cached__": None}
    names = vars(sys.modules["__main__"]).keys() & usual.keys()  # it differs by version
    main = sys.modules["__main__"] = ModuleType("__main__")
    vars(main).update({name: usual[name] for name in names})
    if module:
        sys.argv[:] = command[1:2] + command[3:]
        runpy._run_module_as_main(module)  # type: ignore[attr-defined]  # what `python -m` calls
        return
    sys.argv[:] = command[1:]
    path = str(Path.cwd() / command[1])
    loader = SourceFileLoader("__main__", path)
    vars(main).update(__file__=path, __loader__=loader)
    exec(compile(loader.get_data(path), path, "exec"), vars(main))


def _names(folder: Path) -> set[str]:
    """The modules that Python finds in a folder."""
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return packages | {path.name.partition(".")[0] for path in folder.glob("*.*") if path.suffix in (".py", ".so")}


def _as_new(environment: dict[str, str]) -> None:
    """What a new process has of its own: how many threads numerical libraries use, and random numbers."""
    if libraries := sys.modules.get("threadpoolctl"):
        names = {"openmp": ("OMP_NUM_THREADS",), "blas": ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")}
        said = {kind: [environment[name] for name in each if name in environment] for kind, each in names.items()}
        limits = {kind: int(values[0]) for kind, values in said.items() if values and values[0].isdecimal()}
        libraries.threadpool_limits(limits)
    if numbers := sys.modules.get("numpy.random"):
        numbers.seed()


def _excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error as Python does, without the lines of this file."""
    while trace and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    sys.__excepthook__(kind, error.with_traceback(trace), trace)


def main() -> dict[str, Any]:
    gc.disable()
    sys.excepthook = _excepthook  # before the imports, as packages that have a hook keep the one before it
    del sys.path[0]  # the folder of this file
    control = socket.socket(fileno=int(sys.argv[1]))
    control.set_inheritable(False)
    load("threadpoolctl", ())
    ADDED["sklearn"] = ADDED.pop("threadpoolctl")  # which would have imported it
    request = Server(control, sys.argv[2:]).serve()
    gc.enable()
    return request


def leave(code: object) -> None:
    """End as Python does, without taking down the packages that were here before: that would take 0.1 s."""
    if code is not None and not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    vars(sys.modules["__main__"]).clear()
    gc.collect()
    for each in gc.get_objects():  # of the step alone: what was here before is frozen
        if isinstance(each, io.TextIOWrapper | io.BufferedWriter | io.BufferedRandom) and not each.closed:
            with contextlib.suppress(OSError, ValueError):
                each.flush()
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            code = code or 120  # as Python ends then
    os._exit(int(code or 0) & 0xFF)


if __name__ == "__main__":
    asked = main()
    try:
        become(asked)
        ended: object = None
    except SystemExit as end:
        ended = end.code
    leave(ended)
