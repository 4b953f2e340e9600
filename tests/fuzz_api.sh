#!/usr/bin/env bash
# Sends the host at $WARES_URL requests that its OpenAPI document allows and forbids,
# EXAMPLES of each operation: fuzz_api.sh EXAMPLES. Fails at a 5xx, and at an answer
# that the document does not have. Needs Python 3.10 or later.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' 2> /dev/null; then
    echo "Python 3.10 or later with venv is needed for schemathesis: install python3-venv" >&2
    exit 1
fi
tools=target/fuzz-api
[ -x $tools/bin/schemathesis ] || python3 -m venv $tools
$tools/bin/pip install --quiet --disable-pip-version-check schemathesis==4.32.5
token=$(curl --silent --fail "$WARES_URL/auth/user/emailpass" --header 'Content-Type: application/json' \
    --data "{\"email\":\"$WARES_ADMIN_EMAIL\",\"password\":\"$WARES_ADMIN_PASSWORD\"}" | cut -d '"' -f 4)
# Left out are the checks that a server must fail if it reads numbers as
# JavaScript does (`offset=0.5` is 0), or has rules that a schema cannot express
# (an email may be taken). A component is none of the media types that it can make.
$tools/bin/schemathesis run "$WARES_URL/openapi.json" --header "Authorization: Bearer $token" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method,allow_header_conformance,ignored_auth,use_after_free,ensure_resource_availability \
    --exclude-operation-id InstallModuleVersion \
    --phases coverage,fuzzing,stateful --max-examples "$1" --workers 2 --continue-on-failure \
    --suppress-health-check all
