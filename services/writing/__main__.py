"""Entry point: ``python -m services.writing``."""

from shared.loading import loading

with loading():
    from services.writing.app import build
    from shared.runtime import run

if __name__ == "__main__":
    run(build)
