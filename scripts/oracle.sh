#!/bin/sh
# oracle.sh compares pkg/tokenizer with Hugging Face's tokenizers library: ids, counts and decoded text of six real
# tokenizers. It needs node and npm, and downloads to out/oracle, which is not part of the project.
#
# SHARED (../shared by default, if it exists) is a folder with data/tokenizer-corpus, the complete corpus. Texts of the Go
# distribution and generated ones are always compared.
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
