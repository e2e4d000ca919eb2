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
	m := made{conv: chat.Conversation{ID: id, Messages: make([]chat.Message, 0, len(it.turns))}}
	no := func(reason Reason, format string, args ...any) made {
		return made{reason: reason, detail: fmt.Sprintf(format, args...)}
	}
	system, skipped := 0, 0
	for i := range it.turns {
		t := &it.turns[i]
		if on(o.MaxTurns) && len(m.conv.Messages)-system == *o.MaxTurns {
			m.changes[Cut] = int32(len(it.turns) - i)
			break
		}
		if !t.hasFrom || t.kind != '"' {
			return no(BadTurn, "turn %d", i+1)
		}
		r := role(t.from, false)
		switch {
		case r == "":
			return no(UnknownRole, "turn %d is from %s", i+1, strconv.Quote(clip(t.from)))
		case r == chat.System && i == 0:
			system = 1
		case r == chat.Assistant && len(m.conv.Messages) == system:
			skipped++ // an answer to nothing
			continue
		}
		m.conv.Messages = append(m.conv.Messages, chat.Message{Role: r, Text: it.text(t)})
	}
	ms := m.conv.Messages
	if n := len(ms); n > system && !o.KeepOdd && ms[n-1].Role == chat.User {
		ms = ms[:n-1]
		m.changes[LastQuestion] = 1
	}
	m.conv.Messages = ms
	for i := system; i < len(ms); i++ {
		if want := [2]string{chat.User, chat.Assistant}[(i-system)%2]; ms[i].Role != want {
			return no(BadOrder, "message %d is from %s, want %s", i+1, ms[i].Role, want)
		}
	}
	least := 1
	if on(o.MinTurns) {
		least = *o.MinTurns
	}
	if n := len(ms) - system; n < least {
		return no(TooFewTurns, "%d of %d", n, least)
	}
	for i := range ms {
		s := ms[i].Text
		if on(o.MinLength) || on(o.MaxLength) {
			n := utf8.RuneCountInString(s)
			switch {
			case on(o.MinLength) && n < *o.MinLength:
				return no(TooShort, "message %d has %d characters", i+1, n)
			case on(o.MaxLength) && n > *o.MaxLength:
				return no(TooLong, "message %d has %d characters", i+1, n)
			}
		}
		switch {
		case o.Language == ASCII && !isASCII(s):
			return no(Foreign, "message %d is not ASCII only", i+1)
		case o.Language == NonASCII && isASCII(s):
			return no(Foreign, "message %d is ASCII only", i+1)
		}
	}
	m.changes[LeadingTurn] = int32(skipped)
	m.changes.messages(ms, it.turns, skipped, system)
	return m
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
