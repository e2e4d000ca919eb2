#!/bin/sh
# oracle.sh compares pkg/tokenizer with Hugging Face's tokenizers library, live: ids, counts and decoded text of six
# real tokenizers. It needs node and npm; what it downloads goes to out/oracle, which is not part of the project.
#
# SHARED (default ../shared, if it is there) names a folder with data/tokenizer-corpus, the complete corpus; without it
# the corpus is made from the texts of the Go distribution and from generated ones, which run in any case.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${SHARED:-}" ] && [ -d ../shared/data/tokenizer-corpus ]; then
	SHARED=../shared
fi
export SHARED="${SHARED:-}"
dir=out/oracle
mkdir -p "$dir"
cp scripts/oracle/package.json scripts/oracle/oracle.js scripts/oracle/unicode.js "$dir"
if ! cmp -s "$dir/package.json" "$dir/installed.json"; then
	echo "installing the oracle into $dir" >&2
	(cd "$dir" && npm install --no-audit --no-fund --no-package-lock --loglevel=error >&2)
	cp "$dir/package.json" "$dir/installed.json"
fi
exec go run ./scripts/oracle "$@" -oracle "$dir"
