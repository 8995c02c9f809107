"""Which scope of an API key each route needs.

Rule: a route of a workspace that does not stand here needs `admin`, so forgetting one opens nothing; a test
refuses to let one be forgotten.
"""

from __future__ import annotations

from storage.api_keys import Scope

SCOPES = {
    "sessions.create": Scope.SESSIONS,
    "sessions.page": Scope.READ,
    "sessions.show": Scope.READ,
    "sessions.delete": Scope.SESSIONS,
    "sessions.qr_png": Scope.SESSIONS,
    "sessions.qr_svg": Scope.SESSIONS,
    "sessions.regenerate_qr": Scope.SESSIONS,
    "sessions.pairing_code": Scope.SESSIONS,
    "sessions.restart": Scope.SESSIONS,
    "sessions.log_out": Scope.SESSIONS,
    "sessions.hibernate": Scope.SESSIONS,
    "sessions.wake": Scope.SESSIONS,
    "sessions.snapshot": Scope.SESSIONS,
    "sessions.make_primary": Scope.SESSIONS,
    "timeline.show": Scope.READ,
    "sessions.replace_link": Scope.SESSIONS,
    "sessions.revoke_link": Scope.SESSIONS,
    "chats.sync": Scope.SESSIONS,
    "chats.page": Scope.READ,
    "deliveries.page": Scope.READ,
    "deliveries.show": Scope.READ,
    "deliveries.retry": Scope.SESSIONS,
    "deliveries.replay": Scope.SESSIONS,
    "events.page": Scope.READ,
    "webhooks.page": Scope.READ,
    "webhooks.show": Scope.READ,
    "webhooks.create": Scope.ADMIN,
    "webhooks.change": Scope.ADMIN,
    "webhooks.delete": Scope.ADMIN,
    "webhooks.enable": Scope.ADMIN,
    "webhooks.rotate_secret": Scope.ADMIN,
    "keys.page": Scope.ADMIN,
    "keys.create": Scope.ADMIN,
    "keys.rotate": Scope.ADMIN,
    "keys.revoke": Scope.ADMIN,
    "workspace.show": Scope.ADMIN,
    "workspace.change": Scope.ADMIN,
    "audit.page": Scope.ADMIN,
}


def scope_of(endpoint: str) -> Scope:
    """What a key needs to call it."""
    return SCOPES.get(endpoint, Scope.ADMIN)
