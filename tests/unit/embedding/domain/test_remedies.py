import pytest

from services.embedding.domain.remedies import redirected, remedy

OPENAI = "/v1/embeddings"


@pytest.mark.parametrize(
    ("url", "path", "status", "words"),
    [
        ("http://h/v1/v1/embeddings", OPENAI, 200, "leave /v1 out"),
        ("http://h/api/v1/v1/embeddings", OPENAI, 404, "leave /v1 out"),
        ("http://h/v1/embeddings/v1/embeddings", OPENAI, 404, "leave /v1/embeddings out"),
        ("http://h/vectors/vectors", "/vectors", 405, "leave /vectors out"),
        ("http://h/v1/vectors", "/vectors", 404, "set embedding.protocol to openai"),
        ("http://h/v1/embeddings", OPENAI, 404, "set embedding.protocol to vectors"),
        ("http://h/api/v1/embeddings", OPENAI, 404, "to which /v1/embeddings is added"),
        ("http://h/v1/embeddings", OPENAI, 401, "check embedding.api_key"),
        ("http://h/v1/embeddings", OPENAI, 402, "the account"),
    ],
)
def test_the_likely_mistake_is_named(url: str, path: str, status: int, words: str) -> None:
    assert words in remedy(url, path, status)


@pytest.mark.parametrize(
    ("location", "told"),
    [
        (
            "http://other:1/real/v1/embeddings",
            "/v1/embeddings: set embedding.url to http://other:1/real if that is the server",
        ),
        ("/new/v1/embeddings", "set embedding.url to http://h/new if that is the server"),
        ("https://u:p@h/login?key=k#f", "sends to https://h/login: check embedding.url"),
        ("", "without saying where"),
        ("http://[h", "sends to http://[h, which is no address: check embedding.url"),
    ],
)
def test_a_redirect_is_told_with_its_target_and_without_secrets(location: str, told: str) -> None:
    assert told in redirected("http://h/v1/embeddings", OPENAI, location)
