"""Which addresses are public, by the tables of IANA."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.courier.domain.addresses import first_not_public, parse_networks, why_not_public

NOT_PUBLIC = (
    "0.0.0.1", "10.255.255.255", "100.64.0.0", "127.255.0.1", "169.254.169.254", "172.31.0.1",
    "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.255.255", "198.19.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:8.8.8.8", "::8.8.8.8", "64:ff9b::808:808", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:2::1", "2001:db8::1", "2002:808:808::1", "3fff::1", "4000::1", "5f00::1",
    "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2606:4700::1%eth0",
    "", "example.org", "127.1",
)  # fmt: skip
PUBLIC = ("8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "192.0.1.1", "2606:4700::1111")


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_what_is_not_public_is_not_asked(address: str) -> None:
    assert why_not_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is(address: str) -> None:
    assert why_not_public(address) is None


@given(st.ip_addresses())
def test_nothing_is_public_that_python_knows_to_be_private(
    address: IPv4Address | IPv6Address,
) -> None:
    if address.is_private or address.is_multicast or address.is_loopback or address.is_reserved:
        assert why_not_public(str(address))


@given(st.ip_addresses(v=4))
def test_no_address_is_public_in_the_clothes_of_another(address: IPv4Address) -> None:
    number = int(address)
    for prefix in (0, 0xFFFF << 32, 0x64FF9B << 96, 0x2002 << 112):
        inside = number << 80 if prefix == 0x2002 << 112 else number
        assert why_not_public(str(IPv6Address(prefix | inside)))


def test_one_that_is_not_public_is_enough() -> None:
    assert first_not_public(["8.8.8.8", "::1"]) == ("::1", "loopback")
    assert first_not_public(["8.8.8.8"]) is None


def test_what_is_permitted_is_permitted_and_nothing_beside_it() -> None:
    allowed = parse_networks(["10.1.0.0/16", "::1"])

    assert why_not_public("10.1.2.3", allowed) is None
    assert why_not_public("::1", allowed) is None
    assert why_not_public("10.2.0.1", allowed)
    assert why_not_public("::ffff:10.1.2.3", allowed)
    assert ip_address("10.1.2.3") in allowed[0]
