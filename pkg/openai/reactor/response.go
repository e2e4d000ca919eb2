package reactor

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"time"

	"multiturn/internal/httphead"
	"multiturn/internal/limits"
)

// response parses one response from bytes as they arrive and passes it to its
// handler.
type response struct {
	handler Handler
	state   state
	head    []byte // the beginning of a head that is not complete
	early   int    // bytes of the informational heads before it
	left    int64  // bytes of the body (by length) or of the HTTP chunk still to come
	line    []byte // the beginning of a chunk's size or trailer that is not complete
	excess  int64  // bytes of the chunked encoding beyond what a small chunk takes
	frame   int    // counts HTTP chunks
	any     bool   // a byte has arrived
	close   bool   // the connection ends with this response
}

type state int

const (
	inHead     state = iota
	inLength         // a body of known length
	inRest           // a body up to the end of the connection
	inSize           // the line before an HTTP chunk's data
	inChunk          // the data of a chunk
	inChunkEnd       // the line end after it
	inTrailer        // lines up to an empty one
	ended
)

// feed takes the bytes of a read and returns those that are not the response's.
// The response has ended when state is ended.
func (p *response) feed(b []byte, arrived time.Duration) (rest []byte, err error) {
	p.any = p.any || len(b) > 0
	for len(b) > 0 {
		switch p.state {
		case inHead:
			if b, err = p.readHead(b, arrived); err != nil {
				return nil, err
			}
		case inLength:
			if b, err = p.readBody(b, ended); err != nil {
				return nil, err
			}
		case inRest:
			if err := p.handler.Body(b, p.frame); err != nil {
				return nil, err
			}
			b = nil
		case inSize, inChunkEnd, inTrailer:
			line, rest, ok, err := p.readLine(b)
			if err != nil || !ok {
				return nil, err
			}
			if err := p.takeLine(line); err != nil {
				return nil, err
			}
			b = rest
		case inChunk:
			if b, err = p.readBody(b, inChunkEnd); err != nil {
				return nil, err
			}
		case ended:
			return b, nil
		}
	}
	return nil, nil
}

// readBody takes bytes of the body, or of a chunk, and returns the bytes after it.
// next is the state then.
func (p *response) readBody(b []byte, next state) (rest []byte, err error) {
	n := int(min(int64(len(b)), p.left))
	if err := p.handler.Body(b[:n], p.frame); err != nil {
		return nil, err
	}
	if p.left -= int64(n); p.left == 0 {
		p.state = next
	}
	return b[n:], nil
}

// takeLine handles a line of the chunked encoding.
func (p *response) takeLine(line []byte) (err error) {
	switch p.state {
	case inSize:
		if p.left, err = chunkSize(line); err != nil {
			return err
		}
		// As net/http has it: 16 bytes and twice its data are no excess of a chunk.
		p.excess = max(0, p.excess+int64(len(line))-16-2*p.left)
		if p.excess > limits.Framing {
			return &limits.Exceeded{What: "what is not data in the chunked encoding",
				Limit: limits.Framing}
		}
		p.state = inChunk
		if p.left == 0 {
			p.state, p.excess = inTrailer, 0
		}
		p.frame++
	case inChunkEnd:
		if len(line) > 0 {
			return errors.New("malformed chunked encoding: no line end after a chunk")
		}
		p.state = inSize
	case inTrailer:
		if len(line) == 0 {
			p.state = ended
		}
		if p.excess += int64(len(line)); p.excess > limits.Framing {
			return &limits.Exceeded{What: "the trailer", Limit: limits.Framing}
		}
	}
	return nil
}

// eof returns what the end of the connection means: nil if the response is
// complete.
func (p *response) eof() error {
	switch p.state {
	case inRest, ended:
		p.state = ended
		return nil
	case inHead:
		return errUnanswered
	}
	return ErrCut
}

// readLine returns the next line without its end; ok is false if it is not
// complete.
func (p *response) readLine(b []byte) (line, rest []byte, ok bool, err error) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		i = len(b)
	}
	if len(p.line)+i > limits.Framing {
		return nil, nil, false, &limits.Exceeded{What: "a line of the chunked encoding",
			Limit: limits.Framing}
	}
	if i == len(b) {
		p.line = append(p.line, b...)
		return nil, nil, false, nil
	}
	line = b[:i]
	if len(p.line) > 0 {
		line = append(p.line, line...)
		p.line = line[:0]
	}
	return bytes.TrimSuffix(line, []byte("\r")), b[i+1:], true, nil
}

// chunkSize parses the line before a chunk's data: a hexadecimal number and
// optional extensions.
func chunkSize(line []byte) (n int64, err error) {
	if i := bytes.IndexByte(line, ';'); i >= 0 {
		line = line[:i]
	}
	line = bytes.TrimSpace(line)
	if len(line) == 0 || len(line) > 15 {
		return 0, fmt.Errorf("malformed chunked encoding: chunk size %.20q", line)
	}
	for _, c := range line {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, fmt.Errorf("malformed chunked encoding: chunk size %.20q", line)
		}
		n = n<<4 | int64(c)
	}
	return n, nil
}

// readHead takes bytes of the head and returns the bytes after it.
func (p *response) readHead(b []byte, arrived time.Duration) (rest []byte, err error) {
	head, from := b, 0
	if len(p.head) > 0 {
		from = max(0, len(p.head)-2) // the empty line may lie across the reads
		p.head = append(p.head, b...)
		head = p.head
	}
	end := headEnd(head, from)
	if p.early+max(end, 0) > limits.Head || end < 0 && p.early+len(head) >= limits.Head {
		return nil, &limits.Exceeded{What: "the head of the answer", Limit: limits.Head}
	}
	if end < 0 {
		if !plausible(head) {
			return nil, fmt.Errorf("malformed HTTP response: %.40q", head)
		}
		if len(p.head) == 0 {
			p.head = append(p.head, b...)
		}
		return nil, nil
	}
	// b ends where head ends.
	rest = b[len(b)-(len(head)-end):]
	resp, err := parseHead(head[:end])
	p.head = p.head[:0]
	if err != nil {
		return nil, fmt.Errorf("malformed HTTP response: %w", err)
	}
	status := resp.StatusCode
	if status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		p.early += end
		return rest, nil // the final response is still to come
	}
	chunked := len(resp.TransferEncoding) > 0 && resp.TransferEncoding[0] == "chunked"
	switch {
	case status == http.StatusNoContent || status == http.StatusNotModified ||
		!chunked && resp.ContentLength == 0:
		p.state = ended
	case chunked:
		p.state = inSize
	case resp.ContentLength > 0:
		p.state, p.left = inLength, resp.ContentLength
	default:
		p.state = inRest
	}
	p.close = resp.Close || p.state == inRest
	return rest, p.handler.Head(status, resp.Header, arrived)
}

// parseHead parses a whole head. A transfer coding that stands twice is one.
func parseHead(head []byte) (*http.Response, error) {
	resp, err := http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(head), 1024), post)
	if err == nil {
		return resp, nil
	}
	var m httphead.Mender
	m.Begin()
	m.Mend(head)
	return http.ReadResponse(bufio.NewReaderSize(bytes.NewReader(head), 1024), post)
}

// headEnd returns the index after the first empty line after from; -1 if there
// is none yet.
func headEnd(head []byte, from int) int {
	for {
		i := bytes.IndexByte(head[from:], '\n')
		if i < 0 {
			return -1
		}
		from += i + 1
		switch rest := head[from:]; {
		case len(rest) > 0 && rest[0] == '\n':
			return from + 1
		case len(rest) > 1 && rest[0] == '\r' && rest[1] == '\n':
			return from + 2
		}
	}
}

// post is the request that a response answers: its method decides whether there
// is a body.
var post = &http.Request{Method: http.MethodPost}

// plausible reports whether bytes can be the beginning of a head. Anything else
// might never send an empty line.
func plausible(head []byte) bool {
	const proto = "HTTP/"
	n := min(len(head), len(proto))
	return string(head[:n]) == proto[:n]
}
