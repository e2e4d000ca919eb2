// Package tokenizer turns text into the token ids of a model and back, exactly as Hugging Face's tokenizers library
// does it for the model's tokenizer.json.
//
// Load reads a folder or a file, Parse the bytes of one. Supported are BPE models, byte-level or SentencePiece-like,
// with the components that served models have: see the lists in Parse. Anything else is an error that names it:
// a count that is nearly right is worse than none. O200kBase needs no file.
//
// Not here: chat templates, the special tokens around a text (SpecialTokensAdded says how many there would be),
// truncation and padding, Unigram and WordPiece models, and the overrides of transformers 5's AutoTokenizer.
package tokenizer
