"""What a route asks of its caller; every route is of one of these classes."""

from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Annotated, Any, ClassVar, get_args, get_origin

from fastapi import APIRouter, Depends, Request, Response
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query
from fastapi.routing import APIRoute

from shared.contracts.reading import pairs
from shared.http.keyring import Caller, Role
from shared.http.problems import ProblemError, responses

CALLER = "mapstream.caller"
"""In a request's scope: who sent it, if that is known."""
CLIENT = "mapstream.client"
"""In a request's scope: whose limits it counts against."""
SECTION = "mapstream.section"
"""In a request's scope: the section of the configuration that lists tokens."""
SCHEME = "bearer"
CHALLENGE = {"www-authenticate": 'Bearer realm="mapstream"'}

REFUSED = {
    401: responses(401)[401]
    | {
        "description": "No token, or one that is not known.",
        "headers": {
            "WWW-Authenticate": {
                "description": "Bearer.",
                "schema": {"type": "string"},
                "required": True,
            }
        },
    },
    403: responses(403, s403="The token has another role, or a foreign page asks.")[403],
    429: responses(429)[429]
    | {
        "headers": {
            "Retry-After": {
                "description": "When to try again, seconds.",
                "schema": {"type": "string", "pattern": "^[0-9]+$"},
                "required": True,
            }
        }
    },
}


class GuardedRoute(APIRoute):
    """A route that asks for a role before it reads anything of the request.

    What it does not know of the query is a mistake, as it is in a body.
    """

    role: ClassVar[Role | None] = None

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Put the question for the role, and the look at the query, before FastAPI's handler."""
        answer = super().get_route_handler()
        known = {
            one.alias: _is_list(one.field_info.annotation)
            for one in get_flat_params(self.dependant)
            if isinstance(one.field_info, Query)
        }

        async def answer_if_allowed(request: Request) -> Response:
            require(request, self.role)
            check_query(request, known)
            return await answer(request)

        return answer_if_allowed


class OpenRoute(GuardedRoute):
    """A route for everybody."""


class ReadRoute(GuardedRoute):
    """A route for those who may read."""

    role = Role.READ


class OperateRoute(GuardedRoute):
    """A route for those who may change something."""

    role = Role.OPERATE


def _is_list(annotation: Any) -> bool:
    """Tell whether a parameter may be there several times."""
    return any(get_origin(one) is list for one in (annotation, *get_args(annotation)))


def caller_of(request: Request) -> Caller | None:
    """Return who sent a request; nothing if that is not known."""
    return request.scope.get(CALLER)


def _name_of_caller(request: Request) -> str:
    caller = caller_of(request)
    return caller.name if caller else ""


By = Annotated[str, Depends(_name_of_caller)]
"""Whose token a request came with."""


def client_of(request: Request) -> str:
    """Return whose limits a request counts against."""
    return str(request.scope.get(CLIENT, ""))


def require(request: Request, role: Role | None) -> None:
    """Check that whoever sent a request has a role.

    Raises:
        ProblemError: 401 if the caller is not known, 403 if the role is another.
    """
    if role is None:
        return
    caller = caller_of(request)
    if caller is None:
        needed = "a token is needed: Authorization: Bearer TOKEN"
        where = f"setting {request.scope.get(SECTION)}.tokens lists them"
        raise ProblemError(401, f"{needed}; {where}", headers=CHALLENGE)
    if not caller.role.includes(role):
        raise ProblemError(
            403, f"this needs a token with role '{role}'; '{caller.name}' has '{caller.role}'"
        )


def check_query(request: Request, known: Mapping[str, bool]) -> None:
    """Check that a request's query has no other parameters than these, and each once.

    Args:
        request: The request.
        known: By the name of a parameter, whether it may be there several times.

    Raises:
        RequestValidationError: It has; every one of them is named.
    """
    names = Counter(name for name, _ in request.query_params.multi_items())
    there_is = f"there is: {', '.join(known)}" if known else "there is none here"
    unknown = [
        {"loc": ("query", name), "msg": f"there is no such parameter; {there_is}"}
        for name in names
        if name not in known
    ]
    lone = Counter({name: count for name, count in names.items() if not known.get(name)})
    if wrong := unknown + repeated("query", lone, "parameter"):
        raise RequestValidationError(wrong)


async def check_fields(request: Request) -> None:
    """Check that an object in a request's body has each field once.

    Raises:
        RequestValidationError: It has not; a JSON reader would take the last and say nothing.
    """
    names = Counter(name for name, _ in pairs(await request.body()))
    if wrong := repeated("body", names, "field"):
        raise RequestValidationError(wrong)


def repeated(where: str, names: Counter[str], what: str) -> list[dict[str, Any]]:
    """Say of each name that is there several times that it is."""
    return [
        {"loc": (where, name), "msg": f"the {what} is there {count} times"}
        for name, count in names.items()
        if count > 1
    ]


def roles(routers: Sequence[APIRouter]) -> dict[tuple[str, str], Role | None]:
    """List the role of every method of every path.

    Raises:
        TypeError: A route does not say what it asks of its caller.
    """
    table: dict[tuple[str, str], Role | None] = {}
    for router in routers:
        for route in router.routes:
            if not isinstance(route, GuardedRoute) or type(route) is GuardedRoute:
                raise TypeError(f"{route} is neither an open, a reading nor an operating route")
            table |= {(route.path_format, method): route.role for method in route.methods or ()}
    return table


def describe_roles(document: dict[str, Any], routers: Sequence[APIRouter], section: str) -> None:
    """Say in an OpenAPI document which operation needs which role; a section lists the tokens."""
    document["components"]["securitySchemes"] = {
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": f"A token of setting `{section}.tokens`; its role is `read` or "
            "`operate`, which includes `read`. Without that setting no token is needed.",
        }
    }
    for (path, method), role in roles(routers).items():
        if role is None:
            continue
        operation = document["paths"][path][method.lower()]
        operation["security"] = [{SCHEME: [role.value]}]
        operation["description"] += f"\n\nNeeds role `{role}`."
        operation["responses"] |= {str(status): told for status, told in REFUSED.items()}
