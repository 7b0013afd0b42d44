"""What came of a command, as far as it has been told."""

from dataclasses import dataclass, field

from shared.contracts.base import Event, Outcome
from shared.contracts.dead_letter_events import LettersDropped, LettersReplayed
from shared.contracts.projection import ProjectionUpdated
from shared.contracts.writing import WritingPublished

NONE = "none"


@dataclass(slots=True)
class Answer:
    """What came of a command; news may come in any order.

    A new model is a complete answer when the public files hold it.
    """

    correlation_id: str
    event: Event | None = None
    """The first event that answers it."""
    published: WritingPublished | None = None
    """The first public files with the new model."""
    shown_model: int = 0
    """The newest model that the public files are known to hold."""
    _files: list[WritingPublished] = field(default_factory=list)

    @property
    def word(self) -> str:
        """The answering event's own word: updated, held, previewed, rejected, forgotten."""
        return self.event.family.rpartition(".")[2] if self.event else NONE

    @property
    def outcome(self) -> Outcome | None:
        """What the event says of the command."""
        return self.event.settles_as if self.event else None

    @property
    def refused(self) -> int:
        """How many of the dead letters that were asked for stay what they are."""
        event = self.event
        return event.refused if isinstance(event, LettersReplayed | LettersDropped) else 0

    @property
    def awaited_model(self) -> int:
        """The model that the public files must hold; 0: none."""
        return self.event.model.version if isinstance(self.event, ProjectionUpdated) else 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing more is to be told."""
        return self.event is not None and self.shown_model >= self.awaited_model

    def take(self, event: Event) -> bool:
        """Note an event; the files may be told of before the model that they show.

        Returns:
            Whether it is the answer.
        """
        is_answer = False
        if isinstance(event, WritingPublished):
            self._files.append(event)
            self.show(event.model_version)
        elif self.event is None and self.correlation_id in event.answered:
            self.event = event
            is_answer = True
        if self.awaited_model and self.published is None:
            fits = (one for one in self._files if (one.model_version or 0) >= self.awaited_model)
            self.published = next(fits, None)
        return is_answer

    def show(self, model_version: int | None) -> None:
        """Note that the public files hold a model."""
        self.shown_model = max(self.shown_model, model_version or 0)
