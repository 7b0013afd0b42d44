"""Says what happened to models, in the words of the contracts."""

from dataclasses import asdict, dataclass
from datetime import datetime

from services.projection.domain.movement import MovementFigures
from services.projection.domain.refits import DecisionFigures, HeldRefit
from services.projection.domain.state import ModelVersion
from services.projection.handlers.refit import Previewed
from shared.contracts.projection import (
    Decision,
    Movement,
    ProjectionHeld,
    ProjectionModel,
    ProjectionPreviewed,
    ProjectionRejected,
    ProjectionUpdated,
    encode_floats,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRef:
    """A command and those that were folded into it, as far as its answer is concerned."""

    subject: str
    key: str
    """Of the message: the answer to a second delivery has the same id, any other another."""
    causes: tuple[str, ...]
    """Correlation ids, that of the first command first."""
    is_repeated: bool = False
    """Whether all were delivered before, and perhaps carried out."""


NOBODY = CommandRef(subject="", key="", causes=())
"""Asked for what the service does by itself."""


def contract_of(collection: str, model: ModelVersion) -> ProjectionModel:
    """Write a model as the contract that carries it."""
    return ProjectionModel(
        collection=collection,
        version=model.version,
        parent=model.parent,
        dimension=model.plane.dimension,
        mean=encode_floats(model.plane.mean),
        components=encode_floats(model.plane.components),
        explained_variance=model.explained_variance,
        explained_variance_ratio=model.explained_variance_ratio,
        record_count=model.record_count,
        reason=model.reason,
        created_at=model.created_at,
        movement=_movement(model.movement) if model.movement else None,
    )


def made_at(model: ModelVersion) -> int:
    """Tell a model from another one of its version, which a state that is gone has made."""
    return int(model.created_at.timestamp() * 1_000_000)


def updated(collection: str, model: ModelVersion) -> ProjectionUpdated:
    """Announce a model."""
    first, rest = _causes(model.correlation_ids)
    return ProjectionUpdated(
        id=ProjectionUpdated.id_of(collection, model.version, made_at(model)),
        collection=collection,
        occurred_at=model.created_at,
        correlation_id=first,
        also_answers=rest,
        model=contract_of(collection, model),
        movement=_movement(model.movement) if model.movement else None,
        decision=_decision(model.decision) if model.decision else None,
    )


def held(
    collection: str, refit: HeldRefit, version: int, asked: CommandRef, now: datetime
) -> ProjectionHeld:
    """Say that a refit waits for force."""
    first, rest = _causes(asked.causes)
    return ProjectionHeld(
        id=ProjectionHeld.id_of(collection, version, refit.revision, asked.key),
        collection=collection,
        occurred_at=now,
        correlation_id=first,
        also_answers=rest,
        version=version,
        movement=_movement(refit.movement),
        decision=_decision(refit.decision),
    )


def previewed(
    collection: str, preview: Previewed, version: int, asked: CommandRef, now: datetime
) -> ProjectionPreviewed:
    """Say what a refit would bring."""
    first, rest = _causes(asked.causes)
    return ProjectionPreviewed(
        id=ProjectionPreviewed.id_of(collection, asked.key),
        collection=collection,
        occurred_at=now,
        correlation_id=first,
        also_answers=rest,
        version=version,
        movement=_movement(preview.movement) if preview.movement else None,
        decision=_decision(preview.decision),
        would_be_held=preview.would_be_held,
    )


def rejected(collection: str, reason: str, asked: CommandRef, now: datetime) -> ProjectionRejected:
    """Say why a command cannot be carried out."""
    first, rest = _causes(asked.causes)
    return ProjectionRejected(
        id=ProjectionRejected.id_of(collection, asked.key),
        collection=collection,
        occurred_at=now,
        correlation_id=first,
        also_answers=rest,
        command=asked.subject,
        reason=reason,
    )


def _causes(ids: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    return (ids[0], ids[1:]) if ids else (None, ())


def _movement(figures: MovementFigures) -> Movement:
    return Movement.model_validate(asdict(figures))


def _decision(figures: DecisionFigures) -> Decision:
    return Decision.model_validate(asdict(figures))
