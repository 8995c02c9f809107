"""What a node is told to run: the spec of a session, made from the registry's record."""

from __future__ import annotations

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
    )
