"""Entry point: ``python -m services.text2vec``."""

import sys

from shared.loading import loading

with loading():
    from services.text2vec.app import main

if __name__ == "__main__":
    sys.exit(main())
