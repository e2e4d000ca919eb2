package main

import (
	"multiturn/pkg/cli"
	"multiturn/pkg/render"
)

// describeFlags are what the flags of `genconv describe` are bound to.
type describeFlags struct {
	tokenizer string
	model     string
	format    render.Format
	output    string
}

func describeCommand() *cli.Command {
	f := describeFlags{format: render.Text, output: "-"}
	return &cli.Command{
		Name:  "describe",
		Usage: "show what datasets of conversations are like",
		Description: "FILE is a dataset that mtbench or sharegpt2openai reads, of any size, " +
			"packed (.gz, .zst) or not; - is stdin. Conversations with messages are described " +
			"as mtbench plays them, others as sharegpt2openai converts them.\n\n" +
			"The tables have turns, messages and tokens by role and by turn, what first prompts " +
			"share, tools, duplicates, and the longest contexts. Memory does not grow with the " +
			"texts.",
		Args: "FILE...",
		Groups: []cli.Group{
			{Title: "Tokens", Flags: []cli.Flag{
				cli.TokenizerFlag(&f.tokenizer),
				{Name: "model", Short: "m", Essential: true, Value: cli.String(&f.model),
					Usage: "model whose tokenizer to use"},
			}},
			{Title: "Output", Flags: []cli.Flag{
				{Name: "format", Essential: true, Value: cli.Enum(&f.format, render.Formats()...),
					Usage: "form of the output"},
				{Name: "output-file", Short: "o", Essential: true, Aliases: []string{"output"},
					Value: cli.File(&f.output), DefaultText: "stdout", Usage: "output file"},
			}},
		},
		Examples: []cli.Example{
			{About: "how long the contexts of a dataset get",
				Line: "genconv describe conversations.json --model Qwen/Qwen3-8B"},
			{About: "the same for a program",
				Line: "genconv describe sharegpt.json.zst --format json -o dataset.json"},
		},
		Run: f.run,
	}
}
