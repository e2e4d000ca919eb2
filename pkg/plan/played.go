package plan

import (
	"cmp"
	"fmt"

	"multiturn/internal/human"
	"multiturn/pkg/record"
)

// Played returns an error unless a dataset is the one that the run of a header
// played, by their digests. If there is no header, or no digest in it, the
// dataset is taken for the run's.
func Played(h *record.Run, d *record.Dataset) error {
	if h == nil || h.Dataset.SHA256 == "" || h.Dataset.SHA256 == d.SHA256 {
		return nil
	}
	return fmt.Errorf("%s is not what the run played, %s", brief(d), brief(&h.Dataset))
}

// brief describes a dataset by its name, its size and the beginning of its digest,
// which is enough to compare by eye.
func brief(d *record.Dataset) string {
	const shown = 12
	return fmt.Sprintf("%s (%s, SHA-256 %s...)", cmp.Or(d.Name, "a dataset without a name"),
		human.Count(d.Conversations, "conversation"), d.SHA256[:min(shown, len(d.SHA256))])
}
