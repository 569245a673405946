"""Telling a webhook: what each kind takes, and that neither a webhook nor its address ends or gives away anything."""

import json
import re

import pytest

import shared.webhook
from shared.masking import known
from shared.webhook import message, tell
from stand_ins.webhook import SECRET, webhook


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KF_NOTIFY", json.dumps({"project": "birds", "kind": "json", "variable": "OUR_HOOK"}))
    monkeypatch.setattr(shared.webhook, "WAITS", (0, 0))
    monkeypatch.setattr("shared.masking.known", set(known))


def test_a_program_is_sent_what_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook() as (address, got):
        monkeypatch.setenv("OUR_HOOK", f"{address}\n")
        assert tell("drift", "run-1", "too long") == "json was told that: drift"
    assert got == [{"project": "birds", "run": "run-1", "event": "drift", "text": "too long"}]


def test_what_comes_from_data_is_no_markup_in_a_chat() -> None:
    odd = "column '<!channel>' & **more**"
    said = message("slack", "birds", "drift", "run-1", odd)
    assert said == {"text": "birds: column '&lt;!channel&gt;' &amp; **more** (run run-1)"}
    (card,) = message("teams", "birds", "drift", "", odd)["attachments"]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    (block,) = card["content"]["body"]
    assert block["inlines"] == [{"type": "TextRun", "text": f"birds: {odd} (run unknown)"}]
    assert len(json.dumps(message("teams", "birds", "drift", "", "x" * 99_999))) < 3_000


@pytest.mark.parametrize(("answer", "tries"), [(403, 1), (302, 1), (503, 2), (429, 2)])
def test_a_webhook_that_refuses_is_a_sentence_and_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: int, tries: int
) -> None:
    with webhook(answer) as (address, got):
        monkeypatch.setenv("OUR_HOOK", address)
        said = tell("failed", "run-1", "it failed")
    assert f"json was not told: the webhook answered {answer}" in said and len(got) == tries
    assert capsys.readouterr().out == f"{said}\n" and SECRET not in said


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "the variable OUR_HOOK, which notify names, is not set"),
        (f"http://127.0.0.1:9/{SECRET}", "cannot be reached: .*Connection refused"),
        (f"http://no-such-host.invalid/{SECRET}", "cannot be reached"),
        (f"ftp://127.0.0.1/{SECRET}", "is no address of http or https"),
        (SECRET, "is no address of http or https"),
        (f"http://127.0.0.1:port/{SECRET}", "no address that can be asked"),
        (f"http://127.0.0.1/a b{SECRET}", "no address that can be asked"),
        (f"http://[::1/{SECRET}", "is no address of http or https"),
        (f"http://127.0.0.1/é{SECRET}", "no address that can be asked"),
    ],
)
def test_an_address_that_does_not_work_is_a_sentence_without_it(
    monkeypatch: pytest.MonkeyPatch, address: str, why: str
) -> None:
    monkeypatch.setenv("OUR_HOOK", address)
    said = tell("failed", "run-1", f"it failed for {address}")
    assert said.startswith("json was not told: ") and SECRET not in said
    assert re.search(why, said), said


def test_nobody_is_told_where_nobody_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("KF_NOTIFY")
    assert tell("failed", "run-1", "it failed") == "" and capsys.readouterr().out == ""
