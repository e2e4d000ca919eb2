package main

import (
	"errors"
	"math/big"

	"multiturn/pkg/cli"
	"multiturn/pkg/sharegpt"
)

// flags are what the flags are bound to.
type flags struct {
	options sharegpt.Options

	model     string
	tokenizer string

	format  string
	rejects string
}

func (f *flags) groups() []cli.Group {
	o := &f.options
	o.Seed, o.Language = new(big.Int), sharegpt.Any
	return []cli.Group{
		{Title: "What to keep", Flags: []cli.Flag{
			{Name: "max-items", Essential: true, Value: cli.OptionalInt(&o.MaxItems, 0), DefaultText: "all",
				Usage: "most conversations; a random sample if there are more"},
			{Name: "min-turns", Essential: true, Value: cli.OptionalInt(&o.MinTurns, 0), DefaultText: "1",
				Usage: "fewest messages of a conversation; a system message does not count"},
			{Name: "max-turns", Essential: true, Value: cli.OptionalInt(&o.MaxTurns, 0), DefaultText: "any",
				Usage: "messages after which a conversation is cut"},
			{Name: "min-content-len", Value: cli.OptionalInt(&o.MinLength, 0), DefaultText: "0",
				Usage: "fewest characters of a message"},
			{Name: "max-content-len", Value: cli.OptionalInt(&o.MaxLength, 0), DefaultText: "any",
				Usage: "most characters of a message"},
			{Name: "language", Essential: true, Value: cli.Parsed(&o.Language, "LANGUAGES",
				sharegpt.ParseLanguage, func(l sharegpt.Language) string { return string(l) }),
				Names: sharegpt.LanguageNames,
				Usage: "which conversations to keep; any; ascii: every message is ASCII only " +
					"(mostly English); " +
					"non-ascii: every message has a character beyond ASCII " +
					"(what the reference keeps); or codes such as zh,en: " +
					"the item's language field is one of them"},
			{Name: "dedup", Essential: true, Value: cli.Bool(&o.Dedup),
				Usage: "leave out conversations whose messages are all equal to those of another"},
			{Name: "keep-odd", Value: cli.Bool(&o.KeepOdd),
				Usage: "keep a question at the end that has no answer"},
			{Name: "separate", Value: cli.Bool(&o.Separate),
				Usage: "do not join items with ids NAME_0, NAME_1, ...: each is a conversation; " +
					"--separate=false joins those of role and content, too"},
			{Name: "seed", Essential: true, Value: cli.Parsed(&o.Seed, "N", parseSeed, (*big.Int).String),
				Usage: "seed of the order and of the sample, as the reference's --seed"},
			{Name: "vllm-parity", Essential: true, Value: cli.Bool(&o.Parity),
				Usage: "do what the reference does, faults included; the same bytes, " +
					"the same text on stdout, the same errors"},
		}},
		{Title: "Statistics", Flags: []cli.Flag{
			{Name: "model", Short: "m", Essential: true, Value: cli.String(&f.model),
				DefaultText: "tokens are not counted",
				Usage:       "model whose tokenizer to use"},
			cli.TokenizerFlag(&f.tokenizer),
		}},
		{Title: "Output", Flags: []cli.Flag{
			{Name: "format", Value: cli.Enum(&f.format, "json", "jsonl"),
				DefaultText: "by the name; stdout jsonl", Usage: "array or lines"},
			{Name: "rejects", Essential: true, Value: cli.File(&f.rejects), DefaultText: "none",
				Usage: "write what was left out, one line each with the reason"},
		}},
	}
}

func parseSeed(s string) (*big.Int, error) {
	n, ok := new(big.Int).SetString(s, 10)
	if !ok {
		return nil, errors.New("is not a whole number")
	}
	return n, nil
}
