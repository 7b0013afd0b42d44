"""Discovery: finds sources, reads them into records and keeps the ledger of each.

Reads ``writing.committed`` and ``dead.*`` (what became of its records), and ``command.forget``;
writes ``discovery.batch``, ``source.discovered``, ``source.completed``, ``source.failed``,
``source.stalled``, ``source.forgotten``, ``source.rejected`` and ``dead.discovery``; owns
``discovery.sqlite``: the sources and their ledger.
"""
