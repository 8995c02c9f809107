"""The facts that the hosted page polls, as JSON. Rule: nothing that is over is in it, as on the page."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from functions.link_view import LinkView, Screen
from functions.page_content import web_address
from storage.clock import to_wire


def milliseconds(span: timedelta | None) -> int | None:
    """Whole ms, for a clock that only counts down."""
    return None if span is None else round(span / timedelta(milliseconds=1))


def facts_of(view: LinkView, page_url: str) -> dict[str, Any]:
    """Body of GET /link/{token}/status, without the parts that are drawn."""
    session = view.session
    return {
        "status": session.status,
        "phase": session.phase,
        "by_phone": view.by_phone,
        "reason_code": session.reason_code,
        "version": session.version,
        "phone_number": session.phone_number,
        "display_name": session.display_name,
        "qr": _qr(view, page_url) if view.screen is Screen.SCAN else None,
        "pairing_code": _pairing_code(view) if view.screen is Screen.CODE else None,
        "queue": _queue(view) if view.screen is Screen.QUEUED else None,
        "return_url": web_address(session.return_url),
        "poll_after_ms": milliseconds(view.poll_after),
    }


def _qr(view: LinkView, page_url: str) -> dict[str, Any]:
    return {
        "text": view.session.qr_text,
        "expires_at": _wire(view.session.qr_expires_at),
        "expires_in_ms": milliseconds(view.ends_in),
        "svg_url": f"{page_url}/qr.svg",
    }


def _pairing_code(view: LinkView) -> dict[str, Any]:
    return {
        "code": view.session.pairing_code,
        "phone_number": view.session.pairing_phone_number,
        "expires_at": _wire(view.session.pairing_expires_at),
        "expires_in_ms": milliseconds(view.ends_in),
    }


def _queue(view: LinkView) -> dict[str, Any]:
    return {
        "position": view.session.queue_position,
        "estimated_wait_ms": view.session.queue_estimated_wait_ms,
    }


def _wire(moment: datetime | None) -> str | None:
    return None if moment is None else to_wire(moment)
