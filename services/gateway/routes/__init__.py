"""The shell for HTTP."""
