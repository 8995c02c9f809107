"""What an operator gets when a session failed: why, screenshot, console, lookups, versions. No secrets.

Rule: a page that shows an account is not photographed, and a QR never is. One folder each, some days.
"""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import shutil
import tarfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Error

from browser_pool.errors import SlotError
from browser_pool.facts import probe_outcomes
from browser_pool.scrub import scrubbed
from browser_pool.slot import Slot
from storage.clock import Clock, to_wire

log = logging.getLogger(__name__)

DIAGNOSES_DIR = "diagnoses"
KEPT = 50
"""The newest ones; a screenshot is some 50 kB."""
KEPT_FOR = timedelta(days=7)
"""Somebody asks within days, or never."""
DEADLINE = timedelta(seconds=5)
LONGEST_TITLE = 200
"""A hostile page may have one of megabytes."""
_HIDE_QR = (
    "for (const e of document.querySelectorAll('[data-ref], canvas, input')) e.style.visibility = 'hidden'"
)


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Of what a diagnosis is made."""

    session_id: str
    reason_code: str
    why: str
    linked: bool
    """The page may show an account."""
    chromium: str
    phases: dict[str, Any]
    """How far the session had come."""


async def write_diagnosis(data_dir: Path, clock: Clock, failure: Failure, slot: Slot | None) -> Path:
    """Write one folder: `why.json` and, when the page still answers and shows no account, `page.png`."""
    now = clock.now()
    folder = data_dir / DIAGNOSES_DIR / f"{now:%Y%m%dT%H%M%S%f}-{failure.session_id}"
    folder.mkdir(mode=0o700, parents=True)
    facts: dict[str, Any] = {
        "session_id": failure.session_id,
        "at": to_wire(now),
        "reason_code": failure.reason_code,
        "why": scrubbed(failure.why),
        "linked": failure.linked,
        **failure.phases,
        "chromium": failure.chromium,
        "web_version": None if slot is None else slot.load.version or None,
        "title": None,
        "url": None,
        "lookups": {},
        "console": [] if slot is None else list(slot.page_log.lines),
        "picture": None,
    }
    if slot is not None:
        try:
            async with asyncio.timeout(DEADLINE.total_seconds()):
                await _look(slot, facts, folder)
        except (Error, SlotError, TimeoutError) as error:
            facts["picture"] = facts["picture"] or f"none: {scrubbed(str(error))}"
    (folder / "why.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n")
    extra = {"session_id": failure.session_id, "diagnosis": folder.name}
    log.warning("diagnosis_written", extra=extra)
    forget_old(data_dir, clock)
    return folder


async def _look(slot: Slot, facts: dict[str, Any], folder: Path) -> None:
    page = slot.bridge.page
    facts["title"], facts["url"] = scrubbed((await page.title())[:LONGEST_TITLE]), scrubbed(page.url)
    if facts["linked"]:
        facts["picture"] = "left out: the page may show the account"
    else:
        await page.evaluate(_HIDE_QR)
        (folder / "page.png").write_bytes(await page.screenshot())
        facts["picture"] = "page.png"
    facts["lookups"] = dict(probe_outcomes(await slot.call("probe")))


def forget_old(data_dir: Path, clock: Clock) -> None:
    """Remove what is older than KEPT_FOR, and all but the newest KEPT."""
    folders = diagnoses(data_dir)
    oldest = f"{clock.now() - KEPT_FOR:%Y%m%dT%H%M%S%f}"
    for folder in [one for one in folders if one.name < oldest] + folders[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def packed(folders: list[Path]) -> bytes:
    """These folders as a .tar.gz. Small: a screenshot is some 50 kB, the rest 2 kB."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for folder in folders:
            archive.add(folder, folder.name)
    return content.getvalue()


def diagnoses(data_dir: Path, session_id: str | None = None) -> list[Path]:
    """The folders, oldest first: of one session or of all."""
    directory = data_dir / DIAGNOSES_DIR
    if not directory.is_dir():
        return []
    found = sorted(directory.iterdir(), key=os.fspath)
    return [one for one in found if session_id is None or one.name.endswith(f"-{session_id}")]
