"""Pure rules of fetching: addresses, URLs, names and what headers say."""
