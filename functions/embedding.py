"""Hosted pages inside a frame of the workspace's own site: who may frame them, and what that site is told.

Rule: nobody, unless the workspace lists the origin. What a frame tells goes to a listed origin only, by the
browser's own check, and holds neither number nor QR nor the address of the page.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Response, g

from functions.core_services import CoreServices
from functions.theme import theme_of
from storage.sessions import Session
from storage.workspaces import Workspace

_NOBODY = "frame-ancestors 'none'"
_PICTURES = "img-src 'self'"


def remember_link(session: Session) -> None:
    """Whose page this request is about, once it is known."""
    g.link_session = session


def allow_embedding(services: CoreServices) -> Callable[[Response], Response]:
    """For the blueprint of the pages: let a page be framed and show its logo, as its workspace says."""

    def allow(response: Response) -> Response:
        session: Session | None = g.get("link_session")
        if session is not None and response.mimetype == "text/html":
            workspace = services.workspaces.get(session.workspace_id)
            policy = policy_for(workspace, response.headers.get("Content-Security-Policy", ""))
            response.headers["Content-Security-Policy"] = policy
        return response

    return allow


def policy_for(workspace: Workspace, policy: str) -> str:
    """A page's policy, opened for this workspace's origins and nothing else."""
    if workspace.allowed_origins:
        policy = policy.replace(_NOBODY, f"frame-ancestors {' '.join(workspace.allowed_origins)}")
    logo_origin = theme_of(workspace).logo_origin
    return policy if logo_origin is None else policy.replace(_PICTURES, f"{_PICTURES} {logo_origin}")


def embed_facts(workspace: Workspace, session: Session) -> dict[str, Any] | None:
    """What the page's script needs to tell the site around it; None where nobody may frame it."""
    if not workspace.allowed_origins:
        return None
    return {
        "origins": list(workspace.allowed_origins),
        "session_id": session.id,
        "status": session.status,
        "phase": session.phase,
        "reason_code": session.reason_code,
        "version": session.version,
    }
