package tokenizer

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dlclark/regexp2/v2"

	"multiturn/internal/limits"
)

// coversText holds the known patterns whose matches cover all text.
var coversText = map[string]bool{
	patternGPT2:         true,
	patternCL100k:       true,
	patternCL100kDigits: true,
	patternO200k:        true,
	patternTekken:       true,
	patternKimi:         true,
}

// A dialect is how an engine reads a regular expression.
type dialect int

const (
	oniguruma dialect = iota // of tokenizer.json, with Ruby's syntax
	rust                     // of tiktoken
)

// compile returns a matcher for a regular expression that has no splitter. What
// regexp2 understands differently is rewritten, or is an error if that is
// impossible. A match that exceeds a limit is the tokenizer's trouble, and nothing
// more matches.
func (t *trouble) compile(expr string, d dialect) (matcher, error) {
	loadClasses()
	r := rewriter{in: expr, dialect: d}
	if err := r.rewrite(); err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", expr, err)
	}
	re, err := regexp2.Compile(r.out.String(), regexp2.None,
		regexp2.OptionMaxBacktrackingStackSize(limits.Backtrack))
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", expr, err)
	}
	re.MatchTimeout = matchTime
	return func(s string, match func(from, to int)) {
		if t.failed() {
			return
		}
		all, err := re.FindAllStringIndex(s, -1)
		if err != nil && !errors.Is(err, regexp2.ErrBacktrackingStackLimit) {
			// The process may have been stopped meanwhile: time passes then, too.
			all, err = re.FindAllStringIndex(s, -1)
		}
		if err != nil {
			t.fail(tooSlow(expr, len(s), err))
			return
		}
		for _, m := range all {
			match(m[0], m[1])
		}
	}, nil
}

// matchTime is limits.Match; tests have less patience.
var matchTime = time.Duration(limits.Match)

// rewriter rewrites a regular expression for regexp2.
type rewriter struct {
	dialect dialect
	in      string
	at      int
	out     strings.Builder

	atom   int    // where the last atom, to which a quantifier applies, starts in out
	groups []open // the groups that are open
	fold   bool   // (?i)
}

type open struct {
	atom int
	fold bool // of what follows the group
}

func (r *rewriter) more() bool { return r.at < len(r.in) }

func (r *rewriter) next() rune {
	c, n := utf8.DecodeRuneInString(r.in[r.at:])
	r.at += n
	return c
}

// errUnsupported returns an error that names a construct.
func errUnsupported(what string) error { return fmt.Errorf("%s is not supported", what) }

func (r *rewriter) rewrite() error {
	for r.more() {
		start := r.out.Len()
		switch c := r.next(); c {
		case '\\':
			r.atom = start
			if err := r.escape(); err != nil {
				return err
			}
		case '[':
			r.atom = start
			if err := r.class(); err != nil {
				return err
			}
		case '(':
			if err := r.group(start); err != nil {
				return err
			}
		case ')':
			if len(r.groups) == 0 {
				return errUnsupported("a ) without (")
			}
			last := r.groups[len(r.groups)-1]
			r.groups = r.groups[:len(r.groups)-1]
			r.atom, r.fold = last.atom, last.fold
			r.out.WriteByte(')')
		case '^', '$':
			r.out.WriteString(r.anchor(c))
		case '{':
			if err := r.bounds(); err != nil {
				return err
			}
		case '*', '+', '?', '|', '.':
			if c == '.' {
				r.atom = start
			}
			r.out.WriteRune(c)
		default:
			r.atom = start
			r.literal(c)
		}
	}
	return nil
}

// anchor returns what ^ or $ is: in Oniguruma the limit of a line, in Rust that of
// the text.
func (r *rewriter) anchor(c rune) string {
	switch {
	case r.dialect == oniguruma:
		return "(?m:" + string(c) + ")"
	case c == '^':
		return `\A`
	}
	return `\z`
}

// literal writes a character that stands for itself.
func (r *rewriter) literal(c rune) {
	switch {
	case r.fold && (c == 's' || c == 'S' || c == 'ſ'):
		r.out.WriteString("[sſ]")
	case r.fold && (c == 'k' || c == 'K' || c == '\u212a'):
		r.out.WriteString("[k\u212a]")
	default:
		r.out.WriteString(quote(c))
	}
}

func quote(c rune) string {
	if strings.ContainsRune(`\.+*?()|[]{}^$-`, c) {
		return `\` + string(c)
	}
	return string(c)
}

// group copies what opens a group.
func (r *rewriter) group(start int) error {
	after := r.fold
	rest := r.in[r.at:]
	opening := ""
	for _, o := range []string{"?:", "?=", "?!", "?<=", "?<!", "?>"} {
		if strings.HasPrefix(rest, o) {
			opening = o
		}
	}
	if opening == "" && strings.HasPrefix(rest, "?") {
		for _, o := range []string{"?i:", "?-i:", "?i)", "?-i)"} {
			if strings.HasPrefix(rest, o) {
				opening = o
			}
		}
		if opening == "" {
			return errUnsupported(strconv.Quote("(" + rest[:min(len(rest), 3)]))
		}
		r.fold = !strings.Contains(opening, "-")
	}
	r.at += len(opening)
	r.out.WriteString("(" + opening)
	if !strings.HasSuffix(opening, ")") { // otherwise it holds to the end of the enclosing group
		r.groups = append(r.groups, open{start, after})
	}
	return nil
}

// bounds copies {n,m}. A + after it makes it possessive in Rust and in regexp2,
// and is a second repetition in Oniguruma.
func (r *rewriter) bounds() error {
	end := strings.IndexByte(r.in[r.at:], '}')
	if end < 0 || strings.Trim(r.in[r.at:r.at+end], "0123456789,") != "" || end == 0 {
		return errUnsupported("a { that is no bound")
	}
	r.out.WriteString("{" + r.in[r.at:r.at+end+1])
	r.at += end + 1
	if r.dialect == oniguruma && r.more() && r.in[r.at] == '+' {
		r.at++
		all := r.out.String()
		r.out.Reset()
		// The look-ahead always holds. It keeps regexp2 from merging the two
		// repetitions into one, which may match more.
		r.out.WriteString(all[:r.atom] + "(?:" + all[r.atom:] + "(?!(?!)))+")
	}
	return nil
}

// escape rewrites what follows a \ outside of a class.
func (r *rewriter) escape() error {
	set, negated, char, err := r.escaped()
	switch {
	case err != nil:
		return err
	case set == `\b`:
		w := "[" + r.wordSet() + "]"
		if negated {
			fmt.Fprintf(&r.out, "(?:(?<=%[1]s)(?=%[1]s)|(?<!%[1]s)(?!%[1]s))", w)
		} else {
			fmt.Fprintf(&r.out, "(?:(?<=%[1]s)(?!%[1]s)|(?<!%[1]s)(?=%[1]s))", w)
		}
	case set != "" && negated:
		r.out.WriteString("[^" + set + "]")
	case set != "":
		r.out.WriteString("[" + set + "]")
	default:
		r.literal(char)
	}
	return nil
}

// escaped reads what follows a \: a set, as it is written in a class, or a
// character.
func (r *rewriter) escaped() (set string, negated bool, char rune, err error) {
	if !r.more() {
		return "", false, 0, errUnsupported(`a \ at the end`)
	}
	switch c := r.next(); c {
	case 'p', 'P':
		end := strings.IndexByte(r.in[r.at:], '}')
		if end < 0 || r.in[r.at] != '{' {
			return "", false, 0, errUnsupported(`\p without {}`)
		}
		name := r.in[r.at+1 : r.at+end]
		r.at += end + 1
		inverted := strings.HasPrefix(name, "^")
		set, err = property(strings.TrimPrefix(name, "^"))
		return set, inverted != (c == 'P'), 0, err
	case 'w', 'W':
		return r.wordSet(), c == 'W', 0, nil
	case 'd', 'D':
		set, err = property("Nd")
		return set, c == 'D', 0, err
	case 's', 'S':
		return `\t-\r\x85\p{Z}`, c == 'S', 0, nil
	case 'b', 'B':
		return `\b`, c == 'B', 0, nil
	case 'n':
		return "", false, '\n', nil
	case 'r':
		return "", false, '\r', nil
	case 't':
		return "", false, '\t', nil
	case 'f':
		return "", false, '\f', nil
	case 'v':
		return "", false, '\v', nil
	case 'u', 'x':
		digits := r.in[r.at:]
		n := map[rune]int{'u': 4, 'x': 2}[c]
		if c == 'x' && strings.HasPrefix(digits, "{") {
			digits = digits[1:]
			n = strings.IndexByte(digits, '}')
			r.at += 2
		}
		if n < 1 || n > len(digits) {
			return "", false, 0, errUnsupported(`\` + string(c) + " without its digits")
		}
		v, err := strconv.ParseUint(digits[:n], 16, 21)
		if err != nil || !utf8.ValidRune(rune(v)) {
			return "", false, 0, errUnsupported(`\` + string(c) + digits[:n])
		}
		r.at += n
		return "", false, rune(v), nil
	default:
		if c >= utf8.RuneSelf || !isPunct(byte(c)) && c != ' ' {
			return "", false, 0, errUnsupported(`\` + string(c))
		}
		return "", false, c, nil
	}
}

// class rewrites what follows a [. A class within a class adds to it.
func (r *rewriter) class() error {
	r.out.WriteByte('[')
	if r.more() && r.in[r.at] == '^' {
		r.at++
		r.out.WriteByte('^')
	}
	var s, k bool // with (?i), s and k match a third character
	last, ranged := rune(-1), false
	for depth, first := 1, true; ; first = false {
		if !r.more() {
			return errUnsupported("a [ without ]")
		}
		c := r.next()
		switch {
		case c == ']' && !first:
			if ranged {
				r.out.WriteString(`\-`)
			}
			if depth--; depth > 0 {
				last, ranged = -1, false
				continue
			}
			if r.fold && s {
				r.out.WriteString("ſ")
			}
			if r.fold && k {
				r.out.WriteString("\u212a")
			}
			r.out.WriteByte(']')
			return nil
		case c == '[':
			if r.more() && (r.in[r.at] == '^' || r.in[r.at] == ':') {
				return errUnsupported("[" + r.in[r.at:r.at+1] + " in a class")
			}
			if ranged {
				return errUnsupported("a range that ends with [")
			}
			depth++
			last = -1
			continue
		case c == '&' && r.more() && r.in[r.at] == '&':
			if depth > 1 || ranged || r.fold {
				return errUnsupported("&& in this class")
			}
			return r.except()
		case r.dialect == rust && (c == '-' || c == '~') && r.more() && rune(r.in[r.at]) == c:
			return errUnsupported(string(c) + string(c) + " in a class")
		case c == '-' && last >= 0 && !ranged:
			ranged = true // written when its end is known
			continue
		case c == '\\':
			set, negated, char, err := r.escaped()
			switch {
			case err != nil:
				return err
			case set == `\b`, set != "" && ranged:
				return errUnsupported("an escape in a class")
			case set == `\t-\r\x85\p{Z}` && negated:
				set = `\S`
			case negated:
				return errUnsupported("a negated set in a class")
			}
			if set != "" {
				r.out.WriteString(set)
				last = -1
				continue
			}
			c = char
		}
		from := c
		if ranged {
			r.out.WriteByte('-')
			from, ranged = last, false
			last = -1
		} else {
			last = c
		}
		r.out.WriteString(quote(c))
		s = s || from <= 's' && 's' <= c || from <= 'S' && 'S' <= c
		k = k || from <= 'k' && 'k' <= c || from <= 'K' && 'K' <= c
	}
}

// except rewrites &&[^...]] at the end of a class, from the second &: what is in
// the class and not in the other one, which regexp2 writes as a difference.
func (r *rewriter) except() error {
	rest, ok := strings.CutPrefix(r.in[r.at:], "&[^")
	if !ok {
		return errUnsupported("&& in a class, unless [^...] follows,")
	}
	r.at = len(r.in) - len(rest)
	r.out.WriteByte('-')
	if err := r.class(); err != nil {
		return err
	}
	if !r.more() || r.next() != ']' {
		return errUnsupported("a class that goes on behind && and [^...]")
	}
	r.out.WriteByte(']')
	return nil
}

// property returns \p{name} and the characters that Unicode 16 added to it, in
// the syntax of a class.
func property(name string) (string, error) {
	is, ok := properties[name]
	if ok {
		return `\p{` + name + `}` + additions(name, is), nil
	}
	switch name {
	case "Z", "Zs", "Zl", "Zp", "Pc", "Cc": // unchanged in Unicode 16
		return `\p{` + name + `}`, nil
	case "Han":
		return ranges(isHan), nil
	case "Latin", "Greek", "Cyrillic", "Hangul", "Hiragana", "Katakana", "Thai", "Hebrew":
		return `\p{` + name + `}`, nil
	}
	return "", errUnsupported(`\p{` + name + `}`)
}

// properties are the properties that the class table has.
var properties = map[string]func(r rune) bool{
	"L":  func(r rune) bool { return classOf(r)&classLetter != 0 },
	"Ll": func(r rune) bool { return classOf(r)&classLower != 0 },
	"Lu": func(r rune) bool { return classOf(r)&classUpper != 0 && !unicode.Is(unicode.Lt, r) },
	"Lt": func(r rune) bool { return unicode.Is(unicode.Lt, r) },
	"Lm": func(r rune) bool { return classOf(r)&classOther != 0 && isModifier(r) },
	"Lo": func(r rune) bool { return classOf(r)&classOther != 0 && !isModifier(r) },
	"M":  func(r rune) bool { return classOf(r)&classMark != 0 },
	"N":  func(r rune) bool { return classOf(r)&classNumber != 0 },
	"Nd": isDigit,
	"P":  func(r rune) bool { return classOf(r)&classPunct != 0 && isPunctOf16(r) },
	"S":  func(r rune) bool { return classOf(r)&classPunct != 0 && !isPunctOf16(r) },
}

func isModifier(r rune) bool {
	return unicode.Is(unicode.Lm, r) || r == 0x10d4e || r == 0x10d6f ||
		r >= 0x16d40 && r <= 0x16d42 ||
		r == 0x16d6b || r == 0x16d6c
}

func isDigit(r rune) bool {
	return unicode.Is(unicode.Nd, r) || classOf(r)&classNumber != 0 &&
		(r >= 0x10d40 && r <= 0x10d49 || r >= 0x116d0 && r <= 0x116e3 ||
			r >= 0x11bf0 && r <= 0x11bf9 || r >= 0x16130 && r <= 0x16139 ||
			r >= 0x16d70 && r <= 0x16d79 ||
			r >= 0x1ccf0 && r <= 0x1ccf9 ||
			r >= 0x1e5f1 && r <= 0x1e5fa)
}

func isPunctOf16(r rune) bool {
	return unicode.Is(unicode.P, r) || r == 0x1b4e || r == 0x1b4f || r == 0x1b7f || r == 0x10d6e ||
		r == 0x113d4 || r == 0x113d5 ||
		r == 0x113d7 || r == 0x113d8 || r == 0x11be1 || r >= 0x16d6d && r <= 0x16d6f || r == 0x1e5ff
}

// additions returns the characters of a property that Go's table lacks, as
// ranges of a class.
func additions(name string, is func(r rune) bool) string {
	known, ok := added16.Load(name)
	if !ok {
		table := unicode.Categories[name]
		known = ranges(func(r rune) bool { return is(r) && !unicode.Is(table, r) })
		added16.Store(name, known)
	}
	return known.(string)
}

var added16 sync.Map // name of a property to its additions

// ranges returns the characters for which is holds, as ranges of a class.
func ranges(is func(r rune) bool) string {
	var b strings.Builder
	from := rune(-1)
	for r := rune(0x80); r <= unicode.MaxRune+1; r++ {
		in := r <= unicode.MaxRune && is(r)
		switch {
		case in && from < 0:
			from = r
		case !in && from >= 0:
			b.WriteRune(from)
			if r-1 > from {
				b.WriteByte('-')
				b.WriteRune(r - 1)
			}
			from = -1
		}
	}
	return b.String()
}

// wordSet returns the characters of \w. Oniguruma's has no joiners, but has the
// numbers of Latin-1.
func (r *rewriter) wordSet() string {
	if r.dialect == rust {
		return rustWords()
	}
	return onigurumaWords()
}

var (
	rustWords      = sync.OnceValue(func() string { return `0-9A-Z_a-z` + ranges(isWord) })
	onigurumaWords = sync.OnceValue(func() string {
		return `0-9A-Z_a-z` + ranges(func(r rune) bool {
			return isWord(r) && r != 0x200c && r != 0x200d || r < 0x100 && isNumeric(r)
		})
	})
)
