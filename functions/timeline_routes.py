"""GET /api/sessions/{id}/timeline: a session explains itself."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from functions.paging import check_parameters
from functions.services import Services
from functions.session_routes import session_of_caller
from storage.timeline import story_of


def timeline_routes(services: Services) -> Blueprint:
    """One route."""
    blueprint = Blueprint("timeline", __name__, url_prefix="/api/sessions")

    def show(session_id: str) -> Response:
        check_parameters()
        session = session_of_caller(services, session_id)
        story = story_of(services.database, session)
        return jsonify(
            session_id=session.id,
            status=session.status.value,
            reason_code=session.reason_code,
            reason_message=session.reason_message,
            steps=story.to_wire(),
            truncated=story.truncated,
        )

    blueprint.add_url_rule("/<session_id>/timeline", "show", show)
    return blueprint
