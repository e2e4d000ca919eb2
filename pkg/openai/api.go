package openai

// api is an endpoint that generates text: its path, the part of the body that is
// its own, and how its answers are read. Each endpoint is a value of this type in
// a file of its own.
type api struct {
	path string // after /v1
	// open and close are around the pieces of Request.Messages in the body.
	open, close string
	maxTokens   string   // default of Options.MaxTokensField
	reserved    []string // body fields that Options.Fields cannot set
	// read reads the data of an event, or a whole answer in JSON, into c, which is
	// zero. It returns false if data is not JSON, or not part of an answer.
	read func(data []byte, c *chunk) bool
}

// api returns the endpoint in use. There is one so far.
func (o *Options) api() *api { return &chatCompletions }
