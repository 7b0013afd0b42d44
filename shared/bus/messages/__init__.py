"""One message: as it goes out, as it comes in, and what its headers tell."""
