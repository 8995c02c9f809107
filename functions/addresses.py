"""Which addresses a webhook may be sent to: public ones, and those the operator allowed by host and port.

Rule: what counts is the address that is connected to. A URL is only looked at to say no early.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "100.64.0.0/10",  # carrier NAT; clouds put metadata services here
        "192.0.0.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/23",
        "2001:db8::/32",
        "3fff::/20",
        "5f00::/16",
        "fec0::/10",
    )
)
"""Kept here because Python's own list grew between patch releases of 3.11."""


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one carries, by whichever way of carrying."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or int(address) < 2**32:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(text: str) -> bool:
    """Whether this IP address belongs to the public internet."""
    try:
        address = _inner(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return False
    if any(address in network for network in _NEVER if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def host_and_port(url: str) -> str:
    """host:port as WEBHOOK_ALLOW_HOSTS spells it. Raises ValueError."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def why_refused(url: str, allowed: frozenset[str]) -> str | None:
    """Why no webhook is ever sent to this URL, or None. Names are judged later, when they are resolved."""
    try:
        parts = urlsplit(url)
        spelled = host_and_port(url)
    except ValueError:
        return "this is not a URL"
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return "give an https address, such as https://example.com/hooks"
    if parts.username is not None or parts.password is not None:
        return "leave user and password out; verify the signature instead"
    if parts.port == 0:
        return "nobody listens on port 0"
    if not url.isascii() or not url.isprintable() or " " in url:
        return "only printable ASCII; encode the rest"
    if spelled in allowed:
        return None
    if parts.scheme == "http":
        return f"use https (or have the operator put {spelled} into WEBHOOK_ALLOW_HOSTS)"
    if _looks_private(parts.hostname):
        return f"{parts.hostname} is not public (the operator can put {spelled} into WEBHOOK_ALLOW_HOSTS)"
    return None


def _looks_private(host: str) -> bool:
    host = host.rstrip(".")  # the full spelling of the same name
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    last = host.rpartition(".")[2]
    if ":" in host or last.isdecimal() or last.startswith("0x"):  # an IP address, however it is spelled
        return not is_public(host)
    return False
