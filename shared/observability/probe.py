"""Asks a service whether it is well: ``python -m shared.observability.probe URL``.

For health checks of containers, which have no curl. Exits with 0 if the answer has status 200.
"""

import sys
from http.client import HTTPException
from urllib.request import ProxyHandler, build_opener

TIMEOUT_S = 4.0


def main() -> None:
    """Ask the address that is the first argument."""
    url = sys.argv[1] if len(sys.argv) > 1 else ""
    if not url.startswith(("http://", "https://")):
        sys.exit("usage: python -m shared.observability.probe http://HOST:PORT/ready")
    try:
        # Whatever proxy the variables name, it does not lead to the container itself.
        with build_opener(ProxyHandler({})).open(url, timeout=TIMEOUT_S) as answer:
            sys.stdout.write(answer.read(2000).decode(errors="replace") + "\n")
    except (OSError, HTTPException) as error:  # statuses other than 2xx are OSErrors
        sys.exit(f"{url}: {error}")


if __name__ == "__main__":
    main()
