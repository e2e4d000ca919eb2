// Package sse parses server-sent events from bytes as they arrive. Pass the
// bytes of each read to Feed, then call Next until it returns false; call Close
// at the end of the stream. The parser never reads or blocks, so it serves a
// loop over a response body as well as a reactor that reads many sockets.
//
// # The format
//
// A stream is UTF-8 text, after an optional byte order mark, in lines that end
// in LF, CR LF or CR. A line is one of
//
//	field: value    data or event; other fields (id, retry, unknown) are discarded
//	: comment       discarded; used as keep-alive
//	                an empty line ends the event
//
// One space after the colon is not part of the value. A line without a colon is
// a field with an empty value. The data lines of an event are joined by LF.
// Events without a data line are discarded.
//
// All this follows the WHATWG specification except for the end of the stream:
// an event that is still open there is delivered if it has data, because some
// servers omit the final blank line or even the final line break.
package sse

import (
	"bytes"
	"fmt"
	"strings"

	"multiturn/internal/limits"
)

// DefaultLimit is the value of Parser.Limit if that is 0.
const DefaultLimit = limits.Line

// Event is a server-sent event. Its slices are valid until the next call of
// Next.
type Event struct {
	Type []byte // value of the event field; empty if there is none
	Data []byte
	// Open means that the stream ended before the event's blank line. Its last line may be cut off.
	Open bool
}

// Parser turns bytes into events. The zero value is ready to use.
type Parser struct {
	// Limit is the longest line without its end, and the longest data of an event, in
	// bytes; 0 means DefaultLimit.
	Limit int

	in     []byte // the bytes fed last
	pos    int    // where in it the next line begins
	lf, cr int    // next LF and CR at or after pos, or len(in); each byte is searched once

	line []byte // the beginning of a line whose end was not fed yet
	cut  bool   // line is in use, though it may be empty

	data    []byte // data of the open event: a part of in, or of own
	own     []byte
	hasData bool
	typ     []byte
	hasType bool
	skipLF  bool // the last byte fed was a CR, so an LF as the next byte belongs to it
	begun   bool // past the byte order mark
	closed  bool
	event   Event
	err     error
	events  int
	stray   []byte
}

// maxStray is the most that is kept of lines that are no fields, in bytes.
const maxStray = 4 << 10

// Feed passes the bytes of a read to the parser. All events of the read before
// must have been taken: call Next until it returns false. After that the parser
// does not refer to b any more, so one buffer serves all reads.
func (p *Parser) Feed(b []byte) {
	p.in, p.pos = b, 0
	if len(b) == 0 {
		p.lf, p.cr = 0, 0
		return
	}
	if p.skipLF {
		p.skipLF = false
		if b[0] == '\n' {
			p.pos = 1
		}
	}
	p.lf, p.cr = p.find('\n'), p.find('\r')
}

// Reset prepares the parser for another stream. It keeps its buffers.
func (p *Parser) Reset() {
	*p = Parser{Limit: p.Limit, line: p.line[:0], own: p.own[:0], typ: p.typ[:0],
		stray: p.stray[:0]}
}

// Close marks the end of the stream. Next then returns the event that is still
// open.
func (p *Parser) Close() {
	p.in, p.pos, p.lf, p.cr = nil, 0, 0, 0
	p.closed = true
}

// Next advances to the next complete event. It returns false if the bytes fed
// hold no further event, or after an error.
func (p *Parser) Next() bool {
	for p.err == nil && p.pos < len(p.in) {
		end := min(p.lf, p.cr)
		if end == len(p.in) { // no further line end
			if p.tooLong("a line of event", len(p.line)+end-p.pos) {
				return false
			}
			p.line = append(p.line, p.in[p.pos:]...)
			p.cut, p.pos = true, end
			break
		}
		line, next := p.in[p.pos:end], end+1
		if end == p.cr {
			if next == len(p.in) {
				p.skipLF = true
			} else if p.in[next] == '\n' {
				next++
			}
		}
		inPlace := !p.cut
		if p.tooLong("a line of event", len(p.line)+len(line)) {
			return false
		}
		if p.cut {
			line = append(p.line, line...)
			p.line, p.cut = line[:0], false
		}
		p.pos = next
		if p.lf < next {
			p.lf = p.find('\n')
		}
		if p.cr < next {
			p.cr = p.find('\r')
		}
		if p.take(line, inPlace) {
			return true
		}
	}
	if p.hasData {
		p.keepData()
	}
	return p.err == nil && p.closed && p.flush()
}

// Event returns the event that Next advanced to.
func (p *Parser) Event() Event { return p.event }

// Err returns the error that stopped the parser, a *limits.Exceeded, if any.
func (p *Parser) Err() error { return p.err }

// Stray returns the discarded lines that have none of the format's fields, each
// with an LF at its end; of many, the first 4 KiB. Servers and gateways that fail
// write such lines into a stream. It is valid until the next call of Next.
func (p *Parser) Stray() []byte { return p.stray }

// flush delivers the event that is open at the end of the stream, once.
func (p *Parser) flush() bool {
	if p.cut {
		p.cut = false
		p.take(p.line, false) // it has no line end, so it is not the blank line of an event
	}
	found := p.dispatch()
	p.event.Open = found
	return found
}

// take handles one line and reports whether it completed an event. inPlace
// means that line stays valid until the next Feed.
func (p *Parser) take(line []byte, inPlace bool) bool {
	if !p.begun {
		p.begun = true
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if len(line) == 0 {
		return p.dispatch()
	}
	var value []byte
	name, hasColon := line, false
	switch {
	case len(line) >= 5 && string(line[:5]) == "data:": // nearly every line
		name, value, hasColon = line[:4], line[5:], true
	case line[0] == ':':
		return false
	default:
		name, value, hasColon = bytes.Cut(line, []byte(":"))
	}
	if hasColon && len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "data":
		switch {
		case !p.hasData && inPlace:
			p.data = value
		case !p.hasData:
			p.own = append(p.own[:0], value...)
			p.data = p.own
		default:
			if p.tooLong("event", len(p.data)+1+len(value)) {
				return false
			}
			p.keepData()
			p.own = append(append(p.own, '\n'), value...)
			p.data = p.own
		}
		p.hasData = true
	case "event":
		p.typ, p.hasType = append(p.typ[:0], value...), true
	case "id", "retry":
	default:
		if n := maxStray - len(p.stray); n > 0 && (hasColon || !beginsField(name)) {
			p.stray = append(append(p.stray, line[:min(len(line), n)]...), '\n')
		}
	}
	return false
}

// beginsField reports whether a line without a colon, at the end of a stream that
// was cut, can be the beginning of a field.
func beginsField(line []byte) bool {
	for _, name := range []string{"data", "event", "retry"} {
		if strings.HasPrefix(name, string(line)) {
			return true
		}
	}
	return false
}

// dispatch ends the open event and reports whether there was one.
func (p *Parser) dispatch() bool {
	if !p.hasData {
		p.hasType = false
		return false
	}
	p.event = Event{Data: p.data}
	if p.hasType {
		p.event.Type = p.typ
	}
	p.hasData, p.data, p.hasType = false, nil, false
	p.events++
	return true
}

// keepData copies the open event's data out of the bytes fed last.
func (p *Parser) keepData() {
	if len(p.own) != len(p.data) || len(p.data) > 0 && &p.own[0] != &p.data[0] {
		p.own = append(p.own[:0], p.data...)
		p.data = p.own
	}
}

// find returns the index in p.in of the next c at or after p.pos, or len(p.in).
func (p *Parser) find(c byte) int {
	if i := bytes.IndexByte(p.in[p.pos:], c); i >= 0 {
		return p.pos + i
	}
	return len(p.in)
}

// tooLong reports whether the n bytes of what exceed the limit, or the parser has
// failed already.
func (p *Parser) tooLong(what string, n int) bool {
	limit := p.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	if n > limit {
		p.err = &limits.Exceeded{
			What: fmt.Sprintf("%s %d of the stream", what, p.events+1), Limit: int64(limit),
		}
	}
	return p.err != nil
}
