package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"multiturn/internal/human"
)

// console is stderr. Writes are not mixed, and go above a progress bar if one is
// shown. What a terminal would obey in them is escaped: nobody else has to do it.
type console struct {
	mu  sync.Mutex
	raw io.Writer
	bar *mpb.Progress
}

func (c *console) Write(p []byte) (int, error) {
	text := []byte(human.VisibleText(string(p)))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.bar != nil {
		if _, err := c.bar.Write(text); err == nil {
			return len(p), nil
		}
	}
	if _, err := c.raw.Write(text); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *console) show(bar *mpb.Progress) {
	c.mu.Lock()
	c.bar = bar
	c.mu.Unlock()
}

// canShowBar reports whether the stream is a terminal that can show a bar. Some
// terminals do not know their width, and a bar has then none: those of
// containers, of editors and of remote commands.
func canShowBar(stream any, env map[string]string) bool {
	f, ok := stream.(*os.File)
	if !ok || env["TERM"] == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return false
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	return err == nil && columns > 0
}

// Progress shows how far some work is: a bar if stderr is a terminal, else a line
// every 10 s. Its methods are safe for concurrent use; Add costs an atomic
// addition.
type Progress struct {
	title, unit string
	n, total    atomic.Int64
	note        atomic.Pointer[func() string]
	start       time.Time
	print       func(string)
	stop        func()
}

// lineEvery is how often a line is printed where no bar can be shown: often
// enough to see that work goes on, seldom enough for a log.
const lineEvery = 10 * time.Second

// Progress starts to show work of total units; 0 means that the total is not
// known yet. The title is what is done ("generating"), the unit what is counted
// ("conversations"); the unit "B" is bytes. Nothing is shown with --quiet. One
// Progress can be shown at a time. End it with Done.
func (c *Call) Progress(title, unit string, total int64) *Progress {
	p := &Progress{title: title, unit: unit, start: time.Now(), stop: func() {}}
	p.total.Store(total)
	if c.common.quiet {
		return p
	}
	p.print = func(s string) { fmt.Fprintf(c.Stderr, "%s: %s\n", c.root.Name, s) }
	every, step := lineEvery, func() { p.print(p.line(time.Now())) }
	end := func() {}
	if con, ok := c.Stderr.(*console); ok && canShowBar(con.raw, c.env) {
		every, step, end = p.bar(con)
	}
	over, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				step()
			case <-over:
				return
			}
		}
	}()
	p.stop = sync.OnceFunc(func() { close(over); <-done; end() })
	return p
}

// bar shows a bar on the terminal. It returns how often to update it, and the
// functions that update and remove it.
func (p *Progress) bar(con *console) (every time.Duration, step, end func()) {
	box := mpb.New(mpb.WithOutput(con.raw), mpb.WithAutoRefresh())
	rest := decor.Any(func(decor.Statistics) string { return " " + p.state(time.Now()) })
	// A bar made with a total would end by itself at that total, and could not
	// change it. Done ends this one.
	bar := box.AddBar(0, mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(decor.Name(p.title+" ")), mpb.AppendDecorators(rest))
	con.show(box)
	step = func() {
		bar.SetTotal(p.total.Load(), false)
		bar.SetCurrent(p.n.Load())
	}
	step()
	return 100 * time.Millisecond, step, func() {
		con.show(nil)
		bar.Abort(true)
		box.Wait()
	}
}

// Add counts n more units as done. It can be handed to a library as a callback.
func (p *Progress) Add(n int) { p.n.Add(int64(n)) }

// SetTotal sets the number of units, once it is known or when it changes.
func (p *Progress) SetTotal(total int64) { p.total.Store(total) }

// Note sets a function whose text stands behind the counts. It is called from
// another goroutine.
func (p *Progress) Note(text func() string) { p.note.Store(&text) }

// Done removes the progress. Further calls do nothing.
func (p *Progress) Done() { p.stop() }

func (p *Progress) line(now time.Time) string { return p.title + ": " + p.state(now) }

// state returns "120/1000 conversations (12%), 12.3/s, 1m12s left".
func (p *Progress) state(now time.Time) string {
	n, total, elapsed := p.n.Load(), p.total.Load(), now.Sub(p.start)
	rate := 0.0
	if elapsed > 0 {
		rate = float64(n) / elapsed.Seconds()
	}
	amount := func(x float64) string { return fmt.Sprintf("%.0f", x) }
	unit := " " + p.unit
	if p.unit == "B" {
		amount, unit = byteAmount, ""
	}
	s := amount(float64(n))
	if total > 0 {
		s += "/" + amount(float64(total)) + unit + fmt.Sprintf(" (%d%%)", min(100, n*100/total))
	} else {
		s += unit
	}
	switch {
	case p.unit == "B":
		s += ", " + byteAmount(rate) + "/s"
	case rate >= 100:
		s += fmt.Sprintf(", %.0f/s", rate)
	case rate > 0:
		s += fmt.Sprintf(", %.3g/s", rate)
	}
	if left := float64(total-n) / rate; total > n && rate > 0 && left < 1e6 {
		s += ", " + (time.Duration(left+0.5) * time.Second).String() + " left"
	}
	if note := p.note.Load(); note != nil {
		s += ", " + (*note)()
	}
	return s
}

func byteAmount(x float64) string {
	for _, u := range []string{"B", "kB", "MB", "GB"} {
		if x < 1000 || u == "GB" {
			if u == "B" {
				return fmt.Sprintf("%.0f %s", x, u)
			}
			return fmt.Sprintf("%.1f %s", x, u)
		}
		x /= 1000
	}
	return ""
}
