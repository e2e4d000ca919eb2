package sharegpt

import (
	"slices"

	"multiturn/pkg/chat"
)

// draft is a message that is being made.
type draft struct {
	role   string
	text   string
	turns  [2]int // of the item, from and to, that it is made of
	calls  []call // of an assistant
	callID string // of the call that a tool message answers
	parts  []byte // content in place of text, as JSON
	// changes of the message, beside those that its turns show
	made []Kind
}

// drafter makes messages of turns.
type drafter struct {
	item   *item
	beside beside
	ms     []draft
	system int  // 1 if a system message leads
	agent  bool // the item has tools: marks of calls in texts are calls
	calls  int  // so far, for their ids
	open   []call
	made   []Kind
}

// hasContent reports whether the turn has something to say in its role.
func (t *turn) hasContent(role string) bool {
	isCall := role == toolCall || role == function
	return t.kind == '"' || t.calls != nil || t.object != nil && isCall ||
		t.object != nil && role == chat.Tool
}

// begin looks for tools, and places the system prompt beside the list.
func (d *drafter) begin() {
	turns := d.item.turns
	d.agent = d.beside.tools != nil
	for i := range turns {
		switch role(turns[i].from, false) {
		case toolCall, chat.Tool, function:
			d.agent = true
		}
	}
	leads := len(turns) > 0 && role(turns[0].from, false) == chat.System
	switch s := d.beside.system; {
	case d.beside.lostSystem, s != "" && leads && turns[0].kind == '"' && s != d.item.text(&turns[0]):
		d.made = append(d.made, LostSystem)
	case s != "" && !leads:
		d.ms = append(d.ms, draft{role: chat.System, text: s})
		d.system = 1
		d.made = append(d.made, SystemBeside)
	}
}

func (d *drafter) addSystem(t *turn) {
	d.ms = append(d.ms, draft{
		role: chat.System, text: d.item.text(t), turns: [2]int{0, 1}, parts: t.parts,
	})
	d.system = 1
}

// add adds a turn behind the first question.
func (d *drafter) add(i int, t *turn, r string) {
	if r == function {
		r = chat.Tool
		if d.ms[len(d.ms)-1].role == chat.User && parseCalls(d.content(t)) != nil {
			r = toolCall
		}
	}
	switch r {
	case toolCall, chat.Assistant:
		d.addAnswer(i, t, r)
	case chat.Tool:
		d.addResult(i, t)
	default:
		d.answerOpen()
		m := draft{role: r, text: d.item.text(t), turns: [2]int{i, i + 1}, parts: t.parts}
		d.placeMedia(&m)
		d.ms = append(d.ms, m)
	}
}

// content returns a turn's text, or its value as JSON.
func (d *drafter) content(t *turn) []byte {
	if t.object != nil {
		return t.object
	}
	return d.item.arena[t.from0:t.to]
}

// addAnswer adds an answer with its calls. Calls that stand in turns of their
// own belong to the answer before them.
func (d *drafter) addAnswer(i int, t *turn, r string) {
	m := draft{
		role: chat.Assistant, text: d.item.text(t), turns: [2]int{i, i + 1}, parts: t.parts,
	}
	switch {
	case t.calls != nil:
		if m.calls = parseCalls(t.calls); m.calls == nil {
			m.made = append(m.made, LostCall)
		}
	case r == toolCall:
		if m.calls = parseCalls(d.content(t)); m.calls == nil {
			m.text = string(d.content(t))
			m.made = append(m.made, CallAsText)
			break
		}
		m.text = ""
		m.count(CallMade, len(m.calls))
	case d.agent:
		var marked bool
		if m.text, m.calls, marked = splitCalls(m.text); marked {
			if m.calls == nil {
				m.made = append(m.made, CallAsText)
			}
			m.count(CallMade, len(m.calls))
		}
	}
	last := &d.ms[len(d.ms)-1]
	merge := last.role == chat.Assistant && m.text == "" && m.parts == nil && len(m.calls) > 0
	if !merge {
		d.answerOpen()
	}
	for k := range m.calls {
		d.calls++
		if m.calls[k].id == "" {
			m.calls[k].id = callID(d.calls)
		}
	}
	d.open = append(d.open, m.calls...)
	if merge {
		last.calls = append(last.calls, m.calls...)
		last.made = append(last.made, m.made...)
		last.turns[1] = i + 1
		return
	}
	d.placeMedia(&m)
	d.ms = append(d.ms, m)
}

// addResult adds what tools returned. Without a call it is a user message, since
// strict servers refuse a tool message there.
func (d *drafter) addResult(i int, t *turn) {
	text := string(d.content(t))
	if t.object == nil {
		text = d.item.text(t)
	}
	turns := [2]int{i, i + 1}
	last := &d.ms[len(d.ms)-1]
	switch {
	case len(d.open) == 0 && (last.role == chat.Tool || last.isResult()):
		last.join(text)
		last.turns[1] = i + 1
	case len(d.open) == 0:
		d.ms = append(d.ms, draft{
			role: chat.User, text: text, turns: turns, made: []Kind{ResultAsUser},
		})
	case t.callID != "":
		d.answer(t.callID, draft{text: text, turns: turns, parts: t.parts})
	default:
		results := splitResults(text, len(d.open))
		if len(results) == 1 {
			d.answer("", draft{text: results[0], turns: turns, parts: t.parts, made: []Kind{ResultMade}})
			return
		}
		for _, result := range results {
			if len(d.open) == 0 {
				d.ms[len(d.ms)-1].join(result)
				continue
			}
			d.answer("", draft{text: result, turns: turns, made: []Kind{ResultMade}})
			turns[0] = turns[1]
		}
	}
}

// join adds a result for which there is no call to the one before it.
func (m *draft) join(text string) {
	m.text += "\n" + text
	m.made = append(m.made, JoinedResult)
}

// isResult reports whether a user message is a tool's result.
func (m *draft) isResult() bool { return len(m.made) > 0 && m.made[0] == ResultAsUser }

func (m *draft) count(kind Kind, n int) {
	for range n {
		m.made = append(m.made, kind)
	}
}

// answer adds the result of an open call: that of the id, or the first.
func (d *drafter) answer(id string, m draft) {
	at := max(0, slices.IndexFunc(d.open, func(c call) bool { return c.id == id }))
	m.role, m.callID = chat.Tool, d.open[at].id
	d.open = slices.Delete(d.open, at, at+1)
	d.ms = append(d.ms, m)
}

// answerOpen gives an empty result to calls that have none, since strict servers
// want one for each.
func (d *drafter) answerOpen() {
	for len(d.open) > 0 {
		d.answer("", draft{made: []Kind{EmptyResult}})
	}
}

// placeMedia puts the images beside the list where a message has marks of them.
func (d *drafter) placeMedia(m *draft) {
	if !d.beside.hasMedia || m.parts != nil {
		return
	}
	var kept, lost int
	m.text, m.parts, kept, lost = d.beside.place(m.text)
	m.count(MediaPart, kept)
	m.count(LostMedia, lost)
}

// placeRest puts images without a mark before the first question, and counts
// other media that are left.
func (d *drafter) placeRest() {
	if !d.beside.hasMedia {
		return
	}
	var parts []byte
	for _, url := range d.beside.images {
		if !isURL(url) || len(d.ms) == d.system {
			d.made = append(d.made, LostMedia)
			continue
		}
		parts = appendPart(parts, imagePart(url))
		d.made = append(d.made, MediaPart)
	}
	for range d.beside.others {
		d.made = append(d.made, LostMedia)
	}
	if parts == nil {
		return
	}
	first := &d.ms[d.system]
	rest := appendPart(nil, textPart(first.text))
	if first.parts != nil {
		rest = first.parts[1 : len(first.parts)-1]
	}
	first.parts = append(append(append(append([]byte{'['}, parts...), ','), rest...), ']')
}

// finish makes messages of the drafts, and counts their changes.
func (d *drafter) finish(ms []chat.Message, c *changes) {
	for _, k := range d.made {
		c[k]++
	}
	for i := range ms {
		m := &d.ms[i]
		ms[i] = m.message()
		for _, k := range m.made {
			c[k]++
		}
		for k := m.turns[0]; k < m.turns[1]; k++ {
			c.turn(&d.item.turns[k], m.role)
		}
	}
}

// message returns the message as it is written.
func (m *draft) message() chat.Message {
	out := chat.Message{Role: m.role, Text: m.text}
	if m.calls == nil && m.callID == "" && m.parts == nil {
		return out
	}
	raw := chat.AppendString([]byte(`{"role":`), m.role)
	if m.callID != "" {
		raw = chat.AppendString(append(raw, `,"tool_call_id":`...), m.callID)
	}
	raw = append(raw, `,"content":`...)
	switch {
	case m.parts != nil:
		raw = append(raw, m.parts...)
	case m.text == "" && m.calls != nil:
		raw = append(raw, "null"...)
	default:
		raw = chat.AppendString(raw, m.text)
	}
	for k := range m.calls {
		if k == 0 {
			raw = append(raw, `,"tool_calls":[`...)
		} else {
			raw = append(raw, ',')
		}
		raw = m.calls[k].append(raw)
	}
	if m.calls != nil {
		raw = append(raw, ']')
	}
	out.Raw = append(raw, '}')
	return out
}

// addTools adds the tools beside the list.
func (d *drafter) addTools(conv *chat.Conversation, c *changes) {
	if d.beside.tools == nil {
		return
	}
	tools, changed, ok := openAITools(d.beside.tools)
	c.count(LostTools, !ok)
	c.count(ToolsMade, changed && tools != nil)
	if tools != nil {
		conv.Fields = append(conv.Fields, chat.Field{Name: "tools", Value: tools})
	}
}
