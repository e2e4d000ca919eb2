#!/usr/bin/env bash
# All three commands in one pipe: generated conversations, followed by converted ones, are replayed against a server, and
# the records go directly into the report.
#
#   examples/pipeline.sh [URL [MODEL]]
#
# Without a URL, a simulated server runs for the duration. Commands in bin/ take precedence.
set -euo pipefail
cd "$(dirname "$0")"
PATH=$PWD/../bin:$PATH

url=${1:-} model=${2:-sim}
if [[ -z $url ]]; then
  fifo=$(mktemp -u)
  mkfifo "$fifo"
  mtbench sim --listen 127.0.0.1:0 --model "$model" --ttft-base 10ms --itl 2ms >"$fifo" &
  trap 'kill %1 2>/dev/null || true; rm -f "$fifo"' EXIT
  read -r url <"$fifo"
fi

{
  genconv --text opticks.txt --num-conversations 4 --seed 1
  sharegpt2openai sharegpt.json - --seed 1
} | mtbench run -i - -m "$model" --tokenizer o200k_base -u "$url" -p 4 -k 4 --max-turns 6 --records - | mtbench report -
