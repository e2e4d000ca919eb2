package sharegpt

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"multiturn/internal/jsonseq"
	"multiturn/pkg/chat"
)

// tally counts what is left out and writes it to the rejects.
type tally struct {
	rejects io.Writer
	drops   map[Reason]*Drop
	line    []byte
	data    []byte
}

func newTally(rejects io.Writer) *tally {
	return &tally{rejects: rejects, drops: map[Reason]*Drop{}}
}

func (t *tally) drop(reason Reason, line, number int, detail string) *Drop {
	d := t.drops[reason]
	if d == nil {
		example := "line " + strconv.Itoa(line)
		if number != line { // as in an array on one line
			example += ", item " + strconv.Itoa(number)
		}
		if detail != "" {
			example += ": " + detail
		}
		d = &Drop{Reason: reason, Example: example}
		t.drops[reason] = d
	}
	return d
}

// dropItem leaves out an item that is not in the index.
func (t *tally) dropItem(src *Source, item *jsonseq.Item, data []byte, reason Reason,
	detail string) error {
	t.drop(reason, item.Line, item.Number, detail).Items++
	return t.reject(src, item.Line, item.Number, data, reason, detail)
}

// dropEntry leaves out an item of the index.
func (t *tally) dropEntry(src *Source, e *entry, reason Reason, detail string) error {
	t.drop(reason, int(e.line), int(e.number), detail).Items++
	return t.rejectEntry(src, e, reason, detail)
}

// dropConversation leaves out a conversation.
func (t *tally) dropConversation(src *Source, x *index, parts []ref, reason Reason,
	detail string) error {
	first := &x.entries[parts[0].entry]
	t.drop(reason, int(first.line), int(first.number), detail).Conversations++
	for _, r := range parts {
		if err := t.rejectEntry(src, &x.entries[r.entry], reason, detail); err != nil {
			return err
		}
	}
	return nil
}

// noteLosses writes what was left out of a conversation that is kept to the
// rejects, without the item.
func (t *tally) noteLosses(x *index, parts []ref, c *changes) error {
	if t.rejects == nil {
		return nil
	}
	lost := c.lost()
	if lost == "" {
		return nil
	}
	e := &x.entries[parts[0].entry]
	return t.reject(nil, int(e.line), int(e.number), nil, partly, lost)
}

func (t *tally) rejectEntry(src *Source, e *entry, reason Reason, detail string) error {
	if t.rejects == nil {
		return nil
	}
	t.data = slices.Grow(t.data[:0], int(e.size))[:e.size]
	if _, err := src.again.ReadAt(t.data, e.offset); err != nil {
		return fmt.Errorf("reading %s again: %w", src.name, err)
	}
	return t.reject(src, int(e.line), int(e.number), t.data, reason, detail)
}

func (t *tally) reject(src *Source, line, number int, data []byte, reason Reason,
	detail string) error {
	if t.rejects == nil {
		return nil
	}
	out := append(t.line[:0], `{"line":`...)
	out = strconv.AppendInt(out, int64(line), 10)
	out = append(out, `,"item":`...)
	out = strconv.AppendInt(out, int64(number), 10)
	out = append(out, `,"reason":`...)
	out = chat.AppendString(out, string(reason))
	if detail != "" {
		out = append(out, `,"detail":`...)
		out = chat.AppendString(out, detail)
	}
	if jsonseq.Check(data) == nil {
		var flat bytes.Buffer
		if json.Compact(&flat, data) == nil {
			out = append(append(out, `,"data":`...), flat.Bytes()...)
		}
	} else if len(data) > 0 {
		out = append(out, `,"data":`...)
		out = chat.AppendString(out, string(data[:min(len(data), 1000)]))
	}
	t.line = append(out, '}', '\n')
	if _, err := t.rejects.Write(t.line); err != nil {
		return fmt.Errorf("writing the rejects: %w", err)
	}
	return nil
}

// list returns the drops, most frequent first.
func (t *tally) list() []Drop {
	var all []Drop
	for _, d := range t.drops {
		all = append(all, *d)
	}
	slices.SortFunc(all, func(a, b Drop) int {
		return cmp.Or(cmp.Compare(b.Items+b.Conversations, a.Items+a.Conversations),
			cmp.Compare(a.Reason, b.Reason))
	})
	return all
}

// syntaxDetail returns the error of an item that is not JSON.
func syntaxDetail(s *scanned, data []byte) string {
	e, ok := s.err.(*jsonseq.SyntaxError)
	if !ok {
		return s.err.Error()
	}
	line := e.Line
	if line == 0 {
		line = s.item.Line + bytes.Count(data[:min(int(e.Offset), len(data))], []byte("\n"))
	}
	if line == s.item.Line {
		return e.Kind.String()
	}
	return fmt.Sprintf("%s (line %d)", e.Kind, line)
}

// clip shortens a piece of input for a line of text.
func clip(s string) string {
	const most = 40
	if len(s) > most {
		s = s[:most] + "..."
	}
	return strings.ToValidUTF8(s, "")
}
