"""Addresses that mean something."""

from ipaddress import IPv4Address

EVERY_ADDRESS = str(IPv4Address(0))
"""Whoever listens there can be reached from everywhere."""
