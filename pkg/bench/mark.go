package bench

import (
	"fmt"

	"github.com/tidwall/gjson"

	"multiturn/pkg/chat"
	"multiturn/pkg/load"
)

// mark is a salt or Options.Marker, and its place in the prompts of a play.
type mark struct {
	text       string // "" if every request has a salt of its own
	markTokens int
	markAt     int // message whose text it is put before; -1 = there is no mark
}

// marker finds the marks of plays.
type marker struct {
	opt   *Options
	salts map[*load.Arm]string // of arms that have one salt
}

// of returns the mark of a play. It is an error if there is no text that it
// could be put before.
func (m *marker) of(p *play) (mark, error) {
	first := p.conv.Messages[:p.Turns[0].To]
	k := mark{markAt: -1}
	switch {
	case p.Arm.Salt != load.Unsalted:
		k.text, k.markTokens = m.salt(p.Arm), m.opt.Salts.Tokens()
		k.markAt = firstText(first, "")
	case m.opt.Marker != "":
		k.text = m.opt.Marker
		if m.opt.Counter != nil {
			k.markTokens = m.opt.Counter.Count(k.text)
		}
		if k.markAt = firstText(first, chat.User); k.markAt < 0 {
			k.markAt = firstText(first, "")
		}
	default:
		return k, nil
	}
	if k.markAt < 0 {
		return k, fmt.Errorf("conversation %s: its first turn has no text that a salt "+
			"could be put before: leave the conversation out, or run without salts in prompts",
			p.conv.ID)
	}
	return k, nil
}

// salt returns the salt of all prompts of an arm; "" if each has its own.
func (m *marker) salt(arm *load.Arm) string {
	if arm.Salt != load.SaltArm {
		return ""
	}
	if m.salts[arm] == "" {
		m.salts[arm] = m.opt.Salts.Next()
	}
	return m.salts[arm]
}

// firstText returns the index of the first message, of that role unless it is
// empty, that a mark can be put before; -1 if there is none.
func firstText(messages []chat.Message, role string) int {
	for i := range messages {
		m := &messages[i]
		if role != "" && m.Role != role {
			continue
		}
		c := gjson.GetBytes(m.Raw, "content")
		if m.Raw == nil || c.Type == gjson.String || c.IsArray() {
			return i
		}
	}
	return -1
}
