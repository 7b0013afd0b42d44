"""The shell for the terminal: one module per family of commands."""
