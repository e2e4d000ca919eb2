package cli

import (
	"embed"
	"fmt"
	"io"
	"strings"
)

// completeWord asks, as the first argument, for what may come next: the words
// typed so far follow it, the last of them unfinished. The answer is one
// candidate a line, with a tab and an explanation where there is one, or the
// line filesWord where a file name is wanted. Only the scripts below completion
// speak this way with a command.
const (
	completeWord = "__complete"
	filesWord    = ":files"
)

//go:embed completion
var completionScripts embed.FS

// writeCompletion writes the script that makes a shell ask the command for
// candidates.
func writeCompletion(w io.Writer, name, shell string) error {
	script, err := completionScripts.ReadFile("completion/" + shell)
	if err != nil {
		return err
	}
	fill := strings.NewReplacer(
		"@PROG@", name, "@FUNC@", "_"+strings.ToLower(envName(name, "complete")),
		"@WORD@", completeWord, "@FILES@", filesWord)
	_, err = fill.WriteString(w, string(script))
	return err
}

// completer answers one request for candidates.
type completer struct {
	w    io.Writer
	root *Command
	leaf *Command
	// named: a subcommand was typed already.
	named bool
	flags *flagTable
	last  string // the unfinished word
}

// complete prints the candidates for the last word. It never fails on what was
// typed: half a line is half wrong.
func complete(w io.Writer, root *Command, words []string) error {
	if len(words) == 0 {
		words = []string{""}
	}
	typed, last := words[:len(words)-1], words[len(words)-1]
	c := completer{w: w, root: root, leaf: root, last: last}
	if len(root.Commands) > 0 {
		leaf, at := pickCommand(root, typed)
		if c.named = at >= 0 && leaf != nil; leaf != nil {
			c.leaf = leaf
		}
	}
	c.flags = newFlagTable(c.leaf)
	c.print(typed)
	return nil
}

func (c *completer) print(typed []string) {
	for _, word := range typed {
		if word == "--" { // only arguments follow
			c.files()
			return
		}
	}
	if f := c.flags.wantsValue(typed); f != nil {
		c.values(f, "")
		return
	}
	name, _, assigned := strings.Cut(c.last, "=")
	switch {
	case assigned && strings.HasPrefix(c.last, "--"):
		if f := c.flags.long[name[2:]]; f != nil {
			c.values(f, name+"=")
		}
	case strings.HasPrefix(c.last, "-") && c.last != "-":
		c.names()
	default:
		c.arguments()
	}
}

// arguments offers what may stand where no flag has been begun.
func (c *completer) arguments() {
	if len(c.root.Commands) > 0 && !c.named {
		for _, s := range c.root.Commands {
			c.offer(s.Name, s.Usage)
		}
	}
	if c.leaf.Args != "" {
		c.files()
	}
	if c.last == "" || c.last == "-" {
		c.names()
	}
}

// names offers flags.
func (c *completer) names() {
	for _, n := range c.flags.names {
		c.offer("--"+n, firstSentence(c.flags.long[n].Usage))
	}
}

// values offers the values of a flag, each after the prefix.
func (c *completer) values(f *Flag, prefix string) {
	choices := f.choices()
	for _, v := range choices {
		c.offer(prefix+v, "")
	}
	if choices == nil && strings.Contains(f.meta(), "FILE") {
		c.files()
	}
}

func (c *completer) offer(word, about string) {
	if strings.HasPrefix(word, c.last) {
		fmt.Fprintf(c.w, "%s\t%s\n", word, about)
	}
}

func (c *completer) files() { fmt.Fprintln(c.w, filesWord) }

func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	s, _, _ = strings.Cut(s, "; ")
	return s
}
