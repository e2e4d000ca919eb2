#!/usr/bin/env bash
# Fetches the text that the reference's generator config names: The Count of Monte Cristo, Project Gutenberg ebook 1184
# (public domain in the USA; elsewhere check your country's law).
#
#   scripts/get-text.sh [FILE]        FILE is pg1184.txt by default
#
# TEXT_URL is another address, TEXT_SHA256 a digest that the file must have. Project Gutenberg edits its files now and
# then, so no digest is built in. The script checks that the file is this book from its title to its last line, and prints
# the digest, to be kept with the measurements.
set -euo pipefail

url=${TEXT_URL:-https://www.gutenberg.org/ebooks/1184.txt.utf-8}
file=${1:-pg1184.txt}
title='The Project Gutenberg eBook of The Count of Monte Cristo'
ending='\*\*\* END OF THE PROJECT GUTENBERG EBOOK THE COUNT OF MONTE CRISTO \*\*\*'

fail() {
  echo "get-text: $*" >&2
  exit 1
}

if [[ -e $file ]]; then
  echo "get-text: $file exists; remove it to fetch it again" >&2
  exit 0
fi
[[ -d $(dirname -- "$file") ]] || fail "there is no folder $(dirname -- "$file")"

part=$(mktemp -- "$file.XXXXXX.part")
trap 'rm -f -- "$part"' EXIT
trap 'exit 130' INT TERM

echo "get-text: $url" >&2
if command -v curl >/dev/null; then
  curl --fail --location --silent --show-error --retry 2 --connect-timeout 20 --max-time 600 --output "$part" -- "$url" ||
    fail "could not fetch $url"
elif command -v wget >/dev/null; then
  wget --quiet --tries=3 --timeout=60 --output-document="$part" -- "$url" || fail "could not fetch $url"
else
  fail "needs curl or wget"
fi

head -n 1 -- "$part" | grep -qi "$title" || fail "the answer of $url does not begin with the book's title; nothing was kept"
grep -qi "$ending" -- "$part" || fail "the answer of $url ends before the book does; nothing was kept"
sum=$(sha256sum -- "$part" 2>/dev/null || shasum -a 256 -- "$part")
sum=${sum%% *}
sum=${sum#\\}
if [[ -n ${TEXT_SHA256:-} && $sum != "$TEXT_SHA256" ]]; then
  fail "the sha256 is $sum, not $TEXT_SHA256; nothing was kept"
fi

chmod 644 -- "$part"
mv -- "$part" "$file"
echo "get-text: $file, $(wc -c <"$file" | tr -d ' ') bytes, sha256 $sum" >&2
