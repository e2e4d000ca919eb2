#!/usr/bin/env bash
# Runs go test with the given arguments, shows its usual output as it comes, and finally counts the tests that passed, failed
# and were skipped, with the reasons.
set -euo pipefail

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
# Only -v lists skipped tests. The output is reduced to that of go test without -v: a line for each package, preceded by the
# output of its failed tests.
go test -v "$@" 2>&1 | tee "$log" | awk '
  /^(ok|\?)[ \t]/ { n = 0; print; fflush(); next }
  /^FAIL\t/ { for (i = 1; i <= n; i++) print held[i]; n = 0; print; fflush(); next }
  /^[ \t]*(=== |--- PASS|--- SKIP)/ { next }
  { held[++n] = $0 }
  END { for (i = 1; i <= n; i++) print held[i] }
' || status=$?

count() { grep -cE "^[[:space:]]*--- $1" "$log" || true; }
echo "Tests: $(count PASS) passed, $(count FAIL) failed, $(count SKIP) skipped (subtests counted)."
reasons=$(awk '
  /^[ \t]*=== (RUN|NAME|CONT)/ { test = $3; next }
  /^[ \t]+[^ ]+\.go:[0-9]+: / { said[test] = $0; sub(/^[ \t]+[^ ]+: /, "", said[test]); next }
  /^[ \t]*--- SKIP: / { test = $3; print (test in said ? said[test] : "(no reason given)") }
' "$log" | sort | uniq -c | sort -rn)
if [[ -n "$reasons" ]]; then
  echo "Skipped because:"
  echo "$reasons"
fi
exit "$status"
