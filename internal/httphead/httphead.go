// Package httphead mends the head of an HTTP/1.1 response that names the chunked
// transfer coding twice, in two lines or in one list, although its body is chunked
// once: a proxy copied the line of the server behind it. HTTP forbids to apply the
// coding twice, so there is only one thing that such a head can mean.
package httphead

import "sync/atomic"

// Mender mends heads in bytes as they arrive. Call Begin before each response and
// Mend with the bytes of each read. The zero value leaves all bytes as they are
// until the first Begin. Begin may be called while another goroutine waits in the
// read whose bytes Mend gets.
type Mender struct {
	begun atomic.Bool
	in    place
	at    int  // bytes of the expected word that have come
	twice bool // a line with the coding has come
	early bool // the response is an informational one: another follows
}

// place is what the next byte is a part of.
type place uint8

const (
	nothing   place = iota // no head
	status                 // the first line
	lineStart              // a line's first byte
	name                   // the name transfer-encoding, so far
	colon                  // what is between the name and its value
	value                  // the value chunked, so far
	rest                   // what follows the value
	other                  // any other line
)

const (
	proto  = "http/1.1 "
	coding = "transfer-encoding"
	once   = "chunked"
)

// Begin says that the next bytes begin a response.
func (m *Mender) Begin() { m.begun.Store(true) }

// Mend changes b, the next bytes, in place: of two codings one is left, the other
// gets another name or becomes white space.
func (m *Mender) Mend(b []byte) {
	if len(b) > 0 && m.begun.Load() {
		m.begun.Store(false)
		m.in, m.at, m.twice = status, 0, false
	}
	for i := 0; i < len(b) && m.in != nothing; i++ {
		b[i] = m.next(b[i])
	}
}

// next takes a byte and returns it, or what replaces it.
func (m *Mender) next(c byte) byte {
	if c == '\n' {
		switch {
		case m.in != lineStart:
			m.in = lineStart
		case m.early:
			m.in, m.at = status, 0
		default:
			m.in = nothing
		}
		return c
	}
	switch m.in {
	case status:
		return m.status(c)
	case lineStart:
		if c == '\r' {
			return c
		}
		m.in, m.at = name, 0
		return m.name(c)
	case name:
		return m.name(c)
	case colon:
		if c == ':' {
			m.in, m.at = value, 0
		} else if !blank(c) {
			m.in = other
		}
	case value:
		switch {
		case m.at == 0 && blank(c):
		case lower(c) != once[m.at]:
			m.in = other
		default:
			if m.at++; m.at == len(once) {
				m.in, m.at, m.twice = rest, len(once), true
			}
		}
	case rest:
		return m.rest(c)
	}
	return c
}

// status takes a byte of the first line. Bytes that do not begin like a response
// are not of a head.
func (m *Mender) status(c byte) byte {
	switch minor := len("http/1."); {
	case m.at > len(proto):
	case m.at == len(proto):
		m.early = c == '1'
		m.at++
	case lower(c) != proto[m.at] && m.at != minor:
		m.in = nothing
	default:
		m.at++
	}
	return c
}

func (m *Mender) name(c byte) byte {
	if lower(c) != coding[m.at] {
		m.in = other
		return c
	}
	if m.at++; m.at < len(coding) {
		return c
	}
	if m.twice {
		m.in = other
		return 'x' // transfer-encodinx
	}
	m.in = colon
	return c
}

// rest takes a byte of the list that follows the first chunked: more of them
// become white space. Anything else is left for the client to refuse.
func (m *Mender) rest(c byte) byte {
	switch {
	case c == ',' || blank(c):
		m.at = 0
		return ' '
	case m.at < len(once) && lower(c) == once[m.at]:
		m.at++
		return ' '
	}
	m.in = other
	return c
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
