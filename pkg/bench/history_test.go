package bench

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

const (
	calls      = `[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]`
	serverCall = `[{"id":"s1","type":"function","function":{"name":"g","arguments":"{}"}}]`
)

// read returns a message as a reader of datasets makes it.
func read(t *testing.T, text string) chat.Message {
	t.Helper()
	r := chat.NewReader(strings.NewReader(`{"messages":[`+text+`]}`), "in")
	if !r.Scan() {
		t.Fatal(r.Err())
	}
	return r.Conversation().Messages[0]
}

// The messages between two questions, for every kind of answer and of dataset.
func TestWhatStandsForAnAnswer(t *testing.T) {
	t.Parallel()
	const (
		user      = `{"role":"user","content":"q"}`
		server    = `{"role":"assistant","content":"said"}`
		text      = `{"role":"assistant","content":"dataset"}`
		lengths   = `{"role":"assistant","output_tokens":3}`
		called    = `{"role":"assistant","content":null,"tool_calls":` + calls + `}`
		both      = `{"role":"assistant","content":"dataset","tool_calls":` + calls + `}`
		tool      = `{"role":"tool","tool_call_id":"c1","content":"3"}`
		function  = `{"role":"assistant","content":null,"function_call":{"name":"f","arguments":""}}`
		returned  = `{"role":"function","name":"f","content":"3"}`
		parts     = `{"role":"assistant","content":[{"type":"text","text":"dataset"}],"name":"x"}`
		says      = "says"
		sayCalls  = "says and calls"
		onlyCalls = "calls"
		thinks    = "thinks"
		nothing   = "nothing"
	)
	replies := map[string]Reply{
		says:      {Text: "said"},
		sayCalls:  {Text: "said", ToolCalls: json.RawMessage(serverCall)},
		onlyCalls: {ToolCalls: json.RawMessage(serverCall)},
		thinks:    {Reasoning: "hm"},
		nothing:   {Exchange: record.Exchange{Outcome: record.Empty}},
	}
	for _, tc := range []struct {
		dataset []string // between the two questions
		history History
		reply   string
		want    string // what is sent between them
		how     string
	}{
		{[]string{text}, ServerAnswers, says, server, ""},
		{[]string{text}, ServerAnswers, sayCalls, server, record.HistoryText},
		{[]string{text}, ServerAnswers, onlyCalls, text, record.HistoryDataset},
		{[]string{text}, ServerAnswers, thinks, text, record.HistoryDataset},
		{[]string{text}, ServerAnswers, nothing, text, record.HistoryDataset},
		{[]string{parts}, ServerAnswers, thinks, parts, record.HistoryDataset},

		{[]string{lengths}, ServerAnswers, says, server, ""},
		{[]string{lengths}, ServerAnswers, sayCalls, server, record.HistoryText},
		{[]string{lengths}, ServerAnswers, onlyCalls, "", record.HistoryOmitted},
		{[]string{lengths}, ServerAnswers, thinks, "", record.HistoryOmitted},
		{[]string{lengths}, ServerAnswers, nothing, "", record.HistoryOmitted},

		// Calls of the dataset that nothing answers.
		{[]string{both}, ServerAnswers, says, server, ""},
		{[]string{both}, ServerAnswers, onlyCalls, text, record.HistoryDataset},
		{[]string{called}, ServerAnswers, onlyCalls, "", record.HistoryOmitted},
		{[]string{called, text}, ServerAnswers, onlyCalls, text, record.HistoryDataset},

		{[]string{called, tool}, ServerAnswers, says, called, record.HistoryTool},
		{[]string{called, tool}, ServerAnswers, sayCalls, called, record.HistoryTool},
		{[]string{called, tool}, ServerAnswers, onlyCalls, called, record.HistoryTool},
		{[]string{called, tool}, ServerAnswers, thinks, called, record.HistoryTool},
		{[]string{called, tool}, ServerAnswers, nothing, called, record.HistoryTool},
		{[]string{both, tool}, ServerAnswers, says, both, record.HistoryTool},
		{[]string{text, called, tool}, ServerAnswers, says, text + "," + called, record.HistoryTool},
		{[]string{function, returned}, ServerAnswers, says, function, record.HistoryTool},

		{[]string{text}, DatasetAnswers, says, text, ""},
		{[]string{text}, DatasetAnswers, nothing, text, ""},
		{[]string{both}, DatasetAnswers, says, text, ""},
		{[]string{called, tool}, DatasetAnswers, says, called, ""},
		{[]string{lengths}, DatasetAnswers, says, server, record.HistoryServer},
		{[]string{lengths}, DatasetAnswers, sayCalls, server, record.HistoryServer},
		{[]string{lengths}, DatasetAnswers, thinks, "", record.HistoryOmitted},
	} {
		name := fmt.Sprintf("%s answers, %d of the dataset, %s", tc.history, len(tc.dataset), tc.reply)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var messages []chat.Message
			between := tc.want
			list := append([]string{user}, tc.dataset...)
			if last := tc.dataset[len(tc.dataset)-1]; last == tool || last == returned {
				between += "," + last
			} else {
				list = append(list, user)
				between = strings.TrimPrefix(between+","+user, ",")
			}
			for _, m := range append(list, text) {
				messages = append(messages, read(t, m))
			}
			f := &fake{reply: func(n int, _ *Request, rep *Reply) {
				r := replies[tc.reply]
				rep.Text, rep.First, rep.Reasoning, rep.ToolCalls = r.Text, r.Text, r.Reasoning, r.ToolCalls
				if r.Outcome != "" {
					rep.Outcome = r.Outcome
				}
			}}
			out := playAll(t, Options{History: tc.history}, f,
				[]chat.Conversation{{ID: "x", Messages: messages}})
			if len(out.bodies) != 2 {
				t.Fatalf("%d requests: the conversation did not go on", len(out.bodies))
			}
			if want := user + "," + between; out.bodies[1] != want {
				t.Errorf("sent\n%s\nwant\n%s", out.bodies[1], want)
			}
			if how := out.turns[0].History; how != tc.how {
				t.Errorf("history is %q, want %q", how, tc.how)
			}
			if how := out.turns[1].History; how != "" {
				t.Errorf("history after the last turn is %q", how)
			}
			// The count of the second prompt is that of what was sent in it.
			sent := 0
			var all []map[string]any
			if err := json.Unmarshal([]byte("["+out.bodies[1]+"]"), &all); err != nil {
				t.Fatal(err)
			}
			for _, m := range all {
				raw, _ := json.Marshal(m)
				one := read(t, string(raw))
				sent += words{}.Count(one.AllText())
			}
			if got := out.turns[1].Counted.Input; got != sent {
				t.Errorf("%d tokens counted in the second prompt, %d were sent", got, sent)
			}
		})
	}
}

// The conversation that is written has the last answer as it came.
func TestLastAnswerIsWrittenAsItCame(t *testing.T) {
	t.Parallel()
	f := &fake{reply: func(_ int, _ *Request, rep *Reply) {
		rep.Text, rep.ToolCalls = "", json.RawMessage(serverCall)
	}}
	out := playAll(t, Options{}, f, conversations(1, 4))
	last := out.finished[0].Messages[3]
	if !last.Calls() || out.finished[0].Messages[1].Calls() {
		t.Errorf("written %+v", out.finished[0].Messages)
	}
}

// After a failed turn that goes on, the same holds.
func TestWhatStandsForAFailure(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ dataset, want, how string }{
		{`{"role":"assistant","content":"dataset","tool_calls":` + calls + `}`,
			`{"role":"assistant","content":"dataset"},`, record.HistoryDataset},
		{`{"role":"assistant","output_tokens":3}`, "", record.HistoryOmitted},
	} {
		q := chat.Message{Role: chat.User, Text: "q"}
		f := &fake{reply: func(n int, _ *Request, rep *Reply) {
			if n == 0 {
				rep.Outcome, rep.Text = record.Truncated, "half"
			}
		}}
		out := playAll(t, Options{Failure: GoOn}, f, []chat.Conversation{
			{ID: "x", Messages: []chat.Message{q, read(t, tc.dataset), q}}})
		want := `{"role":"user","content":"q"},` + tc.want + `{"role":"user","content":"q"}`
		if out.bodies[1] != want || out.turns[0].History != tc.how {
			t.Errorf("sent %s, history %q", out.bodies[1], out.turns[0].History)
		}
	}
}

// Tools are sent with every turn, and a call has the length of its text.
func TestAgents(t *testing.T) {
	t.Parallel()
	cs := []chat.Conversation{{
		ID:     "x",
		Fields: []chat.Field{{Name: "tools", Value: json.RawMessage(`[{"type":"function"}]`)}},
		Messages: []chat.Message{
			{Role: chat.User, Text: "q"},
			read(t, `{"role":"assistant","content":"let me see"}`),
			read(t, `{"role":"assistant","content":null,"tool_calls":[{"id":"c","function":`+
				`{"name":"f ","arguments":"{\"where\": \"in Oslo\"}"}}]}`),
			read(t, `{"role":"tool","tool_call_id":"c","content":"3 degrees"}`),
			{Role: chat.Assistant, Text: "It is 3 degrees."},
		},
	}}
	out := playAll(t, Options{Exact: true}, &fake{}, cs)
	for i, want := range []int{3 + 4, 4} {
		r := out.requests[i]
		if r.MaxTokens != want || r.MinTokens != want {
			t.Errorf("turn %d: asked for %d-%d tokens, want %d", i, r.MinTokens, r.MaxTokens, want)
		}
		if len(r.Fields) != 1 || r.Fields[0].Name != "tools" {
			t.Errorf("turn %d: fields %v", i, r.Fields)
		}
	}
	if f := out.finished[0]; f.Tools() != `[{"type":"function"}]` || !f.Messages[2].Calls() {
		t.Errorf("written %+v", f)
	}
}
