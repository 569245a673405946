"""The UI and the API of a cluster that kubectl reaches, and the way to their address."""

import contextlib
import os
import subprocess
import sys
import time
import webbrowser
from collections.abc import Callable

from ..project.settings import Settings
from ..terminal import fail, last_line
from .checks import taken
from .install import NAMESPACE
from .tools import run

Say = Callable[[str], None]


def show_ui(config: Settings, say: Say, browser: bool) -> None:
    say(config.kfp_host)
    if browser and (
        sys.platform in ("win32", "darwin") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        webbrowser.open(config.kfp_host)


def proxy(config: Settings, say: Say, kube_context: str, port: int) -> None:
    """Reach the UI and API of any cluster that kubectl reaches, privately, until Ctrl-C; reconnects when cut."""
    import requests

    if not kube_context:
        current = run("kubectl", "config", "current-context")
        kube_context = current.stdout.strip()
        if current.returncode or not kube_context:
            raise fail("kubectl has no current context; name one: inv cluster.proxy --context NAME")
    if taken(port):
        raise fail(f"port {port} is taken; choose another: inv cluster.proxy --port {port + 1}")
    say(f"to context {kube_context}, namespace {NAMESPACE}; end it with Ctrl-C")
    command = ["kubectl", "--context", kube_context, "-n", NAMESPACE, "port-forward", "--address", "127.0.0.1"]
    said, failures = False, 0
    process: subprocess.Popen[str] | None = None
    try:
        while True:
            started = time.monotonic()
            process = subprocess.Popen(
                [*command, "service/ml-pipeline-ui", f"{port}:80"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            while process.poll() is None:
                with contextlib.suppress(requests.RequestException):
                    answer = requests.get(f"http://localhost:{port}/apis/v2beta1/healthz", timeout=3)
                    if answer.ok and not said:
                        said = True
                        say(f"http://localhost:{port}  (INVOKE_KFP_HOST=http://localhost:{port} inv deploy)")
                time.sleep(1)
            words = last_line(process.stderr.read() if process.stderr else "")
            failures = failures + 1 if time.monotonic() - started < 5 else 0
            if not said and failures >= 3:
                raise fail(f"kubectl cannot forward the port: {words or 'no reason given'}")
            if said:
                say("the connection was cut; connecting again")
            time.sleep(min(2**failures, 30))
    except KeyboardInterrupt:
        say("closed")
    finally:
        if process and process.poll() is None:
            process.terminate()
