"""The shell for the terminal: ``python -m services.embedding.terminal`` tells what it knows.

What is asked for comes as JSON on the standard input, and the answer goes the other way.
"""

import json
import sys
from pathlib import Path
from typing import Any

from services.embedding.adapters.sqlite_vector_cache import FILENAME, known_digests
from services.embedding.settings import Settings
from shared.errors import MapstreamError
from shared.mistakes import tell
from shared.redaction import guard_exceptions


def estimate(wanted: dict[str, Any]) -> dict[str, Any]:
    """Tell how texts are cut; of texts by their digests also what is to be embedded of them.

    Args:
        wanted: ``texts``, a file with a digest and a number of characters on each line, if any.

    Raises:
        ConfigurationError: The configuration is wrong.
        TransientError: What is known could not be read.
    """
    settings = Settings.load()
    section = settings.embedding
    told: dict[str, Any] = {"max_chars": section.max_chars}
    if "texts" not in wanted:
        return told
    lines = (line.split() for line in Path(wanted["texts"]).read_text().splitlines())
    texts = {digest: int(characters) for digest, characters in lines}
    file = settings.state.folder / "embedding" / FILENAME
    is_kept = section.cache_mb > 0 and file.exists()
    known = known_digests(file, section.space, texts) if is_kept else set()
    unknown = texts.keys() - known
    return told | {
        "texts": len(texts),
        "known_texts": len(known),
        "characters": sum(texts[digest] for digest in unknown),
    }


def main() -> None:
    """Print the answer."""
    guard_exceptions()
    try:
        answer = estimate(json.loads(sys.stdin.read() or "{}") or {})
    except MapstreamError as error:
        sys.exit(tell(error))
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
