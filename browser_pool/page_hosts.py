"""Where a slot's browser may go: WhatsApp's hosts and nowhere else. Pure: makes Chromium's flags.

Rule: an allow-list, held by the browser's network process and not by the page. It costs nothing: names are
looked up in a list before they are resolved.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

WHATSAPP_HOSTS = ("whatsapp.com", "*.whatsapp.com", "whatsapp.net", "*.whatsapp.net")
"""The site, its assets, media and sockets. Link previews and GIF searches of other companies are left out."""


def walls(url: str, more_hosts: Iterable[str], proxy: str | None) -> Sequence[str]:
    """Flags that keep a browser at the hosts of `url`, and of WhatsApp when `url` is WhatsApp's."""
    host = _host(url)
    hosts = [host, *more_hosts]
    if host.endswith(".whatsapp.com"):
        hosts += WHATSAPP_HOSTS
    resolved = [*hosts, _host(proxy)] if proxy else hosts
    return (
        # origins, also behind a proxy, which resolves names itself
        f"--host-rules={_only(hosts)}",
        # everything that is resolved without being an HTTP origin; literal addresses count as names
        f"--host-resolver-rules={_only(resolved)}",
        # what asks neither: WebRTC sends to any address, and linking needs no calls
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        # window.open gives null
        "--block-new-web-contents",
    )


def _only(hosts: Iterable[str]) -> str:
    return ", ".join(["MAP * ~NOTFOUND", *(f"EXCLUDE {host}" for host in hosts)])


def _host(url: str) -> str:
    host = urlsplit(url if "://" in url else f"//{url}").hostname or ""
    return f"[{host}]" if ":" in host else host


def origin(url: str) -> str:
    """Scheme, host and port of an address, as a page's `location.origin` says it."""
    parts = urlsplit(url)
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    host = _host(url)
    return (
        f"{parts.scheme}://{host}" if parts.port in (None, usual) else f"{parts.scheme}://{host}:{parts.port}"
    )
