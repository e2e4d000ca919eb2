// Package record holds the vocabulary of a run and the stream of records that a
// run writes: what was asked for, what happened to every request, what the server
// reported, and how the run ended. Reports, comparisons and plans read nothing
// else.
//
// # The format
//
// A stream is JSON Lines. The field "type" of a line names its record:
//
//	run      first line: a [Run], the header
//	turn     a [Turn]: one request and its answer
//	scrape   a [Scrape]: one reading of the server's metrics
//	prefix   a [Prefix]: whether a turn's prompt began with the previous turn,
//	         only if that was checked
//	end      last line: an [End]
//
// Their fields are those of the Go types, in JSON's names. Times are milliseconds
// since the start of the run on the monotonic clock, with up to six decimals. The
// header has the wall clock of the start. A clock that was not set, such as the
// first token of a request that failed, is absent and never 0.
//
// A number that cannot be true, such as -5 tokens or a time of a century, is
// unknown: readers drop it, and note the first of a record in "implausible".
// Writers of what a server says do the same.
//
// Readers ignore unknown fields and unknown types. They refuse a newer major
// version. A missing last newline is fine. A broken line is reported with its
// number, counted and skipped. Several runs may follow each other in one stream.
//
// # Versions
//
// Within a major version, fields are only added. Version 1.1 added "load" and
// "cache" to the header, and "file" and "clean_up_spaces" to its dataset. In a
// header of version 1.0 they are unknown, even where its "options" have the
// values: names of options are not part of the format.
//
// Version 1.2 added "merged_late", "first_merged" and "first_early_us" to turns,
// and "verdicts" to the certificate, in place of "reasons". To the header it added
// "think_ms" (of the load and of the dataset), "no_stream" and "no_usage" of the
// load, "ref" of the tokenizer, "cpu_tokens" of the server and
// "offload_block_size" of the stated cache. In records of 1.0 and 1.1 it is not
// known which merged chunks waited for the client and which were sent together.
//
// Version 1.3 added "history", "first_issued_ms", "paused_ms" and "usage_zeros" to
// turns, "implausible" to all records, and the outcomes aborted, too_large and internal:
// in older records an aborted turn is ok, and a usage of zeros stands there as it was
// sent.
// It added "api" and "prompt_format" to the load; before, every run was one of
// chats.
// "counted" is left out where nothing was counted; in older records it has zeros
// there. It added "unwritten" to the end.
//
// # Examples
//
// One record of each type. A record is one line; they are broken here to be read.
//
//	{"type":"run","format":"multiturn-records","version":"1.3",
//	 "id":"20260102T030405Z-01020304","start":"2026-01-02T03:04:05.000001Z",
//	 "program":"mtbench 1.0","options":{"model":"m"},"model":"m",
//	 "url":"http://localhost:8000","seed":0,"clients":2,"active_conversations":6,
//	 "output_length":"exact",
//	 "dataset":{"name":"conversations.json","file":true,"sha256":"9f86d081",
//	  "conversations":24,"turns":120},
//	 "tokenizer":{"name":"o200k_base","source":"embedded","sha256":"2c26b46b",
//	  "ref":"o200k_base"},"clocks":"kernel",
//	 "host":{"name":"client","os":"linux","arch":"amd64","cpus":8,"go":"go1.26"},
//	 "server":{"kind":"vllm","version":"0.11.0","models":["m"],
//	  "max_model_len":32768,"block_size":16,"gpu_blocks":8000},
//	 "load":{"sampling":"round_robin","rate":2,"on_failure":"end","history":"server"},
//	 "cache":{"tiers":[{"tier":"gpu","blocks":7999,"store":"prompt+output"},
//	  {"tier":"cpu","gib":40,"store":"prompt"}],
//	  "model":"Llama-3.1-8B","kv_dtype":"auto","tp":1}}
//
//	{"type":"turn","conversation":"CONV_ID_7","client":1,"turn":2,"messages":5,
//	 "attempts":1,"outcome":"ok","status":200,"finish":"length",
//	 "scheduled_ms":1204.5,"issued_ms":1204.512,"sent_ms":1204.58,
//	 "written_ms":1204.6,"headers_ms":1230.1,"first_event_ms":1231.25,
//	 "first_token_ms":1231.25,"first_answer_ms":1231.25,"last_token_ms":1272.25,
//	 "end_ms":1273,"connection":"reused","stream":true,
//	 "chunks":3,"chunks_content":3,"reads":3,"gaps_us":[20500,20500],
//	 "max_tokens":3,"min_tokens":3,
//	 "usage":{"prompt":1068,"completion":3,"cached":1008,
//	  "cached_field":"usage.prompt_tokens_details.cached_tokens"},
//	 "counted":{"input":1040,"new_input":40,"output":3,"first_chunk":1},
//	 "body_bytes":5120}
//
//	{"type":"scrape","at_ms":1000.25,"url":"http://localhost:8000/metrics",
//	 "when":"during","values":{"running":2},
//	 "names":{"running":"vllm:num_requests_running"}}
//
//	{"type":"prefix","conversation":"CONV_ID_7","turn":2,"prompt":1068,
//	 "before":1043,"shared":1031,"broken":"reasoning","char":4120,"message":3,
//	 "role":"assistant","field":"reasoning","was":"<think>","is":"Yes."}
//
//	{"type":"end","at_ms":9000,"why":"done",
//	 "conversations":{"planned":24,"started":24,"finished":24,"failed":0,
//	  "abandoned":0},
//	 "turns":{"planned":120,"started":120,"finished":120,"failed":0,"abandoned":0},
//	 "certificate":{"verdict":"warn","verdicts":[{"kind":"ttft","verdict":"ok"},
//	   {"kind":"tpot","verdict":"ok"},{"kind":"itl","verdict":"warn","share":0.02,
//	    "reason":"chunks waited to be read"},{"kind":"latency","verdict":"ok"},
//	   {"kind":"throughput","verdict":"ok","share":0.001}],"clocks":"kernel",
//	  "lag_ms":{"n":120,"p50":0.05,"p99":0.2,"max":0.4},
//	  "wake_ms":{"n":90,"p50":0.06,"p99":0.3,"max":0.5},
//	  "read_late_ms":{"n":120,"p50":0.01,"p99":0.1,"max":0.2},
//	  "cpu_s":0.4,"cpu_share":0.01,"gcs":2,"gc_pause_max_ms":0.1,
//	  "peak_memory_mb":60,"chunks":360,"reads":353,"merged":7,"merged_late":7,
//	  "connections_opened":2,"reconnects":0,"max_in_flight":2,
//	  "dropped_writes":0}}
//
// # Replicas
//
// Several servers can share the turns of a run. The header has them in "replicas",
// and how they share in the load's "balance"; turns and readings of metrics have the
// number of theirs in "replica". In a run against one server all these are absent,
// as they are before version 1.3.
//
// # Control arms
//
// A run with a control (Run.Control) plays every conversation twice, once in each
// arm. Both plays have the dataset's name of the conversation: a conversation and
// an arm together are one dialogue, the two arms of a conversation are a pair, and
// the effect is the difference within pairs. Turn.Arm is measured and no-reuse,
// measured and cold, or no-reuse-1 and no-reuse-2 of an A/A run, whose arms must
// not differ.
//
// In an arm whose name begins with no-reuse, every prompt starts with a salt of its
// own, so that nothing in it was sent before. In the measured arm beside it the
// salt is as long, and the same in the whole arm. The tokens of salts are in
// Counted. In the cold arm the server's cache was emptied before every turn. Turns
// of a run without a control have no arm.
package record

// Format and Version are what a header says of its stream. Within a major version
// fields are only added.
const (
	Format  = "multiturn-records"
	Version = "1.3"
)

// Types of records.
const (
	TypeRun    = "run"
	TypeTurn   = "turn"
	TypeScrape = "scrape"
	TypePrefix = "prefix"
	TypeEnd    = "end"
)
