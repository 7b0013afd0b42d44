"""What the gateway does for its callers."""
