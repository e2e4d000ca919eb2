package sharegpt

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"multiturn/pkg/chat"
)

// make makes messages of the joined turns of a conversation, by the rules of
// the package comment.
func (o *Options) make(id string, it *item) made {
	d := drafter{item: it, ms: it.drafts[:0], beside: it.beside}
	m := made{}
	no := func(reason Reason, format string, args ...any) made {
		it.drafts = d.ms
		return made{reason: reason, detail: fmt.Sprintf(format, args...)}
	}
	if reason, detail := o.foreign(&it.beside); reason != "" {
		return no(reason, "%s", detail)
	}
	d.begin()
	skipped := 0
	for i := range it.turns {
		t := &it.turns[i]
		if on(o.MaxTurns) && len(d.ms)-d.system == *o.MaxTurns {
			m.changes[Cut] = int32(len(it.turns) - i)
			break
		}
		r := role(t.from, false)
		switch {
		case !t.hasFrom || !t.hasContent(r):
			return no(BadTurn, "turn %d", i+1)
		case r == "":
			return no(UnknownRole, "turn %d is from %s", i+1, strconv.Quote(clip(t.from)))
		case r == chat.System && i == 0:
			d.addSystem(t)
		case r == chat.System && len(d.ms) == 0:
			return no(BadOrder, "message %d is from %s, want %s", 1, r, chat.User)
		case r != chat.User && r != chat.System && len(d.ms) == d.system:
			skipped++ // an answer to nothing
		default:
			d.add(i, t, r)
		}
	}
	d.placeRest()
	ms := d.ms
	for n := len(ms); n > d.system && !o.KeepOdd; n = len(ms) {
		if last := ms[n-1].role; last != chat.User && last != chat.Tool {
			break
		}
		ms = ms[:n-1]
		m.changes[LastQuestion]++
	}
	if i, want := disorder(ms, d.system); want != "" {
		return no(BadOrder, "message %d is from %s, want %s", i+1, ms[i].role, want)
	}
	least := 1
	if on(o.MinTurns) {
		least = *o.MinTurns
	}
	if n := len(ms) - d.system; n < least {
		return no(TooFewTurns, "%d of %d", n, least)
	}
	for i := range ms {
		if reason, detail := o.check(i, &ms[i]); reason != "" {
			return no(reason, "%s", detail)
		}
	}
	m.changes[LeadingTurn] = int32(skipped)
	m.conv = chat.Conversation{ID: id, Messages: make([]chat.Message, len(ms))}
	d.finish(m.conv.Messages, &m.changes)
	d.addTools(&m.conv, &m.changes)
	it.drafts = d.ms
	return m
}

// disorder returns the first message that cannot follow the one before it, and
// the role that could; "" if all are in order. Users and the assistant take
// turns, and results follow calls.
func disorder(ms []draft, system int) (i int, want string) {
	for i := system; i < len(ms); i++ {
		want = chat.User
		if i > system {
			switch before := &ms[i-1]; {
			case before.role == chat.User:
				want = chat.Assistant
			case len(before.calls) > 0:
				want = chat.Tool
			case before.role == chat.Tool && ms[i].role != chat.System:
				want = ms[i].role
			}
		}
		if ms[i].role != want {
			return i, want
		}
	}
	return 0, ""
}

// check returns why a message does not pass the filters of length and of
// characters.
func (o *Options) check(i int, d *draft) (Reason, string) {
	s := d.text
	if s == "" && len(d.calls) > 0 {
		return "", ""
	}
	if on(o.MinLength) || on(o.MaxLength) {
		n := utf8.RuneCountInString(s)
		switch {
		case on(o.MinLength) && n < *o.MinLength:
			return TooShort, fmt.Sprintf("message %d has %d characters", i+1, n)
		case on(o.MaxLength) && n > *o.MaxLength:
			return TooLong, fmt.Sprintf("message %d has %d characters", i+1, n)
		}
	}
	switch {
	case o.Language == ASCII && !isASCII(s):
		return Foreign, fmt.Sprintf("message %d is not ASCII only", i+1)
	case o.Language == NonASCII && isASCII(s):
		return Foreign, fmt.Sprintf("message %d is ASCII only", i+1)
	}
	return "", ""
}

func isASCII(s string) bool {
	// Four bytes at a time, since nearly all bytes of a file pass here.
	for len(s) >= 4 {
		if s[0]|s[1]|s[2]|s[3] >= utf8.RuneSelf {
			return false
		}
		s = s[4:]
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
