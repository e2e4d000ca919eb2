package main

import "runtime/debug"

// leanPercent is how far the heap of a command that keeps all turns of a run may
// grow between two collections, in percent of what is in use. The default of 100
// would take twice the memory of a million turns, to save a fifth of the time.
const leanPercent = 10

// lean makes the command take little memory beyond what it keeps, until the function
// that it returns is called.
func lean() (restore func()) {
	before := debug.SetGCPercent(leanPercent)
	return func() { debug.SetGCPercent(before) }
}
