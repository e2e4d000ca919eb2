package record

// Prefix reports whether a turn's prompt began with everything that the previous
// turn had put into the cache: its prompt and the generated tokens. The prompt is
// made by the server's chat template and tokenized by the server. If the prefix is
// broken, no cache can hit more than Shared tokens.
type Prefix struct {
	Type         string `json:"type"`                  // TypePrefix
	Conversation string `json:"conversation"`          // as in the turn's record
	Arm          string `json:"arm,omitempty"`         // as in the turn's record
	Turn         int    `json:"turn"`                  // of the prompt
	Prompt       int    `json:"prompt" limit:"tokens"` // tokens
	// Before is the previous turn's prompt and answer in tokens. Shared is how many
	// leading tokens both have: the place of the break, or Before without a break.
	Before int `json:"before" limit:"tokens"`
	Shared int `json:"shared" limit:"tokens"`
	// Broken is one of the Broken constants; empty if the prefix holds.
	Broken string `json:"broken,omitempty"`
	// Char is the place of the break in the text of the prompt, in characters from
	// 0; -1: somewhere behind it.
	Char int `json:"char,omitempty" limit:"signed"`
	// Message is the index of the message with the break, Role its role, and Field
	// its part: content, reasoning, tool_calls, or opening for the marks that begin
	// an answer.
	Message int    `json:"message,omitempty"`
	Role    string `json:"role,omitempty"`
	Field   string `json:"field,omitempty"`
	// Was and Is are the texts from the break on, cut short: of the previous turn,
	// and of this prompt.
	Was string `json:"was,omitempty"`
	Is  string `json:"is,omitempty"`
	// Implausible is as in turns.
	Implausible string `json:"implausible,omitempty"`
}

// Values of Prefix.Broken.
const (
	// BrokenReasoning: the generated text began with reasoning that the prompt no
	// longer has.
	BrokenReasoning = "reasoning"
	// BrokenTemplate: the template writes an earlier message, or the marks that
	// begin an answer, differently than before.
	BrokenTemplate = "template"
	// BrokenTokens: the text is the same, but its tokens differ from the generated
	// ones.
	BrokenTokens = "tokens"
	// BrokenHistory: the client sent a text other than the answer, as with
	// HistoryDataset.
	BrokenHistory = "history"
)
