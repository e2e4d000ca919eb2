package main

import (
	"errors"
	"math/big"
	"strconv"

	"multiturn/pkg/cli"
	"multiturn/pkg/sharegpt"
)

type flags struct {
	seed      *big.Int
	maxItems  *int
	minTurns  *int
	maxTurns  *int
	minLength *int
	maxLength *int
	language  sharegpt.Language
	keepOdd   bool
	separate  bool
	parity    bool

	model     string
	tokenizer string

	format  string
	rejects string
}

func (f *flags) groups() []cli.Group {
	f.seed = new(big.Int)
	f.language = sharegpt.Any
	return []cli.Group{
		{Title: "What to keep", Flags: []cli.Flag{
			{Name: "max-items", Value: limit(&f.maxItems), DefaultText: "all", Usage: "conversations at most, a random sample if there are more"},
			{Name: "min-turns", Value: limit(&f.minTurns), DefaultText: "1", Usage: "messages that a conversation must have, the system message not counted"},
			{Name: "max-turns", Value: limit(&f.maxTurns), DefaultText: "any", Usage: "messages after which a conversation is cut"},
			{Name: "min-content-len", Value: limit(&f.minLength), DefaultText: "0", Usage: "characters that every message must have"},
			{Name: "max-content-len", Value: limit(&f.maxLength), DefaultText: "any", Usage: "characters that every message may have"},
			{Name: "language", Value: cli.Enum(&f.language, sharegpt.Languages...), Usage: "any; ascii: every message is ASCII only (mostly English); non-ascii: every message has a character beyond (what the reference keeps)"},
			{Name: "keep-odd", Value: cli.Bool(&f.keepOdd), Usage: "keep a question at the end that has no answer"},
			{Name: "separate", Value: cli.Bool(&f.separate), Usage: "do not join items with ids NAME_0, NAME_1, ...: each is a conversation; --separate=false joins those of role and content, too"},
			{Name: "seed", Value: cli.Parsed(&f.seed, "N", parseSeed, (*big.Int).String), Usage: "seed of the order and of the sample, as the reference's --seed"},
			{Name: "vllm-parity", Value: cli.Bool(&f.parity), Usage: "do what the reference does, faults included: the same bytes, the same text on stdout, the same errors"},
		}},
		{Title: "Statistics", Flags: []cli.Flag{
			{Name: "model", Short: "m", Value: cli.String(&f.model), DefaultText: "no tokens", Usage: "model whose tokens to count"},
			cli.TokenizerFlag(&f.tokenizer),
		}},
		{Title: "Output", Flags: []cli.Flag{
			{Name: "format", Value: cli.Enum(&f.format, "json", "jsonl"), DefaultText: "by the name; stdout jsonl", Usage: "array or lines"},
			{Name: "rejects", Value: cli.File(&f.rejects), DefaultText: "none", Usage: "where to write what was left out, a line each with the reason"},
		}},
	}
}

// limit is a whole number that may be unset.
func limit(p **int) cli.Value {
	return cli.Parsed(p, "N", func(s string) (*int, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return nil, errors.New("is not a whole number from 0")
		}
		return &n, nil
	}, func(n *int) string {
		if n == nil {
			return ""
		}
		return strconv.Itoa(*n)
	})
}

func parseSeed(s string) (*big.Int, error) {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return nil, errors.New("is not a whole number")
	}
	return n, nil
}
