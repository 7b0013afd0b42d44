"""Who asks, for a page that wants to know what it may offer."""

from typing import Literal

from pydantic import Field

from services.gateway.handlers.answers import Body


class Session(Body):
    """Who asks."""

    needs_token: bool = Field(description="Whether this gateway asks for tokens.")
    name: str | None = Field(description="Whose token came; null if none did.")
    role: Literal["read", "operate"] | None = Field(
        description="What the caller may do; null if a token is needed and none came."
    )
