package tokenizer

import (
	"bytes"
	"fmt"
	"runtime"
	"strconv"

	"golang.org/x/sync/errgroup"

	"multiturn/internal/jsonseq"
)

// The tables of a tokenizer.json, vocab and merges, are tens of megabytes of
// two simple shapes. They are read in place, by a Cursor; encoding/json reads
// the small components.

// layout holds the parts of a tokenizer.json as JSON.
type layout struct {
	file, model map[string][]byte
	merges      [][]byte // pieces of the array, each of mergesPart elements or fewer
	mergeCount  int
}

// mergesPart is how many merges one goroutine reads: few enough to keep all
// cores busy to the end, and many enough that starting a goroutine does not
// matter.
const mergesPart = 1 << 14

// findParts checks that b is one JSON value and finds its parts.
func findParts(b []byte) (layout, error) {
	l := layout{file: map[string][]byte{}, model: map[string][]byte{}}
	c := jsonseq.Cursor{Text: b, AnyBytes: true}
	for key := range c.Object {
		name, from := string(key), c.Pos()
		if name == "model" {
			l.findModel(&c)
		} else {
			c.Skip()
		}
		l.file[name] = b[from:c.Pos()]
	}
	if err := c.End(); err != nil {
		e := err.(*jsonseq.SyntaxError)
		return l, fmt.Errorf("byte %d: %v", e.Offset, e.Kind)
	}
	return l, nil
}

func (l *layout) findModel(c *jsonseq.Cursor) {
	for key := range c.Object {
		name, from := string(key), c.Pos()
		switch {
		case name == "merges" && c.Peek() == '[':
			l.findMerges(c)
		case name == "vocab":
			c.Pass() // readVocabulary checks it
		default:
			c.Skip()
		}
		l.model[name] = c.Text[from:c.Pos()]
	}
}

func (l *layout) findMerges(c *jsonseq.Cursor) {
	l.merges, l.mergeCount = nil, 0
	from := 0
	for i := range c.Array {
		if i%mergesPart == 0 {
			from = c.Pos()
			l.merges = append(l.merges, nil)
		}
		c.Pass() // readMerges checks it
		l.merges[len(l.merges)-1] = c.Text[from:c.Pos()]
		l.mergeCount++
	}
}

// bytesOf returns the token that is spelled s: for a byte-level model, the
// bytes that s writes. It reports false if s is not written in the byte-level
// alphabet.
func (t *Tokenizer) bytesOf(buf []byte, s []byte) (b []byte, ok bool) {
	if !t.model.byteLevel {
		return s, true
	}
	if b, ok = appendBytes(buf[:0], view(s)); ok {
		return b, true
	}
	return s, false
}

// vocabularyEntry is the fewest bytes of JSON that an entry is expected to
// take, to guess the size of a vocabulary; one that turns out larger grows.
const vocabularyEntry = 20

func (t *Tokenizer) readVocabulary(vocab []byte) error {
	t.model.vocabulary = newVocabulary(len(vocab) / vocabularyEntry)
	var buf []byte
	c := jsonseq.Cursor{Text: vocab, AnyBytes: true}
	for key := range c.Object {
		text := c.Skip()
		id, err := strconv.ParseUint(view(text), 10, 32)
		if err != nil || id >= maxIDs {
			return fmt.Errorf("the id of %q is %s, want a whole number below %d", key, text, maxIDs)
		}
		token, ok := t.bytesOf(buf, key)
		if !ok { // no text leads to it
			t.spelled[uint32(id)] = string(key)
			t.model.spell(uint32(id), view(key))
			continue
		}
		if t.model.byteLevel {
			buf = token
		}
		t.model.put(view(token), uint32(id))
	}
	return c.Err()
}

// merge is a merge as it is read: two tokens that become one.
type merge struct{ left, right, made uint32 }

// readMerges reads the merges on all cores and puts them into the table in
// their order.
func (t *Tokenizer) readMerges(parts [][]byte, count int) error {
	m := &t.model
	m.merges = newMerges(count)
	if count > maxRanks {
		return fmt.Errorf("%d merges: more than %d are not supported", count, maxRanks)
	}
	read := make([]merge, count)
	var group errgroup.Group
	group.SetLimit(runtime.GOMAXPROCS(0))
	for k, part := range parts {
		first := k * mergesPart
		group.Go(func() error {
			r := mergeReader{t: t, c: jsonseq.Cursor{Text: part, AnyBytes: true}}
			for i := range r.c.Values {
				var err error
				if read[first+i], err = r.next(); err != nil {
					return fmt.Errorf("merge %d: %w", first+i, err)
				}
			}
			return r.c.Err()
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, x := range read {
		m.add(x.left, x.right, x.made)
	}
	return nil
}

// mergeReader reads merges given as ["a", "b"] or, in older files, "a b".
type mergeReader struct {
	t    *Tokenizer
	c    jsonseq.Cursor
	pair [2][]byte
	both []byte
}

func (r *mergeReader) next() (m merge, err error) {
	from, n := r.c.Pos(), 0
	if r.c.Peek() == '[' {
		for i := range r.c.Array {
			if s := r.c.Unquoted(); i < 2 {
				r.set(i, s)
			}
			n++
		}
	} else if s := r.c.Unquoted(); s != nil {
		if k := bytes.IndexByte(s, ' '); k > 0 && bytes.IndexByte(s[k+1:], ' ') < 0 {
			r.set(0, s[:k])
			r.set(1, s[k+1:])
			n = 2
		}
	}
	text := r.c.Text[from:r.c.Pos()]
	if r.c.Err() != nil || n != 2 {
		return m, fmt.Errorf("%.100s is not two tokens", text)
	}
	r.both = append(append(r.both[:0], r.pair[0]...), r.pair[1]...)
	v := &r.t.model
	m = merge{v.id(view(r.pair[0])), v.id(view(r.pair[1])), v.id(view(r.both))}
	if m.left == none || m.right == none || m.made == none {
		return m, fmt.Errorf("%.100s names a token that is not in the vocabulary", text)
	}
	return m, nil
}

// set keeps a copy of a token.
func (r *mergeReader) set(k int, s []byte) {
	if token, ok := r.t.bytesOf(r.pair[k], s); ok && r.t.model.byteLevel {
		r.pair[k] = token
		return
	}
	r.pair[k] = append(r.pair[k][:0], s...)
}
