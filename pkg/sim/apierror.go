package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// apiError is an answer other than 200, in vLLM's form.
type apiError struct {
	status  int
	message string
	kind    string
	param   string // "" = null
	// body, if set, is sent instead of the error object.
	body        string
	contentType string // "" = JSON
	retryAfter  int    // seconds; 0 or less = no header
}

func (e *apiError) Error() string { return e.message }

// object returns the value of "error".
func (e *apiError) object() []byte {
	o := struct {
		Message string  `json:"message"`
		Type    string  `json:"type"`
		Param   *string `json:"param"`
		Code    int     `json:"code"`
	}{Message: e.message, Type: e.kind, Code: e.status}
	if e.param != "" {
		o.Param = &e.param
	}
	return marshal(o)
}

// json returns the whole body.
func (e *apiError) json() []byte {
	if e.body != "" {
		return []byte(e.body)
	}
	return append(append([]byte(`{"error":`), e.object()...), '}')
}

func badRequest(param, format string, args ...any) *apiError {
	return &apiError{
		status: http.StatusBadRequest, kind: "BadRequestError", param: param,
		message: fmt.Sprintf(format, args...),
	}
}

// invalid returns the error of vLLM's request validation for one field.
func invalid(kind, loc, msg, context string) *apiError {
	ctx := ""
	if context != "" {
		ctx = ", 'ctx': {'error': '" + context + "'}"
	}
	const text = "1 validation error:\n" +
		"  {'type': '%s', 'loc': '%s', 'msg': '%s', 'input': '<dict of 0 items>'%s}"
	return &apiError{
		status: http.StatusBadRequest, kind: "Bad Request", param: loc,
		message: fmt.Sprintf(text, kind, loc, msg, ctx),
	}
}

var (
	errNotFound = &apiError{status: http.StatusNotFound, body: `{"detail":"Not Found"}`}
	errMethod   = &apiError{status: http.StatusMethodNotAllowed,
		body: `{"detail":"Method Not Allowed"}`}
	errUnauthorized = &apiError{status: http.StatusUnauthorized, body: `{"error":"Unauthorized"}`}
	errBusy         = &apiError{
		status: http.StatusServiceUnavailable, kind: "Service Unavailable",
		message: "The engine is currently busy and cannot accept new requests. " +
			"Please try again later or on a different instance.",
	}
	errLoading = &apiError{
		status: http.StatusServiceUnavailable, kind: "unavailable_error", message: "Loading model",
	}
	errEngine = &apiError{
		status: http.StatusInternalServerError, kind: "InternalServerError",
		message: "EngineCore encountered an issue. See stack trace (above) for the root cause.",
	}
	errNoRequest = &apiError{
		status: http.StatusBadRequest, body: "Invalid HTTP request received.",
	}
	errSlow = &apiError{
		status: http.StatusRequestTimeout, body: `{"detail":"Request Timeout"}`,
	}
	errPanic = &apiError{
		status: http.StatusInternalServerError, kind: "InternalServerError",
		message: "The simulator failed at this request: a fault of its own.",
	}
	errTooLarge = &apiError{
		status: http.StatusRequestEntityTooLarge, kind: "BadRequestError",
		message: "the request body is too large",
	}
)

// errUnsupported is OpenAI's error for a field that a model does not take.
func errUnsupported(name string) *apiError {
	e := badRequest(name, "Unsupported parameter: '%s' is not supported with this model.", name)
	e.kind = "invalid_request_error"
	if name == "max_tokens" {
		e.message += " Use 'max_completion_tokens' instead."
	}
	return e
}

func errModel(name string) *apiError {
	return &apiError{
		status: http.StatusNotFound, kind: "NotFoundError", param: "model",
		message: fmt.Sprintf("The model `%s` does not exist.", name),
	}
}

func errOverflow(limit, prompt int) *apiError {
	return badRequest("input_tokens", "This model's maximum context length is %d tokens. "+
		"However, your prompt contains at least %d input tokens, "+
		"which exceeds this limit even without any output tokens. "+
		"Please reduce the length of the input prompt. (parameter=input_tokens, value=%d)",
		limit, prompt, prompt)
}

// marshal is json.Marshal for values that cannot fail, without escaping for
// HTML.
func marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("sim: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
