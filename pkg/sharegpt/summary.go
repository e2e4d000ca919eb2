package sharegpt

import (
	"fmt"

	"multiturn/internal/human"
)

// AppendSummary appends a table of the items and conversations that were read,
// left out by reason, written, and changed by kind.
func (r *Result) AppendSummary(dst []byte) []byte {
	type line struct {
		name, number, note string
	}
	lines := []line{{name: "items read", number: human.Thousands(r.Items)}}
	drops := func(count func(*Drop) int) {
		for i := range r.Dropped {
			d := &r.Dropped[i]
			if n := count(d); n > 0 {
				lines = append(lines,
					line{"  dropped: " + string(d.Reason), human.Thousands(n), "first: " +
						d.Example})
			}
		}
	}
	drops(func(d *Drop) int { return d.Items })
	lines = append(lines, line{name: "conversations", number: human.Thousands(r.Conversations)})
	drops(func(d *Drop) int { return d.Conversations })
	if r.NotSampled > 0 {
		lines = append(lines,
			line{name: "  not in the sample", number: human.Thousands(r.NotSampled)})
	}
	lines = append(lines, line{"conversations kept", human.Thousands(r.Written),
		human.Thousands(r.Messages) + " messages"})
	for _, c := range r.Changed {
		lines = append(lines, line{"  changed: " + c.Kind.String(),
			human.Thousands(c.Conversations), c.times()})
	}
	name, number := 0, 0
	for _, l := range lines {
		name, number = max(name, len(l.name)), max(number, len(l.number))
	}
	for _, l := range lines {
		text := fmt.Sprintf("%-*s  %*s", name, l.name, number, l.number)
		if l.note != "" {
			text += "  (" + l.note + ")"
		}
		dst = append(append(dst, text...), '\n')
	}
	return dst
}
