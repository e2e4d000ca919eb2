package cli

import "strings"

// flagTable finds the flags of one command by any of their names.
type flagTable struct {
	long, short map[string]*Flag
	names       []string // of the flags that are not hidden, in their order
}

func newFlagTable(c *Command) *flagTable {
	t := &flagTable{long: map[string]*Flag{}, short: map[string]*Flag{}}
	for f := range c.flags(new(common)) {
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
	return t
}

// givenFlag is a flag as it stands on a line.
type givenFlag struct {
	flag     *Flag
	value    string
	hasValue bool
}

// needsValue reports whether the next word is the flag's value.
func (g *givenFlag) needsValue() bool { return !g.hasValue && !g.flag.isSwitch() }

// read takes one word apart: --name, --name=value, -name, -n, -n=value,
// -nvalue, or joined switches, the last of which may take a value.
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
	return nil, UsageErrorf("unknown flag %s%s", strings.TrimSuffix(word, "="+val),
		didYouMean(name, t.names, "--"))
}

// joined reads the letters of short flags written as one word.
func (t *flagTable) joined(letters string) []givenFlag {
	var found []givenFlag
	for i, r := range letters {
		f := t.short[string(r)]
		if f == nil {
			return nil
		}
		g := givenFlag{flag: f}
		if rest := letters[i+len(string(r)):]; !f.isSwitch() && rest != "" {
			g.value, g.hasValue = strings.TrimPrefix(rest, "="), true
		}
		if found = append(found, g); !f.isSwitch() {
			break
		}
	}
	return found
}

// has reports whether the word is a flag by its full or short name, and so not
// a value.
func (t *flagTable) has(word string) bool {
	name, _, _ := strings.Cut(word, "=")
	if long, ok := strings.CutPrefix(name, "--"); ok {
		return t.long[long] != nil
	}
	short, ok := strings.CutPrefix(name, "-")
	return ok && t.short[short] != nil
}

// isFlag reports whether the word is meant as a flag. A lone - is not, nor is
// a negative number unless a flag has that digit for a name.
func (t *flagTable) isFlag(word string) bool {
	if !strings.HasPrefix(word, "-") || word == "-" {
		return false
	}
	return word[1] < '0' || word[1] > '9' || t.short[word[1:2]] != nil
}

// wantsValue returns the flag that the next word is the value of, if the last
// of the words is such a flag.
func (t *flagTable) wantsValue(words []string) *Flag {
	if len(words) == 0 || !strings.HasPrefix(words[len(words)-1], "-") {
		return nil
	}
	found, err := t.read(words[len(words)-1])
	if err != nil {
		return nil
	}
	if g := found[len(found)-1]; g.needsValue() {
		return g.flag
	}
	return nil
}
