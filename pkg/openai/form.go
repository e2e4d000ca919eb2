package openai

import (
	"bytes"
	"strings"
)

// form is the kind of a response's body.
type form int

const (
	formUnknown form = iota // until its first bytes have decided
	formStream
	formJSON
	formError // the body of a status that is not of an answer
	formNone  // what cannot be read
)

// formOfType returns the form that a Content-Type promises. A missing or unknown
// type stands for a stream, which was asked for.
func formOfType(contentType string) form {
	kind := strings.ToLower(contentType)
	if strings.Contains(kind, "json") && !strings.Contains(kind, "event-stream") {
		return formJSON
	}
	return formStream
}

// streamFields are the names that a line of an event stream can begin with.
var streamFields = []string{"data", "event", "id", "retry"}

const byteOrderMark = "\xef\xbb\xbf"

// afterBlanks returns b without the white space and the byte order mark at its
// beginning. Gateways send blank lines to keep a connection alive.
func afterBlanks(b []byte) []byte { return bytes.TrimLeft(b, byteOrderMark+" \t\r\n") }

// sniff returns the form of a body that begins with b, which has no blanks in
// front. The bytes decide, because gateways mislabel bodies; promised is the form
// by the Content-Type, for bytes that are like neither. The result is formUnknown
// if more bytes are needed.
func sniff(b []byte, promised form) form {
	if len(b) == 0 {
		return formUnknown
	}
	switch b[0] {
	case '{', '[', '"', '<':
		return formJSON
	case ':':
		return formStream
	}
	for _, field := range streamFields {
		n := min(len(b), len(field))
		switch {
		case string(b[:n]) != field[:n]:
		case len(b) == n:
			return formUnknown
		case b[n] == ':' || b[n] == '\r' || b[n] == '\n':
			return formStream
		}
	}
	if len(b) < len(byteOrderMark) && strings.HasPrefix(byteOrderMark, string(b)) {
		return formUnknown
	}
	return promised
}
