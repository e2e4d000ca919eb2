// Package sim is a simulated inference server that knows the truth about each
// request. It speaks the OpenAI API as vLLM does, makes up its answers, keeps a
// block-accurate KV cache, and is exact about time. Clients are measured
// against it, tests run on it over sockets or in memory, and predictions are
// compared with it.
//
// A Server consists of an engine that decides when each token comes and what
// was cached (package engine, on package kvcache), a loop that ties the engine
// to the clock and writes all streams, and a small HTTP/1.1 server. A Machine
// is the shape of a server in the usual units; Presets are built-in machines.
//
// # Endpoints
//
//	POST /v1/chat/completions, /v1/completions, /v1/responses   streamed or not
//	POST /tokenize, /detokenize                  a prompt or messages to ids, and back
//	POST /reset_prefix_cache                     503 while requests run
//	GET  /v1/models                              owned_by is Owner, with max_model_len
//	GET  /health, /version
//	GET  /metrics                                in vLLM's, SGLang's or llama.cpp's names
//
// Invalid requests get the statuses and error objects of vLLM 0.32. These
// fields of a request are supported: model, messages, prompt (a text or token
// ids) or input with instructions, max_tokens, max_completion_tokens,
// max_output_tokens (of /v1/responses), add_special_tokens, min_tokens, ignore_eos, stream,
// stream_options, cache_salt, include_reasoning, return_token_ids,
// return_cached_tokens_details, conversation_id and request_id; and the headers
// Authorization, X-Request-Id, X-Session-Id and X-Sim-Fault. Other fields are
// ignored, but n must be 1.
//
// # Answers
//
// An answer consists of common English words. Each is one token of the server's
// tokenizer, alone and in any sequence, so the text that a client sends back
// has the tokens that were generated and hits their blocks. An answer has
// max_tokens tokens; without max_tokens it ends by itself (finish_reason stop;
// the end token is counted and has no text). Prompt and answer together are cut
// silently at the maximum context length, as in vLLM. The same prompt gets the
// same answer. Ids depend on the seed and the order of requests.
//
// Prompts are made by a chat template (package template), and a prompt that is a
// text is recognised if it is as the template makes it: the same messages have the
// same tokens, answers and hits at every endpoint. They are counted by a
// Tokenizer: Quad, with four bytes a token, unless another is given. The chains
// of prompts are remembered, so the work of a turn depends on its new messages
// only.
//
// # Cache and time
//
// The rules of the cache are those of package kvcache, the rules of the engines
// those of package engine. Fixed gives each stream its own schedule, so that
// what a client should measure is known in advance. Batch is vLLM's continuous
// batching with a queue, chunked prefill, preemption and loads from lower
// tiers. The cached_tokens of usage are the hits in all tiers when the request
// was first scheduled. The maximum context length is never more than the GPU
// tier holds.
//
// The engines count in virtual time. A server ties it to the real clock; a test
// in a synctest bubble ties it to a fake one. If the server itself is late, all
// tokens that are due are sent together, and the lateness is recorded
// (Lateness, the truth, /metrics).
//
// Over TLS (SelfSigned, or any other listener) and in memory, each stream's
// chunks are written by a goroutine of its own.
//
// A request arrives when the kernel receives its first bytes if the connection
// is TCP on Linux, and otherwise when they are read. The head of a streamed
// answer is sent at once, as in vLLM; the role chunk comes with the first
// token.
//
// # Truth
//
// Options.Truth receives JSONL: a TruthHeader, a Truth for every request to one
// of the generating endpoints, in the order in which they end, and a
// TruthEnd. The types document the fields. Lines are flushed every second. The
// truth identifies a request by the id that is in its chunks and in the
// response header x-request-id. It also has the client's own names for the
// request and the conversation, if the client sent them.
//
// The truth, usage and /metrics agree on the cached tokens of each tier. Like
// vLLM, the metrics count a request's prompt when its first token is made: a
// request that was aborted before that is in the truth only.
//
// # Faults
//
// The habits of real servers, and failures, are scripted by a list of faults,
// for the whole server (Options) or for one request (header X-Sim-Fault):
//
//	list  = fault { ("," | " ") fault }
//	fault = name [ "=" value ] [ "@" share ]
//	value = count | time | word | count "/" time | count "/" word
//
// Times are written like Go's durations (250ms). The share, above 0 and at most
// 1, is the share of requests that have the fault; which ones depends on the
// seed. A request's own faults take precedence over the server's. Chunks are
// counted from 0, and only those with text.
//
//	connection  refuse loading=TIME close idle=TIME reset=N cut=N
//	head        status=N unsupported=WORD retry-after=N headers=TIME json type=WORD chunked=WORD html
//	course      stall=N/TIME truncate=N error=N error-text=N error-type=N bad-json=N buffer
//	content     clip=N eos=N abort=N[/WORD] role=WORD reasoning=N[/WORD] tools tokens=N
//	            finish=WORD usage=WORD timings=WORD no-done
//	bytes       comments blank-data events ping=TIME crlf cr bom no-space no-blank split=N[/TIME]
//	together    like=WORD
//	hostile     hostile=NAME
//
// FaultUsage describes each. The names of hostile are the attacks of package
// hostile, and their groups. For example, "stall=5/2s" is silent for two
// seconds before the sixth chunk, "cut=20@0.1" breaks off one answer in ten
// after 20 chunks, "status=429,retry-after=2" rejects a request, and
// "role=early,crlf" sends the role chunk with the head and ends lines with CR
// LF.
//
// # What is not supported
//
// HTTP/2, several answers to a request, logprobs, stop strings, images. The
// server does not understand text.
package sim
