package main

import "multiturn/pkg/cli"

type flags struct {
	texts         []string
	conversations int
	seed          uint32

	tokenizer string
	model     string
	cleanUp   bool

	output     string
	format     format
	printStats bool
}

// format overrides what the output's name says.
type format string

const (
	formatJSON  format = "json"
	formatJSONL format = "jsonl"
)

func (f *flags) groups() []cli.Group {
	f.output = "-"
	return []cli.Group{
		{Title: "Conversations", Flags: []cli.Flag{
			{Name: "text", Value: cli.Files(&f.texts), DefaultText: "the config's", Usage: "text to cut them from, in UTF-8; - is stdin. Once for each file"},
			{Name: "num-conversations", Value: cli.Int(&f.conversations, 1), DefaultText: "the config's", Usage: "how many to make"},
			{Name: "seed", Value: cli.Int(&f.seed), Usage: "seed of all that is random, as the reference's --seed"},
		}},
		{Title: "Tokens", Flags: []cli.Flag{
			cli.TokenizerFlag(&f.tokenizer),
			{Name: "model", Short: "m", Value: cli.String(&f.model), Usage: "model whose tokenizer to use"},
			{Name: "clean-up-spaces", Value: cli.Bool(&f.cleanUp), Usage: "remove spaces before punctuation when cutting text, as transformers 4 did for Llama 3"},
		}},
		{Title: "Output", Flags: []cli.Flag{
			{Name: "output-file", Short: "o", Aliases: []string{"output"}, Value: cli.File(&f.output), DefaultText: "stdout", Usage: "where to write: an array to .json as the reference does, lines to .jsonl; .gz packs either"},
			{Name: "format", Value: cli.Enum(&f.format, formatJSON, formatJSONL), DefaultText: "by the name; stdout jsonl", Usage: "array or lines"},
			{Name: "print-stats", Value: cli.Bool(&f.printStats), Usage: "print the reference's tables of turns and tokens on stderr"},
		}},
	}
}
