#!/bin/sh
# Command of acme.sh, for new and renewed certificates. Where it fails acme.sh says "Reload error".
#
#   acme.sh --install-cert -d www.example.com --reloadcmd /usr/local/lib/cert-rotation/acme.sh
# `deploy` beside this file has the settings and the exit statuses.
set -eu

here=$(dirname "$(readlink -f "$0")")
if [ -z "${CERT_FULLCHAIN_PATH-}" ] || [ -z "${CERT_KEY_PATH-}" ]; then
  echo 'cert-rotation: acme.sh sets CERT_FULLCHAIN_PATH and CERT_KEY_PATH, and nobody has' >&2
  exit 2
fi
exec "$here/deploy" "$CERT_FULLCHAIN_PATH" "$CERT_KEY_PATH"
