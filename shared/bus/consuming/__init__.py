"""Consuming from durable consumers: pull, handle, acknowledge."""
