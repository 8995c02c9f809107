"""The one way to set a cookie of the hosted page: out of a script's reach, for one link, also inside a frame.

Rule: a cookie crosses sites only where the workspace lists origins that may embed its pages and PUBLIC_URL is
https, and then it is partitioned: what was set under one embedding site is never sent under another.
"""

from __future__ import annotations

from datetime import timedelta

from flask import Response

from storage.workspaces import Workspace


def set_page_cookie(
    response: Response,
    name: str,
    value: str,
    *,
    workspace: Workspace,
    public_url: str,
    path: str,
    max_age: timedelta,
) -> None:
    """Add Set-Cookie to an answer below `path`, the path of the page that it belongs to."""
    secure = public_url.startswith("https://")
    framed = secure and bool(workspace.allowed_origins)
    response.set_cookie(
        name,
        value,
        max_age=max_age,
        path=path,
        secure=secure,
        httponly=True,
        samesite="None" if framed else "Lax",
        partitioned=framed,
    )
