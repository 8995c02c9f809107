"""Who did what through the functions, written with the change that it made.

Rule: every call of a known caller that may change something leaves one line, also when it was refused. A call
that anybody can make leaves none, so that nobody can fill the log with nothing but requests.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from flask import Flask, Response, g, request

from functions.auth import GUARDS, Guard
from functions.core_services import CoreServices
from storage import audit_deed
from storage.audit import ActorKind, AuditEntry, AuditLog, AuditOutcome, mask_address
from storage.audit_deed import Deed

log = logging.getLogger(__name__)

READS_OF_INTEREST = frozenset({"chats.page"})
"""Reading, but of what people wrote to each other."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})


def keep_audit_trail(app: Flask, services: CoreServices) -> None:
    """Audit every request of this app. To be called after the guard is in place."""
    audit = services.audit

    def begin() -> None:
        audit_deed.end()  # of a request that died on this thread
        g.audit_entry = None
        if _is_of_interest():
            actor = _actor(services)
            if actor is not None:
                _begin(audit, *actor)

    def end(response: Response) -> Response:
        deed, entry = audit_deed.end(), g.get("audit_entry")
        try:
            if entry is None:
                _write_denied(audit, response)
            elif deed is not None:
                _finish(audit, entry, deed, response)
        except Exception:  # nothing was changed that could be taken back, and the caller has an answer coming
            log.exception("audit_not_written", extra={"request_id": g.get("request_id")})
        return response

    app.before_request(begin)
    app.after_request(end)


def _is_of_interest() -> bool:
    return request.method not in _READS or request.endpoint in READS_OF_INTEREST


def _actor(services: CoreServices) -> tuple[ActorKind, str, str] | None:
    """Kind, id and workspace of whoever calls; None when nobody known does."""
    match GUARDS.get(request.endpoint or ""):
        case Guard.WORKSPACE:
            return ActorKind.KEY, g.api_key.prefix, g.workspace.id
        case Guard.OPERATOR:
            session = services.registry.sessions.find((request.view_args or {}).get("session_id", ""))
            return None if session is None else (ActorKind.OPERATOR, "ops", session.workspace_id)
        case Guard.LINK:
            session = services.links.find((request.view_args or {}).get("token", ""))
            return None if session is None else (ActorKind.LINK, session.id, session.workspace_id)
        case _:
            return None


def _begin(audit: AuditLog, kind: ActorKind, actor: str, workspace_id: str) -> None:
    entry = g.audit_entry = _entry(audit, kind, actor, workspace_id)
    audit_deed.begin(
        Deed(write=lambda subjects: audit.write(replace(entry, subjects=subjects)), subjects=_subjects(entry))
    )


def _entry(audit: AuditLog, kind: ActorKind, actor: str, workspace_id: str) -> AuditEntry:
    return audit.entry(
        kind,
        actor,
        request.endpoint or "",
        workspace_id=workspace_id,
        request_id=g.get("request_id"),
        address=mask_address(request.remote_addr),
    )


def _subjects(entry: AuditEntry) -> dict[str, str]:
    """The ids of the address. A link's token is none: it is a secret, and the session is known."""
    if entry.actor_kind is ActorKind.LINK:
        return {"session_id": entry.actor}
    return {name: str(value)[:100] for name, value in (request.view_args or {}).items()}


def _finish(audit: AuditLog, entry: AuditEntry, deed: Deed, response: Response) -> None:
    outcome, code = _outcome(response)
    if not deed.written:
        audit.write(replace(entry, subjects=deed.subjects, outcome=outcome, code=code))
    elif outcome is not AuditOutcome.DONE:
        audit.correct(entry.id, outcome, code)


def _write_denied(audit: AuditLog, response: Response) -> None:
    """A key that was known and not let in: it lacks the scope."""
    if response.status_code == 403 and "api_key" in g and _is_of_interest():
        entry = _entry(audit, ActorKind.KEY, g.api_key.prefix, g.workspace.id)
        outcome, code = _outcome(response)
        audit.write(replace(entry, subjects=_subjects(entry), outcome=outcome, code=code))


def _outcome(response: Response) -> tuple[AuditOutcome, str | None]:
    if response.status_code < 400:
        return AuditOutcome.DONE, None
    body = response.get_json(silent=True) if response.mimetype == "application/problem+json" else None
    code = body.get("code") if isinstance(body, dict) else f"http_{response.status_code}"
    return AuditOutcome.FAILED if response.status_code >= 500 else AuditOutcome.REFUSED, code
