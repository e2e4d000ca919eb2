package report

import (
	"cmp"
	"fmt"

	"multiturn/internal/human"
)

// prefixes reports prompts that did not begin with the previous turn, where that
// was checked.
func (f *finder) prefixes() {
	count := make(map[breakAt]int)
	var lost, of int64
	broken := 0
	for _, r := range f.c.prefixes {
		of += int64(r.Before)
		if r.Broken == "" {
			continue
		}
		broken++
		lost += int64(r.Before - r.Shared)
		count[breakAt{r.Broken, r.Role, r.Field}]++
	}
	if broken == 0 {
		return
	}
	most := mostFrequent(count)
	f.add(prefixBroken, fmt.Sprintf("Prompts of %d of %s checked do not begin with all of the previous "+
		"turn, so no cache can hit what follows the break: %s of %s tokens.", broken,
		human.Count(len(f.c.prefixes), "turn"), tokens(lost), tokens(of)),
		"mostly (%d): %s", count[most], most)
}

// breakAt is where a prompt stops being the previous turn's, and why.
type breakAt struct{ why, role, field string }

func (b breakAt) String() string {
	if b.role == "" {
		return b.why
	}
	return fmt.Sprintf("%s, in the %s of a message of role %s", b.why, cmp.Or(b.field, "text"), b.role)
}

// mostFrequent returns the most frequent break; of equals, the first by name.
func mostFrequent(count map[breakAt]int) breakAt {
	var most breakAt
	for b, n := range count {
		if n > count[most] ||
			n == count[most] && b.why+b.role+b.field < most.why+most.role+most.field {
			most = b
		}
	}
	return most
}
