//go:build !unix

package sim

const directWrites = false

func writeNow(uintptr, []byte) (int, error) { panic("unreachable: no direct writes here") }
