package tokenizer

import (
	"errors"
	"fmt"
	"strings"
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

func (t *Tokenizer) addNormalizers(n *normalizer) error {
	switch n.Type {
	case "Sequence":
		for i := range n.Normalizers {
			if err := t.addNormalizers(&n.Normalizers[i]); err != nil {
				return err
			}
		}
	case "NFC":
		t.normalizers = append(t.normalizers, nfc)
	case "NFD":
		t.normalizers = append(t.normalizers, nfd)
	case "NFKC":
		t.normalizers = append(t.normalizers, nfkc)
	case "NFKD":
		t.normalizers = append(t.normalizers, nfkd)
	case "Prepend":
		t.normalizers = append(t.normalizers, func(s string) string {
			if s == "" {
				return s
			}
			return n.Prepend + s
		})
	case "Replace":
		replace, err := n.Pattern.replacer(n.Content)
		if err != nil {
			return fmt.Errorf("normalizer Replace: %w", err)
		}
		t.normalizers = append(t.normalizers, replace)
	case "Lowercase":
		t.normalizers = append(t.normalizers, strings.ToLower)
	case "Strip":
		if n.StripLeft == nil || *n.StripLeft {
			t.normalizers = append(t.normalizers, func(s string) string { return strings.TrimLeftFunc(s, isSpace) })
		}
		if n.StripRight == nil || *n.StripRight {
			t.normalizers = append(t.normalizers, func(s string) string { return strings.TrimRightFunc(s, isSpace) })
		}
	default:
		return fmt.Errorf("normalizer %q is not supported", n.Type)
	}
	return nil
}

// replacer returns what replaces the pattern's matches by content.
func (p *pattern) replacer(content string) (func(string) string, error) {
	switch {
	case p.String != nil:
		old := *p.String
		if old == "" {
			return nil, errors.New("pattern is empty")
		}
		return func(s string) string { return strings.ReplaceAll(s, old, content) }, nil
	case p.Regex == nil:
		return nil, errors.New("pattern is missing")
	}
	find, err := compile(*p.Regex)
	if err != nil {
		return nil, err
	}
	return func(s string) string {
		var b strings.Builder
		end := 0
		find(s, func(from, to int) {
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
	for _, f := range t.normalizers {
		s = f(s)
	}
	return s
}
