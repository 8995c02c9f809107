"""Whether a form was sent from our own page: what keeps other websites from sending it for somebody."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import request


def sent_from_here(public_url: str) -> bool:
    """No other website sent this form.

    Browsers that say it in Sec-Fetch-Site are believed. Older ones send Origin, or "null" because this page
    has no referrer; then the token, which no other site knows, has to be enough, as it is for programs.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin", "null")
    if site is not None:
        return site == "same-origin"
    return origin == "null" or _origin(origin) in {_origin(public_url), _origin(request.host_url)}


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
