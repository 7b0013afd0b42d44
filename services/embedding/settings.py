"""What the embedding service reads from its configuration."""

from typing import Literal

from pydantic import Field, HttpUrl, SecretStr

from shared.settings import Section, ServiceSettings


class EmbeddingSection(Section):
    """The embedding server and how it is asked."""

    url: HttpUrl = Field(
        default=HttpUrl("http://127.0.0.1:8081"),
        description="Root of the embedding server; the protocol adds its path.",
    )
    protocol: Literal["openai", "vectors"] = Field(
        default="openai",
        description="openai: POST /v1/embeddings, many texts a request. "
        "vectors: POST /vectors of the t2v-transformers kind, one text a request.",
    )
    model: str = Field(default="default", description="The model to ask for, stored with vectors.")
    api_key: SecretStr | None = Field(default=None, description="Sent as a bearer token.")
    batch_size: int = Field(
        default=128, ge=1, le=2048, description="Texts of one request (openai)."
    )
    request_bytes: int = Field(
        default=1 << 20, ge=1024, description="UTF-8 of one request, a longer text excepted."
    )
    requests_in_flight: int = Field(
        default=4, ge=1, le=256, description="Requests that wait for answers at once."
    )
    batches_in_flight: int = Field(
        default=4, ge=1, le=64, description="Batches in hand at once; small ones count together."
    )
    max_chars: int = Field(
        default=32_000,
        ge=1,
        description="Only so much of a text is embedded; all of it is stored.",
    )
    normalise: bool = Field(default=True, description="Scale every vector to length one.")
    timeout_s: float = Field(default=60.0, gt=0, description="For one request.")
    longest_pause_s: float = Field(
        default=30.0, gt=0, description="Longest pause between tries during an outage."
    )


class Settings(ServiceSettings):
    """Settings of the embedding service."""

    embedding: EmbeddingSection = Field(
        default=EmbeddingSection(), description="The embedding server."
    )
