"""Where the models of a collection are kept."""

from typing import Protocol

from shared.contracts.projection import ProjectionModel


class ModelArchive(Protocol):
    """The newest models of one collection."""

    async def newest(self) -> ProjectionModel | None:
        """Return the model of the highest version, if there is any.

        Raises:
            TransientError: It could not be read.
        """
        ...

    async def get(self, version: int) -> ProjectionModel:
        """Return a model.

        Raises:
            TransientError: It is not there or could not be read.
        """
        ...

    async def save(self, model: ProjectionModel) -> None:
        """Keep a model; when this returns, it outlives a power cut.

        Raises:
            DiskFullError: There is no room.
            TransientError: It could not be written.
        """
        ...

    async def forget_before(self, held: int) -> int:
        """Delete the oldest of more models than are to be kept, none from this one on.

        Returns:
            How many were deleted.

        Raises:
            TransientError: One could not be deleted.
        """
        ...
