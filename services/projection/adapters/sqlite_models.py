"""Models as rows of a table, and held refits as JSON."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np

from services.projection.domain.movement import MovementFigures
from services.projection.domain.refits import DecisionFigures, HeldRefit
from services.projection.domain.state import ModelVersion
from shared.plane import COMPONENTS, Plane

MODEL_COLUMNS = (
    "version, parent, dimension, mean, components, explained_variance_ratio, record_count, "
    "reason, created_at, revision, movement, decision, correlation_ids, explained_variance"
)


def model_values(model: ModelVersion) -> tuple[Any, ...]:
    """Return what is stored of a model, as ``MODEL_COLUMNS`` has it."""
    return (
        model.version,
        model.parent,
        model.plane.dimension,
        model.plane.mean.tobytes(),
        model.plane.components.tobytes(),
        json.dumps(model.explained_variance_ratio),
        model.record_count,
        model.reason,
        model.created_at.isoformat(),
        model.revision,
        json.dumps(asdict(model.movement)) if model.movement else None,
        json.dumps(asdict(model.decision)) if model.decision else None,
        json.dumps(model.correlation_ids),
        json.dumps(model.explained_variance) if model.explained_variance else None,
    )


def held_of(document: str) -> HeldRefit:
    """Read a refit that waits for force."""
    told = json.loads(document)
    return HeldRefit(
        MovementFigures(**told["movement"]), DecisionFigures(**told["decision"]), told["revision"]
    )


def model_of(row: Any) -> ModelVersion:
    """Read a model."""
    version, parent, dimension, mean, components, ratio, count, reason, at, *rest = row
    revision, movement, decision, correlation_ids, variance = rest
    axes = np.frombuffer(components, dtype=np.float32).reshape(COMPONENTS, dimension)
    return ModelVersion(
        version=version,
        parent=parent,
        plane=Plane(np.frombuffer(mean, dtype=np.float32), axes),
        explained_variance_ratio=_both(ratio),
        explained_variance=_both(variance) if variance else None,
        record_count=count,
        reason=reason,
        created_at=datetime.fromisoformat(at),
        revision=revision,
        movement=MovementFigures(**json.loads(movement)) if movement else None,
        decision=DecisionFigures(**json.loads(decision)) if decision else None,
        correlation_ids=tuple(json.loads(correlation_ids)),
    )


def _both(document: str) -> tuple[float, float]:
    first, second = json.loads(document)
    return first, second
