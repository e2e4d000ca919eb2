package tokenizer

import (
	"fmt"
	"slices"
)

// encoding is what a tiktoken file lacks: how text is split, and the special
// tokens.
type encoding struct {
	name    string
	pattern string
	// sha256 are digests of the files that have this encoding, wherever they lie.
	sha256 []string
	// marks are names of which one is beside the file: a class or module of
	// tokenizer_config.json, the module in a tokenization_*.py, or the model_type of
	// config.json.
	marks []string
	// special returns the special tokens by the number of ranks.
	special func(ranks int) []addedToken
}

// encodings are the known ones. The patterns are those of tiktoken's
// openai_public.py and of the code that the models' repositories have for their
// tokenizers.
var encodings = []encoding{
	{
		name:    O200k,
		pattern: patternO200k,
		sha256:  []string{"446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"},
		special: fixed(o200kSpecials...),
	},
	{
		name:    "cl100k_base",
		pattern: patternTiktokenCL100k,
		sha256:  []string{"223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"},
		special: fixed(
			special(100257, "<|endoftext|>"), special(100258, "<|fim_prefix|>"),
			special(100259, "<|fim_middle|>"), special(100260, "<|fim_suffix|>"),
			special(100276, "<|endofprompt|>")),
	},
	{
		name:    "p50k_base and r50k_base",
		pattern: patternTiktokenR50k,
		sha256: []string{
			"94b5ca7dff4d00767bc256fdd1b27e5b17361d7b8a5f968547f9f23eb70d2069",
			"306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
		},
		special: fixed(special(50256, "<|endoftext|>")),
	},
	{
		name:    "Kimi and Moonlight",
		pattern: patternKimi,
		sha256:  []string{"b6c497a7469b33ced9c38afb1ad6e47f03f5e5dc05f15930799210ec050c5103"},
		marks: []string{"tokenization_kimi", "tokenization_moonshot", "kimi_k2", "kimi_k25",
			"kimi_k3", "kimi_linear", "kimi_vl"},
		special: func(ranks int) (all []addedToken) {
			for id := ranks; id < ranks+256; id++ {
				all = append(all, special(id, fmt.Sprintf("<|reserved_token_%d|>", id)))
			}
			return all
		},
	},
	{
		name:    "Qwen 1",
		pattern: patternCL100kDigits,
		sha256:  []string{"b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186"},
		marks:   []string{"QWenTokenizer", "tokenization_qwen", "qwen"},
		special: inOrder([]string{"<|endoftext|>", "<|im_start|>", "<|im_end|>"},
			numbered("<|extra_%d|>", 0, 205)),
	},
	{
		name:    "GLM-4",
		pattern: patternCL100k,
		marks:   []string{"ChatGLM4Tokenizer"},
		special: fixed(), // tokenizer_config.json has them
	},
	{
		name:    "Llama 3",
		pattern: patternCL100k,
		sha256:  []string{"82e9d31979e92ab929cd544440f129d9ecd797b69e327f80f17e1c50d5551b55"},
		special: inOrder([]string{"<|begin_of_text|>", "<|end_of_text|>",
			"<|reserved_special_token_0|>", "<|reserved_special_token_1|>",
			"<|finetune_right_pad_id|>", "<|step_id|>", "<|start_header_id|>", "<|end_header_id|>",
			"<|eom_id|>", "<|eot_id|>", "<|python_tag|>", "<|image|>"},
			numbered("<|reserved_special_token_%d|>", 2, 244)),
	},
	{
		name:    "Llama 4",
		pattern: patternO200k,
		sha256:  []string{"d0bdbaf59b0762c8c807617e2d8ea51420eb1b1de266df2495be755c8e0ed6ed"},
		special: inOrder([]string{"<|begin_of_text|>", "<|end_of_text|>", "<|fim_prefix|>",
			"<|fim_middle|>", "<|fim_suffix|>", "<|header_start|>", "<|header_end|>", "<|eom|>",
			"<|eot|>", "<|step|>"},
			numbered("<|text_post_train_reserved_special_token_%d|>", 0, 6),
			[]string{"<|python_start|>", "<|python_end|>", "<|finetune_right_pad|>"},
			numbered("<|text_post_train_reserved_special_token_%d|>", 8, 61),
			[]string{"<|image_start|>", "<|image_end|>"},
			numbered("<|vision_reserved_special_token_%d|>", 0, 2),
			[]string{"<|tile_x_separator|>", "<|tile_y_separator|>"},
			numbered("<|vision_reserved_special_token_%d|>", 2, 4),
			[]string{"<|image|>", "<|vision_reserved_special_token_6|>", "<|patch|>"},
			numbered("<|vision_reserved_special_token_%d|>", 7, 1041),
			numbered("<|reasoning_reserved_special_token_%d|>", 0, 8),
			[]string{"<|reasoning_thinking_start|>", "<|reasoning_thinking_end|>"},
			numbered("<|reserved_special_token_%d|>", 0, 909)),
	},
}

// o200kSpecials are the special tokens of o200k_base.
var o200kSpecials = []addedToken{
	special(199999, "<|endoftext|>"), special(200018, "<|endofprompt|>"),
}

func special(id int, content string) addedToken {
	return addedToken{ID: uint32(id), Content: content, Special: true}
}

// fixed are special tokens with ids of their own.
func fixed(tokens ...addedToken) func(int) []addedToken {
	return func(int) []addedToken { return slices.Clone(tokens) }
}

// inOrder are special tokens with the ids after the last rank.
func inOrder(parts ...[]string) func(int) []addedToken {
	return func(ranks int) (all []addedToken) {
		for _, name := range slices.Concat(parts...) {
			all = append(all, special(ranks+len(all), name))
		}
		return all
	}
}

func numbered(format string, first, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf(format, first+i))
	}
	return names
}

// encodingOf returns the encoding of a tiktoken file: that of its digest, or else
// the first with a mark beside it.
func encodingOf(digest string, beside *folder) (*encoding, error) {
	for i := range encodings {
		if slices.Contains(encodings[i].sha256, digest) {
			return &encodings[i], nil
		}
	}
	if err := beside.findMarks(); err != nil {
		return nil, err
	}
	for i := range encodings {
		if slices.ContainsFunc(encodings[i].marks, beside.has) {
			return &encodings[i], nil
		}
	}
	return nil, errNoPattern
}
