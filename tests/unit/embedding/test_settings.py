from pathlib import Path

import pytest
from pydantic import ValidationError

from services.embedding.settings import EmbeddingSection
from shared.errors import ConfigurationError

KEY = "k"


def section(**more: object) -> EmbeddingSection:
    return EmbeddingSection.model_validate({"url": "http://one:1", "model": "m", **more})


def test_a_collection_without_an_embedder_of_its_own_has_that_of_the_others() -> None:
    one = section(collections=[{"collection": "a", "model": "n"}])

    assert one.of_collection("b") == section()
    assert one.of_collection("a") == section(model="n")


@pytest.mark.parametrize(("own", "key"), [({"url": "http://two:2"}, None), ({"model": "n"}, KEY)])
def test_the_key_of_the_others_goes_to_their_server_only(own: dict[str, str], key: object) -> None:
    one = section(api_key=KEY, collections=[{"collection": "a", **own}])

    given = one.of_collection("a").api_key

    assert (given and given.get_secret_value()) == key


def test_the_key_of_a_collection_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("secret\n")
    own = {"collection": "a", "url": "http://two:2", "api_key_file": str(file)}

    given = section(api_key=KEY, collections=[own]).of_collection("a").api_key

    assert given is not None
    assert given.get_secret_value() == "secret"
    with pytest.raises(ValidationError, match="both given"):
        section(collections=[own | {"api_key": "other"}])  # pragma: allowlist secret
    file.unlink()
    with pytest.raises(ConfigurationError, match=r"a: api_key_file: .*key: cannot be read"):
        section(collections=[own])


@pytest.mark.parametrize(
    ("collections", "why"),
    [
        ([{"collection": "a"}, {"collection": "a"}], "names a twice"),
        ([{"collection": "a", "url": "http://user@two:2", "api_key": KEY}], "give one of them"),
    ],
)
def test_what_cannot_hold_is_refused(collections: list[dict[str, str]], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        section(collections=collections)
