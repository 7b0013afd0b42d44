import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from services.text2vec.adapters.static_text_encoder import WEIGHTS, StaticTextEncoder
from shared.errors import ConfigurationError

GOLDEN = Path(__file__).with_name("golden_static_vectors.json")
PARAPHRASES = [
    ("The company reported higher quarterly profits.",
     "Earnings at the firm rose in the last three months."),
    ("Heavy rain caused flooding in the town.", "The village was inundated after a downpour."),
    ("The doctor prescribed antibiotics for the infection.",
     "The physician gave the patient medicine to fight the bacteria."),
    ("The flight was delayed because of fog.", "Poor visibility postponed the plane's departure."),
    ("The movie was boring and far too long.",
     "I found the film dull and it dragged on forever."),
    ("The stock market fell sharply today.", "Shares plunged in trading this afternoon."),
]  # fmt: skip


@pytest.fixture(scope="module")
def encoder() -> StaticTextEncoder:
    return StaticTextEncoder.load()


def encode(encoder: StaticTextEncoder, *texts: str) -> np.ndarray:
    return encoder.encode(list(texts)).vectors


def test_vectors_are_those_of_the_release(encoder: StaticTextEncoder) -> None:
    """A changed table or rounding needs a new model id: stored vectors don't mix with new ones."""
    golden = json.loads(GOLDEN.read_text())

    vectors = encode(encoder, *golden["vectors"])

    assert encoder.model_id == golden["model"]
    assert np.allclose(vectors[:, :16], list(golden["vectors"].values()), rtol=0, atol=1e-6)


def test_a_paraphrase_is_nearer_than_another_text(encoder: StaticTextEncoder) -> None:
    left, right = zip(*PARAPHRASES, strict=True)

    cosines = encode(encoder, *left) @ encode(encoder, *right).T

    assert cosines.argmax(axis=1).tolist() == [*range(len(PARAPHRASES))]


def test_punctuation_weighs_nothing_beside_words(encoder: StaticTextEncoder) -> None:
    plain, decorated = encode(encoder, "a server crashed", "... a server, crashed!! 🙂")

    assert np.array_equal(plain, decorated)


def test_punctuation_alone_still_has_a_direction_of_its_own(encoder: StaticTextEncoder) -> None:
    dots, question = encode(encoder, "...", "?")

    assert not np.array_equal(dots, question)


def test_what_no_vocabulary_knows_is_the_unknown_piece(encoder: StaticTextEncoder) -> None:
    vectors = encode(encoder, "[UNK]", "🙂", "\x00", "\u200b")

    assert len(np.unique(vectors, axis=0)) == 1


@pytest.mark.parametrize("unit", ["word ", "x", "日", ".", "é", " a"])
def test_a_text_of_a_million_characters_is_encoded(encoder: StaticTextEncoder, unit: str) -> None:
    (vector,) = encode(encoder, (unit * 1_048_576)[:1_048_576])

    assert np.linalg.norm(vector) == pytest.approx(1)


def test_cutting_a_long_text_into_pieces_changes_no_token(encoder: StaticTextEncoder) -> None:
    encoded = encoder.encode(["unbelievable stories " * 5000])

    assert encoded.token_counts == (
        sum(encoder.encode(["unbelievable stories"]).token_counts) * 5000,
    )


def test_weights_are_those_of_the_notice() -> None:
    notice = (WEIGHTS / "NOTICE.txt").read_text()

    for name in ("table.npy", "scales.npy", "quiet.npy", "tokenizer.json"):
        digest = hashlib.sha256((WEIGHTS / name).read_bytes()).hexdigest()
        assert f"{digest}  {name}" in notice


@pytest.mark.parametrize("name", ["table.npy", "scales.npy", "quiet.npy", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "empty"])
def test_damaged_weights_are_a_configuration_error(tmp_path: Path, name: str, damage: str) -> None:
    shutil.copytree(WEIGHTS, tmp_path, dirs_exist_ok=True)
    file = tmp_path / name
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[: 1000 if damage == "truncated" else 0])

    with pytest.raises(ConfigurationError, match="weights in"):
        StaticTextEncoder.load(tmp_path)


def test_weights_of_different_tables_are_a_configuration_error(tmp_path: Path) -> None:
    shutil.copytree(WEIGHTS, tmp_path, dirs_exist_ok=True)
    np.save(tmp_path / "scales.npy", np.ones(3, np.float32))

    with pytest.raises(ConfigurationError, match="belong together"):
        StaticTextEncoder.load(tmp_path)
