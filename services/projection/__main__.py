"""Entry point: ``python -m services.projection``."""

from shared.loading import loading

with loading():
    from services.projection.app import build
    from shared.runtime import run

if __name__ == "__main__":
    run(build)
