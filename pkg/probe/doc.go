// Package probe asks a server questions beside a run, whose answers are in none
// of the run's numbers.
//
// # Preflight
//
// [Preflight] finds out, before a run, what a server reports of its KV cache:
// whether it reports cached tokens at all, whether it caches, and in what
// blocks. One long prompt of random words, which no dataset has, is sent twice;
// the second time all of it can come from the cache. Then some beginnings of it
// are sent. What is cached of each is a whole number of blocks, so their
// greatest common divisor is the block size (in one case of 60, by chance, a
// multiple of it). A count that is absent is not 0: if the first, cold request
// lacks it and the second has it, the server leaves zeros out.
//
// If usage says nothing, the server's counters are asked, and at last the clock:
// a second answer that begins in less than half the time is taken as a sign of a
// cache.
//
// # Prefixes
//
// [Prefixes] finds where a conversation breaks its own prefix. A turn's prompt
// should begin with the tokens of the turn before, its prompt and what was
// generated, for only then can a cache hit all of them. Often it does not:
// templates drop the reasoning of earlier answers, write the last message
// differently from earlier ones, or an answer's text does not tokenize back to
// the tokens that were generated. No cache and no offloading can make up for
// that.
//
// The server itself makes the prompts (an endpoint that tokenizes messages by
// the chat template), so nothing about templates is assumed here. It is asked
// after the run: a few requests for every turn that is checked.
//
// Of what was generated, only the text and the number of tokens are known. So
// the answer's text, tokenized alone, is compared with what follows in the next
// prompt. Where the two differ though the text is the same (some tokenizers put
// a space before a text), the number of tokens decides. It also decides where
// they agree: a number that fits neither with an end token nor without one means
// that other tokens were generated, at an unknown place. Other tokens of the
// same number go unseen.
package probe
