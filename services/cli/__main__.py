"""Entry point: ``mapstream``, or ``python -m services.cli``."""

from services.cli.app import build_app


def main() -> None:
    """Run the command line."""
    build_app()()


if __name__ == "__main__":
    main()
