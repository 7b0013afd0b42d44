"""The variables of this process: who reads them takes them from here, and a test can see who."""

import os

ENVIRONMENT = os.environ  # noqa: TID251  the one place
