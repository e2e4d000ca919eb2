package report

import (
	"fmt"
	"strings"

	"multiturn/internal/human"
	"multiturn/pkg/record"
)

// Histories counts the turns in whose place something else than the answer stands
// in the history of the next turn, warm-up and all arms included, by what stands
// there (see record.Turn) and by why.
type Histories struct {
	Tool    int `json:"tool"`    // the dataset's answer, since a tool's message follows
	Text    int `json:"text"`    // the answer's text without its tool calls
	Dataset int `json:"dataset"` // the dataset's answer
	Server  int `json:"server"`  // the server's, in a run with the dataset's answers
	Omitted int `json:"omitted"` // nothing

	// Why the answer is not there, of Dataset and Omitted.
	ReasoningOnly int `json:"reasoning_only"`
	CallsOnly     int `json:"tool_calls_only"`
	Empty         int `json:"empty"`
	Failed        int `json:"failed"` // the conversation went on all the same
}

func (c *Collector) histories() *Histories {
	var h Histories
	for i := range c.turns {
		t := &c.turns[i]
		switch t.history {
		case record.HistoryTool:
			h.Tool++
		case record.HistoryText:
			h.Text++
		case record.HistoryServer:
			h.Server++
		case record.HistoryDataset:
			h.Dataset++
			h.why(t)
		case record.HistoryOmitted:
			h.Omitted++
			h.why(t)
		}
	}
	if h == (Histories{}) {
		return nil
	}
	return &h
}

func (h *Histories) why(t *turn) {
	switch {
	case !t.outcome.OK() && t.outcome != record.Empty:
		h.Failed++
	case t.chunks == 0:
		h.Empty++
	case t.reasoningChunks == t.chunks:
		h.ReasoningOnly++
	default:
		h.CallsOnly++
	}
}

// String says what stands in histories.
func (h *Histories) String() string {
	var texts []string
	for _, c := range []counted{
		{h.Tool, "the dataset's answer, which a tool's message follows"},
		{h.Text, "the answer's text without its tool calls"},
		{h.Dataset, "the dataset's answer for one without text"},
		{h.Server, "the server's answer where the dataset has none"},
		{h.Omitted, "nothing, since neither answer has a text"},
	} {
		if c.n > 0 {
			texts = append(texts, fmt.Sprintf("%d x %s", c.n, c.what))
		}
	}
	return strings.Join(texts, "; ")
}

// counted is a number and what it counts.
type counted struct {
	n    int
	what string
}

// historyReplaced reports answers that could not stand in a history. That the
// dataset's stand where tools' messages follow is as it should be, and a failure
// has a finding of its own.
func (f *finder) historyReplaced() {
	h := f.d.Histories
	if h == nil || h.Text+h.ReasoningOnly+h.CallsOnly+h.Empty == 0 {
		return
	}
	var why []string
	for _, w := range []counted{
		{h.ReasoningOnly, "reasoning only (%d; ask for longer answers)"},
		{h.CallsOnly, "tool calls only (%d)"}, {h.Empty, "empty (%d)"},
		{h.Text, "a text with tool calls that nothing answers (%d)"},
	} {
		if w.n > 0 {
			why = append(why, fmt.Sprintf(w.what, w.n))
		}
	}
	n := h.Text + h.ReasoningOnly + h.CallsOnly + h.Empty
	f.add(historyReplaced, fmt.Sprintf("%s could not stay in the history, where strict servers "+
		"refuse such: %s. The next turns hit less of the cache.",
		human.Count(n, "answer"), strings.Join(why, ", ")), "%s", h)
}
