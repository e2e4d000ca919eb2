package openai

import (
	"net/http"
	"regexp"

	"multiturn/pkg/record"
)

// NotReadyError is the error of a server that may only need time: it is being
// started, or does not run.
type NotReadyError struct {
	// Err is what it answered, or why it cannot be reached.
	Err error
	// Status is that of its answer; 0 if it gave none.
	Status int
	// Loading reports that it says so: a model is being loaded.
	Loading bool
}

func (e *NotReadyError) Error() string { return e.Err.Error() }
func (e *NotReadyError) Unwrap() error { return e.Err }

// saysLoading is how servers, and the gateways before them, word that they are being
// started: llama.cpp, text-generation-inference and SGLang; Envoy, Traefik, HAProxy
// and routers of models.
var saysLoading = regexp.MustCompile(`(?i)\b(loading|starting|start(ing)?[- ]?up|warm(ing)?[- ]?up|` +
	`initiali[sz]ing|not (yet )?ready|booting|no healthy upstream|` +
	`no (available|healthy|ready) (server|worker|backend|endpoint|replica)s?|` +
	`no (server|worker|backend|endpoint|replica)s? (is |are )?(available|ready))\b`)

// unavailable reports whether a status is one of a server that is being started,
// or of a gateway before it.
func unavailable(status int) bool {
	switch status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// loading reports whether an answer says that the server is being started.
func loading(status int, text string) bool {
	return status == http.StatusServiceUnavailable && saysLoading.MatchString(text)
}

// NotReady returns the error of a request that failed because the server may
// only need time; nil if it failed in another way.
func NotReady(x *record.Exchange) *NotReadyError {
	switch {
	case x.Outcome == record.Connect, x.Outcome == record.HTTPStatus && unavailable(x.Status):
		return &NotReadyError{failed(x.Error), x.Status, loading(x.Status, x.Error)}
	}
	return nil
}

// failed is the error of an exchange.
type failed string

func (f failed) Error() string { return string(f) }
