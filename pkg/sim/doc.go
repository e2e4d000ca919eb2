// Package sim is a simulated inference server whose truth is known: it speaks the OpenAI API as vLLM does, makes up the
// answers, and is exact about time. Clients are measured against it, and tests run on it, over sockets or through memory.
//
// A server is an engine that decides when which token comes (package engine), a loop that ties the engine to the clock
// and writes all streams, and a small HTTP/1.1 server of its own.
//
// # Endpoints
//
//	POST /v1/chat/completions, /v1/completions   streamed or not
//	GET  /v1/models                              owned_by is Owner, with max_model_len
//	GET  /health, /version
//
// Wrong requests are answered with the statuses and error objects of vLLM 0.32.
//
// # Answers
//
// An answer is common English words, each one token in the server's tokenizer, so that the text a client sends back has
// the tokens that were generated. It has max_tokens tokens; without max_tokens it ends by itself (finish_reason stop, the
// end token is counted and has no text). Prompt and answer together are cut at the longest context, silently, as vLLM
// does it.
package sim
