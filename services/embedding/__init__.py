"""Embedding: turns the texts of each batch into vectors through an HTTP server.

Reads ``discovery.batch`` and, at its start, the last ``projection.updated`` (the dimension that a
collection has); writes ``embedding.batch`` and ``dead.embedding``; owns nothing: any
number of replicas share one durable consumer.
"""
