"""Moments, fits and alignments: exact, and pure."""
