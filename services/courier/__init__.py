"""Courier: fetches what lies behind URLs; the only service that reaches outside.

Reads no stream: it asks discovery by ``fetches.take`` what is to be fetched, writes the bytes into
the folder of uploaded files, and tells by ``fetches.deliver`` what came of it. It owns nothing:
what is to be fetched stands in discovery's ledger, so a courier that dies has lost nothing.
"""
