"""What an operator gets when a session failed: screenshot and facts, no secrets. Kept beside the data."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from datetime import timedelta
from pathlib import Path

from playwright.async_api import Error

from browser_pool.slot import Slot
from storage.clock import Clock, to_wire

log = logging.getLogger(__name__)

DIAGNOSES_DIR = "diagnoses"
KEPT = 50
"""The newest ones; a screenshot is some 50 kB."""
DEADLINE = timedelta(seconds=5)
LONGEST_TITLE = 200
"""A hostile page may have one of megabytes."""
_HIDE_QR = "for (const e of document.querySelectorAll('[data-ref]')) e.style.visibility = 'hidden'"


async def write_diagnosis(data_dir: Path, clock: Clock, session_id: str, why: str, slot: Slot | None) -> Path:
    """Write one folder with `why.json` and, when the page still answers, `page.png` without its QR."""
    now = clock.now()
    folder = data_dir / DIAGNOSES_DIR / f"{now:%Y%m%dT%H%M%S%f}-{session_id}"
    folder.mkdir(mode=0o700, parents=True)
    facts = {"session_id": session_id, "at": to_wire(now), "why": why, "title": None}
    if slot is not None:
        try:
            async with asyncio.timeout(DEADLINE.total_seconds()):
                page = slot.bridge.page
                facts["title"] = (await page.title())[:LONGEST_TITLE]
                await page.evaluate(_HIDE_QR)
                (folder / "page.png").write_bytes(await page.screenshot())
        except (Error, TimeoutError) as error:
            log.info("diagnosis_without_picture", extra={"session_id": session_id, "why": str(error)[:200]})
    (folder / "why.json").write_text(json.dumps(facts, indent=2))
    for old in sorted(folder.parent.iterdir(), key=os.fspath)[:-KEPT]:
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    return folder
