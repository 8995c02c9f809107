"""Routes of /api/workspace: what a workspace is called and wants, and how its hosted pages look.

Rule: the origins that a logo may come from are the operator's to list; here they are only shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, jsonify

from functions.auth import current_workspace
from functions.bodies import read_body
from functions.paging import refuse
from functions.services import Services
from functions.workspace_requests import WorkspaceChange
from storage.clock import to_wire
from storage.duplicates import DuplicatePolicy
from storage.page_settings import BadSetting
from storage.workspaces import Workspace

_NULL_IS_NONE = frozenset({"accent_color", "logo_url", "events_keep_days", "ended_keep_days"})


def workspace_routes(services: Services) -> Blueprint:
    """Reading and changing the caller's workspace."""

    def show() -> Response:
        return jsonify(workspace_to_wire(current_workspace()))

    def change() -> Response:
        wanted = _given(read_body(WorkspaceChange))
        try:
            after = services.workspaces.change(current_workspace().id, lambda now: replace(now, **wanted))
        except BadSetting as error:
            refuse(error.field, error.message)
        return jsonify(workspace_to_wire(after))

    blueprint = Blueprint("workspace", __name__, url_prefix="/api/workspace")
    blueprint.add_url_rule("", "show", show)
    blueprint.add_url_rule("", "change", change, methods=["PATCH"])
    return blueprint


def workspace_to_wire(workspace: Workspace) -> dict[str, Any]:
    """As the API shows it."""
    return {
        "id": workspace.id,
        "name": workspace.name,
        "duplicates": workspace.duplicate_policy.value,
        "accent_color": workspace.accent_color,
        "logo_url": workspace.logo_url,
        "logo_origins": list(workspace.logo_origins),
        "allowed_origins": list(workspace.allowed_origins),
        "events_keep_days": workspace.events_keep_days,
        "ended_keep_days": workspace.ended_keep_days,
        "created_at": to_wire(workspace.created_at),
    }


def _given(wanted: WorkspaceChange) -> dict[str, Any]:
    """What the body names, as fields of a workspace. Raises Problem."""
    given = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    for name, value in given.items():
        if value is None and name not in _NULL_IS_NONE:
            refuse(name, "cannot be null; leave it out to keep it")
    if "duplicates" in given:
        given["duplicate_policy"] = DuplicatePolicy(given.pop("duplicates"))
    if "allowed_origins" in given:
        given["allowed_origins"] = tuple(given["allowed_origins"])
    return given
