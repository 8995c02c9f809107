"""Routes of the documentation: the document for programs, and the same for people.

Rule: the contract is imported by whoever asks for it, never by a server that starts.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from typing import TYPE_CHECKING

from flask import Blueprint, Response, current_app, render_template, request

from functions.services import Services

if TYPE_CHECKING:
    from functions.docs_page import Docs

KEEP = "public, max-age=300"
"""A deploy changes it; five minutes later everybody sees that."""


def docs_routes(services: Services) -> Blueprint:
    """GET /openapi.json and /docs."""
    routes = _Routes(services)
    blueprint = Blueprint("docs", __name__, template_folder="../templates")
    blueprint.add_url_rule("/openapi.json", "document", routes.document)
    blueprint.add_url_rule("/docs", "page", routes.page)
    return blueprint


class _Routes:
    """The handlers, with what was made for the first who asked."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._lock = threading.Lock()
        self._made: tuple[str, Docs] | None = None

    def document(self) -> Response:
        text, _ = self._make()
        etag = hashlib.sha256(text.encode()).hexdigest()[:20]
        headers = {"ETag": f'"{etag}"', "Cache-Control": KEEP, "Access-Control-Allow-Origin": "*"}
        if request.if_none_match.contains_weak(etag):
            return Response(status=304, headers=headers)
        return Response(text, 200, headers, mimetype="application/json")

    def page(self) -> Response:
        _, docs = self._make()
        nonce = secrets.token_urlsafe(16)
        html = render_template("docs.html", docs=docs, nonce=nonce)
        headers = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": (
                f"default-src 'none'; style-src 'nonce-{nonce}'; base-uri 'none'; form-action 'none'; "
                "frame-ancestors 'none'"
            ),
            "Referrer-Policy": "no-referrer",
        }
        return Response(html, 200, headers, mimetype="text/html")

    def _make(self) -> tuple[str, Docs]:
        with self._lock:
            if self._made is None:
                from functions.docs_view import docs_of
                from functions.openapi import build, render

                document = build(current_app, server_url=self._services.config.public_url)
                self._made = render(document), docs_of(document)
            return self._made
