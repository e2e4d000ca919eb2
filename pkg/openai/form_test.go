package openai

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"multiturn/pkg/record"
)

func TestSniff(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		body           string
		stream, asJSON form // with each promised type
	}{
		{"data: {}", formStream, formStream},
		{"data:{}", formStream, formStream},
		{"data\n", formStream, formStream},
		{"event: x\n", formStream, formStream},
		{"id: 1\r\n", formStream, formStream},
		{"retry: 3000\n", formStream, formStream},
		{": keep-alive\n", formStream, formStream},
		{"\xef\xbb\xbfdata: 1", formStream, formStream},
		{"\n\r\n data: 1", formStream, formStream},
		{`{"choices":[]}`, formJSON, formJSON},
		{"\xef\xbb\xbf\n {", formJSON, formJSON},
		{"[]", formJSON, formJSON},
		{`"error"`, formJSON, formJSON},
		{"<html>", formJSON, formJSON},
		{"upstream error", formStream, formJSON},
		{"database error", formStream, formJSON},
		{"idle", formStream, formJSON},
		{"dat", formUnknown, formUnknown},
		{"data", formUnknown, formUnknown},
		{"\xef\xbb", formUnknown, formUnknown},
		{" \n", formUnknown, formUnknown},
		{"", formUnknown, formUnknown},
	} {
		b := afterBlanks([]byte(c.body))
		if got := sniff(b, formStream); got != c.stream {
			t.Errorf("%q as a stream: %v, want %v", c.body, got, c.stream)
		}
		if got := sniff(b, formJSON); got != c.asJSON {
			t.Errorf("%q as JSON: %v, want %v", c.body, got, c.asJSON)
		}
	}
}

// TestFormOfBody plays bodies under every type, whole and a byte at a time, over
// every transport.
func TestFormOfBody(t *testing.T) {
	t.Parallel()
	stream := textEvent("Hi") + textEvent(" there") + stopEvent + doneEvent
	whole := `{"choices":[{"message":{"content":"Hi there"},"finish_reason":"stop"}]}`
	kinds := []string{"", "text/event-stream", "application/json", "text/plain", "application/octet-stream"}
	for _, c := range []struct {
		name, body string
		stream     bool
		outcome    record.Outcome
		err        string
	}{
		{"stream", stream, true, record.OK, ""},
		{"stream after blanks", "\n\r\n \n" + stream, true, record.OK, ""},
		{"stream after a mark", "\xef\xbb\xbf" + stream, true, record.OK, ""},
		{"stream after a comment", ": hello\n\n" + stream, true, record.OK, ""},
		{"stream with ids", "id: 1\n" + stream, true, record.OK, ""},
		{"stream with a retry", "retry: 10\n\n" + stream, true, record.OK, ""},
		{"JSON", whole, false, record.OK, ""},
		{"JSON after blanks", "\n\n\n" + whole, false, record.OK, ""},
		{"JSON after a mark", "\xef\xbb\xbf" + whole, false, record.OK, ""},
		{"a page", "<html><title>Sorry</title></html>", false, record.BadEvent, "a page: Sorry"},
		{"an error", `{"error":{"message":"no"}}`, false, record.ErrorInStream, "no"},
	} {
		for _, kind := range kinds {
			for _, size := range []int{1, len(c.body)} {
				head := "HTTP/1.1 200 OK\r\n"
				if kind != "" {
					head += "Content-Type: " + kind + "\r\n"
				}
				parts := []string{head + "Transfer-Encoding: chunked\r\n\r\n"}
				// The beginning in pieces, the rest at once.
				n := min(len(c.body), 12)
				for i := 0; i < n; i += size {
					end := min(i+size, len(c.body))
					if i+size >= n {
						end = len(c.body)
					}
					parts = append(parts, chunked(c.body[i:end]))
				}
				parts = append(parts, lastChunk)
				for _, transport := range transports() {
					t.Run(fmt.Sprintf("%s/%s/%d/%s", c.name, kind, size, transport), func(t *testing.T) {
						t.Parallel()
						url, _ := faulty(t, says(true, parts...))
						r := do(t, Options{URL: url, Transport: transport.Transport, Clocks: transport.Clocks})
						if r.Outcome != c.outcome || r.Stream != c.stream || !strings.Contains(r.Error, c.err) {
							t.Fatalf("%s %q, stream %v", r.Outcome, r.Error, r.Stream)
						}
						if c.outcome == record.OK && r.Text != "Hi there" {
							t.Errorf("text %q", r.Text)
						}
					})
				}
			}
		}
	}
}

// TestUndecidedBody checks that a body that ends before its form is known has the
// form of its type.
func TestUndecidedBody(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]record.Outcome{
		"text/event-stream": record.Truncated, "application/json": record.BadEvent, "": record.Truncated,
	} {
		for _, body := range []string{"", "\n\n", "dat", "\xef"} {
			for _, transport := range transports() {
				url, _ := faulty(t, says(true, fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"+
					"Content-Length: %d\r\n\r\n%s", kind, len(body), body)))
				r := do(t, Options{URL: url, Transport: transport.Transport, Clocks: transport.Clocks})
				if r.Outcome != want {
					t.Errorf("%q as %q: %s %q", body, kind, r.Outcome, r.Error)
				}
			}
		}
	}
}

func do(t *testing.T, o Options) *Result {
	t.Helper()
	return newClient(t, o).Do(context.Background(), hello())
}
