"""The browser of whoever sits at this machine."""

import webbrowser


def open_page(url: str) -> bool:
    """Show an address in the reader's browser; tells whether one took it."""
    try:
        return webbrowser.open(url)
    except webbrowser.Error:
        return False
