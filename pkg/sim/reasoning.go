package sim

// reasoningForm is how an answer has its reasoning: what is before and after the
// text in a delta or a message. With tags it is part of the content.
type reasoningForm struct {
	before, after string
	open, close   string // tags around all of it, as JSON
}

const thoughtEnd = `\n</think>\n\n`

var reasoningForms = map[string]reasoningForm{
	"reasoning":         {before: `"reasoning":"`, after: `"`},
	"reasoning_content": {before: `"reasoning_content":"`, after: `"`},
	"reasoning_details": {
		before: `"reasoning_details":[{"type":"reasoning.text","index":0,"text":"`, after: `"}]`,
	},
	"thinking": {before: `"thinking":"`, after: `"`},
	"thinking_blocks": {
		before: `"thinking_blocks":[{"type":"thinking","thinking":"`, after: `"}]`,
	},
	"tagged": {before: `"content":"`, after: `"`, open: `<think>\n`, close: thoughtEnd},
	"open":   {before: `"content":"`, after: `"`, close: thoughtEnd},
}

// reasoningWords are the names of the forms, the default first.
var reasoningWords = []string{
	"reasoning", "reasoning_content", "reasoning_details", "thinking", "thinking_blocks",
	"tagged", "open",
}

// appendWord appends the text of token i. Tokens that end something have none, but
// for the end of reasoning in tags.
func (st *stream) appendWord(p []byte, i int) []byte {
	if st.q.reasoning > 0 {
		form := reasoningForms[st.q.reasoningField]
		if i == 0 {
			p = append(p, form.open...)
		}
		if st.endsThought(i) {
			return append(p, form.close...)
		}
	}
	if st.isEOS(i) {
		return p
	}
	return append(p, st.srv.words.quoted[st.word(i)]...)
}
