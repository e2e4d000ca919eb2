package bench

import (
	"multiturn/pkg/chat"
	"multiturn/pkg/record"
)

// keep puts what stands for the answer of a turn into the history, by the policy
// of the package comment. It returns what stands there if that is not the answer,
// as record.Turn.History has it. reply is nil for a turn that failed.
func (r *run) keep(p *play, n int, reply *Reply) string {
	t := &p.turns[n]
	last := n+1 == len(p.turns) // nothing is asked with the answer: it is for OnConversation
	switch {
	case t.Answer < 0, last && reply != nil && r.opt.History == ServerAnswers:
		p.answer(r.own(reply, reply.ToolCalls))
		return ""
	case last, t.Calls > 0:
		for _, m := range p.conv.Answer(t.Turn) {
			p.answer(m)
		}
		if last {
			return ""
		}
		return r.instead(record.HistoryTool)
	}
	if r.opt.History == ServerAnswers && reply != nil && reply.Text != "" {
		p.answer(r.own(reply, nil))
		if reply.ToolCalls != nil {
			return record.HistoryText
		}
		return ""
	}
	if m, ok := p.dataset(t); ok {
		p.answer(m)
		return r.instead(record.HistoryDataset)
	}
	if reply != nil && reply.Text != "" {
		p.answer(r.own(reply, nil))
		return record.HistoryServer
	}
	return record.HistoryOmitted
}

// instead returns how, or "" if the header already says that histories are the
// dataset's.
func (r *run) instead(how string) string {
	if r.opt.History == DatasetAnswers {
		return ""
	}
	return how
}

// own returns the server's answer as a message, with tool calls unless nil.
func (r *run) own(reply *Reply, calls []byte) chat.Message {
	m := chat.Message{Role: chat.Assistant, Text: reply.Text}
	reasoning := r.opt.ReasoningField != "" && reply.Reasoning != ""
	if calls == nil && !reasoning {
		return m
	}
	raw := chat.AppendString([]byte(`{"role":"assistant","content":`), reply.Text)
	if reasoning {
		raw = chat.AppendString(append(raw, ','), r.opt.ReasoningField)
		raw = chat.AppendString(append(raw, ':'), reply.Reasoning)
	}
	if calls != nil {
		raw = append(append(raw, `,"tool_calls":`...), calls...)
	}
	m.Raw = append(raw, '}')
	return m
}

// dataset returns the dataset's answer to a turn as it can stand before a question:
// the first message with a text, without calls, which nothing there answers.
func (p *play) dataset(t *turn) (chat.Message, bool) {
	messages := p.conv.Messages[t.Answer:p.conv.AfterAnswer(t.Answer)]
	for i := range messages {
		switch m := &messages[i]; {
		case m.Text == "":
		case m.Calls():
			return m.WithoutCalls(), true
		default:
			return *m, true
		}
	}
	return chat.Message{}, false
}
