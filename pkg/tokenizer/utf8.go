package tokenizer

import "unicode/utf8"

const replacement = "\uFFFD"

// validUTF8 replaces every maximal invalid part of s by U+FFFD, as Python's
// errors="replace" and Rust's from_utf8_lossy do. strings.ToValidUTF8 writes
// one U+FFFD for a run of such parts.
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return string(appendValid(make([]byte, 0, len(s)+16), s))
}

func appendValid(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r != utf8.RuneError || n > 1 {
			dst = append(dst, s[i:i+n]...)
			i += n
			continue
		}
		dst = append(dst, replacement...)
		// The invalid part is the longest prefix of a valid sequence. The range
		// of the second byte depends on the first.
		first := s[i]
		more, lo, hi := 0, byte(0x80), byte(0xbf)
		switch {
		case first >= 0xc2 && first <= 0xdf:
			more = 1
		case first == 0xe0:
			more, lo = 2, 0xa0
		case first == 0xed:
			more, hi = 2, 0x9f
		case first >= 0xe1 && first <= 0xef:
			more = 2
		case first == 0xf0:
			more, lo = 3, 0x90
		case first >= 0xf1 && first <= 0xf3:
			more = 3
		case first == 0xf4:
			more, hi = 3, 0x8f
		}
		i++
		for ; more > 0 && i < len(s) && s[i] >= lo && s[i] <= hi; more-- {
			lo, hi = 0x80, 0xbf
			i++
		}
	}
	return dst
}
