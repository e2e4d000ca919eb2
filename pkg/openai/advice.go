package openai

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"multiturn/internal/field"
	"multiturn/pkg/record"
)

// Advise returns what may mend a failed request, as far as its status and its
// error show that: a field.Error whose field is one of [Options], or MinTokens of
// [Request]. It is nil if there is no advice.
func (c *Client) Advise(x *record.Exchange) error {
	switch {
	case x.Outcome.OK():
		return nil
	case x.Outcome == record.TooLarge &&
		(strings.HasPrefix(x.Error, theAnswer+" is") || strings.HasPrefix(x.Error, theAnswer+"'s")):
		return &field.Error{Field: "MaxAnswerBytes", Problem: "SIZE allows a longer answer"}
	case x.Status == http.StatusUnauthorized:
		return c.unauthorized("requests")
	case x.Status == http.StatusForbidden && c.template.header.Get("Authorization") != "":
		return &field.Error{Field: "APIKey", Problem: "may not have the right to this"}
	case x.Status == http.StatusForbidden:
		return &field.Error{Field: "APIKey", Problem: "may be needed"}
	case x.Status/100 == 3:
		return &field.Error{Field: "URL", Problem: "has to be the address that answers itself"}
	case x.Status == http.StatusBadRequest || x.Status == http.StatusUnprocessableEntity ||
		x.Status == http.StatusNotFound:
		return c.adviseOnField(x.Error)
	}
	return nil
}

// refuses is how servers word that they do not take a field, or this value of it:
// OpenAI's, FastAPI's, Mistral's, Groq's and Go's. A value that is too large is
// another matter.
var refuses = regexp.MustCompile(`(?i)\b(unsupported|not supported?|does not support|` +
	`unrecogni[sz]ed|unknown|unexpected|extra (inputs?|fields?|_?forbidden)|extra_forbidden|` +
	`not permitted|not allowed|additional propert\w+|invalid (parameter|field|argument)|` +
	`no such (parameter|field)|cannot be set|is not available|deprecated)\b`)

// noSuchModel is how servers word that they have no model of that name.
var noSuchModel = regexp.MustCompile("(?i)model\\b[^.;]*(does ?n[o']t exist|not exist|not found|" +
	"not available|unknown)|(unknown|invalid|no such) model|model_not_found")

// adviseOnField returns the advice on the first body field that a refusal names.
func (c *Client) adviseOnField(text string) error {
	if noSuchModel.MatchString(text) {
		return &field.Error{Field: "Model", Problem: "NAME asks for a model by the server's own name"}
	}
	if !refuses.MatchString(text) {
		return nil
	}
	first, best := len(text), error(nil)
	for _, f := range c.advised() {
		at := regexp.MustCompile(`\b` + regexp.QuoteMeta(f.body) + `\b`).FindStringIndex(text)
		if at != nil && at[0] < first {
			first, best = at[0], &field.Error{Field: f.option, Problem: f.problem}
		}
	}
	return best
}

// advised is a field of the body, and the advice to whom it is refused.
type advised struct{ body, option, problem string }

// advised returns the fields of the client's requests that an option governs.
func (c *Client) advised() []advised {
	const leave = "is what the server refuses: leave it out"
	list := []advised{
		{"ignore_eos", "MinTokens", leave},
		{"stream_options", "NoUsage", "sends no stream_options"},
		{"stream", "NoStream", "asks for whole answers"},
	}
	if name := c.endpoint.api.minTokens; name != "" {
		list = append(list, advised{name, "MinTokens", leave})
	}
	switch used := c.template.maxTokensField; used {
	case "max_tokens":
		list = append(list, advised{used, "MaxTokensField",
			"max_completion_tokens names the length as this server does"})
	case "max_completion_tokens":
		list = append(list, advised{used, "MaxTokensField",
			"max_tokens names the length as this server does"})
	}
	if c.opts.Temperature != nil {
		list = append(list, advised{"temperature", "Temperature", leave})
	}
	if c.opts.Seed != nil {
		list = append(list, advised{"seed", "Seed", leave})
	}
	if c.opts.SendSession {
		list = append(list, advised{"conversation_id", "SendSession", leave})
	}
	for _, f := range c.opts.Fields {
		name, _, _ := strings.Cut(f.Name, ".")
		list = append(list, advised{name, "Fields", fmt.Sprintf("%s is what the server refuses: "+
			"leave it out", f.Name)})
	}
	return list
}
