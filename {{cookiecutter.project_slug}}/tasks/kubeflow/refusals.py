"""What a KFP API refuses and why nothing answers, in one sentence with what to do."""

import contextlib
import json
import re
from collections.abc import Iterator

from ..project.compiling import sentence
from ..terminal import fail
from .answers import NotWhole


def next_step(host: str) -> str:
    if re.match(r"https?://(localhost|127\.)", host):
        return "Start a cluster: inv cluster.up; or name another in invoke.yaml: kfp_host."
    return "Check kfp_host in invoke.yaml, the network, and proxies (HTTPS_PROXY, NO_PROXY)."


def reason(error: BaseException) -> str:
    """The innermost cause of a failed connection, which is the one that says something."""
    text = str(error)
    found = re.findall(r"(Connection refused|Name or service not known|timed out|certificate verify failed)", text)
    return found[-1].lower() if found else text.rsplit(": ", 1)[-1].strip("'\")(<>")[:200] or type(error).__name__


def refusal(status: int, body: str, host: str, namespace: str | None) -> str:
    """An HTTP error of a KFP API in one sentence, with what to do."""
    try:
        document = json.loads(body)
        said = str(document.get("message") or document.get("error") or "")
    except (ValueError, AttributeError):
        said = ""
    said = " ".join(said.split())[:300]
    where = f"namespace {namespace}" if namespace else "its namespace"
    if status in (301, 302, 303, 307, 308):
        return (
            f"{host} answers with a page instead of the KFP API: it wants a login, or is something else. "
            "Give a token in KFP_TOKEN, or correct kfp_host in invoke.yaml."
        )
    if status == 401:
        return f"{host} wants a login: give a token in KFP_TOKEN, or a file that holds one in KFP_TOKEN_FILE."
    if status == 403:
        return f"{host} does not let you act in {where}: check kfp_namespace, and your role there. {said}".strip()
    if status == 404:
        return f"{host} has no such thing: {said or 'it may be no KFP API; correct kfp_host in invoke.yaml'}"
    if "Incorrect string value" in said:
        return f"{host} takes no emoji and other letters of four bytes, which its database cannot keep: {said}"
    if "Data too long" in said:
        return f"{host} cannot keep so long a text: {said}"
    if status >= 500:
        return f"the KFP API at {host} failed ({status}): {said or 'no reason given'}. Try again; inv cluster.status"
    return f"the KFP API at {host} refused it ({status}): {said or 'no reason given'}"


@contextlib.contextmanager
def spoken(host: str, namespace: str | None, then: str = "Run the command again.") -> Iterator[None]:
    """Turn what the SDK raises into `Exit` with one sentence, and what to do `then` where an answer was cut off."""
    import urllib3
    from kfp_server_api import ApiException

    try:
        yield
    except ApiException as error:
        raise fail(refusal(error.status or 500, error.body or error.reason or "", host, namespace)) from None
    except (urllib3.exceptions.HTTPError, ConnectionError) as error:
        raise fail(f"the KFP API at {host} stopped answering ({reason(error)}). {then}") from None
    except NotWhole as error:
        raise fail(f"{host} gave {error}. {then}") from None
    except (ValueError, AttributeError, TypeError) as error:  # the SDK, given a page instead of JSON
        raise fail(f"{host} answers what is not KFP's: {sentence(error)}. {next_step(host)}") from None
