package describe

import (
	"crypto/sha256"
	"encoding/binary"
	"unicode"

	"multiturn/internal/jsonseq"
	"multiturn/pkg/chat"
)

// Facts are what is counted of a conversation.
type Facts struct {
	id       string
	tokens   int // of all messages and tools
	messages []messageFacts
	turns    []turnFacts
	tools    Tools
	media    map[string]int // by type of part
	script   string
	digest   uint64 // of all messages and tools

	system       string // the system prompt, or the beginning of it
	systemSum    uint64
	systemTokens int
	prefix       []uint64 // sums of the first prompt up to the end of each block
	prefixBytes  int
}

type messageFacts struct {
	role   string
	tokens int
}

type turnFacts struct{ new, prompt, answer int }

// lookInside counts the calls and the media of a message.
func (f *Facts) lookInside(m *chat.Message) {
	if m.Role == chat.Tool || m.Role == chat.Function {
		f.tools.Results++
	}
	if m.Raw == nil {
		return
	}
	calls := 0
	cur := jsonseq.Cursor{Text: m.Raw}
	for key := range cur.Object {
		switch first := cur.Peek(); {
		case string(key) == "tool_calls" && first == '[':
			for range cur.Array {
				calls++
			}
		case string(key) == "function_call" && first == '{':
			calls++
		case string(key) == "content" && first == '[':
			for range cur.Array {
				if kind := partType(&cur); kind != "" && kind != "text" {
					f.media[kind]++
				}
			}
		}
	}
	f.tools.Calls += calls
	if calls > 0 {
		f.tools.Conversations = 1
	}
}

// partType returns the type of a content part.
func partType(cur *jsonseq.Cursor) (kind string) {
	if cur.Peek() != '{' {
		return ""
	}
	for key := range cur.Object {
		if string(key) == "type" && cur.Peek() == '"' {
			kind = string(cur.Unquoted())
		}
	}
	return kind
}

// blockBytes is the size of the blocks in which first prompts are compared.
const blockBytes = 64

// clipSystem is how much of a system prompt is shown.
const clipSystem = 60

// lookAtPrefix sums up the first prompt block by block, and the whole.
func (f *Facts) lookAtPrefix(c *chat.Conversation, tools string, count func(string) int) {
	var prompt []byte
	add := func(role, text string) {
		prompt = append(append(append(append(prompt, role...), 0), text...), 0)
	}
	add("tools", tools)
	end := len(c.Messages)
	if turns := c.Cut(1); len(turns) > 0 {
		end = turns[0].To
	}
	letters := map[string]int{}
	for i := range c.Messages {
		m := &c.Messages[i]
		countScripts(letters, m.Text)
		if i < end {
			add(m.Role, m.AllText())
		}
		if i == 0 && m.Role == chat.System {
			f.system = clip(m.Text)
			f.systemSum = sum64([]byte(m.Text))
			f.systemTokens = count(m.Text)
		}
	}
	f.script = mostFrequent(letters)
	f.prefixBytes = len(prompt)
	h := uint64(14695981039346656037) // FNV-1a, 64 bits
	for i, b := range prompt {
		h = (h ^ uint64(b)) * 1099511628211
		if (i+1)%blockBytes == 0 {
			f.prefix = append(f.prefix, mix(h))
		}
	}
	whole := sha256.New()
	whole.Write([]byte(tools))
	var line []byte
	for i := range c.Messages {
		line = append(c.Messages[i].AppendJSON(line[:0]), '\n')
		whole.Write(line)
	}
	f.digest = binary.LittleEndian.Uint64(whole.Sum(nil))
}

// mix spreads a sum over all bits, since its low ones choose a place in a table.
func mix(h uint64) uint64 {
	h ^= h >> 32
	h *= 0xd6e8feb86659fd93
	h ^= h >> 32
	return h
}

func sum64(text []byte) uint64 {
	sum := sha256.Sum256(text)
	return binary.LittleEndian.Uint64(sum[:])
}

// clip returns the beginning of a text in one line.
func clip(text string) string {
	var out []rune
	for _, r := range text {
		if len(out) == clipSystem {
			return string(out) + "..."
		}
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			r = ' '
		}
		out = append(out, r)
	}
	return string(out)
}

// scripts are the writing systems that are told apart.
var scripts = []struct {
	name  string
	table *unicode.RangeTable
}{
	{"Han", unicode.Han}, {"Latin", unicode.Latin}, {"Cyrillic", unicode.Cyrillic},
	{"Kana", unicode.Hiragana}, {"Kana", unicode.Katakana}, {"Hangul", unicode.Hangul},
	{"Arabic", unicode.Arabic}, {"Devanagari", unicode.Devanagari}, {"Thai", unicode.Thai},
	{"Hebrew", unicode.Hebrew}, {"Greek", unicode.Greek},
}

// countScripts counts the letters of a text by script.
func countScripts(letters map[string]int, text string) {
	ascii := 0
	for _, r := range text {
		switch {
		case r < 0x80:
			if r|0x20 >= 'a' && r|0x20 <= 'z' {
				ascii++
			}
		case unicode.IsLetter(r):
			letters[scriptOf(r)]++
		}
	}
	letters["Latin"] += ascii
}

func scriptOf(r rune) string {
	for _, s := range scripts {
		if unicode.Is(s.table, r) {
			return s.name
		}
	}
	return "other"
}

// mostFrequent returns the script with the most letters. Text with much Kana
// between Han is Japanese, and counts as Kana.
func mostFrequent(letters map[string]int) string {
	best := "none"
	for _, name := range scriptNames {
		if letters[name] > 0 && (best == "none" || letters[name] > letters[best]) {
			best = name
		}
	}
	if best == "Han" && letters["Kana"]*5 > letters["Han"] {
		best = "Kana"
	}
	return best
}

// scriptNames are the names in the order in which they win ties.
var scriptNames = []string{"Latin", "Han", "Kana", "Hangul", "Cyrillic", "Arabic", "Devanagari",
	"Thai", "Hebrew", "Greek", "other"}
