package synth

import (
	_ "embed"
	"math"

	"multiturn/internal/field"
	"multiturn/pkg/dist"
)

// Config describes the conversations to make. The package comment has its
// format.
type Config struct {
	NumConversations int
	TextFiles        []string
	PrintStats       bool
	NumTurns         dist.Distribution
	InputTokens      dist.Distribution
	PrefixTokens     dist.Distribution
	CommonPrefix     dist.Distribution
	OutputTokens     dist.Distribution
	Fillers          Fillers
}

// FileType is the value of the key filetype of a config.
const FileType = "generate_conversations"

// Reference is the example config of the reference: 24 conversations of 12 to
// 18 messages from The Count of Monte Cristo (pg1184.txt of Project Gutenberg).
//
//go:embed reference.json
var Reference []byte

// Parse reads a config. The error has a line for each field that is wrong.
func Parse(text []byte) (*Config, error) {
	o, err := field.Parse(text, "")
	if err != nil {
		return nil, err
	}
	o.Only("filetype", "num_conversations", "text_files", "print_stats", "prompt_input",
		"prompt_output", "fillers")
	if name, ok := o.Text("filetype"); !ok || name != FileType {
		o.Refuse("filetype", `"`+FileType+`"`)
	}
	c := &Config{CommonPrefix: dist.Constant{}, Fillers: ReferenceFillers}
	n, ok := o.Number("num_conversations")
	if !ok || n.Real || n.Value < 1 || n.Value > math.MaxInt32 ||
		o.Holds("num_conversations") == "true" {
		o.Refuse("num_conversations", "a whole number from 1 to 2147483647")
	}
	c.NumConversations = int(n.Value)
	if c.TextFiles, ok = o.Texts("text_files"); !ok || len(c.TextFiles) == 0 {
		o.Refuse("text_files", `a list of one or more file names: ["book.txt"]`)
	}
	if o.Has("print_stats") {
		if c.PrintStats, ok = o.Bool("print_stats"); !ok {
			o.Refuse("print_stats", "true or false")
		}
	}
	if in := o.Object("prompt_input",
		"an object with num_turns, num_tokens and prefix_num_tokens"); in != nil {
		in.Only("num_turns", "num_tokens", "prefix_num_tokens", "common_prefix_num_tokens")
		c.NumTurns = whole(in, "num_turns", false)
		c.InputTokens = distribution(in, "num_tokens")
		c.PrefixTokens = whole(in, "prefix_num_tokens", true)
		if in.Has("common_prefix_num_tokens") {
			c.CommonPrefix = whole(in, "common_prefix_num_tokens", true)
		}
	}
	if out := o.Object("prompt_output", "an object with num_tokens"); out != nil {
		out.Only("num_tokens")
		c.OutputTokens = distribution(out, "num_tokens")
	}
	if o.Has("fillers") {
		c.Fillers.parse(o)
	}
	if err := o.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

func distribution(o *field.Object, key string) dist.Distribution {
	if d := o.Object(key, `a distribution: {"distribution": "uniform", "min": 1, "max": 9}`); d != nil {
		return dist.Parse(d)
	}
	return nil
}

// whole reads a distribution of whole numbers. The reference ends with an
// exception for others, but checks prefixes only if they are above 0.
func whole(o *field.Object, key string, none bool) dist.Distribution {
	d := distribution(o, key)
	if d == nil || d.Whole() {
		return d
	}
	if c, ok := d.(dist.Constant); ok && none && !c.Text && c.Value <= 0 {
		return d
	}
	o.Notef(key, "holds %s, which gives reals or text, "+
		"want a distribution of whole numbers (write 3, not 3.0 or \"3\")", o.Holds(key))
	return nil
}
