package record

// Turn is one request of a run and its answer: the exchange that was measured,
// and what only the run knows of it.
type Turn struct {
	Type         string `json:"type"`             // TypeTurn
	Conversation string `json:"conversation"`     // the dataset's id
	Client       int    `json:"client"`           // number of the client, from 0
	Turn         int    `json:"turn"`             // number of the request in its conversation, from 0
	Messages     int    `json:"messages"`         // how many messages were sent
	Warmup       bool   `json:"warmup,omitempty"` // not counted in the results
	// Arm is one of the Arm constants; empty in a run without control arms.
	Arm string `json:"arm,omitempty"`
	// Batch numbers, from 1, the pairs of batches in which arms were played one
	// after the other. It is 0 if they were played side by side, and without arms.
	Batch int `json:"batch,omitempty"`
	// Replica is the number of the server in Run.Replicas, from 1; 0 if there was one
	// server only. All attempts go to the same.
	Replica int `json:"replica,omitempty" limit:"replicas"`
	// Attempts is 1 unless failures were retried. The exchange is the last attempt,
	// and so are all clocks but FirstIssued: no time of a turn has a pause in it.
	Attempts int `json:"attempts"`
	// Verify is one of the Verify constants; empty if answers are not compared.
	Verify string `json:"verify,omitempty"`
	// History is what stands for the answer in the history of the next turn, if not
	// the answer itself: one of the History constants. It is empty in the last turn,
	// and where Load.History already says that it is the dataset's.
	History string `json:"history,omitempty"`

	// Scheduled is when the turn should have started: the previous answer's end
	// plus think time, or the end of a pause before a retry. Issued is when the run
	// asked for it to be sent.
	Scheduled Clock `json:"scheduled_ms,omitzero"`
	Issued    Clock `json:"issued_ms,omitzero"`
	// FirstIssued is when the first attempt was issued, and PausedMS the sum of the
	// pauses between attempts, in milliseconds; both are absent with one attempt.
	FirstIssued Clock   `json:"first_issued_ms,omitzero"`
	PausedMS    float64 `json:"paused_ms,omitzero"`

	Exchange

	MaxTokens int     `json:"max_tokens,omitempty" limit:"tokens"` // most tokens asked for; 0 = no limit
	MinTokens int     `json:"min_tokens,omitempty" limit:"tokens"` // fewest tokens asked for; 0 = no limit
	Counted   Counted `json:"counted,omitzero"`
}

// Arms of a turn. The package comment describes them.
const (
	ArmMeasured = "measured"
	ArmNoReuse  = "no-reuse"
	ArmCold     = "cold"
	ArmAA1      = "no-reuse-1"
	ArmAA2      = "no-reuse-2"
)

// SharesNothing reports whether the turns of an arm are made to hit nothing that
// was sent before: their prompts have salts of their own, or meet an empty cache.
func SharesNothing(arm string) bool {
	switch arm {
	case ArmNoReuse, ArmAA1, ArmAA2, ArmCold:
		return true
	}
	return false
}

// Values of Turn.History, beside two of Load.History: HistoryDataset, the dataset's
// answer, as the server's has no text; and in a run whose histories are the
// dataset's HistoryServer, the server's, as the dataset's has none.
const (
	HistoryText    = "text"    // its text, without the tool calls that no message answers
	HistoryTool    = "tool"    // the dataset's answer, with the calls that the next messages answer
	HistoryOmitted = "omitted" // nothing: neither answer has a text
)

// Values of Turn.Verify: whether the answer is the dataset's.
const (
	VerifyMatch    = "match"
	VerifyMismatch = "mismatch"
)

// Counted are counts by the client's tokenizer: texts only, without special
// tokens and without the chat template, as the reference counts. They are absent if
// the texts of the turn, or of one before it, could not be counted: the server was
// to count them, and did not.
type Counted struct {
	Input      int `json:"input" limit:"tokens"`       // all messages sent
	NewInput   int `json:"new_input" limit:"tokens"`   // the messages since the last answer
	Output     int `json:"output" limit:"tokens"`      // the content of the whole answer
	FirstChunk int `json:"first_chunk" limit:"tokens"` // the first event with content
}
