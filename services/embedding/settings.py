"""What the embedding service reads from its configuration."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, HttpUrl, model_validator

from shared.bearer import Key
from shared.environment import ENVIRONMENT
from shared.redaction import register, secrets_of_url
from shared.secret_files import read_secret
from shared.settings import Section, ServiceSettings


class CollectionEmbedder(Section):
    """The embedding server of one collection; what is not given is as for the others."""

    collection: str = Field(description="Name of the collection.")
    url: HttpUrl | None = Field(default=None, description="Root of its embedding server.")
    protocol: Literal["openai", "vectors"] | None = Field(
        default=None, description="What that server speaks."
    )
    model: str | None = Field(default=None, description="The model to ask for.")
    api_key: Key = Field(
        default=None,
        description="Sent as a bearer token; the key of the others only goes to their server.",
    )
    api_key_file: Path | None = Field(
        default=None, description="The file that holds this key, and nothing else."
    )

    @model_validator(mode="before")
    @classmethod
    def read_key(cls, given: Any) -> Any:
        """Take the key from its file; a variable of the environment names no entry of a list.

        Raises:
            ConfigurationError: The file cannot be read, or is empty.
        """
        if not isinstance(given, dict) or given.get("api_key_file") is None:
            return given
        if given.get("api_key") is not None:
            raise ValueError("api_key and api_key_file are both given")
        setting = f"embedding.collections: {given.get('collection')}: api_key_file"
        return given | {"api_key": read_secret(Path(given["api_key_file"]), setting)}


class EmbeddingSection(Section):
    """The embedding server and how it is asked."""

    url: HttpUrl = Field(
        default=HttpUrl("http://127.0.0.1:8081"),
        description="Root of the embedding server, without the path that the protocol adds; "
        "parameters, as ?api-version=1, go with every request.",
    )
    protocol: Literal["openai", "vectors"] = Field(
        default="openai",
        description="openai: POST /v1/embeddings, many texts a request. "
        "vectors: POST /vectors of the t2v-transformers kind, one text a request.",
    )
    model: str = Field(default="default", description="The model to ask for, stored with vectors.")
    api_key: Key = Field(default=None, description="Sent as a bearer token.")
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
    cache_mb: int = Field(
        default=1024,
        ge=0,
        description="Vectors are kept by text in so many MB of the state's folder, so that "
        "nothing is embedded twice by the same model; 0: none are. 384 numbers take about 1.7 kB.",
    )
    longest_pause_s: float = Field(
        default=30.0, gt=0, description="Longest pause between tries during an outage."
    )

    collections: tuple[CollectionEmbedder, ...] = Field(
        default=(),
        description="Collections with an embedding server or a model of their own. A collection "
        "keeps the length of vectors that it began with.",
    )

    @model_validator(mode="after")
    def require_one_login(self) -> Self:
        """Refuse a key beside a login in the URL: only one of them can be sent."""
        names = [one.collection for one in self.collections]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"collections names {', '.join(sorted(twice))} twice")
        for one in (self, *map(self.of_collection, names)):
            if one.api_key and one.url.username:
                raise ValueError("url names a user and there is an api_key: give one of them")
        return self

    @property
    def space(self) -> str:
        """What models are called and asked like, wherever they are, as a digest.

        The same model may answer at another port or on another host; that it is the same is found
        out by asking. A URL may hold secrets, so that it is no name.
        """
        asked = json.dumps([self.protocol, self.url.path, self.url.query, self.model])
        return hashlib.sha256(asked.encode()).hexdigest()

    def of_collection(self, collection: str) -> "EmbeddingSection":
        """Return what holds for a collection; equal sections are about the same server."""
        given = {}
        for one in self.collections:
            if one.collection == collection:
                given = one.model_dump(exclude={"collection", "api_key_file"}, exclude_none=True)
        if given.get("url", self.url) != self.url:
            given.setdefault("api_key", None)  # nobody else's server gets it
        return self.model_copy(update=given | {"collections": ()})


class Settings(ServiceSettings):
    """Settings of the embedding service."""

    embedding: EmbeddingSection = Field(
        default=EmbeddingSection(), description="The embedding server."
    )


def network_variables() -> Mapping[str, str]:
    """Return the environment, as far as it says how servers are reached; logins are known."""
    variables = dict(ENVIRONMENT)
    for name, text in variables.items():
        if name.lower().endswith("_proxy"):
            register(*secrets_of_url(text if "://" in text else f"http://{text}"))
    return variables
