//go:build unix

package main

import (
	"math"
	"syscall"
)

// mostFiles returns how many files the process may have open; 0 = unknown.
func mostFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return 0
	}
	return int(limit.Cur)
}
