// Package tokenizer turns text into the token ids of a model and back, exactly
// as the library does it that the model's file is made for:
//
//	tokenizer.json      Hugging Face's tokenizers
//	tekken.json         mistral-common, whose files these are
//	tiktoken.model      tiktoken: lines of a token in base64 and its rank. Also NAME.tiktoken, and a
//	                    tokenizer.model of this form, as of Llama 3
//
// [Load] reads a folder or a file, [Parse] the bytes of a JSON file. A folder
// with several is read by the first in this order. [O200kBase] is embedded and
// needs no file. Package hub finds a tokenizer by the name of its model.
//
// # tekken.json
//
// Versions v1 to v15. The special tokens have the first ids. As in
// mistral-common they are not found in text: "</s>" is the four characters.
//
// # tiktoken files
//
// They lack the pattern that splits text, and the special tokens. Both follow
// from the model, which is known by the first of these:
//
//  1. the SHA-256 of the file: cl100k_base, o200k_base, p50k_base, r50k_base,
//     and the files of Kimi K2, Qwen 1, Llama 3 and Llama 4
//  2. beside it, the class or module in tokenizer_config.json, the name of
//     tokenization_*.py, or the model_type in config.json: Kimi, Moonlight,
//     Qwen 1 and GLM-4
//
// If neither shows it the file is an error, because another pattern would give
// other counts. Special tokens in the text are found (tiktoken's
// allowed_special="all"); added_tokens_decoder of tokenizer_config.json names
// them. The code of some models cuts texts of more than 400,000 characters, and
// runs of more than 25,000 without white space, before tiktoken sees them. This
// package does not.
//
// # What is implemented of tokenizer.json
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
// 3, gpt-oss, DeepSeek V3, Mistral, Kimi and of OpenAI's vocabularies are matched
// by code written for them; others by a general engine, several times slower.
//
// # What exact means
//
// The references are tokenizers 0.23.2, mistral-common 1.13.1 and tiktoken
// 0.14.0; make oracle compares ids, counts and decoded text with them. Their
// regular expressions use Unicode 16 and the normal forms Unicode 9, and so do
// those here, whatever Go's version.
// Bytes that are not valid UTF-8 are replaced first, as Python does.
// transformers 5 overrides the tokenizer.json of some models; this package does
// not.
//
// # What is missing
//
// Chat templates; the special tokens around a text (SpecialTokensAdded is their
// number); truncation and padding; Unigram and WordPiece models;
// SentencePiece's tokenizer.model; GGUF files.
package tokenizer
