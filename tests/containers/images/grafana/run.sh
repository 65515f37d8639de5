#!/bin/bash
set -o errexit
touch "$GF_PATHS_DATA/grafana.db"
find "$GF_PATHS_PROVISIONING" -type f -exec cat {} + > /dev/null
exec httpd -f -v -p "${GF_SERVER_HTTP_PORT:-3000}" -h /usr/share/grafana
