"""What a page says of its chats, well-formed or not."""

import json
from typing import Any

import pytest

from browser_pool.chat_list import TooManyChats, parse_chats
from browser_pool.errors import PageBroken
from storage.chats import MAX_CHATS, Chat, read_chats


def chat(**changes: Any) -> dict[str, Any]:
    return {"id": "1@c.us", "name": "Ibu", "unread_count": 2, "t": 1767268800, "is_group": False} | changes


def said(*chats: object, **more: Any) -> str:
    return json.dumps({"synced": True, "chats": list(chats), **more})


def one(**changes: Any) -> Chat:
    (parsed,) = parse_chats(said(chat(**changes))).chats
    return parsed


def test_a_chat_is_read_into_the_form_in_which_it_travels() -> None:
    assert one().to_wire() == {
        "id": "1@c.us",
        "name": "Ibu",
        "unread_count": 2,
        "last_message_at": "2026-01-01T12:00:00.000Z",
        "is_group": False,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "x" * 500},
        {"name": "x" * 199 + "🌺"},
        {"name": "x" * 199 + "🌺" + "\ud83c"},
        {"name": "a\0b"},
        {"name": None},
        {"name": 7},
        {"unread_count": -1},
        {"unread_count": None},
        {"unread_count": 1e300},
        {"unread_count": float("nan")},
        {"t": None},
        {"t": -5},
        {"t": 1e300},
        {"t": "yesterday"},
        {"is_group": "yes"},
    ],
    ids=str,
)
def test_whatever_a_page_says_the_functions_can_read(changes: dict[str, Any]) -> None:
    wire = json.loads(json.dumps(one(**changes).to_wire()).encode())
    assert read_chats([wire])[0].to_wire() == wire


def test_a_chat_that_was_marked_as_unread_has_no_unread_message() -> None:
    assert one(unread_count=-1).unread_count == 0


def test_a_group_is_known_by_its_address() -> None:
    assert one(id="123-456@g.us").is_group
    assert not one().is_group


@pytest.mark.parametrize("id_", ["", None, 7, "x" * 101])
def test_a_chat_without_an_id_is_left_out(id_: object) -> None:
    assert parse_chats(said(chat(id=id_), chat())).chats == [one()]


@pytest.mark.parametrize("text", [None, 7, "", "[]", "{", '{"chats": {}}', "[" * 100_000])
def test_a_page_that_gives_no_list_is_broken(text: object) -> None:
    with pytest.raises(PageBroken, match="chats"):
        parse_chats(text)


def test_too_many_chats_are_refused_with_their_number() -> None:
    with pytest.raises(TooManyChats, match=str(MAX_CHATS + 1)):
        parse_chats(said(*[{}] * (MAX_CHATS + 1)))


def test_a_page_says_whether_it_has_them_all() -> None:
    assert parse_chats(said(chat())).synced
    assert not parse_chats(said(chat(), synced=False)).synced
