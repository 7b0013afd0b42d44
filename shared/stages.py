"""The stages of the pipeline, in the order of the data."""

from typing import Literal, get_args

Stage = Literal["discovery", "embedding", "projection", "writing"]
STAGES: tuple[str, ...] = get_args(Stage)
