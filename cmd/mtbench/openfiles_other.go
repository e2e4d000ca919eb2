//go:build !unix

package main

// mostFiles returns how many files the process may have open; 0 = unknown.
func mostFiles() int { return 0 }
