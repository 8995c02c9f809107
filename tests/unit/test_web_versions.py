"""Which index document is served after which ends of loads, and what is kept of it."""

from __future__ import annotations

import contextlib
from datetime import timedelta
from pathlib import Path

import pytest

from browser_pool.errors import LoadTimedOut, PageUnreachable, SlotError
from browser_pool.index_document import MAX_BYTES, IndexDocument, kept_headers, looks_like_html, version_name
from browser_pool.page_load import PageLoad
from browser_pool.version_store import KEPT, VersionStore
from browser_pool.web_versions import WebVersions
from storage.clock import ManualClock

HTML = b"<!doctype html><html><head><script src=/a.js></script></head></html>"
BAD = LoadTimedOut("never ready")


def document(name: str, body: bytes = HTML) -> IndexDocument:
    return IndexDocument(name=name, body=body, headers={"content-type": "text/html"})


class Node:
    def __init__(self, data_dir: Path, *good: str) -> None:
        self.clock = ManualClock()
        self.store = VersionStore(data_dir)
        for name in good:
            self.clock.advance(timedelta(seconds=1))
            self.store.save(document(name), now=self.clock.now(), good=True)
        self.versions = WebVersions(self.store, self.clock)

    def load(self, end: SlotError | None = None) -> PageLoad:
        """One load with this end."""
        load = PageLoad()
        with contextlib.suppress(SlotError), self.versions.trial(load):
            if end is not None:
                raise end
            load.name = "9.9"  # what `capture` sets when the QR is there
        return load


def test_two_failures_in_a_row_bring_the_last_good_one_to_everybody(tmp_path: Path) -> None:
    node = Node(tmp_path, "1.0", "2.0")
    assert not node.versions.offers_another_try(node.load(BAD))
    assert node.versions.offers_another_try(node.load(BAD))
    served = node.load().document
    assert served is not None
    assert (served.name, served.body) == ("2.0", HTML)
    assert node.versions.state() == {"serving": "last_good", "pinned": None, "last_good": "2.0"}


def test_a_success_in_between_clears_the_live_one(tmp_path: Path) -> None:
    node = Node(tmp_path, "1.0")
    for end in (BAD, None, BAD):
        assert node.load(end).document is None
    assert node.versions.document() is None


def test_a_site_that_does_not_answer_is_no_bad_version(tmp_path: Path) -> None:
    node = Node(tmp_path, "1.0")
    for _ in range(3):
        node.load(PageUnreachable("away"))
    assert node.versions.document() is None


def test_a_last_good_one_that_fails_too_is_not_served_on(tmp_path: Path) -> None:
    node = Node(tmp_path, "1.0")
    for _ in range(2):
        node.load(BAD)
    failed = node.load(BAD)
    assert failed.document is not None
    assert not node.versions.offers_another_try(failed)
    assert [node.load(BAD).document for _ in range(3)] == [None] * 3
    node.clock.advance(timedelta(minutes=2))
    node.load(BAD)
    assert node.versions.document() is not None


def test_after_a_while_one_load_tries_the_live_one_again(tmp_path: Path) -> None:
    node = Node(tmp_path, "1.0")
    for _ in range(2):
        node.load(BAD)
    node.clock.advance(timedelta(minutes=11))
    assert node.load(BAD).document is None
    assert node.load().document is not None


def test_without_a_good_one_there_is_nothing_to_offer(tmp_path: Path) -> None:
    node = Node(tmp_path)
    assert not any(node.versions.offers_another_try(node.load(BAD)) for _ in range(3))


def test_a_pinned_one_is_all_that_is_served(tmp_path: Path) -> None:
    node = Node(tmp_path, "1.0")
    node.versions.pinned = document("7.0")
    for end in (BAD, BAD, None):
        served = node.load(end).document
        assert served is not None
        assert served.name == "7.0"


def test_the_store_keeps_the_last_few_and_knows_the_last_good(tmp_path: Path) -> None:
    node = Node(tmp_path, *(f"{number}.0" for number in range(KEPT + 3)))
    assert [about.name for about in node.store.stored()] == ["7.0", "6.0", "5.0", "4.0", "3.0"]
    node.clock.advance(timedelta(seconds=1))
    node.store.save(document("8.0"), now=node.clock.now(), good=False)
    assert node.store.last_good() == "7.0", "a fetched one proves nothing"
    node.clock.advance(timedelta(seconds=1))
    node.store.was_good("5.0", node.clock.now())
    assert node.store.last_good() == "5.0"
    assert len(list((tmp_path / "web_versions").iterdir())) == 2 * KEPT


@pytest.mark.parametrize("kind", ["html", "json"])
def test_a_damaged_document_counts_as_none(tmp_path: Path, kind: str) -> None:
    node = Node(tmp_path, "1.0")
    (tmp_path / "web_versions" / f"1.0.{kind}").write_text("{}")
    assert node.store.load("1.0") is None
    with pytest.raises(KeyError):
        node.store.was_good("1.0", node.clock.now())


def test_a_reported_version_is_made_a_harmless_name(tmp_path: Path) -> None:
    assert version_name("2.3000.1-Alpha") == "2.3000.1-alpha"
    for odd in ("", "../../etc/passwd", "a/b", "x" * 41, "1 2", "1.0\n"):
        assert version_name(odd) == "unknown"
    assert VersionStore(tmp_path).load("../x") is None


def test_only_pages_count_and_only_their_headers_are_kept() -> None:
    assert looks_like_html(b"\xef\xbb\xbf\n<!-- a --><HTML><script>1</script>")
    assert looks_like_html(b"<!----><!-- <html> -->\n<!-- -- --> <head><script>1</script>")
    assert not looks_like_html(b"<!---->" * 500 + b"<script>")  # and says so before the pool stands still
    assert not looks_like_html(b'{"error": "<script"}')
    assert not looks_like_html(b"<!doctype html><p>moved")
    assert not looks_like_html(HTML + b" " * MAX_BYTES)
    given = {"Content-Security-Policy": "x", "Set-Cookie": "mine", "Content-Encoding": "br"}
    assert kept_headers(given) == {"content-security-policy": "x"}
