package sim

// api is an endpoint that generates text. All have one engine, one cache and one
// truth: they differ in the forms of requests and answers.
type api int

const (
	chatAPI api = iota
	completionsAPI
	responsesAPI
)

// idPrefix is how the ids of answers begin.
var idPrefix = [...]string{chatAPI: "chatcmpl-", completionsAPI: "cmpl-", responsesAPI: "resp_"}

// maxTokens are the names of the field for the answer's length, in errors.
var maxTokens = [...]string{
	chatAPI: "max_tokens", completionsAPI: "max_tokens", responsesAPI: "max_output_tokens",
}
