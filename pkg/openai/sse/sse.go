// Package sse parses server-sent events from bytes as they arrive: Feed it what a read delivered, take the events that
// are complete with Next, and so on until Close. It never blocks and never reads, so the same parser serves a loop over a
// response body and a reactor that reads many sockets.
//
// # The format
//
// A stream is UTF-8 text, after an optional byte order mark, in lines that end in LF, CR LF or CR. A line is
//
//	field: value    data or event; of others (id, retry, unknown ones) nothing is kept
//	: comment       ignored, as keep-alives are
//	                an empty line: the event is complete
//
// One space after the colon is not part of the value; a line without a colon is a field with an empty value. Several data
// lines of one event are joined by LF. An event without a data line is none. All this is as the WHATWG specifies, but for
// the end of the stream: an event that was still open there is delivered if its last line holds data, since servers leave
// out the final blank line and even the final line break.
package sse

import (
	"bytes"
	"fmt"
)

// DefaultLimit is the longest line and the longest event's data, in bytes, when Parser.Limit is 0.
const DefaultLimit = 64 << 20

// Event is one event. Its slices are valid until the next call of Next.
type Event struct {
	Type []byte // of the event field; empty when there was none
	Data []byte
	// Open says that the stream ended before the event's blank line: its last line may have been cut.
	Open bool
}

// Parser turns bytes into events. The zero value is ready.
type Parser struct {
	// Limit is the longest line, and the longest data of one event, in bytes; 0 means DefaultLimit.
	Limit int

	in     []byte // what was fed last
	pos    int    // where in it the next line begins
	lf, cr int    // next LF and CR at or after pos, len(in) if none; each byte is searched once

	line []byte // the beginning of a line whose end was not fed yet
	cut  bool   // line is in use, though it may be empty

	data    []byte // data of the open event: a part of in, or of own
	own     []byte
	hasData bool
	typ     []byte
	hasType bool
	skipLF  bool // the last line ended in CR as the last byte fed: an LF right after belongs to it
	begun   bool // past the byte order mark
	closed  bool
	event   Event
	err     error
	events  int
}

// Feed hands over the bytes of a read. All events of the read before must have been taken. Once Next is false the parser
// refers to b no more, so one buffer serves all reads.
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

// Reset makes the parser ready for another stream. It keeps its buffers.
func (p *Parser) Reset() {
	*p = Parser{Limit: p.Limit, line: p.line[:0], own: p.own[:0], typ: p.typ[:0]}
}

// Close says that the stream has ended; Next then delivers what is still open.
func (p *Parser) Close() {
	p.in, p.pos, p.lf, p.cr = nil, 0, 0, 0
	p.closed = true
}

// Next moves to the next complete event, and is false when there is none in what was fed, or after an error.
func (p *Parser) Next() bool {
	for p.err == nil && p.pos < len(p.in) {
		end := min(p.lf, p.cr)
		if end == len(p.in) { // no line end in what is left
			if p.tooLong(len(p.line) + end - p.pos) {
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
		if p.tooLong(len(line)) {
			return false
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

// Event is the event that Next moved to.
func (p *Parser) Event() Event { return p.event }

// Err says why the parser stopped; nil when it did not.
func (p *Parser) Err() error { return p.err }

// flush delivers what is open at the end of the stream, once.
func (p *Parser) flush() bool {
	if p.cut {
		p.cut = false
		p.take(p.line, false) // it has no line end, so it is not the blank line of an event
	}
	found := p.dispatch()
	p.event.Open = found
	return found
}

// take handles one line and says whether it completed an event. inPlace says that line stays valid until the next Feed.
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
			if p.tooLong(len(p.data) + 1 + len(value)) {
				return false
			}
			p.keepData()
			p.own = append(append(p.own, '\n'), value...)
			p.data = p.own
		}
		p.hasData = true
	case "event":
		p.typ, p.hasType = append(p.typ[:0], value...), true
	}
	return false
}

// dispatch ends the open event and says whether there was one.
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

// keepData moves the open event's data out of the bytes fed last.
func (p *Parser) keepData() {
	if len(p.own) != len(p.data) || len(p.data) > 0 && &p.own[0] != &p.data[0] {
		p.own = append(p.own[:0], p.data...)
		p.data = p.own
	}
}

// find is the index in p.in of the next c at or after p.pos.
func (p *Parser) find(c byte) int {
	if i := bytes.IndexByte(p.in[p.pos:], c); i >= 0 {
		return p.pos + i
	}
	return len(p.in)
}

func (p *Parser) tooLong(n int) bool {
	limit := p.Limit
	if limit == 0 {
		limit = DefaultLimit
	}
	if n > limit {
		p.err = fmt.Errorf("event %d of the stream is longer than the limit of %.3g MiB", p.events+1, float64(limit)/(1<<20))
	}
	return p.err != nil
}
