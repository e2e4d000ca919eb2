package cli

import "multiturn/internal/human"

// didYouMean names the known word that is nearest to the given one, after a prefix (dashes), or is empty when none is
// near.
func didYouMean(word string, known []string, prefix string) string {
	if best := human.Nearest(word, known); best != "" {
		return "; did you mean " + prefix + best + "?"
	}
	return ""
}
