"""Which addresses a courier may connect to: public ones, and those that the operator permits.

``ipaddress.is_global`` of Python 3.11 takes some addresses for public that are not (translated
ones among them), so the tables of IANA for special purposes are kept here.
"""

from collections.abc import Collection, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

_IPV4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "of a provider's own network",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "for documentation",
    "192.88.99.0/24": "reserved",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "for benchmarks",
    "198.51.100.0/24": "for documentation",
    "203.0.113.0/24": "for documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}
_IPV6 = {
    "::1/128": "loopback",
    "::/128": "unspecified",
    "::ffff:0:0/96": "an IPv4 address written as IPv6",
    "64:ff9b::/96": "translated to IPv4",
    "64:ff9b:1::/48": "translated to IPv4",
    "2001::/23": "reserved",
    "2001:db8::/32": "for documentation",
    "2002::/16": "a tunnel to IPv4",
    "3fff::/20": "for documentation",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_SPECIAL: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), what) for network, what in {**_IPV4, **_IPV6}.items()
)
_PUBLIC_IPV6 = IPv6Network("2000::/3")
"""Of IPv6, nothing else was ever given out for the public."""


def parse_networks(names: Collection[str]) -> tuple[Network, ...]:
    """Read networks, or single addresses.

    Raises:
        ValueError: One is none.
    """
    return tuple(ip_network(name, strict=False) for name in names)


def why_not_public(address: str, allowed: Collection[Network] = ()) -> str | None:
    """Say why an address must not be connected to; None: it may be.

    Args:
        address: As a resolver returns it, a scope behind ``%`` included.
        allowed: Networks that are permitted though they are not public.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return "no address"
    if any(parsed in network for network in allowed if network.version == parsed.version):
        return None
    for network, what in _SPECIAL:
        if network.version == parsed.version and parsed in network:
            return what
    if isinstance(parsed, IPv6Address) and (parsed not in _PUBLIC_IPV6 or parsed.scope_id):
        return "reserved"
    return None


def first_not_public(
    addresses: Sequence[str], allowed: Collection[Network] = ()
) -> tuple[str, str] | None:
    """Return the first address of a host that must not be connected to, and why."""
    for one in addresses:
        if (why := why_not_public(one, allowed)) is not None:
            return one, why
    return None
