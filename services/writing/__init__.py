"""Writing: keeps the dataset of each collection and its public files.

It appends projected batches to the dataset, applies new models to what is stored, and publishes
``logs.parquet`` and ``embeddings.parquet``.

Reads ``projection.batch`` and ``projection.model``, from one stream, in order; writes
``writing.committed``, ``writing.settled``, ``writing.published``, ``writing.retraction``,
``map.points``, ``map.removed`` and ``dead.writing``; owns ``<output>/<collection>/``: the Lance
table ``store.lance``, the list ``emptied.jsonl`` of sources whose newest version has no rows,
``models/``, ``format.json`` and the Parquet files.
"""
