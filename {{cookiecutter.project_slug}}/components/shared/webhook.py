"""Who is told when it matters: a webhook of Slack, of Teams, or of a program that takes JSON.

Where `notify` is set in invoke.yaml, the variable KF_NOTIFY says which kind it is, and in which variable the address
is. That is a secret: no text made here holds it. A step is never ended by a webhook.
"""

import json
import os
import time
from typing import Any

from shared.masking import learn, masked
from shared.step import StepError

LONGEST = 2000  # letters of a message
WAITS = (0, 1, 3)  # seconds before each try
LATER = (408, 425, 429, 500, 502, 503, 504)  # answers after which another try may help


def tell(event: str, run: str, text: str) -> str:
    """Tell of an event (failed, drift, refused, waiting or promoted), and say what came of it.

    Empty where nobody is to be told. What is said goes to the step's log too.
    """
    if not (settings := os.environ.get("KF_NOTIFY")):
        return ""
    settings = json.loads(settings)
    try:
        _send(settings, event, run, text)
        said = f"{settings['kind']} was told that: {event}"
    except StepError as problem:
        said = f"{settings['kind']} was not told: {problem}"
    print(said)
    return said


def message(kind: str, project: str, event: str, run: str, text: str) -> dict[str, Any]:
    """What a webhook of a kind takes. Names in the text come from data, so none of it is markup there."""
    whole = f"{project}: {text[:LONGEST]} (run {run or 'unknown'})"
    if kind == "slack":
        return {"text": whole.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}
    if kind == "teams":
        body = [{"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": whole}]}]
        card = {"type": "AdaptiveCard", "version": "1.4", "body": body}
        attached = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
        return {"type": "message", "attachments": [attached]}
    return {"project": project, "run": run, "event": event, "text": text[:LONGEST]}


def _send(settings: dict[str, str], event: str, run: str, text: str) -> None:
    """Raises StepError, without the address, where it was not taken."""
    from http.client import InvalidURL  # most runs tell nothing
    from urllib.error import HTTPError
    from urllib.parse import urlsplit
    from urllib.request import Request, build_opener

    from shared.redirects import Staying

    address = os.environ.get(settings["variable"], "").strip()
    if not address:
        raise StepError(f"the variable {settings['variable']}, which notify names, is not set. Set it to the address.")
    learn(address, "secret")
    try:
        if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
            raise ValueError
        content = message(settings["kind"], settings["project"], event, run, masked(text))
        request = Request(address, json.dumps(content).encode(), {"Content-Type": "application/json"})
    except ValueError:
        raise StepError(f"what the variable {settings['variable']} holds is no address of http or https.") from None
    for wait in WAITS:
        time.sleep(wait)
        try:
            with build_opener(Staying).open(request, timeout=10):
                return
        except HTTPError as answer:
            why = f"the webhook answered {answer.code}"
            if answer.code not in LATER:
                break
        except (ValueError, InvalidURL):  # whose words hold the address
            why = f"what the variable {settings['variable']} holds is no address that can be asked"
            break
        except OSError as problem:
            why = f"the webhook cannot be reached: {masked(str(getattr(problem, 'reason', problem)))}"
        except Exception as problem:  # http.client's own
            why = f"the webhook gave no answer that is one: {type(problem).__name__}"
    raise StepError(f"{why}. Check it, and what the variable {settings['variable']} holds.")
