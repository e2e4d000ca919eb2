package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// settle gives flags that the command line left open their values from the environment, then from the config file, and
// checks that none that is required is missing.
func (c *Call) settle() error {
	var open []*Flag
	for _, g := range c.groups {
		for i := range g.Flags {
			if f := &g.Flags[i]; !stops(f.Name) && !c.IsSet(f.Name) {
				open = append(open, f)
			}
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
			return UsageErrorf("flag --%s is needed (or set %s)", f.Name, twin(c.root, c.leaf, f.Name))
		}
	}
	return nil
}

func (c *Call) setFromEnv(f *Flag) error {
	for _, name := range append([]string{twin(c.root, c.leaf, f.Name)}, f.Env...) {
		text := c.env[name]
		if text == "" {
			continue
		}
		values := []string{text}
		if f.isList() {
			values = strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
		}
		for _, v := range values {
			if err := c.set(f, v, fromEnv, "environment variable "+name); err != nil {
				return err
			}
		}
		return nil
	}
	return nil
}

// applyConfig reads the config file. Every key must be a flag of this command or, in a file shared by subcommands, of
// another one.
func (c *Call) applyConfig(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return UsageErrorf("flag --config: %w", plainOpenError(name, err))
	}
	top, err := readConfig(name, data)
	if err != nil {
		return err
	}
	mine := newFlagTable(c.leaf)
	given := map[string]configEntry{}
	for _, e := range top {
		if sub := c.root.command(e.key); sub != nil && bytes.HasPrefix(e.raw, []byte("{")) {
			part, err := readConfigAt(name, data, e)
			if err != nil {
				return err
			}
			t := newFlagTable(sub)
			for _, e := range part {
				if err := t.checkKey(name, e, c.root.Name+" "+sub.Name, t.names); err != nil {
					return err
				}
				if sub == c.leaf {
					given[e.key] = e
				}
			}
		}
	}
	for _, e := range top {
		if c.root.command(e.key) != nil && bytes.HasPrefix(e.raw, []byte("{")) {
			continue
		}
		tables, known := []*flagTable{mine}, slices.Clone(mine.names)
		for _, s := range c.root.Commands {
			t := newFlagTable(s)
			tables, known = append(tables, t), append(known, t.names...)
		}
		if i := slices.IndexFunc(tables, func(t *flagTable) bool { return t.long[e.key] != nil }); i < 0 {
			return mine.checkKey(name, e, c.root.Name, known)
		} else if err := tables[i].checkKey(name, e, c.root.Name, known); err != nil {
			return err
		}
		if _, ok := given[e.key]; !ok && mine.long[e.key] != nil {
			given[e.key] = e
		}
	}
	for _, g := range c.groups {
		for i := range g.Flags {
			f := &g.Flags[i]
			e, ok := given[f.Name]
			if !ok || c.IsSet(f.Name) {
				continue
			}
			values, err := e.values(f.isList())
			if err != nil {
				return UsageErrorf("%s:%d: key %q: %w", name, e.line, e.key, err)
			}
			for _, v := range values {
				if err := c.set(f, v, fromConfig, fmt.Sprintf("%s:%d: key %q", name, e.line, e.key)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checkKey refuses keys that are not the full name of a flag that may stand in a config file.
func (t *flagTable) checkKey(file string, e configEntry, command string, known []string) error {
	f := t.long[e.key]
	switch {
	case f == nil && e.key == "filetype":
		return UsageErrorf("%s:%d: this is a generator config, an input; --config takes a file with values for flags", file, e.line)
	case f == nil:
		return UsageErrorf("%s:%d: unknown key %q: not a flag of %s%s", file, e.line, e.key, command, didYouMean(e.key, known, ""))
	case f.Name != e.key:
		return UsageErrorf("%s:%d: unknown key %q: write %q", file, e.line, e.key, f.Name)
	case stops(f.Name) || f.Name == "config":
		return UsageErrorf("%s:%d: --%s cannot be given in a config file", file, e.line, f.Name)
	}
	return nil
}

// configEntry is one key of a config file with its value as it stands there.
type configEntry struct {
	key  string
	raw  json.RawMessage
	line int
	end  int64 // offset behind the value
}

// values are the texts to set the flag with.
func (e configEntry) values(list bool) ([]string, error) {
	if list && bytes.HasPrefix(e.raw, []byte("[")) {
		var items []json.RawMessage
		if err := json.Unmarshal(e.raw, &items); err != nil {
			return nil, err
		}
		var out []string
		for _, item := range items {
			text, err := scalar(item)
			if err != nil {
				return nil, err
			}
			out = append(out, text)
		}
		return out, nil
	}
	text, err := scalar(e.raw)
	return []string{text}, err
}

func scalar(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case '{':
		return "", fmt.Errorf("an object is no value of a flag")
	case '[':
		return "", fmt.Errorf("the flag takes one value, not a list")
	case 'n':
		return "", fmt.Errorf("null is no value: leave the key out")
	}
	return string(raw), nil
}

func readConfig(name string, data []byte) ([]configEntry, error) {
	trimmed := bytes.TrimSpace(data)
	if !bytes.HasPrefix(trimmed, []byte("{")) {
		return nil, UsageErrorf("%s: not a config file: it must hold one JSON object whose keys are flag names", name)
	}
	start := int64(len(data) - len(bytes.TrimLeft(data, " \t\r\n")))
	list, end, err := readObject(name, data, start)
	if err == nil && len(bytes.TrimSpace(data[end:])) > 0 {
		err = UsageErrorf("%s:%d: something follows the JSON object", name, lineOf(data, end))
	}
	return list, err
}

func readConfigAt(name string, data []byte, e configEntry) ([]configEntry, error) {
	list, _, err := readObject(name, data, e.end-int64(len(e.raw)))
	return list, err
}

// readObject reads the object at the offset, its keys in order, and gives the offset behind it.
func readObject(name string, data []byte, start int64) ([]configEntry, int64, error) {
	dec := json.NewDecoder(bytes.NewReader(data[start:]))
	fail := func(err error) ([]configEntry, int64, error) {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, 0, UsageErrorf("%s:%d: the JSON ends in the middle", name, lineOf(data, int64(len(data))))
		}
		return nil, 0, UsageErrorf("%s:%d: %w", name, lineOf(data, start+dec.InputOffset()), err)
	}
	if _, err := dec.Token(); err != nil {
		return fail(err)
	}
	var list []configEntry
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return fail(err)
		}
		e := configEntry{key: key.(string), line: lineOf(data, start+dec.InputOffset())}
		if err := dec.Decode(&e.raw); err != nil {
			return fail(err)
		}
		e.end = start + dec.InputOffset()
		if seen[e.key] {
			return nil, 0, UsageErrorf("%s:%d: key %q is there twice", name, e.line, e.key)
		}
		seen[e.key] = true
		list = append(list, e)
	}
	if _, err := dec.Token(); err != nil {
		return fail(err)
	}
	return list, start + dec.InputOffset(), nil
}

func lineOf(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}
