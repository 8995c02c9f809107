"""A network for the nodes: each in a namespace of its own, behind one router that can lose packets.

Rule: a cut is silent and in both directions. The router drops what one node and one service say to each
other; nobody is told, cables stay plugged, and everything else goes on. Needs root and iproute2.

WhatsApp's stand-in has an address of 127.0.0.0/8, because browsers trust a page without TLS only there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

ROUTER = "lpm-router"
UPLINK = "lpm-up"
"""Of this machine, where the services are."""
_PREFIX = "10.213"
_PREF = "5"
"""Of the router's rules that drop."""


class Service(StrEnum):
    """What a node talks to, by the address it is told."""

    FUNCTIONS = f"{_PREFIX}.0.2"
    STORE = f"{_PREFIX}.0.3"
    WHATSAPP = "127.88.0.4"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a node runs."""

    namespace: str
    host: str
    """Its address, as the functions see it."""

    @property
    def prefix(self) -> list[str]:
        """Before a command that is to run there."""
        return ["nsenter", f"--net=/run/netns/{self.namespace}"]


def why_not() -> str | None:
    """Why this machine cannot cut networks, or None."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    for program in ("ip", "nsenter", "sysctl"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    probe = f"lpm-probe-{os.getpid()}"
    try:
        _ip("netns", "add", probe)
        _ip("-n", probe, "link", "add", "lpm-a", "type", "veth", "peer", "name", "lpm-b")
        _ip("-n", probe, "rule", "add", "pref", _PREF, "from", "10.0.0.1", "blackhole")
    except subprocess.CalledProcessError as error:
        return f"this machine has no network namespaces: {error.stderr.strip()[:120]}"
    finally:
        with suppress(subprocess.CalledProcessError):
            _ip("netns", "del", probe)
    return None


class Network:
    """`with Network(3) as network`: leaves nothing of it behind."""

    def __init__(self, nodes: int) -> None:
        self.places = [
            Place(namespace=f"lpm-{number}", host=f"{_PREFIX}.{number}.2") for number in range(1, nodes + 1)
        ]

    def __enter__(self) -> Self:
        self.close()  # what an earlier run left, when it was killed
        try:
            self._make_router()
            for number, place in enumerate(self.places, 1):
                self._make_place(number, place)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def cut(self, place: Place, service: Service) -> None:
        """From now on neither hears the other."""
        for one, other in ((place.host, service.value), (service.value, place.host)):
            _ip("-n", ROUTER, "rule", "add", "pref", _PREF, "from", one, "to", other, "blackhole")

    def heal(self) -> None:
        """Every cut is over."""
        with suppress(subprocess.CalledProcessError):
            while True:  # one rule a call, an error when none is left
                _ip("-n", ROUTER, "rule", "del", "pref", _PREF)

    def close(self) -> None:
        """Twice is fine."""
        for name in (*(place.namespace for place in self.places), ROUTER):
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "del", name)
        with suppress(subprocess.CalledProcessError):
            _ip("link", "del", UPLINK)

    def _make_router(self) -> None:
        _ip("netns", "add", ROUTER)
        _ip("link", "add", UPLINK, "type", "veth", "peer", "name", "wan", "netns", ROUTER)
        for address in (Service.FUNCTIONS, Service.STORE):
            _ip("addr", "add", f"{address}/24", "dev", UPLINK)
        _ip("link", "set", UPLINK, "up")
        _sysctl(f"net.ipv4.conf.{UPLINK}.route_localnet=1")
        _ip("-n", ROUTER, "addr", "add", f"{_PREFIX}.0.1/24", "dev", "wan")
        _ip("-n", ROUTER, "link", "set", "dev", "wan", "up")
        settings = ("ip_forward=1", "conf.all.route_localnet=1", "conf.all.rp_filter=0")
        _sysctl(*(f"net.ipv4.{one}" for one in settings), within=ROUTER)
        # the router has no loopback of its own, so these addresses are routed like any others
        _ip("-n", ROUTER, "route", "add", "127.88.0.0/24", "via", Service.FUNCTIONS.value)

    def _make_place(self, number: int, place: Place) -> None:
        name, gateway = place.namespace, f"{_PREFIX}.{number}.1"
        _ip("netns", "add", name)
        _ip(
            "link",
            "add",
            f"n{number}",
            "netns",
            ROUTER,
            "type",
            "veth",
            "peer",
            "name",
            "eth0",
            "netns",
            name,
        )
        _ip("-n", ROUTER, "addr", "add", f"{gateway}/24", "dev", f"n{number}")
        _ip("-n", ROUTER, "link", "set", "dev", f"n{number}", "up")
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "addr", "add", f"{place.host}/24", "dev", "eth0")
        _ip("-n", name, "link", "set", "eth0", "up")
        _sysctl("net.ipv4.conf.all.route_localnet=1", within=name)
        # only 127.0.0.1 stays here, for the browsers' debugging ports
        _ip("-n", name, "route", "del", "local", "127.0.0.0/8", "dev", "lo", "table", "local")
        _ip("-n", name, "route", "add", "default", "via", gateway)
        _ip("-n", name, "route", "add", "127.88.0.0/24", "via", gateway)
        back = f"{_PREFIX}.{number}.0/24"
        _ip("route", "replace", back, "via", f"{_PREFIX}.0.1", "src", Service.FUNCTIONS.value)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True, text=True)


def _sysctl(*settings: str, within: str | None = None) -> None:
    there = [] if within is None else ["nsenter", f"--net=/run/netns/{within}"]
    subprocess.run([*there, "sysctl", "-qw", *settings], check=True, capture_output=True, text=True)
