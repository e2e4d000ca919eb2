package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// normalizer is a normalizer of tokenizer.json.
type normalizer struct {
	Type        string       `json:"type"`
	Normalizers []normalizer `json:"normalizers"`
	Prepend     string       `json:"prepend"`
	Pattern     pattern      `json:"pattern"`
	Content     string       `json:"content"`
	StripLeft   *bool        `json:"strip_left"`
	StripRight  *bool        `json:"strip_right"`
}

// normalization changes a text. It may fail if the result is longer than most bytes.
type normalization func(s string, most int) string

// plain is a normalization whose result cannot be much longer than the text.
func plain(f func(string) string) normalization {
	return func(s string, _ int) string { return f(s) }
}

func (t *Tokenizer) addNormalizers(n *normalizer) error {
	switch n.Type {
	case "Sequence":
		for i := range n.Normalizers {
			if err := t.addNormalizers(&n.Normalizers[i]); err != nil {
				return err
			}
		}
	case "NFC":
		t.normalizers = append(t.normalizers, plain(nfc))
	case "NFD":
		t.normalizers = append(t.normalizers, plain(nfd))
	case "NFKC":
		t.normalizers = append(t.normalizers, plain(nfkc))
	case "NFKD":
		t.normalizers = append(t.normalizers, plain(nfkd))
	case "Prepend":
		t.normalizers = append(t.normalizers, plain(func(s string) string {
			if s == "" {
				return s
			}
			return n.Prepend + s
		}))
	case "Replace":
		replace, err := n.Pattern.replacer(n.Content, &t.trouble)
		if err != nil {
			return fmt.Errorf("normalizer Replace: %w", err)
		}
		t.normalizers = append(t.normalizers, replace)
	case "Lowercase":
		t.normalizers = append(t.normalizers, plain(lowercase))
	case "Strip":
		if n.StripLeft == nil || *n.StripLeft {
			t.normalizers = append(t.normalizers,
				plain(func(s string) string { return strings.TrimLeftFunc(s, isSpace) }))
		}
		if n.StripRight == nil || *n.StripRight {
			t.normalizers = append(t.normalizers,
				plain(func(s string) string { return strings.TrimRightFunc(s, isSpace) }))
		}
	default:
		return fmt.Errorf("normalizer %q is not supported", n.Type)
	}
	return nil
}

// replacer returns a function that replaces the matches of the pattern by
// content.
func (p *pattern) replacer(content string, t *trouble) (normalization, error) {
	switch {
	case p.String != nil:
		old := *p.String
		if old == "" {
			return nil, errors.New("pattern is empty")
		}
		return func(s string, most int) string {
			more := len(content) - len(old)
			if more > 0 && len(s)+strings.Count(s, old)*more > most {
				t.fail(errLong)
				return ""
			}
			return strings.ReplaceAll(s, old, content)
		}, nil
	case p.Regex == nil:
		return nil, errors.New("pattern is missing")
	}
	find, err := t.compile(*p.Regex, oniguruma)
	if err != nil {
		return nil, err
	}
	return func(s string, most int) string {
		var b strings.Builder
		end := 0
		find(s, func(from, to int) {
			if b.Len()+from-end+len(content) > most {
				t.fail(errLong)
				return
			}
			b.WriteString(s[end:from])
			b.WriteString(content)
			end = to
		})
		if end == 0 && b.Len() == 0 {
			return s
		}
		b.WriteString(s[end:])
		return b.String()
	}, nil
}

func (t *Tokenizer) normalize(s string) string {
	most := normalizedMost(len(s))
	for _, f := range t.normalizers {
		if s = f(s, most); len(s) > most {
			t.fail(errLong)
		}
		if t.failed() {
			return ""
		}
	}
	return s
}

// lowercase maps character by character, as Rust's char::to_lowercase does, so
// without the final sigma. The table is that of Unicode 17.
func lowercase(s string) string {
	if strings.Contains(s, "İ") { // the one character that becomes two
		s = strings.ReplaceAll(s, "İ", "i\u0307")
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r < 0x1c89:
			return unicode.ToLower(r)
		case r == 0x1c89, r == 0xa7cc, r == 0xa7ce, r == 0xa7d2, r == 0xa7d4, r == 0xa7da:
			return r + 1
		case r == 0xa7cb:
			return 0x264
		case r == 0xa7dc:
			return 0x19b
		case r >= 0x10d50 && r <= 0x10d65:
			return r + 0x20
		case r >= 0x16ea0 && r <= 0x16eb8:
			return r + 0x1b
		}
		return unicode.ToLower(r)
	}, s)
}
