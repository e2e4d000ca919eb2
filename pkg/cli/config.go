package cli

import (
	"fmt"
	"slices"

	"multiturn/internal/limits"
)

// settle sets the flags that the command line left open from the environment,
// then from the config file, and checks that no required one is missing.
func (c *Call) settle() error {
	var open []*Flag
	for f := range all(c.groups) {
		if !stops(f.Name) && !c.IsSet(f.Name) {
			open = append(open, f)
		}
	}
	for _, f := range open {
		if err := c.setFromEnv(f); err != nil {
			return err
		}
	}
	if c.common.config != "" {
		if err := c.applyConfig(c.common.config); err != nil {
			return err
		}
	}
	for _, f := range open {
		if f.Required && !c.IsSet(f.Name) {
			twin := twin(c.root, c.leaf, f.Name)
			return UsageErrorf("flag --%s is needed (or set %s); see %s --help", f.Name, twin,
				c.Name)
		}
	}
	return nil
}

// applyConfig sets flags from a config file.
func (c *Call) applyConfig(name string) error {
	data, err := limits.ReadFile(name, limits.Settings)
	if err != nil {
		return UsageErrorf("flag --config: %w", plainOpenError(name, err))
	}
	c.files.noteInput(name)
	top, err := readConfig(name, data)
	if err != nil {
		return err
	}
	given := map[string]*configEntry{}
	if err := c.ownPart(name, data, top, given); err != nil {
		return err
	}
	if err := c.sharedPart(name, top, given); err != nil {
		return err
	}
	for f := range all(c.groups) {
		e := given[f.Name]
		if e == nil || c.IsSet(f.Name) {
			continue
		}
		where := fmt.Sprintf("%s:%d: key %q", name, e.line, e.key)
		values, err := e.values(f.isList())
		if err != nil {
			return UsageErrorf("%s: %w", where, err)
		}
		for _, v := range values {
			if err := c.set(f, v, fromConfig, where); err != nil {
				return err
			}
		}
	}
	return nil
}

// isPart reports whether the entry is the object of one subcommand.
func (c *Call) isPart(e *configEntry) bool { return e.isObject() && c.root.command(e.key) != nil }

// ownPart checks the objects under the names of subcommands, and adds the keys
// of the one that runs to given.
func (c *Call) ownPart(
	name string, data []byte, top []configEntry, given map[string]*configEntry,
) error {
	for i := range top {
		if !c.isPart(&top[i]) {
			continue
		}
		sub := c.root.command(top[i].key)
		part, err := readConfigAt(name, data, &top[i])
		if err != nil {
			return err
		}
		t := newFlagTable(sub)
		for k := range part {
			if err := t.checkKey(name, &part[k], c.root.Name+" "+sub.Name, t.names); err != nil {
				return err
			}
			if sub == c.leaf {
				given[part[k].key] = &part[k]
			}
		}
	}
	return nil
}

// sharedPart adds the keys that stand for all subcommands to given, unless they
// are there already. Each must be a flag of this command or of another one.
func (c *Call) sharedPart(name string, top []configEntry, given map[string]*configEntry) error {
	mine := newFlagTable(c.leaf)
	tables, known := []*flagTable{mine}, slices.Clone(mine.names)
	for _, s := range c.root.Commands {
		t := newFlagTable(s)
		tables, known = append(tables, t), append(known, t.names...)
	}
	for i := range top {
		e := &top[i]
		if c.isPart(e) {
			continue
		}
		t := mine
		has := func(t *flagTable) bool { return t.long[e.key] != nil }
		if i := slices.IndexFunc(tables, has); i >= 0 {
			t = tables[i]
		}
		if err := t.checkKey(name, e, c.root.Name, known); err != nil {
			return err
		}
		if given[e.key] == nil && mine.long[e.key] != nil {
			given[e.key] = e
		}
	}
	return nil
}

// checkKey returns an error unless the key is the full name of a flag that may
// stand in a config file.
func (t *flagTable) checkKey(file string, e *configEntry, command string, known []string) error {
	f := t.long[e.key]
	switch {
	case f == nil && e.key == "filetype":
		return UsageErrorf("%s:%d: this is a generator config, an input; "+
			"--config takes a file with values for flags", file, e.line)
	case f == nil:
		return UsageErrorf("%s:%d: unknown key %q: not a flag of %s%s",
			file, e.line, e.key, command, didYouMean(e.key, known, ""))
	case f.Name != e.key:
		return UsageErrorf("%s:%d: unknown key %q: write %q", file, e.line, e.key, f.Name)
	case stops(f.Name) || f.Name == "config":
		return UsageErrorf("%s:%d: --%s cannot be given in a config file", file, e.line, f.Name)
	}
	return nil
}
