package tokenizer

import "unicode/utf8"

// GPT-2's alphabet: byte-level models write every byte as a visible character.
// Bytes that are printable in Latin-1 stand for themselves, the others are
// numbered from U+0100.
var (
	byteChar [256]rune
	charByte [0x144]int16 // -1: not in the alphabet
)

func init() {
	for i := range charByte {
		charByte[i] = -1
	}
	next := rune(0x100)
	for b := range byteChar {
		r := rune(b)
		if !(b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae) {
			r = next
			next++
		}
		byteChar[b] = r
		charByte[r] = int16(b)
	}
}

// toAlphabet writes the bytes of s in the alphabet.
func toAlphabet(s string) string {
	b := make([]byte, 0, len(s)+len(s)/2)
	for i := 0; i < len(s); i++ {
		b = utf8.AppendRune(b, byteChar[s[i]])
	}
	return string(b)
}

// appendBytes appends the bytes that s writes in the alphabet. If s has another
// character it appends nothing, and ok is false.
func appendBytes(dst []byte, s string) (b []byte, ok bool) {
	n := len(dst)
	for _, r := range s {
		if int(r) >= len(charByte) || charByte[r] < 0 {
			return dst[:n], false
		}
		dst = append(dst, byte(charByte[r]))
	}
	return dst, true
}
