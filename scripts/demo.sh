#!/usr/bin/env bash
# What this is for, in two runs: conversations by the reference's config, made from Newton's Opticks, are played against a
# simulated server whose GPU is too small for them, first without a CPU tier below it and then with one. The report on the
# second run estimates what its tier is worth; the difference between the two checks it. Conversations and records are left
# in out/.
# Called by `make demo`, which builds bin/ first.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${BIN:-bin} out=${OUT:-out}
mkdir -p "$out"
rm -f "$out"/{conversations.json,without.jsonl,with.jsonl}

# An empty step of the server's engine. The runs take the longer, the longer it is.
export MTBENCH_SIM_STEP=${MTBENCH_SIM_STEP:-5ms}

bold='' plain=''
[[ -t 2 ]] && bold=$'\e[1m' plain=$'\e[0m'
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain" >&2; }

sim='' fifo=$out/sim.url.$$
trap '[[ -z $sim ]] || kill "$sim" 2>/dev/null || true; rm -f "$fifo"' EXIT

# run NAME FLAGS...: plays the conversations against a new server with the flags, and keeps the records of that name.
run() {
  local name=$1 url
  shift
  mkfifo "$fifo"
  "$bin/mtbench" sim --listen 127.0.0.1:0 --model demo --tokenizer o200k_base --engine batch \
    --kv-model Llama-3.1-8B --gpu-cache 2000 "$@" >"$fifo" 2>"$out/sim.log" &
  sim=$!
  read -r url <"$fifo" || { cat "$out/sim.log" >&2; exit 1; }
  rm -f "$fifo"
  "$bin/mtbench" -i "$out/conversations.json" -m demo --tokenizer o200k_base -u "$url" -p 8 -k 16 \
    --records "$out/$name.jsonl" >&2
  kill "$sim"
  wait "$sim" || true
  sim=''
}

# number NAME SECTION ROW COLUMN: a number of the report on the records of that name; nothing if it is unknown. It fails
# if the report has no such number.
number() {
  "$bin/mtbench" report --quiet --format csv "$out/$1.jsonl" |
    awk -F, -v key="$2,$3,$4" '
      $2 "," $3 "," $4 == key { found = 1; if ($5 != "") printf "%.1f", $5 }
      END { exit !found }'
}

say "1. conversations: the reference's config, on examples/opticks.txt"
"$bin/genconv" --text examples/opticks.txt --tokenizer o200k_base -o "$out/conversations.json"

say "2. a simulated server with 2,000 blocks of 16 tokens on its GPU: 8 requests in flight, 16 active conversations"
run without

say "3. the same with a CPU tier of 20,000 blocks, loaded at 55 GiB/s"
run with --cpu-cache 20000 --cpu-bandwidth 55GiB

before=$(number without table ttft_ms mean)
after=$(number with table ttft_ms mean)
worth=$(number with tier_worth cpu 'ttft_ms_per_turn value')
low=$(number with tier_worth cpu 'ttft_ms_per_turn low')
high=$(number with tier_worth cpu 'ttft_ms_per_turn high')
change=$(awk -v a="$before" -v b="$after" 'BEGIN {
  if (a >= b) printf "The CPU tier took %.1f ms off the mean TTFT", a - b
  else printf "The mean TTFT was %.1f ms longer with the CPU tier (was the machine busy?)", b - a }')
said="worth $worth ms [$low, $high], queueing not counted"
[[ -n $worth ]] || said="nothing; its findings say why"
say "$change ($before to $after ms). The run with it said alone: $said."
echo "In $out/: conversations.json, without.jsonl, with.jsonl. Try: $bin/mtbench report --full $out/with.jsonl" >&2
