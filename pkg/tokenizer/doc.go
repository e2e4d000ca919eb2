// Package tokenizer turns text into the token ids of a model and back, exactly
// as Hugging Face's tokenizers library does it for the model's tokenizer.json.
//
// [Load] reads a folder or a file, [Parse] the bytes of a file. [O200kBase] is
// embedded and needs no file. Package hub finds a tokenizer by the name of its
// model.
//
// # What is implemented
//
// Models of type BPE, byte-level or of characters, with byte_fallback,
// fuse_unk, unk_token and ignore_merges, and these components:
//
//	normalizers      Sequence, NFC, NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace
//	pre-tokenizers   Sequence, ByteLevel, Split, Digits, Punctuation, Metaspace, Whitespace, WhitespaceSplit,
//	                 BertPreTokenizer, CharDelimiterSplit
//	decoders         Sequence, ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace
//	added tokens     special or not, normalized, lstrip, rstrip, single_word
//
// Anything else is an error that names it, because a count that is nearly right
// is worse than an error. The regular expressions of GPT-2, Llama 3, Qwen 2 and
// 3, gpt-oss and DeepSeek V3 are matched by code written for them; others by a
// general engine, several times slower.
//
// # What exact means
//
// The reference is version 0.23.2 of the library; make oracle compares ids,
// counts and decoded text with it. Its regular expressions use Unicode 16 and
// its normal forms Unicode 9, and so do those here, whatever Go's version.
// Bytes that are not valid UTF-8 are replaced first, as Python does.
// transformers 5 overrides the tokenizer.json of some models; this package does
// not.
//
// # What is missing
//
// Chat templates; the special tokens around a text (SpecialTokensAdded is their
// number); truncation and padding; Unigram and WordPiece models;
// tokenizer.model, tekken.json and tiktoken files.
package tokenizer
