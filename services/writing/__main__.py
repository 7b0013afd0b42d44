"""Entry point: ``python -m services.writing``."""

from services.writing.app import build
from shared.runtime import run

if __name__ == "__main__":
    run(build)
