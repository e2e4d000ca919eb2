package cli

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vbauerster/mpb/v8"
)

// Without a terminal one line is written every 10 s, and no line after Done.
func TestProgressLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := inCall(t, func(c *Call) error {
			p := c.Progress("generating", "conversations", 1000)
			p.Note(func() string { return "3 failed" })
			time.Sleep(9 * time.Second)
			p.Add(60)
			time.Sleep(2 * time.Second)
			p.Add(60)
			p.SetTotal(240)
			time.Sleep(10 * time.Second)
			p.Done()
			p.Done()
			time.Sleep(time.Minute)
			return nil
		})
		equal(t, "stderr", r.errout, "demo: generating: 60/1000 conversations (6%), 6/s, "+
			"2m37s left, 3 failed\ndemo: generating: 120/240 conversations (50%), 6/s, 20s left, "+
			"3 failed\n")
	})
}

func TestProgressQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDemo()
		d.run = func(_ context.Context, c *Call) error {
			p := c.Progress("generating", "conversations", 10)
			time.Sleep(time.Minute)
			p.Done()
			c.Remarkf("not said")
			c.Log.Info("not logged")
			c.Log.Error("logged")
			return nil
		}
		r := call(d.command(""), nil, "-q")
		if !strings.Contains(r.errout, "msg=logged") || strings.Count(r.errout, "\n") != 1 {
			t.Errorf("stderr %q", r.errout)
		}
	})
}

func TestProgressState(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unit     string
		n, total int64
		after    time.Duration
		want     string
	}{
		{"turns", 0, 0, 0, "0 turns"},
		{"turns", 0, 10, time.Second, "0/10 turns (0%)"},
		{"turns", 5, 0, 2 * time.Second, "5 turns, 2.5/s"},
		{"turns", 12345, 0, time.Second, "12345 turns, 12345/s"},
		{"turns", 20, 10, time.Second, "20/10 turns (100%), 20/s"},
		{"turns", 1, 1 << 40, time.Hour, "1/1099511627776 turns (0%), 0.000278/s"},
		{"B", 1_500_000, 3_000_000, time.Second, "1.5 MB/3.0 MB (50%), 1.5 MB/s, 1s left"},
		{"B", 999, 0, time.Second, "999 B, 999 B/s"},
		{"B", 12_300_000_000, 0, time.Second, "12.3 GB, 12.3 GB/s"},
	} {
		p := &Progress{title: "doing", unit: c.unit, start: time.Unix(0, 0)}
		p.n.Store(c.n)
		p.total.Store(c.total)
		equal(t, "state", p.state(p.start.Add(c.after)), c.want)
	}
}

// mpb draws the bar onto a buffer. The bar ends and is removed, and lines written
// meanwhile stand whole above it, whatever the counts are.
func TestProgressBar(t *testing.T) {
	t.Parallel()
	for _, total := range []int64{0, 1, 10} {
		synctest.Test(t, func(t *testing.T) {
			var screen lockedBuffer
			con := &console{raw: &screen}
			p := &Progress{title: "running", unit: "turns", start: time.Now()}
			p.total.Store(total)
			_, step, end := p.bar(con)
			if _, err := io.WriteString(con, "a line\n"); err != nil {
				t.Fatal(err)
			}
			for range 12 {
				p.Add(1)
				step()
			}
			p.SetTotal(20)
			step()
			time.Sleep(time.Second) // some of mpb's frames
			end()
			io.WriteString(con, "after\n")
			s := screen.String()
			if !strings.Contains(s, "a line\n") || !strings.Contains(s, "running") ||
				!strings.Contains(s, "12/20 turns (60%)") || !strings.HasSuffix(s, "after\n") {
				t.Errorf("total %d: the screen got %q", total, s)
			}
		})
	}
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestCanShowBar(t *testing.T) {
	t.Parallel()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if canShowBar(f, nil) || canShowBar(&bytes.Buffer{}, nil) {
		t.Error("a file or a buffer passes for a terminal")
	}
}

// Text that is written after the bar's container has ended still arrives.
func TestConsoleAfterBar(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	con := &console{raw: &b}
	box := mpb.New(mpb.WithOutput(io.Discard), mpb.WithAutoRefresh())
	con.show(box)
	box.Wait()
	io.WriteString(con, "line\n")
	equal(t, "written", b.String(), "line\n")
}
