"""What a node says when it cannot do what the functions ask: each error as one status and one code.

Rule: codes are read by the functions; never rename one. What no line here names is a bug of the node.
"""

from __future__ import annotations

from aiohttp import web

from browser_pool.call_guard import Replayed
from browser_pool.chat_list import TooManyChats
from browser_pool.errors import (
    BrowserGone,
    CaptureFailed,
    NotRunning,
    PageBroken,
    SlotError,
    SnapshotsOff,
    StoreAway,
)
from storage.errors import BadMessage, Untrusted
from storage.objects import StoreError
from storage.snapshot_errors import SnapshotError


def problem(status: int, code: str, detail: str) -> web.Response:
    """An error as problem+json."""
    body = {"type": "about:blank", "title": code, "status": status, "code": code, "detail": detail}
    return web.json_response(body, status=status, content_type="application/problem+json")


def problem_of(error: Exception) -> web.Response | None:
    """The answer for it; None when nobody foresaw it. The first line that fits counts."""
    match error:
        case Replayed():
            return problem(401, "replayed", str(error))
        case Untrusted():
            return problem(401, "unauthorized", str(error))
        case BadMessage():
            return problem(400, "invalid_request", str(error))
        case NotRunning():
            return problem(404, "not_running", str(error))
        case TooManyChats():
            return problem(422, "too_many_chats", str(error))
        case SnapshotsOff():
            return problem(409, "snapshots_off", str(error))
        case StoreError() | StoreAway():
            return problem(503, "store_unavailable", str(error))
        case SnapshotError():
            return problem(500, "snapshot_failed", str(error))
        case CaptureFailed():
            return problem(503, "capture_failed", str(error))
        case PageBroken():
            return problem(502, "page_broken", str(error))
        case BrowserGone() | SlotError():
            return problem(503, "browser_gone", str(error))
        case web.HTTPException():
            code = (error.reason or "error").lower().replace(" ", "_")
            return problem(error.status, code, error.text or "")
        case _:
            return None
