package tokenizer

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"multiturn/internal/jsonseq"
)

// tekkenConfig is the config of a tekken.json.
type tekkenConfig struct {
	Pattern  string `json:"pattern"`
	Size     int    `json:"default_vocab_size"` // of the model, special tokens included
	Specials int    `json:"default_num_special_tokens"`
	Version  string `json:"version"`
}

// tekkenVersions are those that mistral-common knows. They differ in chat
// templates, not in the ids of text.
var tekkenVersions = []string{"v1", "v2", "v3", "v7", "v11", "v13", "v15"}

// tekkenSpecials are the special tokens of files without a list of them, up to
// version v7, in the order of their ids.
var tekkenSpecials = []string{"<unk>", "<s>", "</s>", "[INST]", "[/INST]", "[AVAILABLE_TOOLS]",
	"[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]", "[IMG]", "<pad>",
	"[IMG_BREAK]", "[IMG_END]", "[PREFIX]", "[MIDDLE]", "[SUFFIX]", "[SYSTEM_PROMPT]",
	"[/SYSTEM_PROMPT]", "[TOOL_CONTENT]"}

// maxSpecials bounds the memory for special tokens. Mistral's files have 1,000.
const maxSpecials = 1 << 16

// isTekken reports whether the parts of a JSON file are those of a tekken.json.
func isTekken(file map[string][]byte) bool {
	return file["model"] == nil && file["config"] != nil && file["vocab"] != nil
}

// parseTekken makes the tokenizer of a tekken.json. The special tokens have the
// first ids, and the text's tokens those after them. As in mistral-common,
// special tokens are not found in text, and only as many of the vocabulary's
// tokens are used as the model's size has room for.
func parseTekken(file map[string][]byte) (*Tokenizer, error) {
	var c tekkenConfig
	if err := json.Unmarshal(file["config"], &c); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	switch {
	case !slices.Contains(tekkenVersions, c.Version):
		return nil, fmt.Errorf("config: version %q is not supported (only %s are)", c.Version,
			strings.Join(tekkenVersions, ", "))
	case c.Specials < 0 || c.Specials > maxSpecials:
		return nil, fmt.Errorf("config: default_num_special_tokens is %d, "+
			"want 0 to %d", c.Specials, maxSpecials)
	case c.Size <= c.Specials || c.Size > maxIDs:
		return nil, fmt.Errorf("config: default_vocab_size is %d, want more than the %d special "+
			"tokens and at most %d", c.Size, c.Specials, maxIDs)
	}
	t, err := newRanked(c.Pattern, len(file["vocab"])/tekkenEntry)
	if err != nil {
		return nil, fmt.Errorf("config: pattern: %w", err)
	}
	if err := t.addTekkenSpecials(file["special_tokens"], c.Specials); err != nil {
		return nil, fmt.Errorf("special_tokens: %w", err)
	}
	n, err := t.readTekken(file["vocab"], c)
	if err == nil && n < c.Size-c.Specials {
		err = fmt.Errorf("%d tokens, and default_vocab_size needs %d", n, c.Size-c.Specials)
	}
	if err == nil {
		err = t.finishRanked()
	}
	if err != nil {
		return nil, fmt.Errorf("vocab: %w", err)
	}
	t.special = make([]bool, len(t.model.spans))
	for id := range c.Specials {
		t.special[id] = true
	}
	t.added = 1 // <s>
	t.ready()
	return t, nil
}

// tekkenEntry is the fewest bytes of JSON that a token is expected to take.
const tekkenEntry = 80

// readTekken adds the tokens of a vocabulary and returns how many it has.
func (t *Tokenizer) readTekken(vocab []byte, config tekkenConfig) (n int, err error) {
	c := jsonseq.Cursor{Text: vocab, AnyBytes: true}
	var token []byte
	for i := range c.Array {
		if i >= config.Size-config.Specials {
			break
		}
		rank, text := "", []byte(nil)
		for key := range c.Object {
			switch string(key) {
			case "rank":
				rank = string(c.Skip())
			case "token_bytes":
				text = append(text, c.Unquoted()...)
			}
		}
		if c.Err() != nil {
			break
		}
		if rank != strconv.Itoa(i) {
			return 0, fmt.Errorf("item %d: rank %.20s, want %d", i, rank, i)
		}
		if token, err = base64.StdEncoding.AppendDecode(token[:0], text); err == nil {
			err = t.addRanked(token, uint32(config.Specials+i))
		}
		if err != nil {
			return 0, fmt.Errorf("item %d: token_bytes %.100q: %w", i, text, err)
		}
		n = i + 1
	}
	if c.Err() != nil {
		return 0, fmt.Errorf("item %d is not an object of a token: %w", n, c.Err())
	}
	return n, nil
}

// addTekkenSpecials gives the first ids their special tokens.
func (t *Tokenizer) addTekkenSpecials(list []byte, count int) error {
	var special []struct {
		Rank  *int   `json:"rank"`
		Token string `json:"token_str"`
	}
	if list != nil {
		if err := json.Unmarshal(list, &special); err != nil {
			return err
		}
	}
	names := make([]string, count)
	if special == nil {
		copy(names, tekkenSpecials)
	}
	for i, s := range special {
		switch {
		case s.Rank == nil || s.Token == "":
			return fmt.Errorf("item %d has no rank or no token_str", i)
		case *s.Rank < 0 || *s.Rank >= count:
			return fmt.Errorf("item %d: rank %d, want 0 to %d", i, *s.Rank, count-1)
		case names[*s.Rank] != "":
			return fmt.Errorf("item %d: rank %d is already that of %q", i, *s.Rank, names[*s.Rank])
		}
		names[*s.Rank] = s.Token
	}
	for id, name := range names {
		if name == "" {
			name = fmt.Sprintf("<SPECIAL_%d>", id)
		}
		t.model.spell(uint32(id), name)
	}
	return nil
}

// errNotTokenizer is the error of JSON that is no tokenizer.
var errNotTokenizer = errors.New("neither model nor config and vocab are in it: " +
	"this is not a tokenizer.json or a tekken.json")
