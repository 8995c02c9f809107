"""A request's body as bytes: whole, or refused.

Rule: no model and no parser here, so that the functions which only look at bodies start without them.
"""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from functions.problems import Problem

MAX_BODY_BYTES = 256 * 1024
"""A session with the largest metadata takes 20 kB, a full batch of events less than 200 kB."""


def read_raw() -> bytes:
    """This request's body, whole. Raises Problem.

    Werkzeug ends a stream quietly at the limit when its length was not said, and when a client goes away.
    """
    raw = request.get_data()
    if request.content_length is None and len(raw) >= MAX_BODY_BYTES:
        raise RequestEntityTooLarge
    if request.content_length is not None and len(raw) < request.content_length:
        raise Problem(400, "incomplete_body", "the body ended before its Content-Length; send it again")
    return raw
