package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// point is a load at which clients are measured.
type point struct {
	Name     string        `json:"name"`
	Streams  int           `json:"streams"`     // requests in flight, and conversations in progress
	Interval time.Duration `json:"interval_ns"` // between tokens; 0 = as fast as both sides can
	Turns    int           `json:"turns"`       // of each conversation
	// Conversations is their number; 0 = one for each stream.
	Conversations int `json:"conversations,omitempty"`
	// Answers have between MinTokens and MaxTokens tokens.
	MinTokens int `json:"min_tokens"`
	MaxTokens int `json:"max_tokens"`
	// Opening is the size of each conversation's first question in bytes.
	Opening int `json:"opening_bytes"`
}

const defaultPoints = "1,10,100,500,1000,5000,100/unpaced,100/250us,100/400kB"

// Kinds of points, after the slash. A duration is the interval between tokens.
const (
	unpaced = "unpaced" // the server sends many chunks in a write
	long    = "400kB"   // bodies of that size
)

// fast is the interval below which answers are long, so that most of the time
// is not spent on starting them.
const fast = 5 * time.Millisecond

// parsePoints parses a list such as "1,100,100/unpaced,100/250us". turns 0
// means the default of the point.
func parsePoints(list string, interval time.Duration, turns int) ([]point, error) {
	var points []point
	seen := map[string]bool{}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		number, kind, _ := strings.Cut(name, "/")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("point %q: want a number of streams, or one with /%s, /%s or "+
				"a time between tokens, such as 100/250us", name, unpaced, long)
		}
		if seen[name] {
			return nil, fmt.Errorf("point %q is given twice", name)
		}
		seen[name] = true
		p := point{Name: name, Streams: n, Interval: interval, Turns: 4, MinTokens: 64,
			MaxTokens: 128, Opening: 200}
		switch kind {
		case "":
			// With few streams, a meaningful p99 needs more turns.
			p.Turns = max(4, min(12, 60/n))
		case unpaced:
			p.Interval = 0
		case long:
			p.Opening = 400_000
		default:
			if p.Interval, err = time.ParseDuration(kind); err != nil || p.Interval <= 0 {
				return nil, fmt.Errorf("point %q: /%s is unknown: want /%s, /%s or a time "+
					"between tokens, such as /250us", name, kind, unpaced, long)
			}
		}
		if p.Interval < fast {
			p.MinTokens, p.MaxTokens = 2048, 2048
		}
		if turns > 0 {
			p.Turns = turns
		}
		points = append(points, p)
	}
	return points, nil
}

// file returns the name in a form for file names.
func (p *point) file() string { return strings.ReplaceAll(p.Name, "/", "-") }

func (p *point) conversations() int {
	if p.Conversations > 0 {
		return p.Conversations
	}
	return p.Streams
}

// vocabulary has the words of texts. With a space before it, each is one token
// in all current tokenizers, so that clients with different ones ask for
// answers of the same length.
var vocabulary = strings.Fields(`
	the and you that was for are with his they one have this from had but some what there we can
	out other were all your when use word how said each she which their time will way about many
	then them would write like these her long make thing see him two has look more day could
	come did sound most number who over know water than call first people may down side been now
	find any new work part take get place made live where after back little only round man year`)

// writeConversations writes the conversations of a point. Their answers only
// set the length of the server's.
func writeConversations(path string, p point, seed uint64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<16)
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	type conversation struct {
		ID       string    `json:"id"`
		Messages []message `json:"messages"`
	}
	random := rand.New(rand.NewPCG(seed, uint64(p.Streams)))
	words := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte(' ')
			b.WriteString(vocabulary[random.IntN(len(vocabulary))])
		}
		return b.String()
	}
	text := func(size int) string { // four letters and a space: the mean word
		s := words(size/4 + 1)
		return s[:min(size, len(s))]
	}
	for i := range p.conversations() {
		c := conversation{ID: fmt.Sprintf("%s-%d", p.file(), i)}
		for t := range p.Turns {
			size := 200
			if t == 0 {
				size = p.Opening
			}
			question := fmt.Sprintf("Question %d of conversation %d:", t, i) + text(size)
			answer := words(p.MinTokens + random.IntN(p.MaxTokens-p.MinTokens+1))
			c.Messages = append(c.Messages, message{"user", question}, message{"assistant", answer})
		}
		line, err := json.Marshal(c)
		if err != nil {
			return err
		}
		lead := ",\n"
		if i == 0 {
			lead = "[\n"
		}
		w.WriteString(lead)
		w.Write(line)
	}
	w.WriteString("\n]\n")
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
