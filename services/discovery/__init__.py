"""Discovery: finds sources, reads them into records and keeps the ledger of each.

Reads ``writing.settled`` and ``dead.*`` (what became of its records), ``command.forget``,
``command.replay``, ``command.drop``, ``command.rename`` and ``command.create``;
answers ``collections.list``;
writes ``discovery.batch``, ``collection.changed``, ``source.discovered``,
``source.completed``, ``source.failed``,
``source.stalled``, ``source.gone``, ``source.returned``, ``source.forgotten``,
``source.rejected``, ``letters.replayed``, ``letters.dropped``, ``audit.command`` and
``dead.discovery``, and what stages gave up and are to try again; owns ``discovery.sqlite``: the
sources and their ledger, and the records of the collections.
"""
