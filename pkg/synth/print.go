package synth

import (
	"bytes"
	"encoding/json"

	"multiturn/pkg/dist"
)

// JSON returns the config as Parse reads it, with all that it leaves to
// defaults. Parse makes the same Config of it.
func (c *Config) JSON() ([]byte, error) {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", "    ")
	e.SetEscapeHTML(false)
	err := e.Encode(struct {
		FileType         string   `json:"filetype"`
		NumConversations int      `json:"num_conversations"`
		TextFiles        []string `json:"text_files"`
		PrintStats       bool     `json:"print_stats"`
		Input            any      `json:"prompt_input"`
		Output           any      `json:"prompt_output"`
		Fillers          Fillers  `json:"fillers"`
	}{
		FileType, c.NumConversations, c.TextFiles, c.PrintStats,
		struct {
			NumTurns     dist.Distribution `json:"num_turns"`
			CommonPrefix dist.Distribution `json:"common_prefix_num_tokens"`
			PrefixTokens dist.Distribution `json:"prefix_num_tokens"`
			InputTokens  dist.Distribution `json:"num_tokens"`
		}{c.NumTurns, c.CommonPrefix, c.PrefixTokens, c.InputTokens},
		struct {
			OutputTokens dist.Distribution `json:"num_tokens"`
		}{c.OutputTokens},
		c.Fillers,
	})
	return text.Bytes(), err
}
