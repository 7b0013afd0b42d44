"""Entry point: ``python -m services.embedding``."""

from shared.loading import loading

with loading():
    from services.embedding.app import build
    from shared.runtime import run

if __name__ == "__main__":
    run(build)
