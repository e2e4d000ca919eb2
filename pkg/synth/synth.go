// Package synth makes conversations out of plain text. The number of messages
// of each conversation, and of tokens of each message, is drawn from the
// distributions of a config. It does what the generator in vLLM's
// benchmarks/multi_turn does, "the reference" below: it gives the same bytes
// for the same config, text, seed and tokenizer.
//
// # The config
//
// A config is a JSON object, read by package field.
//
//	{
//	    "filetype": "generate_conversations",
//	    "num_conversations": 24,
//	    "text_files": ["pg1184.txt"],
//	    "print_stats": false,
//	    "prompt_input": {
//	        "num_turns": {"distribution": "uniform", "min": 12, "max": 18},
//	        "common_prefix_num_tokens": {"distribution": "constant", "value": 500},
//	        "prefix_num_tokens": {"distribution": "lognormal", "average": 1000, "max": 5000},
//	        "num_tokens": {"distribution": "uniform", "min": 120, "max": 160}
//	    },
//	    "prompt_output": {
//	        "num_tokens": {"distribution": "uniform", "min": 80, "max": 120}
//	    }
//	}
//
//	filetype                  "generate_conversations"; required
//	num_conversations         an integer above 0; required
//	text_files                a list of one or more file names; required
//	print_stats               whether to print statistics of what was made; false if absent
//	prompt_input              required, with
//	  num_turns               messages of a conversation, both sides counted; at least 2, made even; required
//	  num_tokens              tokens of a user message; required
//	  prefix_num_tokens       tokens that only this conversation's first message begins with; required
//	  common_prefix_num_tokens  tokens that the first message of all conversations begins with; 0 if absent
//	prompt_output             required, with
//	  num_tokens              tokens of an answer; required
//	fillers                   texts of user messages that are not from the files; optional, with
//	  salt                    begins every message; "{number} is a nice number... " if absent
//	  prefix                  stands before prefix_num_tokens; "{number}, " if absent
//	  instruction             stands before the text that is cut for the message; "Please rewrite
//	                          the following text and add more content: " if absent
//
// Each of prompt_input and prompt_output holds distributions; package dist
// lists them. Turns and prefixes must be whole numbers (a real number of tokens
// is truncated). num_turns counts messages; the name is the reference's. In
// fillers, which the reference does not know, {number} is the number of the
// conversation, c below. Any other key is an error. Config.JSON writes a config
// with all its defaults.
//
// # What is made
//
// The text files are read with universal newlines (CR LF and CR become LF; a
// byte order mark stays) and tokenized one by one, without special tokens, into
// one list S. Decode below decodes a run of S. Its text nearly always has as
// many tokens as the run.
//
// All draws come from one stream (pyrand.Numpy) with the seed, in this order:
//
//  1. num_turns, once for each conversation. Below 2 becomes 2, then odd becomes
//     even.
//  2. prefix_num_tokens, once for each conversation.
//  3. common_prefix_num_tokens, once: P. If it is above 0 the common text is
//     Decode(S[0:P-2]) and a full stop, and the place B in S is P; else there is
//     no common text and B is 0. (P = 1 makes the end -1, as in Python: all of S
//     but one token.)
//  4. For each conversation c of T turns in order: num_tokens of the input T
//     times, then num_tokens of the output T times, though each is used for every
//     other message only. Inputs are at least the tokens of the instruction,
//     and like outputs at least 1. M is the largest input.
//
// Message t of conversation c, t from 0:
//
//   - Even, of the user: the salt, at t = 0 behind the common text; then at
//     t = 0, if the conversation's prefix p is above 0, the prefix filler and
//     Decode(S[B:B+p]), after which B moves on by p; then the instruction. What
//     the input leaves after the tokens of the first part and of the instruction,
//     k, is filled from the text: if k is above 0, Decode(S[B+t*M : B+t*M+k]). The
//     prefix p is on top of the input, the common text is not.
//   - Odd, of the assistant: Decode(S[0:output]), the same opening for every
//     answer. It sets a length and is never sent.
//
// After the conversation B moves on by T. Its id is CONV_ID_c. S must be longer
// than the end of each run taken from it, except for the common text.
//
// # Differences from the reference
//
// Unknown keys are errors, and so is everything that ends the reference with an
// exception. A text that is too short is an error before the first
// conversation, not when it runs out. Numbers beyond 2^53 are refused or mean
// "longer than any text"; in the reference they wrap around. Text must be
// UTF-8, whatever the locale. A conversation has at most MaxTurns messages.
// Decoding follows tokenizer.json; Options.CleanUpSpaces removes the spaces
// that transformers up to version 4 removes for some tokenizers.
package synth

// MaxTurns is the largest number of messages that may be drawn for a
// conversation. It is far above real ones, and bounds memory if a distribution
// without a cap draws a huge number.
const MaxTurns = 1 << 20

// Tokenizer is a tokenizer, such as tokenizer.Tokenizer. It must be safe for
// concurrent use.
type Tokenizer interface {
	// Encode returns the ids of text without special tokens around it.
	Encode(text string) []int32
	// Count returns len(Encode(text)).
	Count(text string) int
	// Decode returns the text of ids.
	Decode(ids []int32, skipSpecial bool) string
}
