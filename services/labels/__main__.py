"""Entry point: ``python -m services.labels``."""

from shared.loading import loading

with loading():
    from services.labels.app import build
    from shared.runtime import run

if __name__ == "__main__":
    run(build)
