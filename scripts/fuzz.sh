#!/usr/bin/env bash
# Runs every fuzz target of the module, one after another, each for the given time (10s by default).
set -euo pipefail

time=${1:-10s}
count=0 failed=()
for package in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
  while read -r target; do
    echo "== $package $target for $time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package" </dev/null || failed+=("$package $target")
    count=$((count + 1))
  done < <(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true)
done
echo "$count fuzz targets, ${#failed[@]} failed."
if ((${#failed[@]})); then
  printf '  %s\n' "${failed[@]}"
  exit 1
fi
