import hashlib

import pytest

from services.discovery.domain.sources import (
    batch_id,
    display_name,
    require_distinct,
    source_id,
)
from shared.errors import ConfigurationError
from tests.unit.discovery.builders import stat


def test_a_source_is_known_by_collection_and_filename() -> None:
    assert source_id("c", "a/b") == hashlib.sha256(b"c\0a/b").hexdigest()[:32]


def test_the_parts_of_a_batch_id_cannot_be_confused() -> None:
    assert batch_id("c", "s", 1, "f1", 1) != batch_id("c", "s", 1, "f", 11)


def test_names_that_are_no_utf8_are_shown() -> None:
    assert display_name("a\udcff/b") == "a\\xff/b"


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"/x/a.* /y/a"):
        require_distinct([stat("a", path="/x/a"), stat("a", path="/y/a")])


def test_one_name_in_two_collections_is_fine() -> None:
    require_distinct([stat("a", path="/x/a"), stat("a", path="/y/a", collection="other")])
