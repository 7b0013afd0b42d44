"""The addresses of NATS servers, as they may stand in a setting or after an option."""

from urllib.parse import urlsplit

SCHEMES = ("nats", "tls", "ws", "wss")


def check_servers(text: str) -> str:
    """Check addresses of servers, with commas between them; a password in them is not repeated.

    Raises:
        ValueError: Says which one cannot be an address, and why.
    """
    servers = [one.strip() for one in text.split(",") if one.strip()]
    if not servers:
        raise ValueError("names no server; it looks like nats://HOST:PORT")
    for number, server in enumerate(servers, 1):
        if wrong := _wrong(server if "://" in server else f"nats://{server}"):
            raise ValueError(f"server {number}: {wrong}; it looks like nats://HOST:PORT")
    return text


def _wrong(server: str) -> str | None:
    try:
        parts = urlsplit(server)
        host = parts.hostname
    except ValueError as error:  # as a bracket that is missing
        return str(error)
    if parts.scheme not in SCHEMES:
        return f"'{parts.scheme}' is none of {', '.join(SCHEMES)}"
    if not host:
        return "it has no host"
    try:
        is_port = parts.port != 0
    except ValueError:
        is_port = False
    return None if is_port else "its port is none of 1 to 65535"
