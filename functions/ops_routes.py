"""/ops: what is going on, what needs somebody, and buttons for what can do no harm. For the operator alone.

Rule: numbers are masked, and no button destroys: they start, wake, put to sleep, save and send again.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from functions.auth import OpsLoginNeeded
from functions.ops_chart import Sample, chart
from functions.ops_login import COOKIE, LASTS
from functions.problems import Problem
from functions.services import Services
from storage.ages import age_text
from storage.clock import from_wire, to_wire
from storage.delivery import is_delivery_id
from storage.errors import Conflict, LinkpoolError, NotFound, PoolRefused, PoolUnreachable
from storage.events import EventType
from storage.ids import is_id
from storage.logs import mask_phone
from storage.models import LINKED, SessionStatus
from storage.operations import failed, slowest
from storage.sessions import Session
from storage.timeline import story_of

log = logging.getLogger(__name__)

OVER = timedelta(hours=6)
REFRESH_SECONDS = 30
TEMPLATE_FOLDER = Path(__file__).parent.parent / "templates"
TEMPLATE = "ops.html"
_STARTABLE = frozenset({SessionStatus.FAILED, SessionStatus.EXPIRED, SessionStatus.LOGGED_OUT})


def ops_routes(services: Services) -> Blueprint:
    """The page, one session's page, login and the buttons."""
    routes = _Routes(services)
    blueprint = Blueprint("ops", __name__, url_prefix="/ops", template_folder=str(TEMPLATE_FOLDER))
    add = blueprint.add_url_rule
    add("", "page", routes.page)
    add("/login", "login", routes.login, methods=["POST"])
    add("/find", "find", routes.find)
    add("/sessions/<session_id>", "session", routes.session)
    add("/sessions/<session_id>/diagnosis", "diagnosis", routes.diagnosis)
    add("/sessions/<session_id>/<action>", "act", routes.act, methods=["POST"])
    add("/deliveries/<delivery_id>/retry", "retry", routes.retry, methods=["POST"])
    return blueprint


def show_login(app: Flask) -> None:
    """Whoever has not logged in is shown the form."""
    app.register_error_handler(OpsLoginNeeded, lambda _: login_page())


class _Routes:
    """The handlers, with what they need."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._login = services.ops_login

    def page(self) -> Response:
        services, now = self._services, self._services.clock.now()
        links = services.operations.links(OVER)
        counts = services.registry.sessions.counts()
        qr = [Sample(one.created_at, one.qr_generation_ms) for one in links if one.qr_generation_ms]
        phone = [Sample(one.created_at, one.phone_extraction_ms) for one in links if one.phone_extraction_ms]
        good = sum(one.qr_generation_ms is not None for one in links)
        bad = sum(one.status is SessionStatus.FAILED and one.qr_generation_ms is None for one in links)
        return self._html(
            "page",
            title="linkpool",
            hours=round(OVER.total_seconds() / 3600),
            links=len(links),
            success=None if not good + bad else round(good / (good + bad) * 100, 1),
            counts=[(status.value, counts.get(status, 0)) for status in SessionStatus if counts.get(status)],
            most=max(counts.values(), default=1) or 1,
            nodes=self._nodes(),
            charts=[
                ("Wish to QR", chart(qr, now, OVER, "From the wish to the QR")),
                ("Scan to number", chart(phone, now, OVER, "From the scan to the number")),
            ],
            slow=slowest(links),
            failed=failed(links),
            deliveries=[
                {**row, "age": age_text(from_wire(row["created_at"]), now)}
                for row in services.operations.deliveries_in_trouble()
            ],
            snapshots=[self._snapshot(row) for row in services.operations.unsaved_sessions()],
        )

    def _nodes(self) -> list[dict[str, Any]]:
        services, now = self._services, self._services.clock.now()
        return [
            {
                "id": node.id,
                "region": node.region,
                "alive": node.alive(now, services.config.lease_ttl),
                "seen": age_text(node.last_seen_at, now),
                "live": node.live,
                "warm": node.warm,
                "queued": node.queued,
                "capacity": node.capacity,
                "draining": node.draining,
                "sandbox": node.sandbox,
            }
            for node in services.nodes.all()
        ]

    def _snapshot(self, row: dict[str, Any]) -> dict[str, Any]:
        saved_at = row["snapshot_saved_at"]
        age = None if saved_at is None else age_text(from_wire(saved_at), self._services.clock.now())
        return {**row, "age": age}

    def find(self) -> BaseResponse:
        session_id = request.args.get("id", "").strip().upper()
        if not is_id(session_id) or self._services.registry.sessions.find(session_id) is None:
            return self._html("said", status=404, title="Not found", said="There is no session with this id.")
        return redirect(url_for("ops.session", session_id=session_id), 303)

    def session(self, session_id: str) -> Response:
        return self._show(self._session(session_id), said=None, status=200)

    def _show(self, session: Session, said: str | None, status: int) -> Response:
        facts = {
            "workspace": session.workspace_id,
            "status": session.status.value,
            "phase": session.phase.value if session.phase else None,
            "reason": session.reason_code,
            "message": session.reason_message,
            "wanted": session.wanted.value,
            "node": session.node_id,
            "generation": session.generation,
            "number": mask_phone(session.phone_number),
            "created": to_wire(session.created_at),
            "last activity": to_wire(session.last_activity_at),
            "snapshot": session.snapshot_id,
        }
        steps = story_of(self._services.database, session).to_wire()
        return self._html(
            "session",
            status=status,
            title=f"Session {session.id}",
            session_id=session.id,
            facts={name: value for name, value in facts.items() if value is not None},
            steps=steps,
            has_failed=any(step["what"] == EventType.SESSION_FAILED for step in steps),
            actions=_actions_for(session),
            said=said,
        )

    def diagnosis(self, session_id: str) -> Response:
        """What its node wrote down when it failed, as a file."""
        session = self._session(session_id)
        log.info("operator_action", extra={"session_id": session.id, "action": "diagnosis"})
        try:
            archive = self._services.diagnoses.fetch(session.id)
        except NotFound as error:
            return self._html("said", status=404, title="No diagnosis", said=str(error))
        except (PoolRefused, PoolUnreachable) as error:
            return self._html("said", status=503, title="No diagnosis", said=str(error))
        headers = {
            "Content-Disposition": f'attachment; filename="diagnosis-{session.id}.tar.gz"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(archive, 200, headers, mimetype="application/gzip")

    def act(self, session_id: str, action: str) -> BaseResponse:
        sessions = self._services.sessions
        acts: dict[str, Callable[[Session], object]] = {
            "restart": sessions.start,
            "wake": sessions.wake,
            "hibernate": sessions.hibernate,
            "snapshot": sessions.save_snapshot,
        }
        if action not in acts:
            raise Problem(404, "not_found", "there is no such action")
        session = self._session(session_id)
        log.info("operator_action", extra={"session_id": session.id, "action": action})
        try:
            acts[action](session)
        except LinkpoolError as error:
            return self._show(session, said=str(error), status=409)
        return redirect(url_for("ops.session", session_id=session.id), 303)

    def retry(self, delivery_id: str) -> BaseResponse:
        workspace_id = None
        if is_delivery_id(delivery_id):
            workspace_id = self._services.deliveries.workspace_of(delivery_id)
        if workspace_id is None:
            raise Problem(404, "not_found", "there is no such delivery")
        log.info("operator_action", extra={"delivery_id": delivery_id, "action": "retry"})
        try:
            self._services.replays.retry(workspace_id, delivery_id)
        except (Conflict, NotFound) as error:
            return self._html("said", status=409, title="Not sent again", said=str(error))
        return redirect(url_for("ops.page"), 303)

    def login(self) -> BaseResponse:
        if not self._login.is_on:
            raise Problem(403, "forbidden", "nobody may log in: OPS_TOKEN is not set")
        if not self._login.accepts(request.form.get("token", "")):
            log.warning("operator_login_refused")
            return login_page(wrong=True)
        log.info("operator_logged_in")
        response = redirect(url_for("ops.page"), 303)
        response.set_cookie(
            COOKIE,
            self._login.cookie(self._services.clock.now()),
            max_age=LASTS,
            path="/ops",
            secure=self._services.config.public_url.startswith("https:"),
            httponly=True,
            samesite="Strict",
        )
        return response

    def _session(self, session_id: str) -> Session:
        session = self._services.registry.sessions.find(session_id) if is_id(session_id) else None
        if session is None:
            raise Problem(404, "session_not_found", "there is no such session")
        return session

    def _html(self, view: str, *, status: int = 200, **values: Any) -> Response:
        token = self._login.form_token(g.ops_cookie) if g.ops_cookie else ""
        now = self._services.operations.now()
        return _render(status, view=view, form_token=token, now=now, **values)


def _actions_for(session: Session) -> list[tuple[str, str]]:
    """(action, what the button says)."""
    match session.status:
        case SessionStatus.CONNECTED:
            return [("snapshot", "Save a snapshot"), ("hibernate", "Put to sleep")]
        case SessionStatus.HIBERNATED:
            return [("wake", "Wake"), ("snapshot", "Save a snapshot")]
        case status if status in LINKED:
            return [("restart", "Restart its browser")]
        case status if status in _STARTABLE:
            return [("restart", "Start anew")]
        case _:
            return []


def login_page(*, wrong: bool = False) -> Response:
    """Asks for OPS_TOKEN."""
    return _render(401, view="login", title="linkpool", wrong=wrong, form_token="", now="")


def _render(status: int, **values: Any) -> Response:
    nonce = secrets.token_urlsafe(16)
    html = render_template(TEMPLATE, nonce=nonce, refresh=REFRESH_SECONDS, **values)
    headers = {
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Robots-Tag": "noindex, nofollow",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Content-Security-Policy": (
            f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'"
        ),
    }
    return Response(html, status, headers, mimetype="text/html")
