"""Interrupts the whole system on purpose and compares what becomes of it."""

import os

# OpenBLAS waits for its own threads at every fork, for ever if another thread calculates then;
# so it gets none. It looks at its first import, which is after this.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
