package chat

import (
	"crypto/sha256"
	"fmt"
)

// Digest returns the SHA-256 of conversations in order, each as a line of JSON,
// in hexadecimal. It does not depend on the format of the file that they were
// read from.
func Digest(conversations []Conversation) string {
	sum := sha256.New()
	var line []byte
	for i := range conversations {
		line = append(JSONL.Append(line[:0], &conversations[i]), '\n')
		sum.Write(line)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}
