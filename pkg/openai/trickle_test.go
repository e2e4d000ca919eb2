package openai

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/pkg/record"
)

// TestTrickle checks that a request ends at its time limit to the nanosecond if its
// answer comes slowly and without end, whatever part of it that is.
func TestTrickle(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ begin, piece string }{
		"nothing":          {"", ""},
		"a status line":    {"HTTP/1.1 200 ", "O"},
		"a head":           {"HTTP/1.1 200 OK\r\n", "X: y\r\n"},
		"early heads":      {"", "HTTP/1.1 103 Early\r\n\r\n"},
		"no body":          {streamHead, ""},
		"comments":         {streamHead, chunked(": wait\n\n")},
		"roles":            {streamHead, chunked(roleEvent)},
		"tokens":           {streamHead, chunked(textEvent("a"))},
		"a line":           {streamHead + chunked("data: "), chunked("a")},
		"a chunk's size":   {streamHead, "0"},
		"an extension":     {streamHead + "1;", "a"},
		"a chunk":          {streamHead + "ffff\r\n", "a"},
		"a trailer":        {streamHead + chunked(textEvent("a")) + "0\r\n", "X: y\r\n"},
		"a whole answer":   {jsonHead + `{"a":"`, "a"},
		"an error":         {failHead, "a"},
		"after the finish": {streamHead + chunked(textEvent("a"), stopEvent), chunked(": wait\n\n")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := bubble(t, Options{}, func(w net.Conn, r *bufio.Reader) {
					receive(r)
					if _, err := io.WriteString(w, tt.begin); err != nil {
						return
					}
					for err := error(nil); err == nil; time.Sleep(100 * time.Millisecond) {
						_, err = io.WriteString(w, tt.piece)
						if tt.piece == "" {
							_, err = r.ReadByte()
						}
					}
				})
				const limit, connect = 2*time.Second + time.Millisecond, 7 * time.Millisecond
				request := hello()
				request.Timeout = limit + connect
				start := time.Now()
				r := client.Do(context.Background(), request)
				if took := time.Since(start); r.Outcome != record.Timeout || took != limit+connect {
					t.Errorf("%s (%s) after %v, want a time-out after %v", r.Outcome, r.Error, took,
						limit+connect)
				}
				client.Close()
				time.Sleep(time.Hour) // the server's side ends
			})
		})
	}
}
