package openai

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tidwall/gjson"

	"multiturn/internal/httpclient"
	"multiturn/internal/jsonseq"
	"multiturn/internal/limits"
)

// maxErrorLine is the longest error, in characters: a few lines of a terminal.
const maxErrorLine = 500

// failureText returns the message of a server's error, which has one of many
// shapes: {"error":{...}}, {"error":"text"}, {"detail":...}, {"message":...}, a
// JSON string, a page of HTML, plain text. It reads the beginning of a long one.
func failureText(body []byte) string {
	body = bytes.TrimSpace(body[:min(len(body), limits.Message)])
	text, v := string(body), parsed(body)
	if !v.Exists() {
		if strings.HasPrefix(text, "<") {
			return pageText(text)
		}
		return text
	}
	if v.Type == gjson.String {
		return v.Str
	}
	if v.IsArray() && v.Get("0").IsObject() {
		v = v.Get("0") // Google: a list of one
	}
	if first := v.Get("errors.0"); first.IsObject() && !v.Get("error").Exists() {
		v = first // Cloudflare
	}
	if !v.IsObject() {
		return text
	}
	if e := v.Get("error"); e.IsObject() {
		v = e
	} else if e.Type == gjson.String {
		return withKind(e.Str, v.Get("error_type").String())
	}
	message := v.Get("message")
	for _, name := range []string{"detail", "msg"} {
		if !message.Exists() {
			message = v.Get(name)
		}
	}
	if message.IsArray() { // FastAPI: one object for each wrong field
		var all []string
		for _, m := range message.Array() {
			var where []string
			for _, l := range m.Get("loc").Array() {
				where = append(where, l.String())
			}
			s := m.Get("msg").String()
			if s == "" {
				s = m.String()
			}
			if len(where) > 0 {
				s = strings.Join(where, ".") + ": " + s
			}
			all = append(all, s)
		}
		return strings.Join(all, "; ")
	}
	if message.String() == "" {
		return text
	}
	var kinds []string
	for _, name := range []string{"type", "code"} {
		if k := v.Get(name); k.Type == gjson.String || k.Type == gjson.Number {
			kinds = append(kinds, k.String())
		}
	}
	return withKind(message.String(), kinds...)
}

// strayFailure returns the message of an error in lines of a stream that are no
// events: llama.cpp's older error: {...}, or the JSON or the page with which a
// gateway ends a stream. ok is false if there is none.
func strayFailure(lines []byte) (text string, ok bool) {
	lines = bytes.TrimSpace(lines)
	if value, own := bytes.CutPrefix(lines, []byte("error:")); own {
		return failureText(value), true
	}
	if len(lines) == 0 || lines[0] != '{' && lines[0] != '[' && lines[0] != '<' {
		return "", false
	}
	return failureText(lines), true
}

// noError reports whether the value of an error field, which is JSON or nil, says
// that there is none: null, false, 0, an empty text, or an object or a list of such
// values. Some gateways have the field in every chunk.
func noError(v []byte) bool {
	return present(v) == nil || isBlank(&jsonseq.Cursor{Text: v, AnyBytes: true})
}

func isBlank(cur *jsonseq.Cursor) bool {
	switch cur.Peek() {
	case '{':
		for range cur.Object {
			if !isBlank(cur) {
				return false
			}
		}
		return true
	case '[':
		for range cur.Array {
			if !isBlank(cur) {
				return false
			}
		}
		return true
	case '"':
		return len(cur.String()) == len(`""`)
	}
	v := gjson.ParseBytes(cur.Skip())
	return v.Type != gjson.True && v.Num == 0
}

// withKind adds the kinds of an error, in parentheses.
func withKind(message string, kinds ...string) string {
	kept := kinds[:0]
	for _, k := range kinds {
		if k != "" {
			kept = append(kept, k)
		}
	}
	if len(kept) == 0 {
		return message
	}
	return message + " (" + strings.Join(kept, ", ") + ")"
}

var (
	pageTitle = regexp.MustCompile(`(?is)<(?:title|h1)[^>]*>(.*?)</`)
	pageTag   = regexp.MustCompile(`(?s)<[^>]*>`)
)

// pageText returns the title of a page, or its text.
func pageText(page string) string {
	if m := pageTitle.FindStringSubmatch(page); m != nil && strings.TrimSpace(m[1]) != "" {
		page = m[1]
	}
	return "a page: " + html.UnescapeString(pageTag.ReplaceAllString(page, " "))
}

// statusLine returns the error for a status that is not of an answer. It names
// the path that was asked if that may be what is wrong.
func (a *answer) statusLine() string {
	status, retryAfter := a.res.Status, a.res.RetryAfter
	s := "HTTP " + strconv.Itoa(status)
	if t := http.StatusText(status); t != "" {
		s += " " + t
	}
	switch {
	case a.location != "":
		s += " of POST " + a.to.shown + " to " + a.to.target(a.location) +
			", which is not followed"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed,
		status == http.StatusGone, status == http.StatusNotImplemented:
		s += " for POST " + a.to.shown
	}
	if text := failureText(a.whole); text != "" {
		s += ": " + text
	}
	if retryAfter > 0 {
		s += fmt.Sprintf("; retry after %v", retryAfter.Round(time.Millisecond))
	}
	return s
}

// oneLine returns s as one line that is safe to print, at most maxErrorLine long.
func oneLine(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), limits.Message)], "\uFFFD")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || !unicode.IsGraphic(r)
	}), " ")
	if len(s) > maxErrorLine {
		n := 0
		for i := range s {
			if n++; n == maxErrorLine {
				return s[:i] + "…"
			}
		}
	}
	return s
}

// masked returns text in one line without secrets; see oneLine.
func masked(m httpclient.Mask, text string) string {
	return oneLine(m.Beginning(text, limits.Message))
}

// retryAfter returns how long the server asks to wait before another try: by
// Retry-After-Ms, which OpenAI and Azure send, or by Retry-After in seconds or as a
// date. A date is compared with that of the response, as clocks differ. It is 0 if
// there is neither, or the time has passed. A number of more than 30 years is a time
// since 1970, which some gateways send.
func retryAfter(h http.Header, now time.Time) time.Duration {
	number := func(name string, unit time.Duration) time.Duration {
		const most = 1e9 // seconds
		n, err := strconv.ParseFloat(strings.TrimSpace(h.Get(name)), 64)
		if n *= unit.Seconds(); err != nil || !(n >= 0) || math.IsInf(n, 1) {
			return 0
		}
		if n > most {
			n = min(max(0, n-float64(now.Unix())), most)
		}
		return time.Duration(n * float64(time.Second))
	}
	if d := number("Retry-After-Ms", time.Millisecond); d > 0 {
		return d
	}
	if d := number("Retry-After", time.Second); d > 0 {
		return d
	}
	at, err := http.ParseTime(strings.TrimSpace(h.Get("Retry-After")))
	if err != nil {
		return 0
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		now = date
	}
	return max(0, at.Sub(now))
}

func itoa(n int) string { return strconv.Itoa(n) }
