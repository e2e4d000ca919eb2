#!/usr/bin/env bash
# Looks for known vulnerabilities that the commands call. It fails if there is one, and says so if it could not look: its
# database is on the network, which is not everywhere.
#
#   scripts/vulncheck.sh MODULE@VERSION        of govulncheck; GOVULNDB is the address of another database
set -euo pipefail

db=${GOVULNDB:-https://vuln.go.dev}
tools=$(mktemp -d)
trap 'rm -rf -- "$tools"' EXIT
check=$tools/govulncheck

unable() {
  echo "vulncheck: nothing was looked for: $*"
  exit 0
}

GOBIN=$tools timeout 300 go install "$1" >"$tools/log" 2>&1 ||
  unable "$1 cannot be installed: $(tail -n 1 "$tools/log")"
# A small package first: without the database the others would be read for nothing.
status=0
timeout 20 "$check" -db "$db" -scan package ./internal/limits >"$tools/log" 2>&1 || status=$?
((status != 124)) || unable "$db did not answer within 20 s"
((status == 0 || status == 3)) || unable "$db cannot be reached: $(grep . "$tools/log" | tail -n 1)"
"$check" -db "$db" ./...
