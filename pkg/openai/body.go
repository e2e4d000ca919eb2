package openai

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"multiturn/internal/httpclient"
	"multiturn/pkg/chat"
	"multiturn/pkg/server"
)

const sessionMark = httpclient.SessionMark

// template is what all requests of a client have in common: the body around the
// messages, and the header.
type template struct {
	before []byte                      // the body before the messages
	model  int                         // length of its part with the model, which other fields may follow
	form   func(chat.Field) chat.Field // of fields of a conversation; nil = as they are
	after  []byte                      // the body after the messages, before the fields of the request
	header http.Header                 // without the headers that have the session
	// sessionHeader and sessionFields are those with {session}.
	sessionHeader  http.Header
	sessionFields  []byte
	maxTokensField string
	minTokensField string          // "" = the API has none
	own            map[string]bool // body fields that the user set, which override ours
}

// newTemplate returns the template of requests to an endpoint with options o.
// user, if it is not nil, becomes basic authentication.
func newTemplate(o *Options, user *url.Userinfo, api *api) *template {
	t := &template{
		own: map[string]bool{}, header: http.Header{}, sessionHeader: http.Header{},
		maxTokensField: cmp.Or(o.MaxTokensField, api.maxTokens), minTokensField: api.minTokens,
		form: api.own,
	}
	var fields []byte
	for _, f := range o.Fields {
		t.own[f.Name] = true
		dst := &fields
		if bytes.Contains(f.Value, []byte(sessionMark)) {
			dst = &t.sessionFields
		}
		*dst = appendField(*dst, f)
	}
	if o.SendSession && !t.own["conversation_id"] {
		t.sessionFields = append(t.sessionFields, `,"conversation_id":"`+sessionMark+`"`...)
	}

	h := api.history(o)
	t.before = chat.AppendString([]byte(`{"model":`), o.Model)
	t.model = len(t.before)
	t.before = append(t.before, ","+h.open...)
	t.after = []byte(h.close + `,"stream":true`)
	if o.NoStream {
		t.after = []byte(h.close + `,"stream":false`)
	} else if u := api.usage; u.Name != "" && !o.NoUsage && !t.own[u.Name] {
		t.after = appendField(t.after, u)
	}
	for _, f := range api.fields {
		if !t.own[f.Name] {
			t.after = appendField(t.after, f)
		}
	}
	if o.Temperature != nil && !t.own["temperature"] {
		t.after = strconv.AppendFloat(append(t.after, `,"temperature":`...),
			*o.Temperature, 'g', -1, 64)
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
	if user != nil {
		t.header.Set("Authorization", "Basic "+httpclient.Login(user))
	}
	o.Apply(t.header)
	for name, values := range o.Header {
		for _, v := range values {
			if strings.Contains(v, sessionMark) && httpclient.OfRequest(name) {
				t.sessionHeader.Add(name, v)
			}
		}
	}
	const name = "X-Session-ID"
	if o.SendSession && t.sessionHeader.Get(name) == "" && t.header.Get(name) == "" {
		t.sessionHeader.Set(name, sessionMark)
	}
	if o.APIKey != "" {
		t.sessionHeader.Del("Authorization")
	}
	return t
}

// appendField appends a comma and a field.
func appendField(dst []byte, f Field) []byte {
	dst = append(chat.AppendString(append(dst, ','), f.Name), ':')
	return append(dst, f.Value...)
}

// newMask returns the secrets that a server gets with the requests.
func newMask(o *Options, a server.Address, api *api) httpclient.Mask {
	texts := append(a.Secrets(), o.Secrets(a.Of(api.path))...)
	for _, f := range o.Fields {
		texts = append(texts, f.secrets()...)
	}
	return httpclient.NewMask(texts...)
}

// appendTail appends the body after the messages.
func (t *template) appendTail(dst []byte, r *Request) []byte {
	dst = append(dst, t.after...)
	count := func(name string, n int) {
		if n > 0 && name != "" && !t.own[name] {
			dst = append(chat.AppendString(append(dst, ','), name), ':')
			dst = strconv.AppendInt(dst, int64(n), 10)
		}
	}
	count(t.maxTokensField, r.MaxTokens)
	count(t.minTokensField, r.MinTokens)
	if r.IgnoreEOS && !t.own["ignore_eos"] {
		dst = append(dst, `,"ignore_eos":true`...)
	}
	if len(t.sessionFields) > 0 {
		quoted := chat.AppendString(nil, r.Session)
		text := quoted[1 : len(quoted)-1]
		dst = append(dst, bytes.ReplaceAll(t.sessionFields, []byte(sessionMark), text)...)
	}
	return append(dst, '}')
}

// tokens returns the number of tokens that a request asks for; 0 if it is not known.
func (t *template) tokens(r *Request) int {
	if t.own[t.maxTokensField] {
		return 0
	}
	return r.MaxTokens
}

// body is a request's body in pieces. The messages are not copied.
type body struct {
	before   []byte
	messages [][]byte
	after    []byte
	size     int64
}

// body returns the body of one request. Its time grows with the number of pieces,
// not with their size.
func (t *template) body(r *Request) *body {
	b := &body{before: t.before, messages: r.Messages, after: t.appendTail(nil, r)}
	if len(r.Fields) > 0 {
		b.before = t.beforeWith(r.Fields)
	}
	b.size = int64(len(b.before) + len(b.after))
	for _, p := range b.messages {
		b.size += int64(len(p))
	}
	return b
}

// beforeWith returns the body before the messages, with fields of the conversation
// that the user did not set.
func (t *template) beforeWith(fields []chat.Field) []byte {
	before := bytes.Clone(t.before[:t.model])
	for _, f := range fields {
		if t.own[f.Name] {
			continue
		}
		if t.form != nil {
			f = t.form(f)
		}
		before = chat.AppendField(before, f)
	}
	return append(before, t.before[t.model:]...)
}

// wholeBody is the most bytes of a body that net/http gets in one piece: with the
// head they fit its buffer for writes (64 KiB).
const wholeBody = 48 << 10

// open returns a reader of the body. net/http sends a head and a body in one write
// only if it recognises the reader as one of bytes in memory; else the client may
// have to wait for a processor between the two, and the server for the client.
func (b *body) open() (io.ReadCloser, error) {
	r := &bodyReader{body: b}
	if b.size > wholeBody {
		return r, nil
	}
	whole := make([]byte, b.size)
	if _, err := io.ReadFull(r, whole); err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(whole)), nil
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

// sessionValue returns a session for a header, percent-encoded if necessary.
func sessionValue(s string) string {
	for _, c := range []byte(s) {
		if c < ' ' || c >= 0x7f {
			return url.PathEscape(s)
		}
	}
	return s
}

// requestHeader returns the header of one request, which must not be changed.
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
