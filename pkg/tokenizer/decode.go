package tokenizer

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// decoder is a decoder of tokenizer.json.
type decoder struct {
	Type     string    `json:"type"`
	Decoders []decoder `json:"decoders"`
	Pattern  pattern   `json:"pattern"`
	Content  string    `json:"content"`
	Start    int       `json:"start"`
	Stop     int       `json:"stop"`

	// Metaspace
	Replacement    string  `json:"replacement"`
	PrependScheme  *string `json:"prepend_scheme"`
	AddPrefixSpace *bool   `json:"add_prefix_space"`
}

// A decoding replaces the tokens of a text by fewer or other ones. The results
// of the last one are joined.
type decoding func(tokens []string) []string

func (t *Tokenizer) addDecoders(d *decoder) error {
	switch d.Type {
	case "Sequence":
		for i := range d.Decoders {
			if err := t.addDecoders(&d.Decoders[i]); err != nil {
				return err
			}
		}
		return nil
	case "ByteLevel":
		t.decodings = append(t.decodings, decodeBytes)
	case "ByteFallback":
		t.decodings = append(t.decodings, decodeFallback)
	case "Fuse":
		t.decodings = append(t.decodings,
			func(tokens []string) []string { return []string{strings.Join(tokens, "")} })
	case "Replace":
		replace, err := d.Pattern.replacer(d.Content, &t.trouble)
		if err != nil {
			return fmt.Errorf("decoder Replace: %w", err)
		}
		t.decodings = append(t.decodings, func(tokens []string) []string {
			for i, s := range tokens {
				tokens[i] = replace(s, normalizedMost(len(s)))
			}
			return tokens
		})
	case "Strip":
		if d.Content == "" {
			return errors.New("decoder Strip: content is empty")
		}
		t.decodings = append(t.decodings, func(tokens []string) []string {
			for i, s := range tokens {
				for k := 0; k < d.Start && strings.HasPrefix(s, d.Content); k++ {
					s = s[len(d.Content):]
				}
				for k := 0; k < d.Stop && strings.HasSuffix(s, d.Content); k++ {
					s = s[:len(s)-len(d.Content)]
				}
				tokens[i] = s
			}
			return tokens
		})
	case "Metaspace":
		m, err := newMetaspace(d.Replacement, d.PrependScheme, d.AddPrefixSpace)
		if err != nil {
			return fmt.Errorf("decoder Metaspace: %w", err)
		}
		t.decodings = append(t.decodings, func(tokens []string) []string {
			for i, s := range tokens {
				to := " "
				if i == 0 && (m.every || m.first) {
					to = ""
				}
				tokens[i] = strings.ReplaceAll(s, m.mark, to)
			}
			return tokens
		})
	default:
		return fmt.Errorf("decoder %q is not supported", d.Type)
	}
	return nil
}

// decodeBytes is a ByteLevel decoder in a sequence. If it is the only decoder,
// tokens are decoded without the alphabet.
func decodeBytes(tokens []string) []string {
	var b []byte
	for _, s := range tokens {
		var ok bool
		if b, ok = appendBytes(b, s); !ok {
			b = append(b, s...)
		}
	}
	return []string{validUTF8(string(b))}
}

// decodeFallback joins runs of <0xNN> to text; a run that is not valid UTF-8
// gives one U+FFFD for each byte.
func decodeFallback(tokens []string) []string {
	out := tokens[:0]
	var run []byte
	flush := func() {
		switch {
		case len(run) == 0:
		case utf8.Valid(run):
			out = append(out, string(run))
		default:
			out = append(out, strings.Repeat(replacement, len(run)))
		}
		run = run[:0]
	}
	for _, s := range tokens {
		if b, ok := fallbackByte(s); ok {
			run = append(run, b)
			continue
		}
		flush()
		out = append(out, s)
	}
	flush()
	return out
}

// fallbackByte reads <0xNN>.
func fallbackByte(s string) (b byte, ok bool) {
	if len(s) != 6 || s[:3] != "<0x" || s[5] != '>' {
		return 0, false
	}
	for _, c := range []byte(s[3:5]) {
		switch {
		case c >= '0' && c <= '9':
			b = b<<4 | (c - '0')
		case c|32 >= 'a' && c|32 <= 'f':
			b = b<<4 | (c | 32 - 'a' + 10)
		default:
			return 0, false
		}
	}
	return b, true
}

// Decode returns the text of ids. It leaves out ids outside the vocabulary, and
// special tokens if skipSpecial is set. Bytes that are not UTF-8 become U+FFFD,
// so the text of a part of the ids may differ from that part of the text, and
// encoding it may give other ids.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	if t.plainBytes {
		b := make([]byte, 0, len(ids)*5)
		for _, id := range ids {
			if t.has(id) && !(skipSpecial && t.special[id]) {
				b = append(b, t.model.token(uint32(id))...)
			}
		}
		return validUTF8(view(b))
	}
	tokens := make([]string, 0, len(ids))
	for _, id := range ids {
		if t.has(id) && !(skipSpecial && t.special[id]) {
			tokens = append(tokens, t.spelling(uint32(id)))
		}
	}
	if t.decodings == nil {
		return strings.Join(tokens, " ")
	}
	for _, f := range t.decodings {
		tokens = f(tokens)
	}
	return strings.Join(tokens, "")
}

func (t *Tokenizer) has(id int32) bool {
	return id >= 0 && int(id) < len(t.model.spans) && t.model.spans[id] != span{}
}

// spelling returns the token of id as tokenizer.json writes it.
func (t *Tokenizer) spelling(id uint32) string {
	if s, ok := t.spelled[id]; ok {
		return s
	}
	if s := t.model.token(id); t.model.byteLevel {
		return toAlphabet(s)
	} else {
		return s
	}
}

// CleanUpSpaces removes spaces before . ? ! , and English contractions, as
// transformers up to version 4 does in decoded text if the tokenizer's
// clean_up_tokenization_spaces is set.
func CleanUpSpaces(text string) string {
	for _, r := range cleanUps {
		text = strings.ReplaceAll(text, r[0], r[1])
	}
	return text
}

// In this order, as in transformers: each replacement works on the result of
// the one before.
var cleanUps = [][2]string{{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"},
	{" n't", "n't"}, {" 'm", "'m"},
	{" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}}
