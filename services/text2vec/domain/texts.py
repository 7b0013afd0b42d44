"""Rules about a text before it reaches a model."""

from collections.abc import Iterator


def is_blank(text: str) -> bool:
    """Say whether a text holds nothing but whitespace, so that no vector can stand for it."""
    return not text or text.isspace()


def cut_text(text: str, max_characters: int) -> str:
    """Return the part of a text that is read: its start, leading whitespace left out.

    A text that is not blank therefore never becomes blank by being cut.
    """
    if len(text) <= max_characters:
        return text
    start = next((i for i, character in enumerate(text) if not character.isspace()), 0)
    return text[start : start + max_characters]


def split_text(text: str, max_characters: int) -> Iterator[str]:
    """Split a text into pieces of bounded size, at whitespace wherever there is some.

    Where the pieces end depends on this text alone. Only a run without whitespace that is longer
    than half a piece is cut inside.

    Args:
        text: What to split.
        max_characters: The most characters in a piece; at least 2.

    Yields:
        The pieces in order; joined they are the text.
    """
    start = 0
    while len(text) - start > max_characters:
        end = start + max_characters
        earliest = start + max_characters // 2
        while end > earliest and not text[end - 1].isspace():
            end -= 1
        if end == earliest:
            end = start + max_characters
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]
