"""What is likely wrong with the settings when a server answers something else than vectors."""

from urllib.parse import urljoin, urlsplit, urlunsplit

KEY = frozenset({401, 403})
MONEY = frozenset({402})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
OTHERS = {
    "/v1/embeddings": "if it speaks POST /vectors, set embedding.protocol to vectors",
    "/vectors": "if it speaks POST /v1/embeddings, set embedding.protocol to openai",
}


def remedy(url: str, path: str, status: int) -> str:
    """Say what to check.

    Args:
        url: What was asked, without secrets.
        path: What the protocol added to ``embedding.url``.
        status: How the server answered.
    """
    if doubled := _doubled(urlsplit(url).path.removesuffix(path), path):
        return f"embedding.url ends in {doubled}, and {path} is added to it: leave {doubled} out"
    if status in KEY:
        return "check embedding.api_key, and that embedding.url is the server that it is for"
    if status in MONEY:
        return "check the account that embedding.api_key belongs to"
    return (
        f"check embedding.url, to which {path} is added, and embedding.model; "
        f"{OTHERS.get(path, 'check embedding.protocol')}"
    )


def redirected(url: str, path: str, location: str) -> str:
    """Say where a server sends us, and what to do about it; it is not followed by itself.

    Who follows would send texts and the key to wherever the server likes.
    """
    if not location:
        return "sends elsewhere without saying where: check embedding.url"
    try:
        target = urlsplit(urljoin(url, location))
    except ValueError:
        return f"sends to {location}, which is no address: check embedding.url"
    host = target.netloc.rpartition("@")[2]
    shown = urlunsplit((target.scheme, host, target.path, "", ""))
    if target.path.endswith(path):
        root = urlunsplit((target.scheme, host, target.path.removesuffix(path), "", ""))
        return f"sends to {shown}: set embedding.url to {root} if that is the server"
    return f"sends to {shown}: check embedding.url, to which {path} is added"


def _doubled(base: str, path: str) -> str:
    """Return what of the protocol's path stands at the end of the root already."""
    base = base.rstrip("/")
    parts = path.strip("/").split("/")
    heads = ["/" + "/".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((head for head in heads if base.endswith(head)), "")
