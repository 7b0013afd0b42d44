"""Endpoints with which a page signs in and out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, StrictStr

from services.gateway.handlers.sessions import Session
from services.gateway.routes.parameters import CommandRequest
from shared.http.access import OpenRoute, caller_of, check_fields
from shared.http.keyring import ANYBODY, Caller, Keyring
from shared.http.problems import ProblemError, responses
from shared.http.sessions import forget_token, is_of_own_page, keep_token

WHY_401 = "The token is not known."
WHY_403 = "No page of this server asks."


class SignIn(CommandRequest):
    """A token."""

    token: Annotated[StrictStr, Field(min_length=1, max_length=4096)] = Field(
        description="The token; it is kept in a cookie that no script can read."
    )


class SessionEndpoints:
    """Tells who asks, and keeps the token of a browser in a cookie."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    async def get_session(self, request: Request) -> Session:
        """Tell who asks, and what the caller may do."""
        return self._told(caller_of(request))

    async def sign_in(self, body: SignIn, request: Request, response: Response) -> Session:
        """Keep a token in a cookie of the browser: HttpOnly, SameSite=Strict, named by port."""
        _require_own_page(request)
        if self._keyring.is_open:
            return self._told(ANYBODY)
        caller = self._keyring.identify(body.token)
        if caller is None:
            raise ProblemError(401, "this token is not known")
        keep_token(response, body.token, **_place(request))
        return self._told(caller)

    async def sign_out(self, request: Request, response: Response) -> Session:
        """Have the browser forget the token."""
        _require_own_page(request)
        forget_token(response, **_place(request))
        return self._told(ANYBODY if self._keyring.is_open else None)

    def _told(self, caller: Caller | None) -> Session:
        needs_token = not self._keyring.is_open
        name = caller.name if caller and needs_token else None
        return Session(
            needs_token=needs_token, name=name, role=caller.role.value if caller else None
        )


def _require_own_page(request: Request) -> None:
    if not is_of_own_page(request.headers):
        raise ProblemError(
            403, "only a page of this server signs in; others send Authorization: Bearer TOKEN"
        )


def _place(request: Request) -> dict[str, str]:
    return {"host": request.headers.get("host", ""), "scheme": request.url.scheme}


def build_session_router(keyring: Keyring) -> APIRouter:
    """Build the routes of signing in."""
    router = APIRouter(tags=["session"], route_class=OpenRoute, prefix="/session")
    endpoints = SessionEndpoints(keyring)
    add = router.add_api_route
    add("", endpoints.get_session, response_model=Session, responses=responses())
    add(
        "",
        endpoints.sign_in,
        methods=["POST"],
        dependencies=[Depends(check_fields)],
        response_model=Session,
        responses=responses(401, 403, s401=WHY_401, s403=WHY_403),
    )
    add(
        "",
        endpoints.sign_out,
        methods=["DELETE"],
        response_model=Session,
        responses=responses(403, s403=WHY_403),
    )
    return router
