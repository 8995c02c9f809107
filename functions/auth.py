"""Who may call what. Every route is denied unless it stands in `GUARDS`.

Rule: a route without a guard answers 403 to everybody, so forgetting one opens nothing.
"""

from __future__ import annotations

import hmac
import logging
import re
from enum import StrEnum
from urllib.parse import quote

from flask import g, request

from functions.core_services import CoreServices
from functions.ops_login import COOKIE
from functions.problems import Problem
from functions.raw_body import read_raw
from functions.scopes import scope_of
from storage.api_keys import ApiKey
from storage.errors import Untrusted
from storage.node_signing import verify
from storage.workspaces import Workspace

log = logging.getLogger(__name__)

_BEARER = re.compile(r"Bearer +(\S+)", re.IGNORECASE)


class Guard(StrEnum):
    """What a route asks for before it does anything."""

    WORKSPACE = "workspace"
    """The API key of a workspace, with the scope that `scopes` names."""
    NODE = "node"
    """A signed request of a node, used for the first time."""
    LINK = "link"
    """The token in the address of a hosted page, which the page's routes check themselves."""
    METRICS = "metrics"
    """METRICS_TOKEN; where it is not set, nobody is let in."""
    OPERATOR = "operator"
    """OPS_TOKEN, by bearer or by the cookie of a login; of a browser's form, the page's own token as well."""
    OPERATOR_LOGIN = "operator_login"
    """Asks for OPS_TOKEN itself."""
    PUBLIC = "public"
    """Nothing: the answer holds no workspace's data."""


GUARDS = {
    "sessions.create": Guard.WORKSPACE,
    "sessions.page": Guard.WORKSPACE,
    "sessions.show": Guard.WORKSPACE,
    "sessions.delete": Guard.WORKSPACE,
    "sessions.qr_png": Guard.WORKSPACE,
    "sessions.qr_svg": Guard.WORKSPACE,
    "sessions.regenerate_qr": Guard.WORKSPACE,
    "sessions.pairing_code": Guard.WORKSPACE,
    "sessions.restart": Guard.WORKSPACE,
    "sessions.log_out": Guard.WORKSPACE,
    "sessions.hibernate": Guard.WORKSPACE,
    "sessions.wake": Guard.WORKSPACE,
    "sessions.snapshot": Guard.WORKSPACE,
    "sessions.make_primary": Guard.WORKSPACE,
    "sessions.replace_link": Guard.WORKSPACE,
    "sessions.revoke_link": Guard.WORKSPACE,
    "timeline.show": Guard.WORKSPACE,
    "chats.sync": Guard.WORKSPACE,
    "chats.page": Guard.WORKSPACE,
    "deliveries.page": Guard.WORKSPACE,
    "deliveries.show": Guard.WORKSPACE,
    "deliveries.retry": Guard.WORKSPACE,
    "events.page": Guard.WORKSPACE,
    "deliveries.replay": Guard.WORKSPACE,
    "webhooks.page": Guard.WORKSPACE,
    "webhooks.create": Guard.WORKSPACE,
    "webhooks.show": Guard.WORKSPACE,
    "webhooks.change": Guard.WORKSPACE,
    "webhooks.delete": Guard.WORKSPACE,
    "webhooks.enable": Guard.WORKSPACE,
    "webhooks.rotate_secret": Guard.WORKSPACE,
    "keys.page": Guard.WORKSPACE,
    "keys.create": Guard.WORKSPACE,
    "keys.rotate": Guard.WORKSPACE,
    "keys.revoke": Guard.WORKSPACE,
    "workspace.show": Guard.WORKSPACE,
    "workspace.change": Guard.WORKSPACE,
    "audit.page": Guard.WORKSPACE,
    "nodes.webhook": Guard.NODE,
    "nodes.heartbeat": Guard.NODE,
    "pages.page": Guard.LINK,
    "pages.status": Guard.LINK,
    "pages.qr": Guard.LINK,
    "pages.start": Guard.LINK,
    "pages.refresh": Guard.LINK,
    "pages.pairing": Guard.LINK,
    "pages.go_back": Guard.LINK,
    "health.metrics": Guard.METRICS,
    "ops.page": Guard.OPERATOR,
    "ops.find": Guard.OPERATOR,
    "ops.session": Guard.OPERATOR,
    "ops.diagnosis": Guard.OPERATOR,
    "ops.act": Guard.OPERATOR,
    "ops.retry": Guard.OPERATOR,
    "ops.login": Guard.OPERATOR_LOGIN,
    "health.health": Guard.PUBLIC,
    "health.whatsapp": Guard.PUBLIC,
    "health.livez": Guard.PUBLIC,
    "health.readyz": Guard.PUBLIC,
    "docs.document": Guard.PUBLIC,
    "docs.page": Guard.PUBLIC,
}


def require_guard(services: CoreServices) -> None:
    """Before every request. Raises Problem, Untrusted."""
    if request.endpoint is None:
        return  # no such address: the router's 404 or 405 follows
    match GUARDS.get(request.endpoint):
        case Guard.WORKSPACE:
            _authenticate(services, request.endpoint)
        case Guard.NODE:
            g.node_id = _verify_node(services)
        case Guard.METRICS:
            _check_token(services.config.metrics_token, "METRICS_TOKEN")
        case Guard.OPERATOR:
            _check_operator(services)
        case Guard.LINK | Guard.PUBLIC | Guard.OPERATOR_LOGIN:
            pass
        case None:
            log.error("route_without_guard", extra={"endpoint": request.endpoint})
            raise Problem(403, "forbidden", "nobody may call this")


def current_workspace() -> Workspace:
    """Whose key came with this request."""
    workspace: Workspace = g.workspace
    return workspace


def current_key() -> ApiKey:
    """The key that came with this request."""
    key: ApiKey = g.api_key
    return key


def current_node() -> str:
    """Which node signed this request."""
    node_id: str = g.node_id
    return node_id


def bearer_of(authorization: str) -> str | None:
    """The key in an Authorization header."""
    match = _BEARER.fullmatch(authorization)
    return None if match is None else match[1]


def _authenticate(services: CoreServices, endpoint: str) -> None:
    """Let the request in with its key and workspace. Raises Problem."""
    given = bearer_of(request.headers.get("Authorization", ""))
    if given is None:
        raise _unauthorized("send the API key of your workspace as Authorization: Bearer lp_…")
    key = services.workspaces.keys.authenticate(given)
    if key is None:
        raise _unauthorized("this API key is not known here, it has expired, or it was revoked")
    g.api_key, g.workspace = key, services.workspaces.get(key.workspace_id)
    needed = scope_of(endpoint)
    if not key.allows(needed):
        raise Problem(
            403,
            "scope_missing",
            f"this needs a key with the scope {needed}; {key.prefix} has {', '.join(key.scopes)}",
        )


def _check_token(wanted: str | None, setting: str) -> None:
    """A token of the operator's, compared in constant time."""
    if wanted is None:
        raise Problem(403, "forbidden", f"nobody may read this: {setting} is not set")
    match = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if match is None or not hmac.compare_digest(match[1].encode(), wanted.encode()):
        raise _unauthorized(f"send {setting} as Authorization: Bearer …")


class OpsLoginNeeded(Exception):
    """Nobody has logged in; a browser is shown the form."""


def _check_operator(services: CoreServices) -> None:
    """Raises Problem, OpsLoginNeeded."""
    login = services.ops_login
    if not login.is_on:
        raise Problem(403, "forbidden", "nobody may open this: OPS_TOKEN is not set")
    match = _BEARER.fullmatch(request.headers.get("Authorization", ""))
    if match is not None:
        if not login.accepts(match[1]):
            raise _unauthorized("this is not OPS_TOKEN")
        g.ops_cookie = ""
        return
    cookie = request.cookies.get(COOKIE, "")
    if not login.knows(cookie, services.clock.now()):
        raise OpsLoginNeeded
    g.ops_cookie = cookie
    if request.method not in {"GET", "HEAD"} and not login.form_is_ours(
        cookie, request.form.get("form_token", "")
    ):
        raise Problem(403, "foreign_form", "this form is not of the page that is open; load it anew")


def _unauthorized(detail: str) -> Problem:
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def _verify_node(services: CoreServices) -> str:
    node_id, nonce = verify(
        services.config.pool_secrets,
        dict(request.headers),
        request.method,
        quote(request.path),  # as it was on the wire; Flask has decoded it
        read_raw(),
        services.clock.now(),
    )
    if not 0 < len(node_id) <= 100 or not 0 < len(nonce) <= 100:
        raise Untrusted("node id and nonce have at most 100 characters")
    if not services.nodes.use_nonce(node_id, nonce):
        raise Problem(
            401,
            "replayed",
            "this signed request was received before; sign it anew",
            headers={"WWW-Authenticate": "Linkpool-Signature"},
        )
    return node_id
