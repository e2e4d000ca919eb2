package report

import (
	"fmt"

	"multiturn/internal/human"
)

// untrueNumbers counts the records with numbers that cannot be true, as package
// record decides it.
type untrueNumbers struct {
	n     int
	first string // a number with its field, and the record that has it
}

// add counts a record if it has such a number. Where names the record.
func (u *untrueNumbers) add(number, where string) {
	if number == "" {
		return
	}
	if u.n == 0 {
		u.first = number + " in " + where
	}
	u.n++
}

// untrue reports numbers that cannot be true.
func (f *finder) untrue() {
	u := &f.c.untrue
	if u.n == 0 {
		return
	}
	f.add(untrueRecords, fmt.Sprintf("Numbers that cannot be true are in %s, such as %s: they are "+
		"taken as unknown.", human.Count(u.n, "record"), u.first),
		"a server, a gateway or a broken file has them")
}
