"""Entry point: ``python -m services.courier``."""

from shared.loading import loading

with loading():
    from services.courier.app import build
    from shared.runtime import run

if __name__ == "__main__":
    run(build)
