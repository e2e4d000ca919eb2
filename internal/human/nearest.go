// Package human has what texts for people need: foreign text made safe to print,
// counts and sizes in words, and the word that a mistyped one meant.
package human

import "strings"

// Nearest returns the known word nearest to the given one, or "" when none is
// near: one is the beginning of the other, or a third of the letters or fewer
// differ. Upper and lower case are the same.
func Nearest(word string, known []string) string {
	w, best, least := strings.ToLower(word), "", len(word)
	for _, k := range known {
		d := edits(w, strings.ToLower(k))
		near := d <= (max(len(w), len(k))+2)/3
		if len(w) > 1 && strings.HasPrefix(k, w) {
			d, near = min(d, 1), true
		}
		if near && d < least {
			best, least = k, d
		}
	}
	return best
}

// edits counts the letters to insert, remove, replace or swap with their
// neighbour that lead from a to b.
func edits(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			change := 1
			if x[i-1] == y[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
