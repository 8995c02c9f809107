"""GET /api/audit: what was done in a workspace, for whoever holds a key with the scope `admin`."""

from __future__ import annotations

from datetime import datetime

from flask import Blueprint, Response, jsonify, request

from functions.auth import current_workspace
from functions.paging import check_parameters, read_cursor, read_limit, refuse, to_cursor
from functions.services import Services
from storage.audit import AuditFilter
from storage.clock import from_wire
from storage.ids import is_id


def audit_routes(services: Services) -> Blueprint:
    """Reading the audit log."""

    def page() -> Response:
        check_parameters("actor", "action", "since", "until", "cursor", "limit")
        before, limit = read_cursor(), read_limit()
        if before is not None and not is_id(before):
            refuse("cursor", "take it from next_cursor of the page before")
        wanted = AuditFilter(
            actor=request.args.get("actor"),
            action=request.args.get("action"),
            since=_moment("since"),
            until=_moment("until"),
        )
        entries = services.audit.page(current_workspace().id, wanted, before=before, limit=limit + 1)
        more, entries = len(entries) > limit, entries[:limit]
        return jsonify(
            entries=[entry.to_wire() for entry in entries],
            next_cursor=to_cursor(entries[-1].id) if more else None,
        )

    blueprint = Blueprint("audit", __name__, url_prefix="/api/audit")
    blueprint.add_url_rule("", "page", page)
    return blueprint


def _moment(name: str) -> datetime | None:
    text = request.args.get(name)
    if text is None:
        return None
    try:
        return from_wire(text)
    except (ValueError, OverflowError):
        refuse(name, "must be an RFC 3339 time with a zone, such as 2026-01-31T12:00:00Z")
