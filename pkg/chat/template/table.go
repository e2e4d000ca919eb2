package template

// The marks that templates write. A tokenizer's ids are far below these, and
// the bytes of an id are not UTF-8, so a tokenizer whose ids are the bytes of
// the text does not reach them either.
var (
	imStart    = Piece{0x01ffffff, "<|im_start|>"}
	imEnd      = Piece{0x02ffffff, "<|im_end|>"}
	newline    = Piece{0x03ffffff, "\n"}
	thinkOpen  = Piece{0x04ffffff, "<think>"}
	thinkClose = Piece{0x05ffffff, "</think>"}
	unknown    = Piece{ID: 0x06ffffff}

	marks = []Piece{imStart, imEnd, newline, thinkOpen, thinkClose}
)

// Plain keeps all that was said. A message is
//
//	<|im_start|>ROLE\nCONTENT<|im_end|>\n
//
// and an answer begins with <|im_start|>assistant\n. Reasoning stands before
// the content of an answer as <think>REASONING</think>.
var Plain = &Template{
	Name:           "plain",
	Open:           []Piece{imStart, Role, newline},
	Close:          []Piece{imEnd, newline},
	Answer:         []Piece{imStart, Role, newline},
	Think:          []Piece{thinkOpen},
	ReasoningOpen:  []Piece{thinkOpen},
	ReasoningClose: []Piece{thinkClose},
}

// StripReasoning is Plain without the reasoning of earlier answers, as the
// templates of most reasoning models have it. The next turn's prompt then
// differs from what was generated, and a cache can be hit only up to there.
var StripReasoning = &Template{
	Name:           "strip-reasoning",
	Open:           Plain.Open,
	Close:          Plain.Close,
	Answer:         Plain.Answer,
	Think:          Plain.Think,
	ReasoningOpen:  Plain.ReasoningOpen,
	ReasoningClose: Plain.ReasoningClose,
	DropReasoning:  true,
}

var templates = []*Template{Plain, StripReasoning}

// Names returns the names of all templates.
func Names() []string {
	var names []string
	for _, t := range templates {
		names = append(names, t.Name)
	}
	return names
}

// Named returns the template of that name, nil if there is none.
func Named(name string) *Template {
	for _, t := range templates {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// MarkText returns the text of a mark, "" if id is not a mark.
func MarkText(id int32) string {
	for _, m := range marks {
		if m.ID == id {
			return m.Text
		}
	}
	return ""
}
