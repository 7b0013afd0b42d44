"""Discovery: finds sources, reads them into records and keeps the ledger of each.

Reads ``writing.settled`` and ``dead.*`` (what became of its records), ``command.forget``,
``command.replay``, ``command.drop``, ``command.rename``, ``command.create``,
``command.delete``, ``command.upload``, ``command.submit``, ``command.fetch``,
``command.cancel`` and ``command.retry``, and the bytes of what is uploaded and fetched;
answers ``collections.list``, ``sources.list``, ``jobs.list``, ``effects.list``,
``fetches.take`` and ``fetches.deliver``;
asks ``collections.remove`` of every stage;
writes ``discovery.batch``, ``collection.changed``, ``source.discovered``,
``source.completed``, ``source.failed``,
``source.stalled``, ``source.gone``, ``source.returned``, ``source.forgotten``,
``source.uploaded``, ``source.rejected``, ``jobs.submitted``, ``job.changed``,
``letters.replayed``, ``letters.dropped``,
``audit.command`` and ``dead.discovery``, and what stages gave up and are to try again; owns
``discovery.sqlite``: the sources and their ledger, the jobs, and the records of the collections.
"""
