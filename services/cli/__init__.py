"""The command line: starts every service on one machine, watches them, and asks the bus.

Reads the services' statuses and ``dead.*``; writes ``command.*``; declares the streams. Owns the
processes that it starts, and their private nats-server.
"""
