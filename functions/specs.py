"""What a node is told to run: the spec of a session, made from the registry's record."""

from __future__ import annotations

from typing import Any

from storage.clock import to_wire
from storage.node_protocol import SessionSpec
from storage.sessions import Session


def spec_of(session: Session) -> SessionSpec:
    """The same for the direct call and for the heartbeat, so that they cannot disagree.

    `fresh` is never repeated once the account was scanned: by then the login in the profile is a new one.
    """
    return SessionSpec(
        id=session.id,
        workspace_id=session.workspace_id,
        generation=session.generation,
        linked=session.linked,
        fresh=session.fresh and not session.linked,
        start_seq=session.start_seq,
        phone_number=session.requested_phone,
        keep_alive=session.keep_alive,
        proxy=session.proxy,
        locale=session.locale,
        snapshot_id=session.snapshot_id,
        owned_since=session.owned_since,
        record=_record(session),
    )


def _record(session: Session) -> dict[str, Any]:
    """What a rebuilt registry needs beside the login. No token, key or secret: a node holds as little as
    possible of a workspace."""
    known = {
        "reference": session.reference,
        "metadata": dict(session.metadata),
        "is_primary": session.is_primary,
        "keep_alive": session.keep_alive,
        "locale": session.locale,
        "region": session.region,
        "return_url": session.return_url,
        "display_name": session.display_name,
        "platform": session.platform,
        "created_at": to_wire(session.created_at),
    }
    return {name: value for name, value in known.items() if value}
