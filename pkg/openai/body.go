package openai

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"multiturn/internal/httpclient"
	"multiturn/pkg/chat"
)

const sessionMark = httpclient.SessionMark

// template is what all requests of a client have in common: the body around the messages, and the header.
type template struct {
	before []byte      // of the body, up to the messages
	after  []byte      // of the body, from the messages' end to the first field that is the request's own
	header http.Header // without those that depend on the session
	// sessionHeader and sessionFields hold {session}.
	sessionHeader  http.Header
	sessionFields  []byte
	maxTokensField string
	own            map[string]bool // body fields that the user set: they win
}

// newTemplate prepares what o asks for in every request; u is the parsed URL.
func newTemplate(o *Options, u *url.URL) *template {
	t := &template{own: map[string]bool{}, header: http.Header{}, sessionHeader: http.Header{}, maxTokensField: o.MaxTokensField}
	if t.maxTokensField == "" {
		t.maxTokensField = "max_tokens"
	}
	var fields []byte
	for _, f := range o.Fields {
		t.own[f.Name] = true
		dst := &fields
		if bytes.Contains(f.Value, []byte(sessionMark)) {
			dst = &t.sessionFields
		}
		*dst = append(chat.AppendString(append(*dst, ','), f.Name), ':')
		*dst = append(*dst, f.Value...)
	}
	if o.SendSession && !t.own["conversation_id"] {
		t.sessionFields = append(t.sessionFields, `,"conversation_id":"`+sessionMark+`"`...)
	}

	t.before = append(chat.AppendString([]byte(`{"model":`), o.Model), `,"messages":[`...)
	t.after = []byte(`],"stream":true`)
	if o.NoStream {
		t.after = []byte(`],"stream":false`)
	} else if !o.NoUsage && !t.own["stream_options"] {
		t.after = append(t.after, `,"stream_options":{"include_usage":true}`...)
	}
	if o.Temperature != nil && !t.own["temperature"] {
		t.after = strconv.AppendFloat(append(t.after, `,"temperature":`...), *o.Temperature, 'g', -1, 64)
	}
	if o.Seed != nil && !t.own["seed"] {
		t.after = strconv.AppendInt(append(t.after, `,"seed":`...), *o.Seed, 10)
	}
	t.after = append(t.after, fields...)

	t.header.Set("Accept", "text/event-stream")
	if o.NoStream {
		t.header.Set("Accept", "application/json")
	}
	t.header.Set("Content-Type", "application/json")
	if u.User != nil {
		password, _ := u.User.Password()
		t.header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
	}
	o.Apply(t.header)
	for name, values := range o.Header {
		for _, v := range values {
			if strings.Contains(v, sessionMark) && httpclient.OfRequest(name) {
				t.sessionHeader.Add(name, v)
			}
		}
	}
	if o.SendSession && len(t.sessionHeader.Values("X-Session-ID")) == 0 && t.header.Get("X-Session-ID") == "" {
		t.sessionHeader.Set("X-Session-ID", sessionMark)
	}
	if o.APIKey != "" {
		t.sessionHeader.Del("Authorization")
	}
	return t
}

// secrets collects what no error may show, though a server repeats it.
func (t *template) secrets(o *Options, u *url.URL) secrets {
	texts := []string{o.APIKey}
	if u.User != nil {
		password, _ := u.User.Password()
		texts = append(texts, password)
	}
	add := func(values []string) {
		for _, v := range values {
			if strings.Contains(v, sessionMark) {
				continue
			}
			texts = append(texts, v)
			if _, key, ok := strings.Cut(v, " "); ok { // the key in "Bearer key"
				texts = append(texts, key)
			}
		}
	}
	add(t.header["Authorization"])
	for _, values := range o.Header {
		add(values)
	}
	return newSecrets(texts...)
}

// appendTail appends the body after the messages.
func (t *template) appendTail(dst []byte, r *Request) []byte {
	dst = append(dst, t.after...)
	count := func(name string, n int) {
		if n > 0 && !t.own[name] {
			dst = append(chat.AppendString(append(dst, ','), name), ':')
			dst = strconv.AppendInt(dst, int64(n), 10)
		}
	}
	count(t.maxTokensField, r.MaxTokens)
	count("min_tokens", r.MinTokens)
	if r.IgnoreEOS && !t.own["ignore_eos"] {
		dst = append(dst, `,"ignore_eos":true`...)
	}
	if len(t.sessionFields) > 0 {
		quoted := chat.AppendString(nil, r.Session)
		dst = append(dst, bytes.ReplaceAll(t.sessionFields, []byte(sessionMark), quoted[1:len(quoted)-1])...)
	}
	return append(dst, '}')
}

// body is a request's body, in pieces. The messages stay where they are.
type body struct {
	before   []byte
	messages [][]byte
	after    []byte
	size     int64
}

// body makes the body of one request. Its work does not grow with the messages' size, but for adding up their number.
func (t *template) body(r *Request) *body {
	b := &body{before: t.before, messages: r.Messages, after: t.appendTail(nil, r)}
	b.size = int64(len(b.before) + len(b.after))
	for _, p := range b.messages {
		b.size += int64(len(p))
	}
	return b
}

// bodyReader reads a body.
type bodyReader struct {
	body   *body
	next   int // piece to read: 0 is before, 1 the first of the messages, ..., the last after
	offset int // into it
}

func (r *bodyReader) Read(dst []byte) (n int, err error) {
	for n < len(dst) {
		var p []byte
		switch last := len(r.body.messages) + 1; {
		case r.next == 0:
			p = r.body.before
		case r.next < last:
			p = r.body.messages[r.next-1]
		case r.next == last:
			p = r.body.after
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
		m := copy(dst[n:], p[r.offset:])
		n, r.offset = n+m, r.offset+m
		if r.offset == len(p) {
			r.next, r.offset = r.next+1, 0
		}
	}
	return n, nil
}

func (r *bodyReader) Close() error { return nil }

// sessionValue makes a session fit for a header: what cannot stand in one is percent-encoded.
func sessionValue(s string) string {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f {
			return url.PathEscape(s)
		}
	}
	return s
}

// requestHeader is the header of one request. It is not to be changed.
func (t *template) requestHeader(r *Request) http.Header {
	if len(t.sessionHeader) == 0 {
		return t.header
	}
	h := t.header.Clone()
	for name, values := range t.sessionHeader {
		for _, v := range values {
			h.Add(name, strings.ReplaceAll(v, sessionMark, sessionValue(r.Session)))
		}
	}
	return h
}
