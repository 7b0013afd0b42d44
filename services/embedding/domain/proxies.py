"""Whether a server is reached through a proxy, by the variables that everybody uses for that."""

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from shared.errors import ConfigurationError

VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
"""The first that is set counts."""
EXCEPTIONS = ("no_proxy", "NO_PROXY")
SCHEMES = frozenset({"http", "https"})
PORTS = {"http": 80, "https": 443}


def choose_proxy(url: str, variables: Mapping[str, str]) -> str | None:
    """Return the proxy through which a server is reached; None: directly, as without TLS always.

    Args:
        url: Of the server.
        variables: Of the environment.

    Raises:
        ConfigurationError: A variable that counts here names no proxy that can be used.
    """
    server = urlsplit(url)
    name = next((one for one in VARIABLES if variables.get(one, "").strip()), None)
    if server.scheme != "https" or name is None or is_excepted(url, exceptions(variables)):
        return None
    text = variables[name].strip()
    proxy = text if "://" in text else f"http://{text}"
    remedy = (
        "name an HTTP proxy, as http://HOST:PORT, in HTTPS_PROXY, "
        f"or put {server.hostname} into NO_PROXY"
    )
    try:
        parts = urlsplit(proxy)
        if not parts.hostname or parts.port == 0 or not proxy.isprintable() or " " in proxy:
            raise ValueError("no host, no port, or what no address holds")
    except ValueError as error:
        raise ConfigurationError(f"{name}: is no address of a proxy; {remedy}") from error
    if parts.scheme not in SCHEMES:
        raise ConfigurationError(
            f"{name}: {parts.scheme}://{parts.netloc.rpartition('@')[2]} is a proxy of a kind "
            f"that cannot be used for embedding.url; {remedy}"
        )
    return proxy


def exceptions(variables: Mapping[str, str]) -> list[str]:
    """List what is reached without a proxy."""
    text = next((variables[one] for one in EXCEPTIONS if variables.get(one)), "")
    return [one for one in re.split(r"[,\s]+", text) if one]


def is_excepted(url: str, entries: list[str]) -> bool:
    """Tell whether a server is reached without a proxy.

    Args:
        url: Of the server.
        entries: ``*``; names, which stand for all below them too; addresses, also in brackets;
            networks such as ``10.0.0.0/8``; any of them with a port.
    """
    server = urlsplit(url)
    host = (server.hostname or "").rstrip(".")
    port = server.port or PORTS.get(server.scheme)
    return any(_fits(host, port, one.lower()) for one in entries)


def _fits(host: str, port: int | None, entry: str) -> bool:
    if entry == "*":
        return True
    name, wanted_port = _split(entry)
    if wanted_port is not None and wanted_port != port:
        return False
    try:
        address = ip_address(host)
    except ValueError:  # a name
        name = name.removeprefix("*").strip(".")
        return bool(name) and (host == name or host.endswith(f".{name}"))
    try:
        return address in ip_network(name, strict=False)
    except ValueError:
        return False


def _split(entry: str) -> tuple[str, int | None]:
    """Take the port from an entry; an address of version 6 has colons of its own."""
    found = re.fullmatch(r"\[([^\]]*)\](?::(\d+))?|([^:]*):(\d+)", entry)
    if found is None:
        return entry, None
    port = found[2] or found[4]
    return found[1] or found[3] or "", int(port) if port else None
