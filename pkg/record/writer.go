package record

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	// flushEvery is the longest time before a record is written to the file, and so
	// what a killed run loses.
	flushEvery = 500 * time.Millisecond
	// flushSize is how many bytes are written sooner: few system calls, little memory.
	flushSize = 64 << 10
	// endRoom is how much of a full disk is taken back for the end of a run: twice as
	// much as the longest one needs.
	endRoom = 4 << 10
	// queueSize is how many records may wait for the writer. Turns end in bursts, of
	// thousands if as many clients started together.
	queueSize = 8192
)

// Writer writes a stream of records. A goroutine encodes and writes them, so that
// a caller between two requests does neither. All methods are safe for concurrent
// use, but not after Close. A record must not be changed after the call.
type Writer struct {
	dst    io.Writer
	queue  chan any
	done   chan struct{}
	waits  atomic.Int64
	failed atomic.Pointer[error]
}

// NewWriter starts a writer to dst. Close flushes and stops the writer, but does
// not close dst.
func NewWriter(dst io.Writer) *Writer {
	w := &Writer{dst: dst, queue: make(chan any, queueSize), done: make(chan struct{})}
	go w.write()
	return w
}

// Run writes a header, with Type, Format and Version. Like the other methods it
// returns Err.
func (w *Writer) Run(r *Run) error { return w.add(r) }

// Turn writes a turn.
func (w *Writer) Turn(t *Turn) error { return w.add(t) }

// Scrape writes a reading of metrics.
func (w *Writer) Scrape(s *Scrape) error { return w.add(s) }

// Prefix writes the check of a turn's prefix.
func (w *Writer) Prefix(p *Prefix) error { return w.add(p) }

// End writes the last record.
func (w *Writer) End(e *End) error { return w.add(e) }

// Waits returns how many callers had to wait because the queue was full. Each may
// have delayed a request.
func (w *Writer) Waits() int64 { return w.waits.Load() }

// Err returns the first error of writing. Later records are dropped, because a
// stream with a hole would look complete. The End is still written if dst can be
// cut back to whole lines (CutBack), and counts the turns that are missing.
func (w *Writer) Err() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Close writes the remaining records and returns Err.
func (w *Writer) Close() error {
	close(w.queue)
	<-w.done
	return w.Err()
}

func (w *Writer) add(rec any) error {
	select {
	case w.queue <- rec:
	default:
		w.waits.Add(1)
		w.queue <- rec
	}
	return w.Err()
}

// write is the goroutine that owns dst.
func (w *Writer) write() {
	defer close(w.done)
	tick, armed := time.NewTimer(flushEvery), true
	defer tick.Stop()
	var b batch
	flush := func() {
		if err := b.flush(w.dst, w.Err() != nil); err != nil {
			err = fmt.Errorf("writing records: %w", err)
			w.failed.CompareAndSwap(nil, &err)
		}
	}
	for {
		select {
		case rec, ok := <-w.queue:
			if !ok {
				flush()
				return
			}
			if _, end := rec.(*End); end {
				flush() // as it counts what is in the file
			}
			if err := b.add(rec, w.Err()); err != nil {
				err = fmt.Errorf("encoding a record: %w", err)
				w.failed.CompareAndSwap(nil, &err)
				continue
			}
			// The header is written at once, for readers that follow the file.
			if _, header := rec.(*Run); header || len(b.text) >= flushSize {
				flush()
			} else if !armed {
				tick.Reset(flushEvery)
				armed = true
			}
		case <-tick.C:
			flush()
			armed = false
		}
	}
}

// batch is what is to be written next.
type batch struct {
	text  []byte
	turns int // added
	kept  int // that are in the file
	cut   bool
}

// add adds a record; after an error of writing only an End, which counts the turns
// that are not in the file.
func (b *batch) add(rec any, failed error) (err error) {
	switch r := rec.(type) {
	case *Turn:
		b.turns++
	case *End:
		if failed != nil {
			end := *r
			end.Why, end.Error = WhyFailed, cmp.Or(end.Error, failed.Error())
			end.Unwritten = b.turns - b.kept
			b.text, err = appendRecord(b.text[:0], &end)
			return err
		}
	}
	if failed != nil {
		return nil
	}
	b.text, err = appendRecord(b.text, rec)
	return err
}

// flush writes the batch. After the first error it cuts the file back to whole
// lines, if that can be done, and writes on: what comes is an End.
func (b *batch) flush(dst io.Writer, failed bool) error {
	text := b.text
	b.text = b.text[:0]
	if len(text) == 0 || failed && !b.cut {
		return nil
	}
	n, err := dst.Write(text)
	b.kept += turnsIn(text[:n])
	if c, ok := dst.(interface{ CutBack(int64) ([]byte, error) }); err != nil && ok && !failed {
		if removed, cutErr := c.CutBack(endRoom); cutErr == nil {
			b.cut = true
			b.kept -= turnsIn(removed)
		}
	}
	return err
}

// turnsIn returns how many whole turns are in encoded records.
func turnsIn(text []byte) int {
	return bytes.Count(text[:bytes.LastIndexByte(text, '\n')+1], []byte(`{"type":"`+TypeTurn+`"`))
}
