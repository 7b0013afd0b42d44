"""Entry point: ``python -m services.discovery``."""

from shared.loading import loading

with loading():
    from services.discovery.app import build
    from shared.runtime import run

if __name__ == "__main__":
    run(build)
