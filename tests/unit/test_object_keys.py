"""Which names may be objects."""

import pytest

from storage.object_keys import check_key, check_prefix, is_key


@pytest.mark.parametrize("key", ["a", "a.b", "..a", "...", "a/b_c-D.9", "p" * 200, "/".join(["part"] * 100)])
def test_a_plain_path_is_a_key(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key",
    [
        *(
            "",
            "/",
            "/etc/passwd",
            "../up",
            "a/../../up",
            "a/.",
            "a/./b",
            "a//b",
            "a/",
            "a b",
            "a\0b",
            "a\n",
            "é",
        ),
        *("~unfinished", "a\\b", "store.json", "p" * 201, "/".join(["part"] * 200)),
    ],
)
def test_what_could_lead_elsewhere_is_no_key(key: str) -> None:
    assert not is_key(key)
    with pytest.raises(ValueError, match="no key"):
        check_key(key)


@pytest.mark.parametrize("prefix", ["", "a", "a/", "a/b", "a/b.", "store.json"])
def test_a_prefix_may_end_anywhere_in_a_key(prefix: str) -> None:
    assert check_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["/", "../", "a/../b", "a//", "~", "a b"])
def test_what_begins_no_key_is_no_prefix(prefix: str) -> None:
    with pytest.raises(ValueError, match="no beginning of a key"):
        check_prefix(prefix)
