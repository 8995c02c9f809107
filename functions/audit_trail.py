"""Who did what through the functions, written with the change that it made.

Rule: every call of a known caller that may change something leaves one line, also when it was refused. A call
that anybody can make leaves none, so that nobody can fill the log with nothing but requests. Of reading only
three things are told: chats, a browser that takes a link for itself, and an operator who logs in.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import replace

from flask import Flask, Response, g, request

from functions.auth import GUARDS, Guard
from functions.core_services import CoreServices
from storage import audit_deed
from storage.audit import ActorKind, AuditEntry, AuditLog, AuditOutcome, mask_address
from storage.audit_deed import Deed
from storage.delivery import is_delivery_id
from storage.ids import is_id
from storage.sessions import Session

log = logging.getLogger(__name__)

READS_OF_INTEREST = frozenset({"chats.page"})
"""Reading, but of what people wrote to each other."""

OPS = "ops"
"""Whoever knows OPS_TOKEN; it tells nobody apart."""

BINDING = "pages.bind"
"""What is told of the request with which a browser takes a link for itself."""

_NUMBER = re.compile(r"\d[\d ().-]{5,}\d")
"""Seven digits or more, however they are parted."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_SEE_OTHER = 303
_NO_ACTOR = frozenset({Guard.NODE, Guard.METRICS, Guard.OPERATOR_LOGIN, Guard.PUBLIC})
"""Nobody is known yet, or nothing can be changed; what nodes report is told by `node_audit`."""


def keep_audit_trail(app: Flask, services: CoreServices) -> None:
    """Audit every request of this app. To be called after the guard is in place."""
    audit = services.audit

    def begin() -> None:
        audit_deed.end()  # of a request that died on this thread
        g.audit_entry = None
        if _is_of_interest():
            actor = _actor(services)
            if actor is not None:
                _begin(services, *actor)

    def end(response: Response) -> Response:
        deed, entry = audit_deed.end(), g.get("audit_entry")
        try:
            if entry is None:
                _write_denied(services, response)
                _write_login(services, response)
            elif deed is not None:
                _finish(audit, entry, deed, response)
        except Exception:  # nothing was changed that could be taken back, and the caller has an answer coming
            log.exception("audit_not_written", extra={"request_id": g.get("request_id")})
        return response

    app.before_request(begin)
    app.after_request(end)


def _is_of_interest() -> bool:
    return request.method not in _READS or request.endpoint in READS_OF_INTEREST


def tell_of_binding(services: CoreServices, session: Session) -> None:
    """Before a browser is given a link: the line is written with it. A POST tells of itself."""
    if g.get("audit_entry") is None:
        _begin(services, ActorKind.LINK, session.id, session.workspace_id, BINDING)


def _actor(services: CoreServices) -> tuple[ActorKind, str, str | None] | None:
    """Kind, id and workspace of whoever calls; None when nobody known does."""
    guard, ids = GUARDS.get(request.endpoint or ""), request.view_args or {}
    if guard is None or guard in _NO_ACTOR:
        return None
    if guard is Guard.WORKSPACE:
        return ActorKind.KEY, g.api_key.prefix, g.workspace.id
    if guard is Guard.OPERATOR:
        return ActorKind.OPERATOR, OPS, _workspace_concerned(services, ids)
    session = services.links.find(ids.get("token", ""))
    return None if session is None else (ActorKind.LINK, session.id, session.workspace_id)


def _workspace_concerned(services: CoreServices, ids: Mapping[str, str]) -> str | None:
    """Whose session or delivery a button is about."""
    session_id, delivery_id = ids.get("session_id", ""), ids.get("delivery_id", "")
    if is_id(session_id):
        session = services.registry.sessions.find(session_id)
        return None if session is None else session.workspace_id
    if is_delivery_id(delivery_id):
        return services.deliveries.workspace_of(delivery_id)
    return None


def _begin(
    services: CoreServices, kind: ActorKind, actor: str, workspace_id: str | None, action: str | None = None
) -> None:
    audit = services.audit
    entry = g.audit_entry = _entry(services, kind, actor, workspace_id, action)
    audit_deed.begin(
        Deed(write=lambda subjects: audit.write(replace(entry, subjects=subjects)), subjects=_subjects(entry))
    )


def _entry(
    services: CoreServices, kind: ActorKind, actor: str, workspace_id: str | None, action: str | None = None
) -> AuditEntry:
    return services.audit.entry(
        kind,
        actor,
        action or request.endpoint or "",
        workspace_id=workspace_id,
        request_id=g.get("request_id"),
        address=mask_address(services.addresses.address_in(request.environ)),
    )


def _subjects(entry: AuditEntry) -> dict[str, str]:
    """The ids of the address. A link's token is none: it is a secret, and the session is known."""
    if entry.actor_kind is ActorKind.LINK:
        return {"session_id": entry.actor}
    return {name: _subject(str(value)) for name, value in (request.view_args or {}).items()}


def _subject(text: str) -> str:
    """An id as it is; of what a caller took for one, nothing that could be a phone number."""
    return text if is_id(text) or is_delivery_id(text) else _NUMBER.sub("…", text)[:100]


def _finish(audit: AuditLog, entry: AuditEntry, deed: Deed, response: Response) -> None:
    outcome, code = _outcome(response)
    if not deed.written:
        audit.write(replace(entry, subjects=deed.subjects, outcome=outcome, code=code))
    elif outcome is not AuditOutcome.DONE:
        audit.correct(entry.id, outcome, code)


def _write_denied(services: CoreServices, response: Response) -> None:
    """A key that was known and not let in: it lacks the scope."""
    if response.status_code == 403 and "api_key" in g and _is_of_interest():
        entry = _entry(services, ActorKind.KEY, g.api_key.prefix, g.workspace.id)
        outcome, code = _outcome(response)
        services.audit.write(replace(entry, subjects=_subjects(entry), outcome=outcome, code=code))


def _write_login(services: CoreServices, response: Response) -> None:
    """Somebody who knew OPS_TOKEN. Who did not is counted by the limits, and logged."""
    guard = GUARDS.get(request.endpoint or "")
    if guard is Guard.OPERATOR_LOGIN and response.status_code == _SEE_OTHER:
        services.audit.write(_entry(services, ActorKind.OPERATOR, OPS, None))


def _outcome(response: Response) -> tuple[AuditOutcome, str | None]:
    if response.status_code < 400:
        return AuditOutcome.DONE, None
    body = response.get_json(silent=True) if response.mimetype == "application/problem+json" else None
    code = body.get("code") if isinstance(body, dict) else f"http_{response.status_code}"
    return AuditOutcome.FAILED if response.status_code >= 500 else AuditOutcome.REFUSED, code
