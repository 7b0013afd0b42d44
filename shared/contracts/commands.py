"""Commands: what anybody may ask the pipeline to do."""

from pydantic import Field

from shared.contracts.base import Command


class Refit(Command):
    """Fit the projection to all vectors that were ever counted, and move the map to it."""

    reason: str = Field(default="command", description="Why, for the history of models.")
