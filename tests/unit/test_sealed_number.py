"""What NUMBERS_KEY may be, and that a sealed number opens in its own place only."""

import base64
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.number_keys import NumberKeys
from storage.queries import QUERIES
from storage.sealed_columns import LOOKUPS, READS, TABLES, WRITES, WRITES_CHATS
from storage.sealed_number import Damaged, Numbers, UnknownKey

PHONE = "+6281234567890"
PLACE = "sessions.phone_number/w"


def numbers(*opening: bytes, sealing: bytes | None = None) -> Numbers:
    return Numbers(NumberKeys(sealing=sealing or os.urandom(32), opening=opening))


def read(**environ: str) -> tuple[NumberKeys, list[str]]:
    problems: list[str] = []
    return NumberKeys.from_env(environ, problems), problems


# ── the settings ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "wrong", ["not base64!", "c2hvcnQ=", base64.b64encode(bytes(range(32))).decode(), "0" * 64, "change-me"]
)
@pytest.mark.parametrize("name", ["NUMBERS_KEY", "NUMBERS_KEY_OLD"])
def test_a_key_that_is_none_is_refused_with_how_to_make_one(name: str, wrong: str) -> None:
    keys, problems = read(**{name: wrong})
    assert not keys
    assert re.match(rf"{name} (is|has) .*; make one with `openssl rand -base64 32`", problems[0])
    assert wrong not in problems[0]


def test_a_key_may_be_in_base64_or_in_hex_and_none_is_none() -> None:
    secret = os.urandom(32)
    for text in (base64.b64encode(secret).decode(), secret.hex()):
        assert read(NUMBERS_KEY=text + "\n") == (NumberKeys(sealing=secret), [])
    assert read(NUMBERS_KEY="", NUMBERS_KEY_OLD="") == (NumberKeys(), [])
    assert secret.hex() not in repr(NumberKeys(sealing=secret))
    assert repr(secret) not in repr(NumberKeys(sealing=secret, opening=(secret,)))


def test_several_old_keys_stand_with_commas_between() -> None:
    one, other, third = os.urandom(32), os.urandom(32), os.urandom(32)
    keys, problems = read(NUMBERS_KEY=one.hex(), NUMBERS_KEY_OLD=f"{other.hex()}, {third.hex()},{one.hex()}")
    assert (keys, problems) == (NumberKeys(sealing=one, opening=(other, third)), [])
    _, problems = read(NUMBERS_KEY_OLD=",".join(os.urandom(32).hex() for _ in range(5)))
    assert problems == ["NUMBERS_KEY_OLD holds 5 keys; give at most 4"]


# ── sealing ──────────────────────────────────────────────────────────────────


@given(text=st.text(st.characters(exclude_categories=["Cs"])), alike=st.booleans())
def test_what_was_sealed_opens_again_and_nothing_of_it_is_seen(text: str, alike: bool) -> None:
    ours = numbers(sealing=b"\x01" * 31 + b"\x02")
    sealed = ours.seal(PLACE, text, alike=alike)
    assert ours.open(PLACE, sealed, alike=alike) == text
    assert len(text) < 4 or text not in sealed


def test_it_opens_in_its_own_place_only_and_only_unchanged() -> None:
    ours = numbers()
    for alike in (False, True):
        sealed = ours.seal(PLACE, PHONE, alike=alike)
        with pytest.raises(Damaged):
            ours.open("sessions.phone_number/other", sealed, alike=alike)
        with pytest.raises(Damaged):
            ours.open(PLACE, sealed, alike=not alike)
        changed = sealed[:-8] + ("A" if sealed[-8] != "A" else "B") + sealed[-7:]
        with pytest.raises(Damaged):
            ours.open(PLACE, changed, alike=alike)


@given(rest=st.text(st.characters(max_codepoint=0x7F)), known=st.booleans())
def test_whatever_looks_sealed_is_opened_refused_or_taken_as_it_is(rest: str, known: bool) -> None:
    ours = numbers(sealing=b"\x01" * 31 + b"\x02")
    text = f"lpn1.{ours.key_id}.{rest}" if known else f"lpn1.{rest}"
    try:
        assert ours.open(PLACE, text) == text
    except (Damaged, UnknownKey):
        assert len(rest) >= 38


def test_another_key_opens_nothing_and_names_the_one_that_would() -> None:
    theirs = numbers()
    with pytest.raises(UnknownKey) as caught:
        numbers().open(PLACE, theirs.seal(PLACE, PHONE))
    assert caught.value.key_id == theirs.key_id


def test_sealing_twice_gives_the_same_only_where_it_is_looked_up() -> None:
    ours = numbers()
    assert ours.seal(PLACE, PHONE) != ours.seal(PLACE, PHONE)
    assert ours.seal(PLACE, PHONE, alike=True) == ours.seal(PLACE, PHONE, alike=True)
    assert ours.seal(PLACE, PHONE, alike=True) != ours.seal(PLACE, PHONE[:-1] + "1", alike=True)
    assert ours.seal(PLACE, PHONE, alike=True) != ours.seal(PLACE + "2", PHONE, alike=True)
    assert ours.seal(PLACE, PHONE, alike=True)[:60] != numbers().seal(PLACE, PHONE, alike=True)[:60]


def test_a_number_is_looked_for_plain_and_with_every_key() -> None:
    old, new = os.urandom(32), os.urandom(32)
    ours = numbers(old, sealing=new)
    assert ours.ways(PLACE, PHONE) == [
        PHONE,
        numbers(sealing=new).seal(PLACE, PHONE, alike=True),
        numbers(sealing=old).seal(PLACE, PHONE, alike=True),
    ]
    assert ours.open(PLACE, ours.ways(PLACE, PHONE)[2], alike=True) == PHONE


def test_without_a_key_that_seals_everything_stays_plain_and_is_still_read() -> None:
    old = os.urandom(32)
    ours = Numbers(NumberKeys(opening=(old,)))
    assert ours.seal(PLACE, PHONE) == PHONE
    assert ours.open(PLACE, numbers(sealing=old).seal(PLACE, PHONE)) == PHONE


# ── which columns ────────────────────────────────────────────────────────────

_SELECTED = re.compile(r"\bSELECT\b(.*?)\bFROM\s+(\w+)(?:\s+(\w+))?", re.DOTALL)


def gives(statement: str) -> set[str]:
    """Tables whose sealed columns a query gives, as far as its own SELECT says."""
    found = set()
    head = _SELECTED.search(statement)
    if not statement.startswith(("SELECT", "WITH")) or head is None:
        return found
    columns, table, alias = head[1], head[2], head[3] or head[2]
    for name, sealed in TABLES.items():
        if name != table:
            continue
        everything = columns.strip() == "*" or f"{alias}.*" in columns
        named = {part.strip().split(".")[-1] for part in columns.split(",")} & {one.name for one in sealed}
        if name not in ("chats",):
            named -= {"id", "name"}
        if everything or named - ({"reference"} if name != "sessions" else set()):
            found.add(name)
    return found


def test_every_query_that_gives_a_sealed_column_opens_it() -> None:
    for name, statement in QUERIES.items():
        if name.endswith("_to_seal"):
            continue  # of `storage.number_sealing`, which wants them as they are
        assert gives(statement) == ({READS[name]} if name in READS else set()), name


def test_every_query_that_writes_a_sealed_column_seals_it() -> None:
    for name, statement in QUERIES.items():
        if name.startswith("reseal_"):
            continue
        written = re.match(r"(?:INSERT INTO|UPDATE)\s+(\w+)", statement)
        columns = {one.name for one in TABLES.get(written[1], ())} if written else set()
        named = {column for column in columns if re.search(rf":{column}\b", statement)}
        if written and written[1] not in ("chats",):
            named -= {"id", "name"}
        expected = {name} if named else set()
        assert expected <= {*WRITES, WRITES_CHATS}, name
        if name in WRITES:
            assert WRITES[name] == written[1] if written else False
            assert named


def test_every_lookup_by_a_sealed_column_tries_every_way() -> None:
    alike = {one.name for table in TABLES.values() for one in table if one.alike}
    for name, statement in QUERIES.items():
        assert not re.search(rf"\b({'|'.join(alike)})\s*=\s*:(?!\1)", statement), name
        compared = re.findall(rf"\b({'|'.join(alike)}) IN \(SELECT value FROM json_each\(:(\w+)\)", statement)  # noqa: S608
        assert {parameter: column for column, parameter in compared} == LOOKUPS.get(name, {}), name
