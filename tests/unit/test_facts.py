"""Facts come from somebody else's page: whatever it sends, parsing gives a fact or nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from browser_pool.facts import Me, RefShown, SocketState, parse_fact

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KINDS = ["loaded", "state", "ref", "me", "logged_out", "passkey", "progress", "foreign", "broken", "other"]
FIELDS = ["text", "number", "state", "name", "platform", "method", "version", "lookups", "percent", "what"]


@given(st.text() | JSON.map(json.dumps))
def test_any_payload_is_a_fact_or_nothing(payload: str) -> None:
    parse_fact(payload)


@given(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_fields_are_a_fact_or_nothing(kind: str, fields: dict[str, object]) -> None:
    parse_fact(json.dumps({"kind": kind, **fields}))


def test_honest_facts_are_read() -> None:
    assert parse_fact('{"kind":"ref","text":"2@a,b,c,d"}') == RefShown("2@a,b,c,d")
    assert parse_fact('{"kind":"state","state":"CONNECTED"}') == SocketState("CONNECTED")
    me = parse_fact('{"kind":"me","number":"6281234567890","method":"me_user","name":"Ayu","platform":null}')
    assert me == Me("+6281234567890", "Ayu", None, "me_user")


@pytest.mark.parametrize(
    "number", ["", "0812345", "62-812", "\uff16\uff12\uff18\uff11\uff12\uff13", "1" * 16, "abc"]
)
def test_what_is_no_number_is_no_fact(number: str) -> None:
    assert parse_fact(json.dumps({"kind": "me", "number": number})) is None


def test_a_huge_payload_is_dropped_unread() -> None:
    assert parse_fact('{"kind":"ref","text":"' + "x" * 20_000 + '"}') is None
