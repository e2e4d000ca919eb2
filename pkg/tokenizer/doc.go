// Package tokenizer turns text into the token ids of a model and back, exactly as Hugging Face's tokenizers library
// does it for the model's tokenizer.json.
//
// Load reads a folder or a file, Parse the bytes of one. O200kBase is embedded and needs no file. Package hub finds a
// tokenizer by the name of its model.
//
// # What is implemented
//
// Models of type BPE: byte-level or of characters, with byte_fallback, fuse_unk, unk_token and ignore_merges. Around them:
//
//	normalizers      Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace
//	pre-tokenizers   Sequence, ByteLevel, Split, Digits, Punctuation, Metaspace, Whitespace, WhitespaceSplit,
//	                 BertPreTokenizer, CharDelimiterSplit
//	decoders         Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace
//	added tokens     special or not, normalized, lstrip, rstrip, single_word
//
// Anything else is an error that names it: a count that is nearly right is worse than none. Regular expressions of
// Split are matched by code of our own where they are those of GPT-2, Llama 3, Qwen 2 and 3, gpt-oss or DeepSeek V3, and
// else by a general engine, several times slower.
//
// # What exact means
//
// The reference is the library's version 0.23.2; make oracle compares ids, counts and decoded text with it. Its
// regular expressions are of Unicode 16, its normal forms of Unicode 9, and so are ours, whatever Go has. Text that is
// not valid UTF-8 is replaced first, as Python does it. transformers 5 overrides the tokenizer.json of some models: this
// package does not.
//
// # What is not here
//
// Chat templates; the special tokens around a text (SpecialTokensAdded says how many there would be); truncation and
// padding; Unigram and WordPiece models; tokenizer.model, tekken.json and tiktoken files.
package tokenizer
