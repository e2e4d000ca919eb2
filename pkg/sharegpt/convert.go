package sharegpt

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"multiturn/internal/human"
	"multiturn/internal/pyrand"
	"multiturn/pkg/chat"
)

// Convert reads a collection and writes its conversations to w. The error is
// that of reading or writing, ErrNothingLeft, or in parity a *ReferenceError.
// At an error w may hold a part of the output, and the result describes what
// was done until then.
func Convert(ctx context.Context, src *Source, w io.Writer, f chat.Format,
	o Options) (*Result, error) {
	o.codes = o.Language.codes()
	v := &converter{src: src, o: o, format: f, tally: newTally(o.Rejects), res: &Result{}}
	err := v.run(ctx, w)
	v.res.Dropped, v.res.Changed = v.tally.list(), v.changed.list()
	return v.res, err
}

type converter struct {
	src     *Source
	o       Options
	format  chat.Format
	tally   *tally
	changed changeTally
	index   *index
	convs   [][]ref
	res     *Result
	broken  error // ends the writing; the other conversations are still checked
}

func (v *converter) run(ctx context.Context, w io.Writer) (err error) {
	o := &v.o
	if o.Parity {
		low := on(o.MinTurns) && on(o.MaxTurns) && *o.MinTurns > *o.MaxTurns
		if low || on(o.MinLength) && on(o.MaxLength) && *o.MinLength > *o.MaxLength {
			return assertion("")
		}
		o.Transcript.header(o)
		if err := v.checkStart(); err != nil {
			return err
		}
	}
	if v.index, err = build(ctx, v.src, o, v.tally); err != nil {
		return err
	}
	v.res.Items, v.res.CutOff = v.index.items, v.index.cutOff
	v.res.Apart, v.res.ApartID = v.index.apart, v.index.apartID
	o.Transcript.printf("Total items in input file: %s\nShuffling dataset with seed %s\n",
		human.Thousands(v.res.Items), o.seed())
	random := pyrand.NewPython(o.seed())
	if v.convs, err = v.index.join(v.src, random); err != nil {
		return err
	}
	v.res.Conversations = len(v.convs)
	for _, parts := range v.convs {
		if len(parts) > v.res.MostParts {
			v.res.MostParts, v.res.Longest = len(parts),
				v.index.keys[v.index.entries[parts[0].entry].key]
		}
	}
	o.Transcript.printf("Total unique conversations (IDs) in input file: %s\n",
		human.Thousands(len(v.convs)))

	out := chat.NewWriter(w, v.format)
	sampled := o.MaxItems != nil && (*o.MaxItems > 0 || o.Parity)
	all := make([]int32, len(v.convs))
	for i := range all {
		all[i] = int32(i)
	}
	kept, err := v.filter(ctx, all, out, !sampled)
	if err != nil {
		return err
	}
	if len(kept) == 0 {
		if o.Parity {
			return assertion("Final number of conversations is zero")
		}
		return ErrNothingLeft
	}
	o.Transcript.table(v.res.Kept)
	if sampled {
		if n := *o.MaxItems; n < len(kept) {
			v.res.NotSampled = len(kept) - n
			o.Transcript.printf("\n\nSampling %d items from the dataset...\n", n)
			picked := make([]int32, n)
			for i, k := range random.Sample(len(kept), n) {
				picked[i] = kept[k]
			}
			kept = picked
		}
		if err := v.write(ctx, kept, out); err != nil {
			return err
		}
	}
	o.Transcript.printf("\nTotal conversations converted (after filtering): %d\n", len(kept))
	if o.Transcript != nil {
		o.Transcript.printf("\nWriting file: %s\n", o.Transcript.Output)
	}
	if v.broken != nil {
		out.Flush()
		return v.broken
	}
	return out.Close()
}

// checkStart checks how the input begins, before any of it is indexed.
func (v *converter) checkStart() error {
	first := bufio.NewReaderSize(v.src.first, 64<<10)
	v.src.first = first
	begin, err := first.Peek(4096)
	if err != nil && err != io.EOF {
		return fmt.Errorf("%s: %w", v.src.name, err)
	}
	return checkStart(v.src, begin)
}

// filter converts all conversations and returns those that pass. If write is
// set it also writes them, which saves a second conversion.
func (v *converter) filter(ctx context.Context, list []int32, out *chat.Writer,
	write bool) (kept []int32, err error) {
	twins := map[[16]byte]int32{}
	v.res.Kept = &Statistics{tokens: write && v.o.Count != nil && !v.o.Parity}
	err = v.each(ctx, list, write, v.res.Kept.tokens, func(c int32, m *made, encoded []byte) error {
		if m.err != nil {
			return m.err
		}
		if m.reason != "" {
			return v.tally.dropConversation(v.src, v.index, v.convs[c], m.reason, m.detail)
		}
		if first, again := twins[m.digest]; v.o.Dedup && again {
			at := &v.index.entries[v.convs[first][0].entry]
			return v.tally.dropConversation(v.src, v.index, v.convs[c], Twin,
				fmt.Sprintf("%s, in line %d", v.index.keys[at.key], at.line))
		} else if v.o.Dedup {
			twins[m.digest] = c
		}
		kept = append(kept, c)
		v.res.Kept.add(&m.row)
		if write {
			return v.put(c, out, m, encoded)
		}
		return nil
	})
	return kept, err
}

// write writes conversations that have passed.
func (v *converter) write(ctx context.Context, list []int32, out *chat.Writer) error {
	s := &Statistics{tokens: v.o.Count != nil && (!v.o.Parity || v.res.NotSampled > 0)}
	err := v.each(ctx, list, true, s.tokens, func(c int32, m *made, encoded []byte) error {
		s.add(&m.row)
		return v.put(c, out, m, encoded)
	})
	if err != nil {
		return err
	}
	if v.res.NotSampled == 0 {
		if s.tokens {
			v.res.Kept = s
		}
		return nil
	}
	v.res.Sampled = s
	v.o.Transcript.table(s)
	if s.Conversations() == 0 {
		return &ReferenceError{"ValueError", "Cannot describe a DataFrame without columns"}
	}
	return nil
}

func (v *converter) put(c int32, out *chat.Writer, m *made, encoded []byte) error {
	if v.broken != nil {
		return nil
	}
	if m.surrogate != nil {
		encoded, v.broken = m.surrogate.cutOutput(encoded)
	}
	v.res.Written++
	v.res.Messages += m.messages
	v.changed.add(&m.changes)
	if err := v.tally.noteLosses(v.index, v.convs[c], &m.changes); err != nil {
		return err
	}
	return out.WriteEncoded(encoded)
}

// job is a run of conversations on their way through a worker.
type job struct {
	list    []int32
	made    []made
	encoded []byte
	ends    []int // of each conversation in encoded
	done    chan struct{}
	err     error
}

// each converts conversations with all workers and passes them to sink in the
// order of the list.
func (v *converter) each(ctx context.Context, list []int32, encode, tokens bool,
	sink func(c int32, m *made, encoded []byte) error) error {
	group, ctx := errgroup.WithContext(ctx)
	work := make(chan *job, v.o.workers())
	ordered := make(chan *job, 2*v.o.workers())
	free := make(chan *job, 4*v.o.workers())
	group.Go(func() error {
		defer close(work)
		defer close(ordered)
		for len(list) > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			n, size := 0, 0
			for n < len(list) && n < 1024 && size < batchSize {
				for _, r := range v.convs[list[n]] {
					size += int(v.index.entries[r.entry].size)
				}
				n++
			}
			var j *job
			select {
			case j = <-free:
			default:
				j = &job{}
			}
			j.list, j.done = list[:n], make(chan struct{})
			list = list[n:]
			for _, to := range []chan<- *job{work, ordered} {
				select {
				case to <- j:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		return nil
	})
	for range v.o.workers() {
		group.Go(func() error {
			k := worker{v: v, encode: encode}
			if tokens {
				k.count = v.o.Count
			}
			for j := range work {
				j.err = k.do(j)
				close(j.done)
			}
			return nil
		})
	}
	group.Go(func() error {
		for j := range ordered {
			<-j.done
			if j.err != nil {
				return j.err
			}
			from := 0
			for i := range j.made {
				if err := sink(j.list[i], &j.made[i], j.encoded[from:j.ends[i]]); err != nil {
					return err
				}
				from = j.ends[i]
			}
			if cap(j.encoded) > 4*batchSize {
				continue
			}
			select {
			case free <- j:
			default:
			}
		}
		return nil
	})
	return group.Wait()
}

// worker converts one conversation after the other and reuses its buffers.
type worker struct {
	v      *converter
	encode bool
	count  func(string) int
	it     item
	data   []byte
}

func (k *worker) do(j *job) error {
	j.made, j.ends, j.encoded = j.made[:0], j.ends[:0], j.encoded[:0]
	for _, c := range j.list {
		m, err := k.convert(c)
		if err != nil {
			return err
		}
		if m.reason == "" && m.err == nil {
			m.messages = len(m.conv.Messages)
			m.row = measure(&m.conv, k.count)
			if k.v.o.Dedup {
				m.digest = k.digest(&m.conv)
			}
			if k.encode {
				j.encoded = k.v.format.Append(j.encoded, &m.conv)
			}
			m.conv.Messages = nil // the text is not needed any more
		}
		j.made = append(j.made, m)
		j.ends = append(j.ends, len(j.encoded))
	}
	return nil
}

// digest returns a digest of the messages and tools of a conversation.
func (k *worker) digest(c *chat.Conversation) (sum [16]byte) {
	k.data = k.data[:0]
	for i := range c.Messages {
		k.data = append(c.Messages[i].AppendJSON(k.data), '\n')
	}
	k.data = append(k.data, c.Tools()...)
	whole := sha256.Sum256(k.data)
	copy(sum[:], whole[:])
	return sum
}

// convert reads the parts of a conversation and makes messages of them.
func (k *worker) convert(c int32) (made, error) {
	v := k.v
	k.it.reset()
	parts := v.convs[c]
	repeated := int32(0)
	for _, r := range parts {
		e := &v.index.entries[r.entry]
		k.data = slices.Grow(k.data[:0], int(e.size))[:e.size]
		if _, err := v.src.again.ReadAt(k.data, e.offset); err != nil {
			return made{}, fmt.Errorf("reading %s again: %w", v.src.name, err)
		}
		before := len(k.it.turns)
		if err := k.it.parse(k.data, v.o.Parity); err != nil {
			return made{}, fmt.Errorf("%s has changed while it was read: line %d: %w",
				v.src.name, e.line, err)
		}
		if r.dropFirst && len(k.it.turns) > before {
			k.it.turns = slices.Delete(k.it.turns, before, before+1)
			repeated++
		}
		v.o.progress(len(k.data))
	}
	first := &v.index.entries[parts[0].entry]
	id := v.index.keys[first.key]
	if v.o.Parity {
		return v.o.reference(id, &k.it), nil
	}
	m := v.o.make(id, &k.it)
	m.changes[Repeated] = repeated
	m.changes.count(NoID, first.noID)
	if len(parts) > 1 {
		m.changes[Joined] = int32(len(parts))
	}
	return m, nil
}
