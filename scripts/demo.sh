#!/usr/bin/env bash
# The main use from end to end, with the project's own data: conversations by the reference's config, made from Newton's
# Opticks, are replayed against a simulated server. The conversations and records are left in out/.
# Called by `make demo`, which builds bin/ first.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=bin out=out
mkdir -p "$out"

bold='' plain=''
[[ -t 2 ]] && bold=$'\e[1m' plain=$'\e[0m'
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain" >&2; }

say "1. a simulated server: 20 ms to the first token and 0.02 ms a prompt token, then a token every 4 ms"
mkfifo "$out/sim.url.$$"
"$bin/mtbench" sim --listen 127.0.0.1:0 --model demo --tokenizer o200k_base --ttft-base 20ms --ttft-per-token 20us --itl 4ms \
  >"$out/sim.url.$$" 2>"$out/sim.log" &
sim=$!
trap 'kill $sim 2>/dev/null || true; rm -f "$out/sim.url.$$"' EXIT
read -r url <"$out/sim.url.$$" || { cat "$out/sim.log" >&2; exit 1; }
echo "   $url" >&2

say "2. conversations: the reference's generator config, on examples/opticks.txt"
"$bin/genconv" --text examples/opticks.txt --tokenizer o200k_base --seed 0 -o "$out/conversations.json"

say "3. the run: 2 requests in flight, 6 active conversations"
"$bin/mtbench" -i "$out/conversations.json" -m demo --tokenizer o200k_base -u "$url" -p 2 -k 6 \
  --records "$out/records.jsonl" -o "$out/answered.json"

say "left in $out/: conversations.json, answered.json (with the server's answers), records.jsonl (try: $bin/mtbench report $out/records.jsonl)"
