// Command genconv makes conversations out of text: the generator of vLLM's
// benchmarks/multi_turn on its own. The same config, text, seed and tokenizer
// give the same bytes. Package synth documents the config. genconv describe shows
// what a dataset of conversations is like.
package main

import (
	"os"

	"multiturn/pkg/cli"
)

func main() { os.Exit(cli.Main(command(), cli.OS())) }

func command() *cli.Command {
	return &cli.Command{
		Name:  "genconv",
		Usage: "make multi-turn conversations of chosen lengths out of any text",
		Description: about +
			"\n\n`genconv describe FILE` shows what a dataset of conversations is like.",
		Commands: []*cli.Command{makeCommand(), describeCommand()},
		Default:  "make",
	}
}

// about is what --help says of making conversations.
const about = "CONFIG is the generator config of vLLM's benchmarks/multi_turn " +
	"(JSON; - is stdin). Without one it is the reference's generate_multi_turn.json. " +
	"Conversations go to stdout, one a line. The text files that a config names are " +
	"looked for in the working directory, then in the config's folder.\n\n" +
	"User messages have a few words that are not of the text: the number of the " +
	"conversation, so that no two are alike, and an instruction. --print-config shows " +
	"these (fillers) and all lengths; the config can be changed and given back."

func makeCommand() *cli.Command {
	var f flags
	return &cli.Command{
		Name:        "make",
		Usage:       "make multi-turn conversations of chosen lengths out of any text",
		Description: about,
		Args:        "[CONFIG]",
		Groups:      f.groups(),
		Options:     []any{&f.options},
		Examples: []cli.Example{
			{About: "the reference's config on a text of yours",
				Line: "genconv --text book.txt -o conversations.json"},
			{About: "a config to change: lengths, turns, and the words around the text",
				Line: "genconv --text book.txt --print-config -o config.json"},
			{About: "counted in the tokens of the model that is served",
				Line: "genconv --model Qwen/Qwen3-8B config.json"},
			{About: "straight into a run",
				Line: "cat book.txt | genconv --text - | mtbench -i - -m MODEL"},
		},
		Run: f.run,
	}
}
