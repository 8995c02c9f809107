"""Every `code` that a problem can carry: its statuses, and what it means for whoever gets it.

Rule: a code is forever. A new one is a line here; a test finds codes that are sent and do not stand here.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class ErrorCode:
    """One code, with the statuses that it comes with."""

    statuses: tuple[int, ...]
    meaning: str


def _code(status: int, meaning: str, *more: int) -> ErrorCode:
    return ErrorCode(statuses=(status, *more), meaning=meaning)


ERROR_CODES: dict[str, ErrorCode] = {
    # the request as such
    "bad_request": _code(400, "The request cannot be read."),
    "malformed_json": _code(400, "The body is not strict JSON in UTF-8, or no object."),
    "incomplete_body": _code(400, "The body ended before its Content-Length. Send it again."),
    "request_timeout": _code(408, "The request did not arrive in time. Send it again."),
    "body_too_large": _code(413, "The body is larger than 256 kB."),
    "unsupported_media_type": _code(415, "Send the body as application/json."),
    "invalid_request": _code(422, "A field or parameter is wrong; `errors` names each and says the fix."),
    "invalid_phone": _code(422, "This is no phone number with + and its country code."),
    "idempotency_key_reused": _code(
        422, "This Idempotency-Key came with another body before. Use a new one."
    ),
    # who asks
    "unauthorized": _code(401, "The API key is missing, unknown or revoked."),
    "scope_missing": _code(403, "The key lacks the scope that this call needs; `detail` names both."),
    "forbidden": _code(403, "Nobody may call this."),
    "untrusted": _code(401, "A node's request is not signed, or not by POOL_SECRET, or too old."),
    "replayed": _code(401, "A node's request came twice. It has to be signed anew."),
    "bad_message": _code(400, "A node's message is not of the agreed form; `errors` names the field."),
    "other_node": _code(403, "A node speaks in the name of another one."),
    # what is asked for
    "not_found": _code(404, "There is nothing at this address."),
    "session_not_found": _code(404, "Your workspace has no such session."),
    "webhook_not_found": _code(404, "Your workspace has no such webhook endpoint."),
    "delivery_not_found": _code(404, "Your workspace has no such delivery, or it was removed by age."),
    "key_not_found": _code(404, "Your workspace has no such API key."),
    "link_unknown": _code(404, "There is no such link, or it was revoked."),
    "link_expired": _code(410, "The link's time is over. The backend can make a new one."),
    "link_revoked": _code(410, "The backend ended the link. It can make a new one."),
    "other_browser": _code(403, "The link belongs to the browser that opened it first."),
    "foreign_form": _code(403, "The form was sent from another website."),
    "method_not_allowed": _code(405, "The address does not take this method; Allow lists those it takes."),
    "no_streams_here": _code(406, "This server holds no connection open. Page through the events."),
    # the state it is in
    "no_qr": _code(409, "No QR is on display. POST …/qr asks for one."),
    "already_linked": _code(409, "The account is linked: it needs no QR and no code."),
    "not_linked": _code(409, "Only a linked account can do this."),
    "not_connected": _code(409, "Only a connected account can do this."),
    "passkey_required": _code(409, "The phone waits for a passkey. Restart the session to begin anew."),
    "phone_not_expected": _code(409, "The session was made for another number, its expected_phone."),
    "session_ended": _code(409, "The session was replaced or deleted. Create a new one."),
    "session_deleted": _code(409, "The session was deleted; nothing is sent for it any more."),
    "device_being_removed": _code(
        409, "The device is being removed from the account. Try again in a moment."
    ),
    "still_syncing": _code(409, "WhatsApp is still sending the chats. Try again in a few seconds."),
    "never_synced": _code(409, "The chats were never read. POST …/sync-chats reads them."),
    "cursor_outdated": _code(409, "The list changed as a whole. Begin again without a cursor."),
    "endpoint_exists": _code(409, "An endpoint with this address exists. Change that one."),
    "endpoint_deleted": _code(409, "The delivery's endpoint was deleted."),
    "endpoint_disabled": _code(409, "The endpoint is switched off. Enable it first."),
    "delivery_in_flight": _code(409, "The delivery is being sent right now."),
    "key_ended": _code(409, "The key has expired or was revoked. Make a new one."),
    "already_rotated": _code(409, "The key was rotated, and its successor is in use. Rotate that one."),
    "last_admin_key": _code(409, "It is the last key with the scope admin. Make another one first."),
    "too_many_keys": _code(409, "The workspace has as many active keys as it may. Revoke one."),
    "conflict": _code(409, "Somebody else changed it at the same moment. Try again."),
    # how much
    "rate_limited": _code(429, "Asked too often. Wait as long as Retry-After says."),
    "session_quota": _code(403, "The workspace has as many sessions as it may. Delete one."),
    "link_quota": _code(403, "The workspace has as many links as it may, with QRs on display."),
    "start_quota": _code(429, "As many sessions as the workspace may are starting. Wait for one."),
    "headers_too_large": _code(431, "Header fields are too large or too many; `errors` names one."),
    "uri_too_long": _code(414, "The address is longer than 4,094 bytes."),
    "overloaded": _code(503, "More is asked than can be answered now. Try again in a second."),
    "too_many_streams": _code(429, "The workspace has as many streams as it may. Close one."),
    # the machine that holds the session
    "not_running": _code(409, "The machine has no browser for this session yet. Try again in a moment."),
    "stale_generation": _code(409, "The session has just moved to another machine. Try again."),
    "snapshots_off": _code(409, "The machine keeps no snapshots."),
    "too_many_chats": _code(409, "The account has more chats than are read."),
    "node_unreachable": _code(503, "No machine answers for this session at the moment. Try again."),
    "node_refused": _code(409, "The machine did not do it; `detail` says why.", 503),
    "node_confused": _code(503, "The machine's answer could not be read."),
    "browser_gone": _code(503, "The browser is being started anew. Try again in a moment."),
    "page_broken": _code(503, "WhatsApp's page did not do what was asked."),
    "capture_failed": _code(503, "The login could not be copied at this moment. Try again."),
    "snapshot_failed": _code(503, "The snapshot could not be saved."),
    "store_unavailable": _code(503, "The object store does not answer. Try again."),
    # ourselves
    "streams_full": _code(503, "No event stream can be opened here at this moment. Connect again."),
    "registry_busy": _code(503, "The registry is busy. Try again."),
    "internal_error": _code(500, "Something failed here; the request's id finds it in our log."),
}

NODE_CODES = (
    "not_running",
    "stale_generation",
    "snapshots_off",
    "too_many_chats",
    "node_unreachable",
    "node_refused",
    "node_confused",
    "browser_gone",
    "page_broken",
    "capture_failed",
    "snapshot_failed",
    "store_unavailable",
)
"""What a call can meet that only the session's machine can answer."""
