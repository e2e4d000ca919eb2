package openai

import (
	"bytes"

	"multiturn/pkg/record"
)

// Think is how the content of an answer has reasoning in it, on a server that has
// no field for it, or whose parser of reasoning is off.
type Think string

// Values of Think. Only the beginning of an answer is reasoning: later tags are
// text.
const (
	ThinkOff    Think = "off"    // it has none; the default
	ThinkTagged Think = "tagged" // it may begin with <think>, and then has </think>
	ThinkOpen   Think = "open"   // it begins as if after <think>, which the template has
)

const (
	thinkOpen  = "<think>"
	thinkClose = "</think>"
)

// thinking is where in an answer's content its reasoning is. Tags may be cut
// across chunks.
type thinking struct {
	in   thinkPlace
	open bool // reasoning has begun, whether there is a tag or not
	raw  text // the content so far, as long as there may be a tag
	at   int  // how much of it is dealt with
	// blanks is how much of what is not, at the beginning, is white space.
	blanks int
	// held counts the chunks that may be the beginning of a tag or of an answer. They
	// count as reasoning until that is known; heldAt is when the first came.
	held   int
	heldAt record.Clock
}

type thinkPlace int

const (
	thinkPast   thinkPlace = iota // all is the answer
	thinkBefore                   // blanks and an opening tag
	thinkInside                   // reasoning
	thinkAfter                    // blanks before the answer
)

// reset prepares for another answer.
func (h *thinking) reset(mode Think) {
	*h = thinking{raw: text{buf: h.raw.buf[:0]}}
	if mode == ThinkTagged || mode == ThinkOpen {
		h.in, h.open = thinkBefore, mode == ThinkOpen
	}
}

// content takes a string of content and reports what it has.
func (a *answer) content(t textSpan, data []byte) (said, thought bool) {
	if a.think.in == thinkPast {
		a.text.add(t, data)
		if a.firstText == 0 {
			a.firstText = a.text.settled()
		}
		return true, false
	}
	h := &a.think
	h.raw.add(t, data)
	was := h.in
	said, thought = a.split(h.raw.buf[h.at:h.raw.settled()])
	if h.in != thinkPast {
		if h.in == thinkBefore {
			if h.held++; h.held == 1 {
				h.heldAt = a.arrived
			}
		}
		return said, true
	}
	// The half of a character at the end, if any, is the answer's.
	a.text.buf = append(a.text.buf, h.raw.buf[h.raw.settled():]...)
	a.text.high = h.raw.high
	if a.firstText == 0 {
		a.firstText = a.text.settled()
	}
	if was == thinkBefore && !thought {
		a.heldIsAnswer()
	}
	return said, thought
}

// split deals with b, the content that is not dealt with yet, as far as tags allow.
func (a *answer) split(b []byte) (said, thought bool) {
	h := &a.think
	for {
		switch h.in {
		case thinkBefore:
			rest := bytes.TrimLeft(b[h.blanks:], " \t\r\n")
			h.blanks = len(b) - len(rest)
			n := min(len(rest), len(thinkOpen))
			switch {
			case string(rest[:n]) != thinkOpen[:n] && h.open:
				h.in = thinkInside
				continue
			case string(rest[:n]) != thinkOpen[:n]:
				h.in = thinkPast
				continue
			case n < len(thinkOpen):
				return false, false // nothing is known yet
			}
			h.in, thought = thinkInside, true
			h.at += len(b) - len(rest) + n
			b = rest[n:]
		case thinkInside:
			thought = true
			end := bytes.Index(b, []byte(thinkClose))
			if end < 0 {
				n := len(b) - overlap(b, thinkClose)
				a.reasoning.buf = append(a.reasoning.buf, b[:n]...)
				h.at += n
				return false, true
			}
			a.reasoning.buf = append(a.reasoning.buf, b[:end]...)
			end += len(thinkClose)
			h.in, h.at, b = thinkAfter, h.at+end, b[end:]
		case thinkAfter:
			rest := bytes.TrimLeft(b, " \t\r\n")
			h.at += len(b) - len(rest)
			if b = rest; len(b) == 0 {
				return false, true
			}
			h.in = thinkPast
		default:
			a.text.buf = append(a.text.buf, b...)
			return len(b) > 0, thought
		}
	}
}

// heldIsAnswer counts the chunks that were held as those of the answer.
func (a *answer) heldIsAnswer() {
	h, r := &a.think, a.res
	if h.held == 0 {
		return
	}
	r.ChunksReasoning -= h.held
	r.ChunksContent += h.held
	if r.FirstAnswer == 0 {
		r.FirstAnswer = h.heldAt
	}
	h.held = 0
}

// settleThink deals with what is held at the end of an answer.
func (a *answer) settleThink() {
	h := &a.think
	rest := h.raw.buf[min(h.at, len(h.raw.buf)):]
	switch h.in {
	case thinkBefore:
		if h.open {
			a.reasoning.buf = append(a.reasoning.buf, rest...)
			return
		}
		a.text.buf = append(a.text.buf, rest...)
		a.firstText = len(a.text.buf)
		a.heldIsAnswer()
	case thinkInside:
		a.reasoning.buf = append(a.reasoning.buf, rest...)
	}
}

// overlap returns how much of the end of b is the beginning of tag.
func overlap(b []byte, tag string) int {
	for n := min(len(b), len(tag)-1); n > 0; n-- {
		if string(b[len(b)-n:]) == tag[:n] {
			return n
		}
	}
	return 0
}
