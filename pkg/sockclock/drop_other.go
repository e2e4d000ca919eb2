//go:build !linux

package sockclock

// DropRight does nothing: there are no captures on this system.
func DropRight() error { return nil }
