"""Logs and health, set up once per process."""
