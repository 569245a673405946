"""Credentials are known by where they stand, and nothing else is taken for one."""

import time
from typing import Any

import pytest

from helpers.template import PROJECT
from shared import masking

# A text, and what is shown of it.
TEXTS = {
    "https://user:password@host/x?sig=abc%3D&a=1": "https://***@host/x?sig=***&a=1",
    "https://ghp_x@github.com/a": "https://***@github.com/a",
    "https://u:p@ss@host/p@2": "https://***@host/p@2",
    "postgresql://u:p#w@h/db": "postgresql://***@h/db",
    "s3://AKIAABCDEFGHIJKLMNOP:abc/def+x@bucket/k": "s3://***@bucket/k",
    "https://a.blob/x?sv=1&se=2026&sp=r&sig=ab%2B": "https://a.blob/x?sv=1&se=***&sp=r&sig=***",
    "https://b/x?X-Amz-Credential=AKIA%2F2&X-Amz-Date=1&X-Amz-Signature=ab": (
        "https://b/x?X-Amz-Credential=***&X-Amz-Date=1&X-Amz-Signature=***"
    ),
    "https://b/x?X-Goog-Credential=me&X-Goog-Signature=ab": "https://b/x?X-Goog-Credential=***&X-Goog-Signature=***",
    "https://b/x?AWSAccessKeyId=me&Signature=ab&Expires=1": "https://b/x?AWSAccessKeyId=***&Signature=***&Expires=1",
    "https://h/x?access_token=ab&page=2": "https://h/x?access_token=***&page=2",
    "https://h/x?key=ab": "https://h/x?key=***",
    "https://o?u=https%3A%2F%2Fb%3Fsig%3Dabc": "https://o?u=https%3A%2F%2Fb%3Fsig%3D***",
    "AccountName=x;AccountKey=abc==;E=1": "AccountName=x;AccountKey=***;E=1",
    "inv run -p 'source=https://u:p@h/x' -p seed=1": "inv run -p 'source=https://***@h/x' -p seed=1",
    "-p db_password=hunter2": "-p db_password=***",
    "{'password': 'x y', 'n': 1}": "{'password': '***', 'n': 1}",
    "Authorization: Basic YWJjOmRlZg==": "Authorization: Basic ***",
    "the key AKIAABCDEFGHIJKLMNOP is old": "the key *** is old",
    "&lt;https://h?a=1&amp;sig=ab&gt;": "&lt;https://h?a=1&amp;sig=***&gt;",
}

# What has nothing to hide.
OTHERS = (
    "abfs://container@account.dfs.core.windows.net/x",
    "gs://anonymous@bucket/x",
    "http://localhost:8080/#/runs/details/1",
    "https://host:8080/a@b",
    "target=species problem_type=classification",
    "basic regression, and a bearer of news",
    "tokens=3, sign=1, sigma=0.1",
    "C:\\Users\\me\\x.csv",
)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_loses_its_credentials_and_nothing_else(text: str) -> None:
    assert masking.masked(text) == TEXTS[text]
    assert masking.masked(TEXTS[text]) == TEXTS[text]


@pytest.mark.parametrize("text", OTHERS)
def test_what_has_none_stays_as_it_is(text: str) -> None:
    assert masking.masked(text) == text


def test_a_value_of_a_telling_name_is_masked_and_known_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "known", set())
    values: dict[str, Any] = {
        "token": "open sesame",
        "seed": 3,
        "more": [{"client_secret": "x"}, "https://u:wo%2Frd@h"],
    }
    assert masking.masked_values(values) == {
        "token": "***",
        "seed": 3,
        "more": [{"client_secret": "***"}, "https://***@h"],
    }
    masking.learn(values)
    assert masking.masked("he said open sesame, wo%2Frd and wo/rd") == "he said ***, *** and ***"


def test_a_long_text_takes_no_long_time() -> None:
    start = time.process_time()
    for text in ("x" * 2**20, "password" * 2**15, "http://u:" * 2**12, "a=b&" * 2**16):
        masking.masked(f"{text}=")
    assert time.process_time() - start < 10


def test_commands_and_steps_mask_alike() -> None:
    assert (PROJECT / "tasks/masking.py").read_bytes() == (PROJECT / "components/shared/masking.py").read_bytes()
