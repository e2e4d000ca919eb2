package record

import (
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
// stream with a hole would look complete.
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
	var (
		buf   []byte
		tick  = time.NewTimer(flushEvery)
		armed = true
	)
	defer tick.Stop()
	flush := func() {
		if len(buf) > 0 && w.Err() == nil {
			if _, err := w.dst.Write(buf); err != nil {
				err = fmt.Errorf("writing records: %w", err)
				w.failed.Store(&err)
			}
		}
		buf = buf[:0]
	}
	for {
		select {
		case rec, ok := <-w.queue:
			if !ok {
				flush()
				return
			}
			var err error
			if buf, err = appendRecord(buf, rec); err != nil {
				err = fmt.Errorf("encoding a record: %w", err)
				w.failed.CompareAndSwap(nil, &err)
				continue
			}
			// The header is written at once, for readers that follow the file.
			if _, header := rec.(*Run); header || len(buf) >= flushSize {
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
