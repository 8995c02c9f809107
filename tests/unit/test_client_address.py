"""Which address a limit is counted for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.client_address import ClientAddress, read_networks, site_of

PROXIES, _ = read_networks("10.0.0.0/8, 2001:db8:1::/48,127.0.0.1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("203.0.113.7", None, "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.1.1.1, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1, garbage, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:db8:9::1]:4711", "2001:db8:9::/64"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("", "198.51.100.1", "198.51.100.1"),
        ("", None, "local"),
    ],
)
def test_a_header_counts_as_far_as_trusted_proxies_wrote_it(
    peer: str, forwarded: str | None, client: str
) -> None:
    assert ClientAddress(PROXIES).of(peer, forwarded) == client


def test_without_trusted_proxies_no_header_counts() -> None:
    assert ClientAddress([]).of("127.0.0.1", "198.51.100.1") == "127.0.0.1"


def test_all_addresses_of_an_ipv6_site_are_one() -> None:
    assert site_of("2001:db8:9:1:2:3:4:5") == site_of("2001:db8:9:1::1") != site_of("2001:db8:9:2::1")
    assert site_of("::ffff:198.51.100.1") == "198.51.100.1"


def test_what_is_no_network_is_named() -> None:
    assert read_networks("10.0.0.1/8, proxy.example.com,,300.1.1.1")[1] == ["proxy.example.com", "300.1.1.1"]


@given(st.text(max_size=200), st.text(max_size=40))
def test_no_header_brings_it_down_or_invents_an_address(forwarded: str, peer: str) -> None:
    for address in (
        ClientAddress(PROXIES).of("10.0.0.1", forwarded),
        ClientAddress(PROXIES).of(peer, forwarded),
    ):
        assert address == "local" or site_of(address.removesuffix("/64")) == address
