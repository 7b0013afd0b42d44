"""The authorities of this machine, by which certificates are checked where no setting names one.

OpenSSL and Python look at ``SSL_CERT_FILE``, ``SSL_CERT_DIR`` and ``SSLKEYLOGFILE``, and pass over
what is not there or end with an error that names no variable.
"""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from shared.errors import ConfigurationError

FILE, FOLDER, KEY_LOG = "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"


def check_authorities(variables: Mapping[str, str]) -> None:
    """Check the files that variables of the environment name.

    Raises:
        ConfigurationError: Says which variable names something that cannot be used, and why.
    """
    remedy = "name a PEM file of authorities, or unset the variable"
    if file := variables.get(FILE):
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
        except ssl.SSLError as error:
            raise ConfigurationError(f"{FILE}: {file}: holds no certificate; {remedy}") from error
        except OSError as error:
            why = f"cannot be read: {error.strerror}"
            raise ConfigurationError(f"{FILE}: {file}: {why}; {remedy}") from error
    folders = [one for one in variables.get(FOLDER, "").split(os.pathsep) if one]
    if folders and not any(Path(one).is_dir() for one in folders):
        told = variables[FOLDER]
        raise ConfigurationError(
            f"{FOLDER}: {told}: is no folder; name one, or unset the variable"
        )
    if log := variables.get(KEY_LOG):
        try:
            Path(log).open("ab").close()
        except OSError as error:
            why = f"cannot be written: {error.strerror}"
            raise ConfigurationError(f"{KEY_LOG}: {log}: {why}; unset the variable") from error


def named_authorities(variables: Mapping[str, str]) -> ssl.SSLContext | None:
    """Return the authorities that variables name; None: they name none.

    Raises:
        ConfigurationError: Says which variable names something that cannot be used, and why.
    """
    check_authorities(variables)
    file, folder = variables.get(FILE) or None, variables.get(FOLDER) or None
    if not file and not folder:
        return None
    return ssl.create_default_context(cafile=file, capath=folder)
