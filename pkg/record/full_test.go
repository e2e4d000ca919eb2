package record

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// disk is a file on a disk with that much room.
type disk struct {
	bytes.Buffer
	room int
	pipe bool // it cannot be cut
}

var errFull = errors.New("no space left on device")

func (d *disk) Write(p []byte) (int, error) {
	n := min(len(p), max(0, d.room-d.Len()))
	d.Buffer.Write(p[:n])
	if n < len(p) {
		return n, errFull
	}
	return n, nil
}

func (d *disk) CutBack(room int64) ([]byte, error) {
	if d.pipe {
		return nil, errors.ErrUnsupported
	}
	text := d.Bytes()
	keep := bytes.LastIndexByte(text[:max(0, len(text)-int(room))], '\n') + 1
	removed := bytes.Clone(text[keep:])
	d.Truncate(keep)
	return removed, nil
}

// A full disk costs the turns that have no room: those before them are whole lines,
// and the end counts the others.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	const turns = 800
	for _, room := range []int{20_000, 50_001, 70_123} {
		d := &disk{room: room}
		w := NewWriter(d)
		var first error
		for i := range turns {
			turn := &Turn{Type: TypeTurn, Conversation: fmt.Sprint("conversation-", i), Turn: i}
			if err := w.Turn(turn); err != nil && first == nil {
				first = err
			}
		}
		_ = w.End(&End{Type: TypeEnd, Why: WhyFailed, Turns: Tally{Planned: turns, Finished: turns}})
		if err := w.Close(); !errors.Is(err, errFull) {
			t.Errorf("room %d: error %v", room, err)
		}
		text := d.String()
		r := NewReader(strings.NewReader(text), "f")
		n, ends := 0, []*End{}
		for r.Scan() {
			switch rec := r.Record().(type) {
			case *Turn:
				if rec.Turn != n {
					t.Errorf("room %d: turn %d stands at %d", room, rec.Turn, n)
				}
				n++
			case *End:
				ends = append(ends, rec)
			}
		}
		broken, _ := r.Broken()
		if r.Err() != nil || broken > 0 || len(ends) != 1 || n == 0 {
			t.Fatalf("room %d: %v, %d broken lines, %d ends, %d turns", room, r.Err(), broken,
				len(ends), n)
		}
		if e := ends[0]; e.Unwritten != turns-n || !strings.Contains(e.Error, errFull.Error()) {
			t.Errorf("room %d: %d of %d turns are there, and the end says that %d are missing: %s",
				room, n, turns, e.Unwritten, e.Error)
		}
	}
}

// Nothing follows a torn line that cannot be removed.
func TestFullPipe(t *testing.T) {
	t.Parallel()
	d := &disk{room: 300, pipe: true}
	w := NewWriter(d)
	for i := range 10 {
		_ = w.Turn(&Turn{Type: TypeTurn, Conversation: "c", Turn: i})
	}
	_ = w.End(&End{Type: TypeEnd})
	if err := w.Close(); !errors.Is(err, errFull) || d.Len() != d.room ||
		strings.Contains(d.String(), TypeEnd+`"`) {
		t.Errorf("error %v, %d bytes: %s", err, d.Len(), d.String())
	}
}
