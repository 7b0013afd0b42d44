"""Whose limits an address counts against."""

from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

PREFIX_BITS = 64
"""Of an IPv6 address: one customer usually has all addresses below it."""


def network_of(address: str) -> str:
    """Return what stands for a client's address: the address, of IPv6 its first half."""
    parsed = _parsed(address)
    if parsed is None:
        return address
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(IPv6Address(int(parsed) >> PREFIX_BITS << PREFIX_BITS))


class Trusted:
    """The addresses and networks of proxies, behind each of which are many clients."""

    def __init__(self, names: Collection[str]) -> None:
        self._networks = [ip_network(name, strict=False) for name in names]

    def __contains__(self, address: str) -> bool:
        """Tell whether an address is one of a proxy."""
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    """Read an address; an IPv4 address that is written as IPv6 is an IPv4 address."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return mapped or parsed
