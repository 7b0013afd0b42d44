"""When the model is fitted again by itself, and when such a refit is held back."""

from dataclasses import dataclass
from typing import Literal

from services.projection.domain.movement import MovementFigures

Trigger = Literal["first", "threshold", "drift", "command", "rollback", "forget"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What refits go by."""

    refit_threshold: float = 2.0
    """Growth since the last fit that calls for another, as a factor."""
    align: bool = True
    """Turn a new plane onto the old map."""
    movement_budget: float = 0.1
    """Largest movement, as a share of the map's diagonal, that needs no force."""
    young_below: int = 1000
    """A map with fewer records is never held still."""
    mean_shift: float = 0.5
    """Shift of the mean, in standard deviations, that calls for a refit."""
    unexplained: float = 0.05
    """Share of the variance, beyond the current plane, that calls for a refit."""
    drift_growth: float = 1.1
    """Drift is looked at when the records have grown by this factor since the last look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFigures:
    """Why a refit was made or held, in numbers; see the contract ``Decision``."""

    trigger: Trigger
    records: int
    records_at_last_fit: int
    growth_threshold: float
    mean_shift: float = 0.0
    mean_shift_threshold: float = 0.0
    unexplained: float = 0.0
    unexplained_threshold: float = 0.0
    movement_budget: float = 0.0


@dataclass(frozen=True, slots=True)
class HeldRefit:
    """A refit that waits for force."""

    movement: MovementFigures
    decision: DecisionFigures
    revision: int


@dataclass(slots=True)
class DriftWatch:
    """The drift trigger's hysteresis.

    It fires when a figure reaches its threshold, and then not again before both were below half
    of theirs, or a fit has set them back.
    """

    looked_at: int = 0
    """Records counted at the last look."""
    is_armed: bool = True

    def is_due(self, records: int, rules: Rules) -> bool:
        """Tell whether it is time to look again."""
        return records >= max(1, self.looked_at) * rules.drift_growth

    def fires(self, records: int, shift: float, unexplained: float, rules: Rules) -> bool:
        """Note the figures of a look; tell whether they call for a refit."""
        self.looked_at = records
        if shift < rules.mean_shift / 2 and unexplained < rules.unexplained / 2:
            self.is_armed = True
        reached = shift >= rules.mean_shift or unexplained >= rules.unexplained
        if not (self.is_armed and reached):
            return False
        self.is_armed = False
        return True

    def reset(self, records: int, *, is_armed: bool) -> None:
        """Begin anew after a fit; after a rollback unarmed, so that it is not undone at once."""
        self.looked_at, self.is_armed = records, is_armed


def has_grown(
    records: int, records_at_last_fit: int, held: HeldRefit | None, rules: Rules
) -> bool:
    """Tell whether the records have grown by the factor since the last fit, or the last hold."""
    base = max(1, records_at_last_fit, held.decision.records if held else 0)
    return records >= base * rules.refit_threshold


def exceeds_budget(movement: MovementFigures | None, records: int, rules: Rules) -> bool:
    """Tell whether a refit moves the points further than may be without force."""
    if movement is None or records < rules.young_below:
        return False
    return movement.rms_share > rules.movement_budget
