"""docs/security.md names tests and files: all of them exist, and every part of the threat model is there."""

import re

from deploy.settings import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text()


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"\b(?:unit|integration|acceptance|contract|peers)/test_\w+\.py", TEXT))
    assert len(named) > 15
    assert [name for name in named if not (ROOT / "tests" / name).is_file()] == []


def test_every_file_that_is_named_exists() -> None:
    named = set(re.findall(r"`((?:deploy|tests|docs)/[\w./-]+\.\w+)`", TEXT))
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_threat_model_has_its_parts() -> None:
    for part in (
        "snapshots",
        "scanned",
        "hostile page",
        "hostile tenant",
        "network",
        "lost laptop",
        "report",
    ):
        assert re.search(rf"^##+ .*{part}", TEXT, re.MULTILINE | re.IGNORECASE), part
