package cli

import "strings"

// twin returns the variable of a flag of leaf, which is the root or one of its
// subcommands.
func twin(root, leaf *Command, flag string) string {
	if leaf == root || leaf.Name == root.Default || isCommon(flag) {
		return envName(root.Name, flag)
	}
	return envName(root.Name+" "+leaf.Name, flag)
}

// variables returns the variables of a flag in the order in which they are
// read.
func (f *Flag) variables(root, leaf *Command) []string {
	if stops(f.Name) {
		return nil
	}
	return append([]string{twin(root, leaf, f.Name)}, f.Env...)
}

// envName joins the two names in the form of a variable's.
func envName(command, flag string) string {
	upper := func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z':
			return r - 'a' + 'A'
		case 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
			return r
		}
		return '_'
	}
	return strings.Map(upper, command) + "_" + strings.Map(upper, flag)
}

// setFromEnv sets the flag from the first of its variables that is not empty.
// A list has one value a line.
func (c *Call) setFromEnv(f *Flag) error {
	for _, name := range f.variables(c.root, c.leaf) {
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

func environ(list []string) map[string]string {
	m := make(map[string]string, len(list))
	for _, kv := range list {
		if k, v, ok := strings.Cut(kv, "="); ok {
			m[k] = v
		}
	}
	return m
}
