package sharegpt

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"multiturn/internal/jsonseq"
	"multiturn/internal/packed"
	"multiturn/internal/pyrand"
)

// entry is an item in the index: its place, and what joining parts needs.
type entry struct {
	offset int64
	part   int64 // index in its conversation
	size   int32
	number int32
	line   int32
	key    int32 // of its conversation, in index.keys
	turns  int32
	// first and last are the roles of its first and last turn: equal numbers
	// for equal roles, -1 if there is no turn.
	first int32
	last  int32
	noID  bool
}

// madeUp is an entry that has no id, and the one that it gets.
type madeUp struct {
	entry int32
	id    string
}

// ref is an item's part in a conversation.
type ref struct {
	entry     int32
	dropFirst bool // its first turn repeats the role of the turn before it
}

// index holds the place of each item, and the conversation that it belongs to.
type index struct {
	entries []entry
	keys    []string // ids of conversations
	byID    map[string]int32
	roles   map[string]int32
	madeUp  []madeUp
	items   int
	tally   *tally
	parity  bool
	// separate takes every id for that of a whole conversation. joinAll takes
	// every NAME_INDEX for a part, whatever the shape of the item.
	separate, joinAll bool
	// counted maps the NAME of ids that are not split to the first such id.
	counted map[string]string
	apart   int // items among them that share a name
	apartID string
	cutOff  *CutOff
	bad     map[int32]error // of entries that end a run in parity, when their turn comes
}

// batch is some items on their way through a worker.
type batch struct {
	text  []byte
	items []scanned
	done  chan struct{}
}

// scanned is an item in a batch, and what a worker found in it.
type scanned struct {
	from, to int
	item     jsonseq.Item
	id       string
	idKind   byte
	kind     byte
	isObject bool
	hasFrom  bool
	whole    bool   // the id is not that of a part
	hash     string // of the item's text, if it has no id
	turns    int
	ends     [2]string // roles of the first and the last turn
	known    [2]bool
	err      error
}

// brokenItem is the error of an item that is not JSON. It ends a run in parity.
type brokenItem struct {
	kind   jsonseq.Kind
	offset int64
}

func (b *brokenItem) Error() string { return b.kind.String() }

// batchSize is how many bytes a worker gets at a time: several milliseconds of
// work, so that handing over costs nothing, and little memory.
const batchSize = 512 << 10

// build reads the whole source once. It tallies items that cannot be used; in
// parity the first of them is the error.
func build(ctx context.Context, src *Source, o *Options, tally *tally) (*index, error) {
	x := &index{byID: map[string]int32{}, roles: map[string]int32{}, tally: tally, parity: o.Parity,
		separate: o.Separate, joinAll: o.Join,
		counted: map[string]string{}, bad: map[int32]error{}}
	group, ctx := errgroup.WithContext(ctx)
	work := make(chan *batch, o.workers())
	ordered := make(chan *batch, 2*o.workers())
	free := make(chan *batch, 3*o.workers())

	group.Go(func() (err error) {
		defer close(work)
		defer close(ordered)
		x.cutOff, err = cut(ctx, src, o, work, ordered, free)
		return err
	})
	for range o.workers() {
		group.Go(func() error {
			it := item{skipText: true}
			for b := range work {
				for i := range b.items {
					b.items[i].look(b.text, &it, o.Parity)
				}
				close(b.done)
			}
			return nil
		})
	}
	group.Go(func() error {
		for b := range ordered {
			<-b.done
			for i := range b.items {
				if err := x.add(src, &b.items[i], b.text); err != nil {
					return err
				}
			}
			if cap(b.text) > 4*batchSize {
				continue // frees the memory of a huge item
			}
			select {
			case free <- b:
			default:
			}
		}
		return nil
	})
	err := group.Wait()
	if broken := new(brokenItem); errors.As(err, &broken) {
		// Only after all have stopped: it reads the copy that cut writes.
		return nil, pythonSyntaxError(src, broken.kind, broken.offset)
	}
	if err != nil {
		return nil, err
	}
	x.nameTheNameless()
	return x, src.flush()
}

// cut reads the source, passes it on in batches, and returns where it ends too
// early.
func cut(ctx context.Context, src *Source, o *Options, work, ordered chan<- *batch,
	free <-chan *batch) (*CutOff, error) {
	scan := jsonseq.NewScanner(src.first)
	if scan.Single = o.Parity; !o.Parity {
		scan.Whole = isTurn
	}
	var b *batch
	told := int64(0)
	var last error // of the last item
	send := func() error {
		if b == nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		o.progress(int(scan.Offset() - told))
		told = scan.Offset()
		for _, to := range []chan<- *batch{work, ordered} {
			select {
			case to <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		b = nil
		return nil
	}
	for scan.Scan() {
		it := scan.Item()
		last = it.Err
		if b == nil {
			select {
			case b = <-free:
				b.text, b.items = b.text[:0], b.items[:0]
			default:
				b = &batch{text: make([]byte, 0, batchSize+batchSize/4)}
			}
			b.done = make(chan struct{})
		}
		s := scanned{from: len(b.text), item: it}
		b.text = append(b.text, it.Data...)
		s.to = len(b.text)
		s.item.Data = nil
		b.items = append(b.items, s)
		if len(b.text) >= batchSize || len(b.items) >= 4096 {
			if err := send(); err != nil {
				return nil, err
			}
		}
	}
	var cutOff *CutOff
	broken := new(packed.Error)
	switch err := scan.Err(); {
	case errors.As(err, &broken) && !o.Parity:
		cutOff = &CutOff{Line: scan.Line(), Bytes: scan.Offset(), Err: broken}
	case err != nil:
		return nil, fmt.Errorf("%s: %w", src.name, err)
	}
	// The Scanner finds these kinds only at the end of the input: an open
	// string ends at a line break, which is another kind.
	if e := new(jsonseq.SyntaxError); errors.As(last, &e) &&
		(e.Kind == jsonseq.OpenItem || e.Kind == jsonseq.OpenString) {
		cutOff = &CutOff{Line: e.Line, Bytes: scan.Offset()}
	}
	return cutOff, send()
}

// isTurn reports whether an object is a turn, so that an array that begins with it
// is one conversation.
func isTurn(object []byte) bool {
	role, content, list := false, false, false
	cur := jsonseq.Cursor{Text: object}
	for key := range cur.Object {
		switch string(key) {
		case "role", "from":
			role = cur.Peek() == '"'
		case "content", "value", "tool_calls", "function_call":
			content = true
		case "conversations", "conversation", "messages", "items", "data":
			list = true
		}
	}
	return role && content && !list
}

// look parses what the index needs of an item.
func (s *scanned) look(text []byte, it *item, parity bool) {
	if s.err = s.item.Err; s.err != nil {
		return
	}
	it.reset()
	if s.err = it.parse(text[s.from:s.to], parity); s.err != nil {
		return
	}
	s.id, s.idKind, s.kind, s.isObject, s.hasFrom, s.turns = it.id, it.idKind, it.kind, it.isObject,
		it.hasFrom, len(it.turns)
	s.whole, s.hash = it.idRank > 0, ""
	if !parity && !s.isNamed() {
		s.hash = hashID(text[s.from:s.to])
	}
	if s.turns == 0 {
		return
	}
	for i, t := range []*turn{&it.turns[0], &it.turns[s.turns-1]} {
		s.known[i], s.ends[i] = t.hasFrom, t.from
		if r := role(t.from, false); r != "" && !parity {
			s.ends[i] = r
		}
	}
}

// isNamed reports whether the item has an id: a text or a number.
func (s *scanned) isNamed() bool {
	switch s.idKind {
	case 0, 'n', 't', 'f', '[', '{':
		return false
	}
	return s.id != ""
}

// add puts an item into the index, or into the tally if it is unusable.
func (x *index) add(src *Source, s *scanned, text []byte) error {
	x.items++
	drop := func(reason Reason, detail string) error {
		return x.tally.dropItem(src, &s.item, text[s.from:s.to], reason, detail)
	}
	e := entry{offset: s.item.Offset, size: int32(s.to - s.from), number: int32(s.item.Number),
		line:  int32(s.item.Line),
		turns: int32(s.turns), first: -1, last: -1}
	if x.parity {
		if s.err != nil {
			return &brokenItem{s.err.(*jsonseq.SyntaxError).Kind, s.item.Offset}
		}
		e.key = -1
		if err := referenceKey(s); err != nil {
			// The error comes in shuffled order: another item may be first.
			x.bad[int32(len(x.entries))] = err
			x.entries = append(x.entries, e)
			return nil
		}
		id, _, _ := strings.Cut(s.id, "_")
		e.key = x.key(id)
	} else {
		switch {
		case s.err != nil:
			return drop(BadJSON, syntaxDetail(s, text[s.from:s.to]))
		case !s.isObject || s.kind != '[':
			return drop(NotAnItem, "")
		case s.turns == 0:
			return drop(Empty, "")
		case !s.isNamed():
			x.madeUp = append(x.madeUp, madeUp{int32(len(x.entries)), s.hash})
		default:
			name, part := s.id, int64(0)
			switch {
			case x.separate || s.whole:
			case s.hasFrom || x.joinAll:
				name, part = splitID(s.id)
			default:
				x.keepApart(s.id)
			}
			e.key, e.part = x.key(name), part
		}
	}
	for i, to := range []*int32{&e.first, &e.last} {
		if s.known[i] {
			*to = x.role(s.ends[i])
		}
	}
	x.entries = append(x.entries, e)
	return nil
}

// keepApart counts an id that looks like that of a part but is taken as a
// whole.
func (x *index) keepApart(id string) {
	name, _ := splitID(id)
	if name == id {
		return
	}
	first, shared := x.counted[name]
	switch {
	case !shared:
		x.counted[name] = id
		return
	case first != "": // which was not counted when it came
		x.counted[name] = ""
		x.apart++
		x.apartID = cmp.Or(x.apartID, first)
	}
	x.apart++
}

// splitID splits NAME_INDEX. An id of another form is a name.
func splitID(id string) (name string, part int64) {
	i := strings.LastIndexByte(id, '_')
	if i <= 0 || i+1 == len(id) || id[i+1] < '0' || id[i+1] > '9' {
		return id, 0
	}
	part, err := strconv.ParseInt(id[i+1:], 10, 64)
	if err != nil {
		return id, 0
	}
	return id[:i], part
}

func (x *index) key(id string) int32 {
	k, ok := x.byID[id]
	if !ok {
		k = int32(len(x.keys))
		x.keys = append(x.keys, id)
		x.byID[id] = k
	}
	return k
}

func (x *index) role(name string) int32 {
	r, ok := x.roles[name]
	if !ok {
		r = int32(len(x.roles))
		x.roles[name] = r
	}
	return r
}

// hashID returns an id for an item: the beginning of the SHA-256 of its text, which
// is the same in whatever file the item stands.
func hashID(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// nameTheNameless gives each item without an id one that no other item has: its
// hash, and a number behind it for the second such item.
func (x *index) nameTheNameless() {
	uses := map[string]int{}
	for _, m := range x.madeUp {
		id := m.id
		for {
			uses[m.id]++
			if n := uses[m.id]; n > 1 {
				id = m.id + "-" + strconv.Itoa(n)
			}
			if _, taken := x.byID[id]; !taken {
				break
			}
		}
		x.entries[m.entry].key, x.entries[m.entry].noID = x.key(id), true
	}
	// they are large, and not needed again
	x.byID, x.roles, x.madeUp, x.counted = nil, nil, nil, nil
}

// join shuffles the items and collects those of each conversation. It returns
// the conversations in the order of conversion.
func (x *index) join(src *Source, random *pyrand.Python) (conversations [][]ref, err error) {
	order := make([]int32, len(x.entries))
	for i := range order {
		order[i] = int32(i)
	}
	random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })

	place := make([]int32, len(x.keys)) // of a key in conversations, from 1
	sizes := make([]int32, len(x.keys))
	for i := range x.entries {
		if k := x.entries[i].key; k >= 0 {
			sizes[k]++
		}
	}
	refs := make([]ref, 0, len(x.entries)) // backs all conversations
	for _, i := range order {
		if err := x.bad[i]; err != nil {
			return nil, err
		}
		e := &x.entries[i]
		if place[e.key] == 0 {
			from := len(refs)
			refs = refs[:from+int(sizes[e.key])]
			conversations = append(conversations, refs[from:from:len(refs)])
			place[e.key] = int32(len(conversations))
		}
		if e.turns == 0 {
			continue // in parity an item without turns keeps its conversation's place
		}
		parts := &conversations[place[e.key]-1]
		r := ref{entry: i}
		if n := len(*parts); x.parity && n > 0 {
			// As the reference does it: each part goes behind the one that came
			// before it.
			before := &x.entries[(*parts)[n-1].entry]
			if before.last < 0 || e.first < 0 {
				return nil, &ReferenceError{"KeyError", "'from'"}
			}
			if r.dropFirst = before.last == e.first; r.dropFirst && e.turns == 1 {
				continue
			}
		}
		*parts = append(*parts, r)
	}
	conversations = slices.DeleteFunc(conversations, func(parts []ref) bool {
		return len(parts) == 0
	})
	if x.parity {
		return conversations, nil
	}
	for c, parts := range conversations {
		slices.SortStableFunc(parts, func(a, b ref) int {
			p, q := &x.entries[a.entry], &x.entries[b.entry]
			switch {
			case p.part != q.part:
				return int(max(min(p.part-q.part, 1), -1))
			}
			return int(p.number - q.number)
		})
		kept := parts[:0]
		for _, r := range parts {
			e := &x.entries[r.entry]
			if n := len(kept); n > 0 {
				before := &x.entries[kept[n-1].entry]
				if before.part == e.part {
					if err := x.tally.dropEntry(src, e, Duplicate, x.keys[e.key]+", also in line "+
						strconv.Itoa(int(before.line))); err != nil {
						return nil, err
					}
					continue
				}
				r.dropFirst = before.last == e.first
			}
			kept = append(kept, r)
		}
		conversations[c] = kept
	}
	return conversations, nil
}
