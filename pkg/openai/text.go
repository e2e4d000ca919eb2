package openai

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"multiturn/internal/jsonseq"
)

// text is a text that arrives in chunks. A server that cuts its answer by tokens
// may cut a character: the bytes of one are joined because they are appended as
// they are, and the halves of a surrogate pair because text waits for the second.
type text struct {
	buf  []byte
	high rune // the first half that buf ends with, as U+FFFD; 0 = none
}

// add appends a string of data.
func (t *text) add(s textSpan, data []byte) {
	high := t.high
	t.high = 0
	if !s.escaped {
		t.buf = append(t.buf, data[s.start:s.end]...)
		return
	}
	start := s.start
	if high != 0 {
		if r := utf16.DecodeRune(high, escapeAt(data[start:s.end])); r != utf8.RuneError {
			t.buf = utf8.AppendRune(t.buf[:len(t.buf)-len("\uFFFD")], r)
			start += escapeLen
		}
	}
	var whole bool
	t.buf, whole = jsonseq.Unquote(t.buf, data[start-1:s.end+1])
	if !whole {
		t.high = lastHigh(data[start:s.end])
	}
}

// addQuoted appends a JSON string with its quotes, and reports whether it has text.
// Anything else is ignored.
func (t *text) addQuoted(v []byte) bool {
	if len(v) <= len(`""`) || v[0] != '"' {
		return false
	}
	t.add(spanOf(v), v)
	return true
}

// spanOf returns the span of a JSON string with its quotes.
func spanOf[S []byte | string](quoted S) textSpan {
	return textSpan{1, len(quoted) - 1, strings.IndexByte(string(quoted), '\\') >= 0}
}

// settled returns how much of buf no later chunk can change.
func (t *text) settled() int {
	if t.high != 0 {
		return len(t.buf) - len("\uFFFD")
	}
	return len(t.buf)
}

const escapeLen = len(`\ud83d`)

// escapeAt returns the value of the escape \uXXXX that s begins with, or -1.
func escapeAt(s []byte) rune {
	if len(s) < escapeLen || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(s[2:escapeLen]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(n)
}

// lastHigh returns the first half of a surrogate pair that the text of a string
// ends with, or 0.
func lastHigh(s []byte) rune {
	if len(s) < escapeLen {
		return 0
	}
	at := len(s) - escapeLen
	r := escapeAt(s[at:])
	if r < 0xd800 || r > 0xdbff {
		return 0
	}
	// After an odd number of backslashes the escape's own one is escaped.
	if n := at - len(bytes.TrimRight(s[:at], `\`)); n%2 == 1 {
		return 0
	}
	return r
}
