package openai

import (
	"github.com/tidwall/gjson"

	"multiturn/internal/jsonseq"
)

// parsed returns JSON of a server, the zero Result if it is not JSON. All of it
// that no Cursor has read comes through here: gjson goes down into brackets that
// are nested without end.
func parsed(text []byte) gjson.Result {
	cur := jsonseq.Cursor{Text: text, AnyBytes: true}
	cur.Skip()
	if cur.End() != nil {
		return gjson.Result{}
	}
	return gjson.ParseBytes(text)
}
