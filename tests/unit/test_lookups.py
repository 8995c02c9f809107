"""What is looked up in the page, the operator's file for it, and what a page may say of it."""

import json
import os
import re
from pathlib import Path

import pytest

from browser_pool.facts import LOOKUPS, Probed, parse_fact
from browser_pool.lookup_file import NO_MODULES, LookupFile, parse_lookups
from storage.errors import ConfigError

WHATSAPP_JS = Path(__file__).parents[2] / "browser_pool" / "page" / "whatsapp.js"


def test_python_and_the_page_know_the_same_lookups() -> None:
    table = WHATSAPP_JS.read_text().partition("const PATHS = {")[2].partition("};")[0]
    assert set(re.findall(r"^\s+(\w+): \[", table, re.MULTILINE)) == set(LOOKUPS) - set(NO_MODULES)


def test_a_good_file_is_taken_over() -> None:
    text = '{"socket": ["WAWebSocketNew:default.Socket"], "me": ["WAWebMe"]}'
    assert parse_lookups(text) == {"socket": ["WAWebSocketNew:default.Socket"], "me": ["WAWebMe"]}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[]", "object"),
        ('{"telephone": ["A:b"]}', "there is no lookup 'telephone'"),
        ('{"ref": ["A:b"]}', "there is no lookup 'ref'"),
        ('{"me": []}', "1 to 10 paths"),
        ('{"me": "A"}', "1 to 10 paths"),
        ('{"me": [7]}', "is no path"),
        ('{"me": ["A:b()"]}', "is no path"),
        ('{"me": ["alert(1)"]}', "is no path"),
        ('{"me": ["A:b\\u2028"]}', "is no path"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        parse_lookups(text)


def test_a_changed_file_is_read_again_and_a_broken_one_leaves_the_last_good(tmp_path: Path) -> None:
    path = tmp_path / "lookups.json"
    path.write_text('{"me": ["First"]}')
    lookups = LookupFile(path)
    assert lookups.read() == {"me": ["First"]}
    for number, (text, expected) in enumerate(
        [('{"me": ["Second"]}', "Second"), ("broken", "Second"), ('{"me": ["Third"]}', "Third")], start=1
    ):
        path.write_text(text)
        os.utime(path, ns=(number, number))  # file systems with coarse times tell two writes apart late
        assert lookups.read() == {"me": [expected]}
    path.unlink()
    assert lookups.read() == {"me": ["Third"]}


def test_a_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        LookupFile(tmp_path / "absent.json")
    assert LookupFile(None).read() == {}


def test_a_page_reports_known_lookups_with_known_outcomes_only() -> None:
    said = {"socket": "found", "me": "missing", "chats": "sold", "+628123456789": "found", "cmd": ["found"]}
    fact = parse_fact(json.dumps({"kind": "probed", "outcomes": said}))
    assert fact == Probed((("socket", "found"), ("me", "missing")))
    assert parse_fact('{"kind": "probed"}') == Probed(())
