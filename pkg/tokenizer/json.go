package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// The tables of a tokenizer.json are tens of megabytes of two simple shapes. These functions read them in place;
// encoding/json reads what is left, the small components.

var errCut = errors.New("the JSON ends early")

func errSyntax(b []byte, i int, want string) error {
	if i >= len(b) {
		return errCut
	}
	return fmt.Errorf("byte %d: want %s, have %q", i, want, b[i])
}

// blank returns the index of the first byte at or after i that is not white space.
func blank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// str reads the string at b[i]. The result points into b, or into buf when there were escapes to resolve; next is the
// index after the closing quote.
func str(b []byte, i int, buf []byte) (s []byte, next int, err error) {
	if i >= len(b) || b[i] != '"' {
		return nil, i, errSyntax(b, i, "a string")
	}
	i++
	start := i
	for i < len(b) && b[i] != '"' && b[i] != '\\' {
		i++
	}
	if i < len(b) && b[i] == '"' {
		return b[start:i], i + 1, nil
	}
	out := append(buf[:0], b[start:i]...)
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			return out, i + 1, nil
		case c != '\\':
			out = append(out, c)
			i++
			continue
		}
		i++
		if i == len(b) {
			break
		}
		switch c := b[i]; c {
		case 'n':
			out = append(out, '\n')
		case 't':
			out = append(out, '\t')
		case 'r':
			out = append(out, '\r')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case '"', '\\', '/':
			out = append(out, c)
		case 'u':
			r, err := hex4(b, i+1)
			if err != nil {
				return nil, i, err
			}
			i += 4
			if r >= 0xd800 && r < 0xdc00 && i+2 < len(b) && b[i+1] == '\\' && b[i+2] == 'u' {
				if low, err := hex4(b, i+3); err == nil && low >= 0xdc00 && low < 0xe000 {
					r = (r-0xd800)<<10 + (low - 0xdc00) + 0x10000
					i += 6
				}
			}
			out = utf8.AppendRune(out, r)
		default:
			return nil, i, errSyntax(b, i, "an escape")
		}
		i++
	}
	return nil, i, errCut
}

func hex4(b []byte, i int) (rune, error) {
	if i+4 > len(b) {
		return 0, errCut
	}
	v, err := strconv.ParseUint(string(b[i:i+4]), 16, 16)
	if err != nil {
		return 0, errSyntax(b, i, "four hexadecimal digits")
	}
	return rune(v), nil
}

// number reads the non-negative integer at b[i], which must be below limit.
func number(b []byte, i, limit int) (n, next int, err error) {
	start := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		if n = n*10 + int(b[i]-'0'); n >= limit {
			return 0, i, fmt.Errorf("byte %d: a number of %d or more", start, limit)
		}
		i++
	}
	if i == start {
		return 0, i, errSyntax(b, i, "a number")
	}
	return n, i, nil
}

// skip returns the index after the value at b[i], of which it checks the brackets and the strings' ends, no more.
func skip(b []byte, i int) (int, error) {
	if i >= len(b) {
		return i, errCut
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
	case '{', '[':
		for depth := 0; i < len(b); {
			switch b[i] {
			case '"':
				var err error
				if i, err = skipString(b, i); err != nil {
					return i, err
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1, nil
				}
			}
			i++
		}
		return i, errCut
	}
	start := i
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
		i++
	}
	if i == start {
		return i, errSyntax(b, i, "a value")
	}
	return i, nil
}

func skipString(b []byte, i int) (int, error) {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1, nil
		case '\\':
			i++
		}
	}
	return i, errCut
}

// object calls value with each key of the object at b[i] and the index of the key's value; value returns the index
// after it. The key is only good until value returns.
func object(b []byte, i int, value func(key []byte, i int) (int, error)) (int, error) {
	if i = blank(b, i); i >= len(b) || b[i] != '{' {
		return i, errSyntax(b, i, "an object")
	}
	if i = blank(b, i+1); i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	var buf [256]byte
	for {
		key, j, err := str(b, i, buf[:])
		if err != nil {
			return i, err
		}
		if i = blank(b, j); i >= len(b) || b[i] != ':' {
			return i, errSyntax(b, i, "a colon")
		}
		if i, err = value(key, blank(b, i+1)); err != nil {
			return i, err
		}
		i = blank(b, i)
		switch {
		case i < len(b) && b[i] == '}':
			return i + 1, nil
		case i >= len(b) || b[i] != ',':
			return i, errSyntax(b, i, "a comma or }")
		}
		i = blank(b, i+1)
	}
}

// array calls element with the index of each element of the array at b[i]; element returns the index after it.
func array(b []byte, i int, element func(i int) (int, error)) (int, error) {
	if i = blank(b, i); i >= len(b) || b[i] != '[' {
		return i, errSyntax(b, i, "an array")
	}
	if i = blank(b, i+1); i < len(b) && b[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = element(i); err != nil {
			return i, err
		}
		i = blank(b, i)
		switch {
		case i < len(b) && b[i] == ']':
			return i + 1, nil
		case i >= len(b) || b[i] != ',':
			return i, errSyntax(b, i, "a comma or ]")
		}
		i = blank(b, i+1)
	}
}
