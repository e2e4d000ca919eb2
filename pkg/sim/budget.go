package sim

import (
	"io"
	"net/http"
	"sync/atomic"

	"multiturn/internal/limits"
)

// budget is a number of bytes that all connections share.
type budget struct{ left atomic.Int64 }

func newBudget(n int64) *budget {
	b := &budget{}
	b.left.Store(n)
	return b
}

// take takes n bytes. It returns false, and takes none, if fewer are left.
func (b *budget) take(n int) bool {
	if b.left.Add(int64(-n)) >= 0 {
		return true
	}
	b.left.Add(int64(n))
	return false
}

func (b *budget) give(n int) { b.left.Add(int64(n)) }

// firstRead is the memory that a body gets at once, whatever length its head
// states. Most need no more.
const firstRead = 256 << 10

// readBody reads a body. Its memory grows with what has arrived, and is taken of
// the budget: the caller gives back what was taken.
func readBody(hr *http.Request, b *budget) (body []byte, taken int, fail *apiError) {
	limit := limits.RequestBody
	if hr.ContentLength > int64(limit) {
		return nil, 0, errTooLarge
	}
	if hr.ContentLength >= 0 {
		limit = int(hr.ContentLength)
	}
	for size := min(limit, firstRead); ; size = min(limit, 4*size) {
		if !b.take(size - taken) {
			return nil, taken, errBusy
		}
		taken = size
		body = append(make([]byte, 0, size), body...)
		for len(body) < size {
			n, err := hr.Body.Read(body[len(body):size])
			body = body[:len(body)+n]
			switch {
			case err == io.EOF && (hr.ContentLength < 0 || len(body) == limit):
				return body, taken, nil
			case err != nil:
				return nil, taken, errNoRequest
			}
		}
		switch {
		case size < limit:
		case hr.ContentLength < 0 && !ended(hr.Body):
			return nil, taken, errTooLarge
		default:
			return body, taken, nil
		}
	}
}

// ended reports whether nothing follows in a body of unknown length.
func ended(body io.Reader) bool {
	n, err := io.ReadFull(body, make([]byte, 1))
	return n == 0 && err == io.EOF
}
