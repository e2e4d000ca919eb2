// Command mtbench measures an LLM server with conversations. It replays them turn
// by turn, each with the history of the server's own answers, and reports the
// times of every turn and what the server's KV cache was worth.
package main

import (
	"os"

	"multiturn/pkg/cli"
)

func main() { os.Exit(cli.Main(command(), cli.OS())) }

func command() *cli.Command {
	return &cli.Command{
		Name:  "mtbench",
		Usage: "measure an LLM server, and its KV cache, with multi-turn conversations",
		Description: "Replays conversations against any OpenAI-compatible streaming server and " +
			"measures every turn. Without a subcommand it runs: " +
			"`mtbench -i conversations.json -m MODEL -u URL`.",
		Commands: []*cli.Command{runCommand(), simCommand(), reportCommand(), planCommand()},
		Default:  "run",
		Stray:    "conversations are given with -i FILE",
	}
}
