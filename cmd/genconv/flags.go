package main

import (
	"multiturn/pkg/cli"
	"multiturn/pkg/synth"
)

// flags are what the flags are bound to.
type flags struct {
	texts         []string
	conversations int
	options       synth.Options

	tokenizer string
	model     string

	printConfig bool

	output     string
	format     string
	printStats bool
}

func (f *flags) groups() []cli.Group {
	f.output = "-"
	return []cli.Group{
		{Title: "Conversations", Flags: []cli.Flag{
			{Name: "text", Essential: true, Value: cli.Files(&f.texts), DefaultText: "the config's",
				Usage: "text to cut conversations from, in UTF-8; - is stdin; repeatable"},
			{Name: "num-conversations", Essential: true, Value: cli.Int(&f.conversations, 1),
				DefaultText: "the config's", Usage: "number of conversations"},
			{Name: "print-config", Essential: true, Value: cli.Bool(&f.printConfig),
				Usage: "write the config in effect instead of conversations; change it and give it as CONFIG"},
			{Name: "seed", Essential: true, Value: cli.Int(&f.options.Seed),
				Usage: "seed of every random draw, as the reference's --seed"},
		}},
		{Title: "Tokens", Flags: []cli.Flag{
			cli.TokenizerFlag(&f.tokenizer),
			{Name: "model", Short: "m", Essential: true, Value: cli.String(&f.model),
				Usage: "model whose tokenizer to use"},
			{Name: "clean-up-spaces", Value: cli.Bool(&f.options.CleanUpSpaces),
				Usage: "remove spaces before punctuation when cutting text, " +
					"as transformers 4 did for Llama 3"},
		}},
		{Title: "Output", Flags: []cli.Flag{
			{Name: "output-file", Short: "o", Essential: true, Aliases: []string{"output"},
				Value: cli.File(&f.output), DefaultText: "stdout",
				Usage: "output file: .json is an array as the reference writes it, " +
					".jsonl is lines; with .gz or .zst it is compressed"},
			{Name: "format", Value: cli.Enum(&f.format, "json", "jsonl"),
				DefaultText: "by the name; stdout jsonl", Usage: "array or lines"},
			{Name: "print-stats", Essential: true, Value: cli.Bool(&f.printStats),
				Usage: "print the reference's tables of turns and tokens on stderr"},
		}},
	}
}
