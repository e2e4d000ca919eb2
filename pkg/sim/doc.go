// Package sim is a simulated inference server whose truth is known: it speaks the OpenAI API as vLLM does, makes up the
// answers, keeps a KV cache that is accurate to the block, and is exact about time. Clients are measured against it, tests
// run on it over sockets or through memory, and planners see what a cache of some shape would do.
//
// A Server is an engine that decides when which token comes and what was cached (package engine, on package kvcache), a
// loop that ties the engine to the clock and writes all streams, and a small HTTP/1.1 server of its own. A Machine is the
// shape of a server in the units that people know it by; Presets are some.
//
// # Endpoints
//
//	POST /v1/chat/completions, /v1/completions   streamed or not
//	POST /tokenize, /detokenize                  a prompt or messages, and back
//	POST /reset_prefix_cache                     503 while requests run
//	GET  /v1/models                              owned_by is Owner, with max_model_len
//	GET  /health, /version
//	GET  /metrics                                in vLLM's names, and SGLang's or llama.cpp's
//
// Wrong requests are answered with the statuses and error objects of vLLM 0.32. Of a request are understood: model,
// messages or prompt (a text or token ids), max_tokens, max_completion_tokens, min_tokens, ignore_eos, stream,
// stream_options, cache_salt, include_reasoning, return_token_ids, return_cached_tokens_details, conversation_id and
// request_id, and the headers Authorization, X-Request-Id, X-Session-Id and X-Sim-Fault. Others are ignored, n must be 1.
//
// # Answers
//
// An answer is common English words, each one token in the server's tokenizer alone and in any row, so the text that a
// client sends back has the tokens that were generated and finds their blocks. It has max_tokens tokens; without
// max_tokens it ends by itself (finish_reason stop: the end token is counted and has no text). Prompt and answer together
// are cut at the longest context, silently, as vLLM does it. The same prompt gets the same answer; ids depend on the seed
// and the order of requests.
//
// Prompts are made by a chat template (package template) and counted by a Tokenizer: Quad, four bytes a token, unless a real one is given. The
// chains of prompts are remembered, so a turn costs the work of its new messages.
//
// # Cache and time
//
// The cache's rules are those of package kvcache, the engines' are those of package engine: Fixed gives each stream a
// schedule of its own (what a client should measure is then known beforehand), Batch is vLLM's continuous batching with
// queue, chunked prefill, preemption and loads from lower tiers. usage's cached_tokens is what was found in any tier when
// the request was first scheduled. The longest context is never longer than the GPU tier.
//
// The engines count in virtual time; a server ties it to the real clock, a test in a synctest bubble to a made-up one.
// When the server is late itself, what has come due goes out together, and how late it was is recorded (Lateness, the
// truth, /metrics).
//
// Over TLS (SelfSigned, or any other listener) and in memory each stream's chunks are written by a goroutine of its own.
//
// A request arrives when the kernel received its first bytes, where connections are TCP on Linux; elsewhere when they were
// read. The head of a streamed answer goes out at once, as vLLM's does; the role chunk goes with the first token.
//
// # Truth
//
// Options.Truth receives JSONL: a TruthHeader, a Truth for every request to the two endpoints that generate, in order of
// their ends, a TruthEnd. Their fields are documented with the types. Lines are flushed every second. A request is known
// in the truth by the id that its chunks and the response's header x-request-id have; the client's own names for the
// request and its conversation are there if it sent some.
//
// Tokens by tier sum to the same numbers in the truth, in usage and in /metrics. The metrics count a request's prompt when
// its first token is made, as vLLM does: one that was given up before is in the truth only.
//
// # Faults
//
// What real servers do beside the plain way, and what breaks, is scripted by a list of faults, for the server (Options)
// or a request (header X-Sim-Fault):
//
//	list  = fault { ("," | " ") fault }
//	fault = name [ "=" value ] [ "@" share ]
//	value = count | time | word | count "/" time | count "/" word
//
// A time is written as Go writes durations (250ms). The share, above 0 to 1, is how many requests the fault strikes; it is
// drawn from the seed. A request's own faults win over the server's. Counts of chunks are of those with text, from 0.
//
//	connection  refuse close idle=TIME reset=N cut=N
//	head        status=N retry-after=N headers=TIME json html
//	course      stall=N/TIME truncate=N error=N error-text=N error-type=N bad-json=N buffer
//	content     clip=N eos=N role=WORD reasoning=N[/FIELD] tools tokens=N finish=WORD usage=WORD timings=WORD no-done
//	bytes       comments ping=TIME crlf cr bom no-space no-blank split=N[/TIME]
//	together    like=WORD
//
// FaultUsage says what each does. Examples: "stall=5/2s" is silent for two seconds before the sixth chunk, "cut=20@0.1"
// breaks one answer in ten off after 20 chunks, "status=429,retry-after=2" turns a request away, "role=early,crlf" sends
// the role chunk with the head and ends lines with CR LF.
//
// # What is not here
//
// HTTP/2, several answers a request, logprobs, stop strings, images. No text is understood.
package sim
