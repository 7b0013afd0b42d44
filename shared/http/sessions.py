"""Signing in with a cookie: how a page of our own shows its token with every request."""

import base64
import binascii
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response

LASTS_S = 7 * 24 * 3600
OWN_PAGE = "same-origin"


def cookie_name(host: str) -> str:
    """Name the cookie of a server by its port: browsers keep cookies by host name only.

    Args:
        host: As the request's header ``Host`` says it.
    """
    try:
        port = urlsplit(f"//{host}").port
    except ValueError:
        port = None
    return f"mapstream-{port or 'web'}"


def cookie_token(headers: Headers) -> str:
    """Return the token of a request's cookie; nothing if it carries none."""
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    found = cookies.get(cookie_name(headers.get("host", "")))
    if found is None:
        return ""
    try:
        return base64.urlsafe_b64decode(found.value.encode()).decode()
    except (binascii.Error, ValueError):
        return ""


def keep_token(response: Response, token: str, *, host: str, scheme: str) -> None:
    """Have the browser send a token with every request of the pages of this server.

    No script can read it, and no page of another site has it sent along.
    """
    response.set_cookie(
        cookie_name(host),
        base64.urlsafe_b64encode(token.encode()).decode(),
        max_age=LASTS_S,
        path="/",
        secure=scheme == "https",
        httponly=True,
        samesite="strict",
    )


def forget_token(response: Response, *, host: str, scheme: str) -> None:
    """Have the browser forget the token."""
    response.delete_cookie(
        cookie_name(host), path="/", secure=scheme == "https", httponly=True, samesite="strict"
    )


def is_of_own_page(headers: Headers) -> bool:
    """Tell whether a browser says that a page of this very server sent a request."""
    return headers.get("sec-fetch-site") == OWN_PAGE
