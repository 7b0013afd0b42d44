from pathlib import Path

import lance
import pyarrow as pa

from tests.chaos.facts import texts


def test_a_dataset_that_is_being_made_has_no_texts(tmp_path: Path) -> None:
    table = tmp_path / "store.lance"
    assert texts(table) == []
    (table / "data").mkdir(parents=True)  # so Lance begins, before its first manifest
    assert texts(table) == []
    (table / "_versions").mkdir()
    assert texts(table) == []
    lance.write_dataset(pa.table({"id": ["a", "b"], "text": ["x", "y"]}), str(table))
    assert texts(table) == [("a", "x"), ("b", "y")]
