package tokenizer

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// A step is one pre-tokenizer. split cuts s and passes the pieces to the steps
// after it, by w.pretokenize(rest, …). start is set if s is the start of the
// text.
type step interface {
	split(w *worker, rest int, s string, start bool)
}

// split makes a splitter a step.
func (f splitter) split(w *worker, rest int, s string, start bool) {
	for i := 0; i < len(s); {
		end := f(s, i)
		w.pretokenize(rest, s[i:end], start && i == 0)
		i = end
	}
}

// A matcher calls match with the matches of a pattern in s, in order; they do
// not overlap.
type matcher func(s string, match func(from, to int))

// delimited is a step that splits at the matches of a pattern.
type delimited struct {
	find      matcher
	behaviour string
	invert    bool // the delimiters are what does not match
}

// Where the delimiters go.
const (
	removed            = "Removed"
	isolated           = "Isolated"
	mergedWithPrevious = "MergedWithPrevious"
	mergedWithNext     = "MergedWithNext"
	contiguous         = "Contiguous"
)

type piece struct {
	from, to int
	delim    bool
}

func (d *delimited) split(w *worker, rest int, s string, start bool) {
	// Steps nest. Each uses the end of the scratch memory for its own pieces.
	base := len(w.pieces)
	end := 0
	d.find(s, func(from, to int) {
		if from > end {
			w.pieces = append(w.pieces, piece{end, from, d.invert})
		}
		w.pieces = append(w.pieces, piece{from, to, !d.invert})
		end = to
	})
	if end < len(s) {
		w.pieces = append(w.pieces, piece{end, len(s), d.invert})
	}
	all := w.pieces[base:]
	switch d.behaviour {
	case contiguous:
		all = joinPieces(all, func(p, q piece) bool { return p.delim == q.delim })
	case mergedWithPrevious:
		all = joinPieces(all, func(p, q piece) bool { return !p.delim && q.delim })
	case mergedWithNext:
		// The last delimiter of a run belongs to what follows it.
		all = joinPieces(all, func(p, q piece) bool { return p.delim && !q.delim })
	}
	w.pieces = w.pieces[:base+len(all)]
	for i := range all {
		p := w.pieces[base+i] // later steps may move the scratch memory
		if p.to > p.from && !(p.delim && d.behaviour == removed) {
			w.pretokenize(rest, s[p.from:p.to], start && p.from == 0)
		}
	}
	w.pieces = w.pieces[:base]
}

// joinPieces joins neighbours in place. join is called with the pieces as they
// were found.
func joinPieces(all []piece, join func(p, q piece) bool) []piece {
	if len(all) == 0 {
		return all
	}
	n := 0
	last := all[0]
	for _, p := range all[1:] {
		if join(last, p) {
			all[n].to = p.to
		} else {
			n++
			all[n] = p
		}
		last = p
	}
	return all[:n+1]
}

// literal finds a text.
func literal(pattern string) matcher {
	return func(s string, match func(from, to int)) {
		for at := 0; ; {
			i := strings.Index(s[at:], pattern)
			if i < 0 {
				return
			}
			match(at+i, at+i+len(pattern))
			at += i + len(pattern)
		}
	}
}

// each matches every character for which is holds.
func each(is func(r rune) bool) matcher {
	return func(s string, match func(from, to int)) {
		for i, r := range s {
			if is(r) {
				match(i, i+utf8.RuneLen(r))
			}
		}
	}
}

// prefixed is ByteLevel's add_prefix_space.
type prefixed struct{}

func (prefixed) split(w *worker, rest int, s string, start bool) {
	if !strings.HasPrefix(s, " ") {
		s = " " + s
	}
	w.pretokenize(rest, s, start)
}

// metaspace writes spaces as another character and puts one before the text.
type metaspace struct {
	mark  string
	to    *strings.Replacer
	every bool // put one before every piece
	first bool // put one before the piece that starts the text
	cut   bool // cut before every mark
}

func (m *metaspace) split(w *worker, rest int, s string, start bool) {
	s = m.to.Replace(s)
	if (m.every || m.first && start) && !strings.HasPrefix(s, m.mark) {
		s = m.mark + s
	}
	if !m.cut {
		w.pretokenize(rest, s, start)
		return
	}
	for at := 0; at < len(s); {
		end := len(s)
		// MergedWithNext: every mark starts a piece, even after another mark.
		_, n := utf8.DecodeRuneInString(s[at:])
		if i := strings.Index(s[at+n:], m.mark); i >= 0 {
			end = at + n + i
		}
		w.pretokenize(rest, s[at:end], start && at == 0)
		at = end
	}
}

// alphabet is ByteLevel's mapping of bytes to characters, for the steps that
// come after it.
type alphabet struct{}

func (alphabet) split(w *worker, rest int, s string, start bool) {
	w.pretokenize(rest, toAlphabet(s), start)
}

// unalphabet is the last step if alphabet is a step.
type unalphabet struct{}

func (unalphabet) split(w *worker, rest int, s string, start bool) {
	b, _ := appendBytes(nil, s)
	w.pretokenize(rest, string(b), start)
}

// preTokenizer is a pre_tokenizer of tokenizer.json.
type preTokenizer struct {
	Type          string         `json:"type"`
	PreTokenizers []preTokenizer `json:"pretokenizers"`
	Pattern       pattern        `json:"pattern"`
	Behavior      string         `json:"behavior"`
	Invert        bool           `json:"invert"`

	// ByteLevel
	UseRegex       *bool `json:"use_regex"`
	AddPrefixSpace *bool `json:"add_prefix_space"`

	IndividualDigits bool `json:"individual_digits"`

	// Metaspace
	Replacement   string  `json:"replacement"`
	PrependScheme *string `json:"prepend_scheme"`
	Split         *bool   `json:"split"`

	Delimiter string `json:"delimiter"`
}

// pattern is a literal or a regular expression.
type pattern struct {
	String *string
	Regex  *string
}

func (t *Tokenizer) addSteps(p *preTokenizer) error {
	switch p.Type {
	case "Sequence":
		for i := range p.PreTokenizers {
			if err := t.addSteps(&p.PreTokenizers[i]); err != nil {
				return err
			}
		}
	case "ByteLevel":
		if t.model.byteLevel {
			return fmt.Errorf("two pre-tokenizers of type ByteLevel are not supported")
		}
		t.model.byteLevel = true
		if p.AddPrefixSpace == nil || *p.AddPrefixSpace {
			t.steps = append(t.steps, prefixed{})
		}
		if p.UseRegex == nil || *p.UseRegex {
			t.steps = append(t.steps, splitters[patternGPT2])
		}
		t.steps = append(t.steps, alphabet{})
	case "Split":
		return t.addSplit(p)
	case "Digits":
		behaviour := contiguous
		if p.IndividualDigits {
			behaviour = isolated
		}
		t.steps = append(t.steps, &delimited{find: each(isNumeric), behaviour: behaviour})
	case "Punctuation":
		behaviour, err := behaviourOf(p.Behavior, isolated)
		if err != nil {
			return err
		}
		t.steps = append(t.steps, &delimited{find: each(isPunctuation), behaviour: behaviour})
	case "WhitespaceSplit":
		t.steps = append(t.steps, &delimited{find: each(isSpace), behaviour: removed})
	case "Whitespace":
		t.steps = append(t.steps, &delimited{find: words, behaviour: removed, invert: true})
	case "BertPreTokenizer":
		t.steps = append(t.steps, &delimited{find: each(isSpace), behaviour: removed},
			&delimited{find: each(isPunctuation), behaviour: isolated})
	case "CharDelimiterSplit":
		if utf8.RuneCountInString(p.Delimiter) != 1 {
			return fmt.Errorf("pre-tokenizer CharDelimiterSplit: delimiter %q is not one character",
				p.Delimiter)
		}
		t.steps = append(t.steps, &delimited{find: literal(p.Delimiter), behaviour: removed})
	case "Metaspace":
		m, err := newMetaspace(p.Replacement, p.PrependScheme, p.AddPrefixSpace)
		if err != nil {
			return fmt.Errorf("pre-tokenizer Metaspace: %w", err)
		}
		m.cut = p.Split == nil || *p.Split
		t.steps = append(t.steps, m)
	default:
		return fmt.Errorf("pre-tokenizer %q is not supported", p.Type)
	}
	return nil
}

func newMetaspace(mark string, scheme *string, addPrefixSpace *bool) (*metaspace, error) {
	if utf8.RuneCountInString(mark) != 1 {
		return nil, fmt.Errorf("replacement %q is not one character", mark)
	}
	m := &metaspace{mark: mark, to: strings.NewReplacer(" ", mark)}
	switch {
	case scheme == nil: // files from before prepend_scheme have add_prefix_space
		m.every = addPrefixSpace == nil || *addPrefixSpace
	case *scheme == "always":
		m.every = true
	case *scheme == "first":
		m.first = true
	case *scheme != "never":
		return nil, fmt.Errorf("prepend_scheme %q is not supported", *scheme)
	}
	return m, nil
}

func behaviourOf(name, missing string) (string, error) {
	switch name {
	case "":
		return missing, nil
	case removed, isolated, mergedWithPrevious, mergedWithNext, contiguous:
		return name, nil
	}
	return "", fmt.Errorf("behavior %q of a pre-tokenizer is not supported", name)
}

func (t *Tokenizer) addSplit(p *preTokenizer) error {
	behaviour, err := behaviourOf(p.Behavior, "")
	if err != nil || behaviour == "" {
		return fmt.Errorf("pre-tokenizer Split: behavior %q is not supported", p.Behavior)
	}
	d := &delimited{behaviour: behaviour, invert: p.Invert}
	switch {
	case p.Pattern.String != nil && *p.Pattern.String != "":
		d.find = literal(*p.Pattern.String)
	case p.Pattern.Regex != nil:
		f, covers := splitters[*p.Pattern.Regex]
		switch {
		case covers && behaviour == isolated:
			t.steps = append(t.steps, f)
			return nil
		case covers && behaviour == removed && p.Invert && coversText[*p.Pattern.Regex]:
			t.steps = append(t.steps, f)
			return nil
		}
		if d.find, err = t.compile(*p.Pattern.Regex, oniguruma); err != nil {
			return fmt.Errorf("pre-tokenizer Split: %w", err)
		}
	default:
		return fmt.Errorf("pre-tokenizer Split: pattern is missing")
	}
	t.steps = append(t.steps, d)
	return nil
}

// finishSteps removes the alphabet if no step depends on it, which is nearly
// always so.
func (t *Tokenizer) finishSteps() {
	for i, s := range t.steps {
		if s == (step)(alphabet{}) {
			if i+1 == len(t.steps) {
				t.steps = t.steps[:i]
			} else {
				t.steps = append(t.steps, unalphabet{})
			}
			return
		}
	}
}
