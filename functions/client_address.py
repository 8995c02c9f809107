"""Which address a request came from, behind proxies or not.

Rule: what a header says counts only as far as TRUSTED_PROXIES wrote it. The list in X-Forwarded-For is read
from its end: each trusted proxy adds who it was called by, and the first that is not trusted is the client.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_LONGEST_CHAIN = 20
_IPV6_SITE = 64
"""Bits that one customer is given: whoever has an IPv6 address has 2 ** 64 of them."""


class ClientAddress:
    """Finds the client, for rate limits and for the audit log."""

    def __init__(self, trusted: Sequence[Network]) -> None:
        self._trusted = tuple(trusted)

    def of(self, peer: str | None, forwarded_for: str | None) -> str:
        """The address that limits are counted for: an IPv4 address, or the /64 of an IPv6 one."""
        return site_of(self._client(peer or "", forwarded_for))

    def site_in(self, environ: Mapping[str, object]) -> str:
        """The same, of a request in WSGI's words."""
        return site_of(self.address_in(environ))

    def address_in(self, environ: Mapping[str, object]) -> str:
        """The whole address; empty for a socket of this machine."""
        peer, hops = environ.get("REMOTE_ADDR"), environ.get("HTTP_X_FORWARDED_FOR")
        return self._client(peer if isinstance(peer, str) else "", hops if isinstance(hops, str) else None)

    def _client(self, peer: str, forwarded_for: str | None) -> str:
        if not self._trusted or forwarded_for is None or not _in(peer, self._trusted):
            return peer
        client = peer
        for hop in reversed(forwarded_for.split(",")[-_LONGEST_CHAIN:]):
            address = _without_port(hop.strip())
            if not _is_address(address):
                return client  # whoever wrote that is not one of ours
            client = address
            if not _in(address, self._trusted):
                break
        return client


def read_networks(text: str) -> tuple[list[Network], list[str]]:
    """TRUSTED_PROXIES: addresses and networks with commas between; and what is none of them."""
    networks: list[Network] = []
    wrong = []
    for part in text.split(","):
        if not part.strip():
            continue
        try:
            networks.append(ipaddress.ip_network(part.strip(), strict=False))
        except ValueError:
            wrong.append(part.strip())
    return networks, wrong


@lru_cache(maxsize=4096)
def site_of(address: str) -> str:
    """One name for all addresses of one site. A socket without an address is the machine itself."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "local"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed) >> _IPV6_SITE << _IPV6_SITE, _IPV6_SITE)))
    return str(parsed)


@lru_cache(maxsize=4096)
def _in(address: str, networks: tuple[Network, ...]) -> bool:
    if not address:
        return True  # a socket of this machine; who trusts proxies trusts the one in front of it
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return any(parsed in network for network in networks if network.version == parsed.version)


@lru_cache(maxsize=4096)
def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _without_port(hop: str) -> str:
    """Some proxies write 203.0.113.7:4711 or [2001:db8::1]:4711."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop
