"""Which addresses are public."""

import pytest

from functions.addresses import is_public, why_refused

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.0.192",
    "198.18.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "localhost",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_the_public_internet_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "64:ff9b::101:101"])
def test_the_public_internet_is_not(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url", ["https://example.com/hooks", "https://example.com:8443/?a=b", "https://1.1.1.1/"]
)
def test_a_public_https_address_is_taken(url: str) -> None:
    assert why_refused(url, frozenset()) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://127.0.0.1/",
        "https://127.0.0.1./",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://0.0.0.0/",
        "https://0/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::]/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:7f00:1::]/",
        "https://[fc00::1]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://localhost/",
        "https://localhost./",
        "https://LOCALHOST/",
        "https://a.localhost/",
        "https://metadata.google.internal./",
        "https://example.com@127.0.0.1/",
        "https://user:secret@example.com/",
        "https://127.0.0.1\\@example.com/",
        "https://example.com:0/",
        "https://example.com:65536/",
        "https://example.com:port/",
        "https://ex\u00e4mple.com/",
        "https://\u0661\u0662\u0667.0.0.1/",
        "//example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
    ],
)
def test_an_address_is_refused_when_it_is_given_to_us(url: str) -> None:
    assert why_refused(url, frozenset()) is not None


def test_the_operator_can_allow_a_host_and_port_and_no_other() -> None:
    allowed = frozenset({"127.0.0.1:9000", "[::1]:9000"})
    assert why_refused("http://127.0.0.1:9000/hooks", allowed) is None
    assert why_refused("http://[::1]:9000/hooks", allowed) is None
    assert why_refused("http://127.0.0.1:9001/hooks", allowed) is not None
