"""Projection: keeps the exact moments of all vectors and owns the model that maps them to 2-D.

Reads ``embedding.batch``, ``writing.retraction``, ``writing.settled``, ``command.refit`` and
``command.rollback``; writes ``projection.batch`` and ``projection.model`` (in order, in one
stream), ``projection.updated``, ``projection.held``, ``projection.previewed``,
``projection.rejected``, ``audit.command`` and ``dead.projection``; owns ``projection.sqlite``:
moments, applied batches and model versions, and beside it the vectors that are not known to be
stored yet. "Projection" means reducing vectors to two dimensions here, not event sourcing's read
model.
"""
