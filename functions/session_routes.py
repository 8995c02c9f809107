"""Routes of /api/sessions: who asks, what for, how the answer looks. What happens stands in `sessions`."""

from __future__ import annotations

import hashlib
import json
import re
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, jsonify, request

from functions.auth import current_key, current_workspace
from functions.bodies import read_body
from functions.paging import check_parameters, read_cursor, read_limit, refuse, to_cursor
from functions.phone_numbers import normalise
from functions.problems import FieldError, Problem
from functions.qr_image import qr_png, qr_svg
from functions.services import Services
from functions.session_requests import NewSession, Nothing, PairingRequest
from functions.session_wire import etag_of, session_to_wire
from storage.api_keys import Scope
from storage.errors import InvalidPhone, NotFound
from storage.idempotency import IdempotencyKey
from storage.ids import is_id
from storage.models import SessionStatus
from storage.session_table import SessionFilter
from storage.sessions import Session

_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def session_routes(services: Services) -> Blueprint:
    """Everything a backend does with sessions."""
    routes = _Routes(services)
    blueprint = Blueprint("sessions", __name__, url_prefix="/api/sessions")
    add = blueprint.add_url_rule
    add("", "create", routes.create, methods=["POST"])
    add("", "page", routes.page)
    add("/<session_id>", "show", routes.show)
    add("/<session_id>", "delete", routes.delete, methods=["DELETE"])
    add("/<session_id>/qr.png", "qr_png", routes.qr_png)
    add("/<session_id>/qr.svg", "qr_svg", routes.qr_svg)
    add("/<session_id>/qr", "regenerate_qr", routes.regenerate_qr, methods=["POST"])
    add("/<session_id>/pairing-code", "pairing_code", routes.pairing_code, methods=["POST"])
    add("/<session_id>/restart", "restart", routes.restart, methods=["POST"])
    add("/<session_id>/logout", "log_out", routes.log_out, methods=["POST"])
    add("/<session_id>/hibernate", "hibernate", routes.hibernate, methods=["POST"])
    add("/<session_id>/wake", "wake", routes.wake, methods=["POST"])
    add("/<session_id>/snapshot", "snapshot", routes.snapshot, methods=["POST"])
    add("/<session_id>/primary", "make_primary", routes.make_primary, methods=["POST"])
    add("/<session_id>/link", "replace_link", routes.replace_link, methods=["POST"])
    add("/<session_id>/link", "revoke_link", routes.revoke_link, methods=["DELETE"])
    return blueprint


def session_of_caller(services: Services, session_id: str) -> Session:
    """The session of this address, if it is the caller's. Raises Problem."""
    try:
        return services.registry.sessions.of_workspace(current_workspace().id, session_id)
    except NotFound as error:
        raise Problem(404, "session_not_found", str(error)) from error


class _Routes:
    """The handlers, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def create(self) -> Response:
        wanted = read_body(NewSession)
        wanted.check_webhook(self._services.config.webhook_allow_hosts)
        created = self._services.sessions.create(
            current_workspace(), wanted, _idempotency_key(wanted.model_dump())
        )
        session = created.session
        waits = session.status is SessionStatus.QUEUED or not created.reached_node
        response = self._answer(session, 202 if waits else 201)
        response.headers["Location"] = f"{self._services.config.public_url}/api/sessions/{session.id}"
        if not created.new:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    def page(self) -> Response:
        check_parameters("status", "reference", "phone_number", "cursor", "limit")
        before, limit = read_cursor(), read_limit()
        if before is not None and not is_id(before):
            refuse("cursor", "take it from next_cursor of the page before")
        sessions = self._services.registry.sessions.page(
            current_workspace().id, _filter(), before=before, limit=limit + 1
        )
        more, sessions = len(sessions) > limit, sessions[:limit]
        now = self._services.clock.now()
        return jsonify(
            sessions=[self._wire(session, now) for session in sessions],
            next_cursor=to_cursor(sessions[-1].id) if more else None,
        )

    def show(self, session_id: str) -> Response:
        session = self._session(session_id)
        etag = self._etag(session, self._services.clock.now())
        if request.if_none_match.contains(etag):
            return Response(status=304, headers={"ETag": f'"{etag}"', "Cache-Control": "private, no-cache"})
        return self._answer(session)

    def delete(self, session_id: str) -> Response:
        read_body(Nothing)
        return self._answer(self._services.sessions.delete(self._session(session_id)))

    def qr_png(self, session_id: str) -> Response:
        return _picture(qr_png(self._live_qr(session_id)), "image/png")

    def qr_svg(self, session_id: str) -> Response:
        return _picture(qr_svg(self._live_qr(session_id)), "image/svg+xml")

    def regenerate_qr(self, session_id: str) -> Response:
        read_body(Nothing)
        return self._answer(self._services.sessions.refresh_qr(self._session(session_id)))

    def pairing_code(self, session_id: str) -> Response:
        wanted = read_body(PairingRequest)
        session = self._services.sessions.request_pairing_code(self._session(session_id), wanted.phone)
        shown = session.live_pairing_code(self._services.clock.now())
        return self._answer(session, 202 if shown is None else 200)

    def restart(self, session_id: str) -> Response:
        read_body(Nothing)
        started = self._services.sessions.start(
            self._session(session_id), _idempotency_key({"restart": session_id})
        )
        response = self._answer(started.session, 202)
        if not started.new:
            response.headers["Idempotency-Replayed"] = "true"
        return response

    def log_out(self, session_id: str) -> Response:
        read_body(Nothing)
        session = self._services.sessions.log_out(self._session(session_id))
        return self._answer(session, 200 if session.status is SessionStatus.LOGGED_OUT else 202)

    def hibernate(self, session_id: str) -> Response:
        read_body(Nothing)
        return self._answer(self._services.sessions.hibernate(self._session(session_id)))

    def wake(self, session_id: str) -> Response:
        read_body(Nothing)
        session = self._services.sessions.wake(self._session(session_id))
        return self._answer(session, 200 if session.status is SessionStatus.CONNECTED else 202)

    def snapshot(self, session_id: str) -> Response:
        read_body(Nothing)
        return self._answer(self._services.sessions.save_snapshot(self._session(session_id)))

    def make_primary(self, session_id: str) -> Response:
        read_body(Nothing)
        return self._answer(self._services.sessions.make_primary(self._session(session_id)))

    def replace_link(self, session_id: str) -> Response:
        read_body(Nothing)
        return self._answer(self._services.sessions.replace_link(self._session(session_id)))

    def revoke_link(self, session_id: str) -> Response:
        read_body(Nothing)
        return self._answer(self._services.sessions.revoke_link(self._session(session_id)))

    def _session(self, session_id: str) -> Session:
        return session_of_caller(self._services, session_id)

    def _live_qr(self, session_id: str) -> str:
        session = self._session(session_id)
        text = session.live_qr(self._services.clock.now())
        if text is None:
            raise Problem(
                409,
                "no_qr",
                f"session {session.id} is {session.status} and shows no QR; POST …/qr asks for one",
            )
        return text

    def _answer(self, session: Session, status: int = 200) -> Response:
        now = self._services.clock.now()
        response = jsonify(self._wire(session, now))
        response.status_code = status
        response.headers["ETag"] = f'"{self._etag(session, now)}"'
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    def _wire(self, session: Session, now: datetime) -> dict[str, Any]:
        """What this key may see of it."""
        wire = session_to_wire(session, self._services.links, self._services.config.public_url, now)
        return wire if _may_link() else {**wire, **_NO_WAYS_IN}

    def _etag(self, session: Session, now: datetime) -> str:
        return etag_of(session, now) + ("" if _may_link() else "-r")


_NO_WAYS_IN = {"link_url": None, "qr": None, "pairing_code": None}
"""Whoever has one of these can link an account of their own."""


def _may_link() -> bool:
    return current_key().allows(Scope.SESSIONS)


def _picture(content: bytes | str, mimetype: str) -> Response:
    return Response(content, mimetype=mimetype, headers={"Cache-Control": "no-store"})


def _idempotency_key(wanted: dict[str, Any]) -> IdempotencyKey | None:
    """The key of this request, for what it asks. Raises Problem."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if _IDEMPOTENCY_KEY.fullmatch(key) is None:
        message = "must have 1 to 255 printable ASCII characters without spaces"
        error = FieldError(field="Idempotency-Key", message=message)
        raise Problem(422, "invalid_request", f"Idempotency-Key: {message}", [error])
    canonical = json.dumps(wanted, sort_keys=True, separators=(",", ":"))
    return IdempotencyKey(key=key, request_sha256=hashlib.sha256(canonical.encode()).hexdigest())


def _filter() -> SessionFilter:
    return SessionFilter(
        statuses=_statuses(), reference=request.args.get("reference"), phone_number=_phone_filter()
    )


def _statuses() -> tuple[SessionStatus, ...] | None:
    text = request.args.get("status")
    if text is None:
        return None
    try:
        return tuple(SessionStatus(word) for word in text.split(","))
    except ValueError:
        refuse("status", f"must be one or more of {', '.join(SessionStatus)}, with commas between")


def _phone_filter() -> str | None:
    text = request.args.get("phone_number")
    if text is None:
        return None
    try:
        return normalise(text)
    except InvalidPhone as error:
        refuse("phone_number", f"{error} (in an address, + is written %2B)")
