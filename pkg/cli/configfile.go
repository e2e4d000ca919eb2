package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
)

// configEntry is one key of a config file and its value as written there.
type configEntry struct {
	key  string
	raw  json.RawMessage
	line int
	end  int64 // offset just after the value
}

func (e *configEntry) isObject() bool { return bytes.HasPrefix(e.raw, []byte("{")) }

// values returns the texts to set the flag with.
func (e *configEntry) values(list bool) ([]string, error) {
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

// scalar returns the text of a value that is no list.
func scalar(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case '{':
		return "", errors.New("an object is no value of a flag")
	case '[':
		return "", errors.New("the flag takes one value, not a list")
	case 'n':
		return "", errors.New("null is no value: leave the key out")
	}
	return string(raw), nil
}

// readConfig reads the object that a config file holds.
func readConfig(name string, data []byte) ([]configEntry, error) {
	trimmed := bytes.TrimSpace(data)
	if !bytes.HasPrefix(trimmed, []byte("{")) {
		return nil, UsageErrorf("%s: not a config file: it must hold one JSON object"+
			" whose keys are flag names", name)
	}
	start := int64(len(data) - len(bytes.TrimLeft(data, " \t\r\n")))
	list, end, err := readObject(name, data, start)
	if err == nil && len(bytes.TrimSpace(data[end:])) > 0 {
		err = UsageErrorf("%s:%d: something follows the JSON object", name, lineOf(data, end))
	}
	return list, err
}

// readConfigAt reads the object in an entry.
func readConfigAt(name string, data []byte, e *configEntry) ([]configEntry, error) {
	list, _, err := readObject(name, data, e.end-int64(len(e.raw)))
	return list, err
}

// readObject reads the object at the offset, its keys in order, and returns the
// offset just after it.
func readObject(name string, data []byte, start int64) ([]configEntry, int64, error) {
	dec := json.NewDecoder(bytes.NewReader(data[start:]))
	fail := func(err error) ([]configEntry, int64, error) {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			line := lineOf(data, int64(len(data)))
			return nil, 0, UsageErrorf("%s:%d: the JSON ends in the middle", name, line)
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
