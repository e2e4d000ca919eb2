package cli

import (
	"math"
	"os"
	"slices"
	"strings"
)

// argLine is a list of arguments, taken apart.
type argLine struct {
	leaf  *Command // the root, the subcommand named, or the default one
	named bool     // a subcommand was named
	// flags are --name=value in their order, args the positional arguments.
	flags, args []string
	literal     bool // -- ended the flags
	// assigned is what the first of args stands for if it was meant as the
	// value of the switch before it: --name=false.
	assigned string
	// stop is the name of a flag that ends the reading (see stops), stopValue
	// the value it was given; or namesWord and the names.
	stop, stopValue string
}

// sorted returns the list that urfave reads: flags first, since it stops at the
// first word that is not one.
func (l *argLine) sorted(root *Command) []string {
	out := []string{root.Name}
	if l.leaf != root {
		out = append(out, l.leaf.Name)
	}
	return slices.Concat(out, l.flags, []string{"--"}, l.args)
}

// sortArgs finds the subcommand, writes every flag in its full form, and parts
// flags from positional arguments. It checks only what it must know for that:
// that a flag exists, and has a value if it takes one.
func sortArgs(root *Command, words []string) (argLine, error) {
	l := argLine{leaf: root}
	if len(root.Commands) > 0 {
		var at int
		if l.leaf, at = pickCommand(root, words); l.leaf == nil { // help [COMMAND]
			return helpFor(root, words[at:])
		}
		if l.named = at >= 0; l.named {
			words = slices.Delete(slices.Clone(words), at, at+1)
		}
	}
	if err := l.read(root, words); err != nil || l.stop != "" {
		return l, err
	}
	if l.leaf.Run == nil {
		if len(l.args) > 0 {
			return l, noCommand(root, l.args[0])
		}
		return l, UsageErrorf("name a command: %s", orList(root.commandNames()))
	}
	if l.asksHelp() {
		l.stop = "help"
		return l, nil
	}
	return l, l.strayWord(root)
}

// asksHelp reports whether the only argument is the word help, and not a file.
func (l *argLine) asksHelp() bool {
	return !l.literal && len(l.args) == 1 && l.args[0] == "help" && !looksLikeFile("help")
}

// read parts the words into flags and arguments.
func (l *argLine) read(root *Command, words []string) error {
	t := newFlagTable(l.leaf)
	before := "" // the switch that stands before the word
	for i := 0; i < len(words) && l.stop == ""; i++ {
		word := words[i]
		if word == "--" {
			l.args, l.literal = append(l.args, words[i+1:]...), true
			break
		}
		if !t.isFlag(word) {
			if len(l.args) == 0 && before != "" && Bool(new(bool)).Set(word) == nil {
				l.assigned = before + "=" + word
			}
			l.args, before = append(l.args, word), ""
			continue
		}
		found, err := t.read(word)
		if err != nil {
			return unknownElsewhere(root, l.leaf, word, err)
		}
		before = ""
		for _, g := range found {
			if g.needsValue() {
				if g.value, err = t.valueOf(g.flag, words[i+1:]); err != nil {
					return err
				}
				i++
			} else if !g.hasValue {
				g.value, before = "true", "--"+g.flag.Name
			}
			if err := l.add(g); err != nil || l.stop != "" {
				return err
			}
		}
	}
	return nil
}

// valueOf returns the value of a flag, which is the first of the words that
// follow it.
func (t *flagTable) valueOf(f *Flag, words []string) (string, error) {
	switch {
	case len(words) == 0 || words[0] == "--":
		return "", UsageErrorf("flag --%s needs a value: --%s %s", f.Name, f.Name, f.meta())
	case t.has(words[0]):
		return "", UsageErrorf("flag --%s needs a value, but the flag %s follows"+
			" (write --%s=%s if that is the value)", f.Name, words[0], f.Name, words[0])
	}
	return words[0], nil
}

// add adds a flag to the line, or notes that it ends the reading.
func (l *argLine) add(g givenFlag) error {
	name := g.flag.Name
	if g.flag.Names != nil && g.value == namesWord {
		l.stop, l.stopValue = namesWord, strings.Join(g.flag.Names(), "\n")
		return nil
	}
	if !stops(name) || g.value == "false" {
		l.flags = append(l.flags, "--"+name+"="+g.value)
		return nil
	}
	l.stop, l.stopValue = name, g.value
	if name == "completion" {
		if err := g.flag.Value.Set(g.value); err != nil {
			return UsageErrorf("flag --completion: %q %w", g.value, err)
		}
	}
	return nil
}

// strayWord returns the error for a word given to a command that takes only
// flags, if more can be said about it than that.
func (l *argLine) strayWord(root *Command) error {
	if l.leaf.Args != "" || len(l.args) == 0 {
		return nil
	}
	word, what := l.args[0], "unexpected argument"
	unnamed := len(root.Commands) > 0 && !l.named
	if unnamed {
		what = "no command"
	}
	switch {
	case l.assigned != "":
		return UsageErrorf("%s %q; a switch takes its value with =: %s", what, word, l.assigned)
	case root.Stray != "" && l.leaf.Name == root.Default && looksLikeFile(word):
		return UsageErrorf("%s %q; %s", what, word, root.Stray)
	case unnamed:
		names := strings.Join(root.commandNames(), ", ")
		return UsageErrorf("%w (the commands are %s)", noCommand(root, word), names)
	}
	return nil
}

func noCommand(root *Command, word string) error {
	return UsageErrorf("no command %q%s", word, didYouMean(word, root.commandNames(), ""))
}

// looksLikeFile reports whether the word is more likely a file's name than a
// command's.
func looksLikeFile(word string) bool {
	if word == "-" || strings.ContainsAny(word, "./") {
		return true
	}
	_, err := os.Stat(word)
	return err == nil
}

// helpFor returns what the word help asks for; words begin with it.
func helpFor(root *Command, words []string) (argLine, error) {
	l := argLine{leaf: root.fallback(), stop: "help"}
	if len(words) > 1 {
		if l.leaf, l.named = root.command(words[1]), true; l.leaf == nil {
			return l, noCommand(root, words[1])
		}
	}
	return l, nil
}

// pickCommand finds the subcommand and its place among the words. Without one
// (place -1) it is the default, or the root. The command is nil for the word
// help. Flags may stand before the subcommand, so it must be known which of
// them take a value: the default command's flags say, then any other's.
func pickCommand(root *Command, words []string) (*Command, int) {
	fallback := root.fallback()
	tables := []*flagTable{newFlagTable(fallback)}
	for _, c := range root.Commands {
		tables = append(tables, newFlagTable(c))
	}
	for i := 0; i < len(words) && words[i] != "--"; i++ {
		word := words[i]
		if strings.HasPrefix(word, "-") && word != "-" {
			if takesNext(tables, word) {
				i++
			}
			continue
		}
		if c := root.command(word); c != nil {
			return c, i
		}
		if word == "help" {
			return nil, i
		}
		break
	}
	return fallback, -1
}

// takesNext reports whether the first table that knows the flag gives it the
// next word as its value.
func takesNext(tables []*flagTable, word string) bool {
	for _, t := range tables {
		if found, err := t.read(word); err == nil {
			return found[len(found)-1].needsValue()
		}
	}
	return false
}

// unknownElsewhere adds to the error of an unknown flag which other subcommand
// has it.
func unknownElsewhere(root, leaf *Command, word string, err error) error {
	for _, c := range root.Commands {
		if c != leaf && newFlagTable(c).has(word) {
			name, _, _ := strings.Cut(word, "=")
			return UsageErrorf("%s is not a flag of %s %s but of %s %s",
				name, root.Name, leaf.Name, root.Name, c.Name)
		}
	}
	return err
}

// checkArgs checks the number of positional arguments against what the command
// takes.
func checkArgs(name, spec string, args []string) error {
	names := strings.Fields(spec)
	most, least := len(names), 0
	for i, n := range names {
		if !strings.HasPrefix(n, "[") {
			least = i + 1
		}
		if strings.Contains(n, "...") {
			most = math.MaxInt
		}
	}
	switch {
	case len(args) < least:
		missing := strings.TrimSuffix(names[len(args)], "...")
		return UsageErrorf("%s is missing (usage: %s [flags] %s)", missing, name, spec)
	case len(args) > most && most == 0:
		return UsageErrorf("unexpected argument %q (%s takes flags only; see %s --help)",
			args[0], name, name)
	case len(args) > most:
		return UsageErrorf("unexpected argument %q (usage: %s [flags] %s)", args[most], name, spec)
	}
	return nil
}
