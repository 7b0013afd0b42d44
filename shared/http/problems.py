"""Errors as problem details, RFC 9457."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from shared.errors import TransientError
from shared.redaction import redact

MORE_PHRASES = {460: "Checksum Mismatch"}
"""Of statuses that HTTP itself does not know."""
PROBLEM_JSON = "application/problem+json"
log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """What went wrong; some problems have more fields, which their status describes."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="about:blank", description="The kind of problem.")
    title: str = Field(description="The status in words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What went wrong here, and what to do about it.")
    instance: str = Field(description="The path that was asked for.")


class ProblemError(Exception):
    """A request is answered with a problem."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers
        self.more = more


def problem_response(
    path: str,
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """Answer with a problem."""
    body = {
        "type": "about:blank",
        "title": _phrase(status),
        "status": status,
        "detail": redact(detail),
        "instance": path,
        **(more or {}),
    }
    return JSONResponse(body, status, dict(headers or {}), media_type=PROBLEM_JSON)


def add_problem_handlers(
    app: FastAPI, statuses: Mapping[type[Exception], int], *, service: str
) -> None:
    """Answer every error with a problem.

    Args:
        app: The app.
        statuses: Which status the errors of its handlers are answered with.
        service: Whose bug it is if nothing else is the matter.
    """
    app.add_exception_handler(ProblemError, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    for kind, status in statuses.items():
        app.add_exception_handler(kind, _answering(status))
    app.add_exception_handler(TransientError, _answering(503, {"retry-after": "2"}))
    app.add_exception_handler(Exception, partial(_answer_bug, service))


def _phrase(status: int) -> str:
    return MORE_PHRASES.get(status) or HTTPStatus(status).phrase


def responses(*statuses: int, **described: str) -> dict[int | str, dict[str, Any]]:
    """Describe the problems that an endpoint may answer with, for OpenAPI."""
    content = {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    table: dict[int | str, dict[str, Any]] = {
        status: {
            "description": described.get(f"s{status}", _phrase(status)),
            "content": content,
        }
        for status in (*statuses, 422)
    }
    table["default"] = {"description": "Any other problem.", "content": content}
    return table


def _answer_problem(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ProblemError):
        raise error
    return problem_response(
        request.url.path, error.status, error.detail, headers=error.headers, more=error.more
    )


def _answer_http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    details = {
        404: f"there is nothing at {request.url.path}; /openapi.json lists what there is",
        405: f"{request.method} is not possible here",
    }
    known = error.detail == HTTPStatus(error.status_code).phrase
    detail = details.get(error.status_code, error.detail) if known else error.detail
    return problem_response(
        request.url.path, error.status_code, str(detail), headers=error.headers
    )


def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    mistakes = [
        {
            "where": ".".join(str(part) for part in one["loc"]),
            "what": one["msg"].removeprefix("Value error, "),
        }
        for one in error.errors()
    ]
    detail = "; ".join(f"{one['where']}: {one['what']}" for one in mistakes)
    return problem_response(request.url.path, 422, detail, more={"errors": mistakes})


def _answering(status: int, headers: Mapping[str, str] | None = None) -> Any:
    def answer(request: Request, error: Exception) -> JSONResponse:
        return problem_response(request.url.path, status, str(error), headers=headers)

    return answer


def _answer_bug(service: str, request: Request, error: Exception) -> JSONResponse:
    log.error("request.failed", path=request.url.path, error=repr(error))
    return problem_response(request.url.path, 500, f"a bug of the {service}; its log tells more")
