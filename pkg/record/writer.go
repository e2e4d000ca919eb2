package record

import (
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

const (
	// flushEvery is how old a record gets at most before it is handed to the file: what a killed run loses.
	flushEvery = 500 * time.Millisecond
	// flushSize is how much is gathered before it is written sooner.
	flushSize = 64 << 10
	// queueSize is how many records may wait for the writer. Turns end in bursts: thousands at once when many clients
	// were started at once.
	queueSize = 8192
)

// Writer writes a stream of records. Records are handed to a goroutine that encodes and writes them, so that a caller
// between two requests does neither. All methods may be called from any goroutine, but none after Close, and a record
// must not be changed once it was handed over.
type Writer struct {
	dst    io.Writer
	queue  chan any
	done   chan struct{}
	waits  atomic.Int64
	failed atomic.Pointer[error]
}

// NewWriter starts a writer to dst, which it does not close. Call Close to flush and stop it.
func NewWriter(dst io.Writer) *Writer {
	w := &Writer{dst: dst, queue: make(chan any, queueSize), done: make(chan struct{})}
	go w.write()
	return w
}

// Run writes a header. Type, Format and Version are set by the writer. It returns Err, as the other methods do.
func (w *Writer) Run(r *Run) error { return w.add(r) }

// Turn writes a turn.
func (w *Writer) Turn(t *Turn) error { return w.add(t) }

// Scrape writes a reading of metrics.
func (w *Writer) Scrape(s *Scrape) error { return w.add(s) }

// Prefix writes what was found of a turn's prefix.
func (w *Writer) Prefix(p *Prefix) error { return w.add(p) }

// End writes the last record.
func (w *Writer) End(e *End) error { return w.add(e) }

// Waits counts the records that found the queue full, so that the caller had to wait. 0 is what a measurement wants.
func (w *Writer) Waits() int64 { return w.waits.Load() }

// Err returns the first error of writing. Records after it are dropped: a stream with a hole would look whole.
func (w *Writer) Err() error {
	if err := w.failed.Load(); err != nil {
		return *err
	}
	return nil
}

// Close writes what is left, waits for it and returns Err.
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
			// The header goes out at once: whoever follows the file wants to know what it is.
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
