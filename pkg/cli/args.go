package cli

import (
	"os"
	"slices"
	"strings"
)

// argLine is a list of arguments, taken apart.
type argLine struct {
	leaf  *Command // the command that is meant: the root, the subcommand named, or the default one
	named bool     // a subcommand was named
	// flags are --name=value in their order, args the positional arguments.
	flags, args []string
	// assigned is what the first of args stands for if it was meant as the value of the switch before it (--name=false).
	assigned string
	// stop is the name of a flag that ends everything (see stops), stopValue what it was given.
	stop, stopValue string
}

// sorted is the argument list that urfave reads: it stops at the first word that is not a flag, so flags come first.
func (l *argLine) sorted(root *Command) []string {
	out := []string{root.Name}
	if l.leaf != root {
		out = append(out, l.leaf.Name)
	}
	out = append(append(out, l.flags...), "--")
	return append(out, l.args...)
}

// sortArgs finds the subcommand, puts every flag in its full form and parts flags from positional arguments. It checks
// only what it must know for that: that a flag exists and has a value where it takes one.
func sortArgs(root *Command, words []string) (argLine, error) {
	l := argLine{leaf: root}
	if len(root.Commands) > 0 {
		var at int
		l.leaf, at = pickCommand(root, words)
		if at >= 0 {
			l.named = true
			words = slices.Delete(slices.Clone(words), at, at+1)
		}
		if l.leaf == nil { // help [COMMAND]
			return helpFor(root, words[at:])
		}
	}
	t := newFlagTable(l.leaf)
	behind := "" // the switch that the word stands behind
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "--" {
			l.args = append(l.args, words[i+1:]...)
			break
		}
		if !looksLikeFlag(word, t) {
			if len(l.args) == 0 && behind != "" && Bool(new(bool)).Set(word) == nil {
				l.assigned = behind + "=" + word
			}
			l.args, behind = append(l.args, word), ""
			continue
		}
		behind = ""
		found, err := t.read(word)
		if err != nil {
			return l, unknownElsewhere(root, l.leaf, word, err)
		}
		for _, g := range found {
			switch {
			case g.hasValue:
			case g.flag.isSwitch():
				g.value, behind = "true", "--"+g.flag.Name
			case i+1 == len(words) || words[i+1] == "--":
				return l, UsageErrorf("flag --%s needs a value: --%s %s", g.flag.Name, g.flag.Name, g.flag.meta())
			case t.has(words[i+1]):
				return l, UsageErrorf("flag --%s needs a value, but the flag %s follows (write --%s=%s if that is the value)",
					g.flag.Name, words[i+1], g.flag.Name, words[i+1])
			default:
				i++
				g.value = words[i]
			}
			if stops(g.flag.Name) && g.value != "false" {
				l.stop, l.stopValue = g.flag.Name, g.value
				if g.flag.Name == "completion" {
					if err := g.flag.Value.Set(g.value); err != nil {
						return l, UsageErrorf("flag --completion: %q %w", g.value, err)
					}
				}
				return l, nil
			}
			l.flags = append(l.flags, "--"+g.flag.Name+"="+g.value)
		}
	}
	if l.leaf.Run == nil {
		if len(l.args) > 0 {
			return l, UsageErrorf("no command %q%s", l.args[0], didYouMean(l.args[0], root.commandNames(), ""))
		}
		return l, UsageErrorf("name a command: %s", orList(root.commandNames()))
	}
	return l, l.strayWord(root)
}

// strayWord is the error of a word given to a command that takes flags only, where more can be said of it than that.
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
		return UsageErrorf("no command %q%s (the commands are %s)", word,
			didYouMean(word, root.commandNames(), ""), strings.Join(root.commandNames(), ", "))
	}
	return nil
}

// looksLikeFile says whether the word is more likely a file's name than a command's.
func looksLikeFile(word string) bool {
	if word == "-" || strings.ContainsAny(word, "./") {
		return true
	}
	_, err := os.Stat(word)
	return err == nil
}

// helpFor is what the word help asks for, with the words behind it.
func helpFor(root *Command, words []string) (argLine, error) {
	l := argLine{leaf: root, stop: "help"}
	if d := root.command(root.Default); d != nil {
		l.leaf = d
	}
	if len(words) > 0 {
		if l.leaf, l.named = root.command(words[0]), true; l.leaf == nil {
			return l, UsageErrorf("no command %q%s", words[0], didYouMean(words[0], root.commandNames(), ""))
		}
	}
	return l, nil
}

// pickCommand finds the subcommand and its place among the words; without one (place -1) it is the default, or the
// root. The command is nil for the word help. Flags may stand before it, so which of them take a value must be known
// already: the default command's say, then any other's.
func pickCommand(root *Command, words []string) (*Command, int) {
	fallback := root
	if d := root.command(root.Default); d != nil {
		fallback = d
	}
	tables := []*flagTable{newFlagTable(fallback)}
	for _, c := range root.Commands {
		tables = append(tables, newFlagTable(c))
	}
next:
	for i := 0; i < len(words); i++ {
		word := words[i]
		if word == "--" {
			break
		}
		if !strings.HasPrefix(word, "-") || word == "-" {
			if c := root.command(word); c != nil {
				return c, i
			}
			if word == "help" {
				return nil, i
			}
			break
		}
		for _, t := range tables {
			if found, err := t.read(word); err == nil {
				if g := found[len(found)-1]; !g.hasValue && !g.flag.isSwitch() {
					i++
				}
				continue next
			}
		}
	}
	return fallback, -1
}

func (c *Command) command(name string) *Command {
	for _, s := range c.Commands {
		if s.Name == name {
			return s
		}
	}
	return nil
}

func (c *Command) commandNames() []string {
	var names []string
	for _, s := range c.Commands {
		names = append(names, s.Name)
	}
	return names
}

// flagTable finds the flags of one command by any of their names.
type flagTable struct {
	long, short map[string]*Flag
	names       []string // of the flags that are shown
}

func newFlagTable(c *Command) *flagTable {
	t := &flagTable{long: map[string]*Flag{}, short: map[string]*Flag{}}
	for _, g := range append(append([]Group(nil), c.Groups...), commonGroup(new(common))) {
		for i := range g.Flags {
			f := &g.Flags[i]
			for _, n := range append([]string{f.Name}, f.Aliases...) {
				if t.long[n] != nil {
					panic("cli: " + c.Name + " declares --" + n + " twice")
				}
				t.long[n] = f
			}
			if f.Short != "" {
				if t.short[f.Short] != nil {
					panic("cli: " + c.Name + " declares -" + f.Short + " twice")
				}
				t.short[f.Short] = f
			}
			if !f.Hidden {
				t.names = append(t.names, f.Name)
			}
		}
	}
	return t
}

// givenFlag is a flag as it stands on a line.
type givenFlag struct {
	flag     *Flag
	value    string
	hasValue bool
}

// read takes one word apart: --name, --name=value, -name, -n, -n=value, -nvalue, or joined switches, of which the last
// may take a value.
func (t *flagTable) read(word string) ([]givenFlag, error) {
	name, val, has := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(word, "-"), "-"), "=")
	if f := t.long[name]; f != nil {
		return []givenFlag{{f, val, has}}, nil
	}
	if f := t.short[name]; f != nil {
		return []givenFlag{{f, val, has}}, nil
	}
	if !strings.HasPrefix(word, "--") {
		if found := t.joined(word[1:]); found != nil {
			return found, nil
		}
	}
	return nil, UsageErrorf("unknown flag %s%s", strings.TrimSuffix(word, "="+val), didYouMean(name, t.names, "--"))
}

func (t *flagTable) joined(letters string) []givenFlag {
	var found []givenFlag
	for i, r := range letters {
		f := t.short[string(r)]
		if f == nil {
			return nil
		}
		if !f.isSwitch() {
			if rest := letters[i+len(string(r)):]; rest != "" {
				return append(found, givenFlag{f, strings.TrimPrefix(rest, "="), true})
			}
			return append(found, givenFlag{flag: f})
		}
		found = append(found, givenFlag{flag: f})
	}
	return found
}

// has says whether the word is a flag by its full or short name, so not a forgotten value.
func (t *flagTable) has(word string) bool {
	name, _, _ := strings.Cut(word, "=")
	if long, ok := strings.CutPrefix(name, "--"); ok {
		return t.long[long] != nil
	}
	short, ok := strings.CutPrefix(name, "-")
	return ok && t.short[short] != nil
}

// looksLikeFlag: a lone - and negative numbers are not flags, unless a flag has that name.
func looksLikeFlag(word string, t *flagTable) bool {
	if !strings.HasPrefix(word, "-") || word == "-" {
		return false
	}
	return word[1] < '0' || word[1] > '9' || t.short[word[1:2]] != nil
}

// unknownElsewhere adds to the error of an unknown flag which other subcommand has it.
func unknownElsewhere(root, leaf *Command, word string, err error) error {
	for _, c := range root.Commands {
		if c != leaf && newFlagTable(c).has(word) {
			name, _, _ := strings.Cut(word, "=")
			return UsageErrorf("%s is not a flag of %s %s but of %s %s", name, root.Name, leaf.Name, root.Name, c.Name)
		}
	}
	return err
}
