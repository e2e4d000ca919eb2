package template

import (
	"strings"

	"multiturn/pkg/chat"
)

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

	beginOfText = Piece{0x07ffffff, "<|begin_of_text|>"}
	headerOpen  = Piece{0x08ffffff, "<|start_header_id|>"}
	headerClose = Piece{0x09ffffff, "<|end_header_id|>"}
	emptyLine   = Piece{0x0affffff, "\n\n"}
	endOfTurn   = Piece{0x0bffffff, "<|eot_id|>"}

	sequence    = Piece{0x0cffffff, "<s>"}
	sequenceEnd = Piece{0x0dffffff, "</s>"}
	instOpen    = Piece{0x0effffff, "[INST]"}
	instClose   = Piece{0x0fffffff, "[/INST]"}
	systemOpen  = Piece{0x10ffffff, "[SYSTEM_PROMPT]"}
	systemClose = Piece{0x11ffffff, "[/SYSTEM_PROMPT]"}
	resultOpen  = Piece{0x12ffffff, "[TOOL_RESULTS]"}
	resultClose = Piece{0x13ffffff, "[/TOOL_RESULTS]"}

	gemmaBegin = Piece{0x14ffffff, "<bos>"}
	turnOpen   = Piece{0x15ffffff, "<start_of_turn>"}
	turnClose  = Piece{0x16ffffff, "<end_of_turn>"}

	marks = []Piece{
		imStart, imEnd, newline, thinkOpen, thinkClose,
		beginOfText, headerOpen, headerClose, emptyLine, endOfTurn,
		sequence, sequenceEnd, instOpen, instClose, systemOpen, systemClose, resultOpen,
		resultClose, gemmaBegin, turnOpen, turnClose,
	}

	think   = []Piece{thinkOpen}
	thought = []Piece{thinkClose}
)

// ChatML is the template of Qwen, SmolLM2, Hermes and many others. It keeps all
// that was said. A message is
//
//	<|im_start|>ROLE\nCONTENT<|im_end|>\n
//
// and an answer begins with <|im_start|>assistant\n. Reasoning stands before
// the content of an answer as <think>REASONING</think>.
var ChatML = &Template{
	Name:           "chatml",
	Models:         []string{"qwen", "smollm", "hermes", "internlm", "yi-"},
	Form:           Form{Open: []Piece{imStart, Role, newline}, Close: []Piece{imEnd, newline}},
	Answer:         []Piece{imStart, Role, newline},
	Think:          think,
	ReasoningOpen:  think,
	ReasoningClose: thought,
}

// StripReasoning is ChatML without the reasoning of earlier answers, as the
// templates of most reasoning models have it. The next turn's prompt then
// differs from what was generated, and a cache can be hit only up to there.
var StripReasoning = &Template{
	Name:           "strip-reasoning",
	Form:           ChatML.Form,
	Answer:         ChatML.Answer,
	Think:          think,
	ReasoningOpen:  think,
	ReasoningClose: thought,
	DropReasoning:  true,
}

// Llama3 is the template of Llama 3. Those of Llama 3.1 and later put a system
// message with dates before the first message, even without one of the
// conversation's own; it is not part of this template.
var Llama3 = &Template{
	Name:   "llama3",
	Models: []string{"llama-3", "llama3"},
	Begin:  []Piece{beginOfText},
	Form: Form{
		Open:  []Piece{headerOpen, Role, headerClose, emptyLine},
		Close: []Piece{endOfTurn},
	},
	Roles:  map[string]string{chat.Tool: "ipython"},
	Answer: []Piece{headerOpen, Role, headerClose, emptyLine},
	Think:  think, ReasoningOpen: think, ReasoningClose: thought,
}

// Mistral is the template of Mistral's instruction models with a tokenizer of
// version 7, such as Mistral Small 3 and Mistral Large 2411.
var Mistral = &Template{
	Name:   "mistral",
	Models: []string{"mistral", "mixtral", "ministral"},
	Begin:  []Piece{sequence},
	Form:   Form{Open: []Piece{instOpen}, Close: []Piece{instClose}},
	Forms: map[string]Form{
		chat.System:    {Open: []Piece{systemOpen}, Close: []Piece{systemClose}},
		chat.User:      {Open: []Piece{instOpen}, Close: []Piece{instClose}},
		chat.Assistant: {Close: []Piece{sequenceEnd}},
		chat.Tool:      {Open: []Piece{resultOpen}, Close: []Piece{resultClose}},
	},
	Think: think, ReasoningOpen: think, ReasoningClose: thought,
}

// Gemma is the template of Gemma 2 and 3. A system message stands before the text
// of the message after it, as Gemma 3 has it.
var Gemma = &Template{
	Name:   "gemma",
	Models: []string{"gemma-2", "gemma-3", "gemma2", "gemma3"},
	Begin:  []Piece{gemmaBegin},
	Form: Form{
		Open:  []Piece{turnOpen, Role, newline},
		Close: []Piece{turnClose, newline},
	},
	Forms: map[string]Form{
		chat.System: {
			Open: []Piece{turnOpen, Role, newline}, Close: []Piece{emptyLine}, Joins: true,
		},
	},
	Roles: map[string]string{
		chat.System: chat.User, chat.Assistant: "model", chat.Tool: chat.User,
	},
	Answer: []Piece{turnOpen, Role, newline},
	Think:  think, ReasoningOpen: think, ReasoningClose: thought,
}

// Plain is for models without a chat template: the texts, with a line break after
// each. Nothing shows who said what.
var Plain = &Template{
	Name:  "plain",
	Form:  Form{Close: []Piece{newline}},
	Think: think, ReasoningOpen: think, ReasoningClose: thought,
}

var templates = []*Template{ChatML, StripReasoning, Llama3, Mistral, Gemma, Plain}

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

// OfModel returns the template that the name of a model shows, nil if it shows
// none. It is a guess: a name says little of a model that was trained further.
func OfModel(name string) *Template {
	name = strings.ToLower(name)
	for _, t := range templates {
		for _, m := range t.Models {
			if strings.Contains(name, m) {
				return t
			}
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
