package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"multiturn/internal/human"
	"multiturn/pkg/chat"
	"multiturn/pkg/cli"
	"multiturn/pkg/openai"
	"multiturn/pkg/record"
	"multiturn/pkg/server"
)

// checkModel returns an error if a replica lacks the model.
func (s *setup) checkModel(ctx context.Context, ids []server.Identity) error {
	o, err := s.clientOptions(time.Now())
	if err != nil {
		return err
	}
	for i := range ids {
		if err := s.checkModelOf(ctx, o.Of(i), &ids[i]); err != nil {
			return fmt.Errorf("%s%w", s.of(i), err)
		}
	}
	return nil
}

// checkModelOf returns an error if a server lacks the model. Its list of models
// may lack names that it takes, as llama.cpp takes any, so it is asked for a
// short answer of a model that is not in the list.
func (s *setup) checkModelOf(ctx context.Context, o openai.Options, id *server.Identity) error {
	if len(id.Models) == 0 || slices.Contains(id.Models, o.Model) {
		return nil
	}
	o.Transport = openai.NetHTTP
	client, err := openai.New(o) // its own: the request is in none of the run's numbers
	if err != nil {
		return err
	}
	defer client.Close()
	switch askOnce(ctx, client, "Hello", s.bench.Timeout).Status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity:
		return cli.UsageErrorf("%s", noModel(o.Model, id.Models))
	}
	return ctx.Err()
}

// askOnce asks for an answer of one token.
func askOnce(
	ctx context.Context, client *openai.Client, text string, timeout time.Duration,
) *record.Exchange {
	question := chat.Message{Role: chat.User, Text: text}
	return &client.Do(ctx, &openai.Request{
		Messages: [][]byte{client.Encoder().Append(nil, nil, &question)},
		Session:  "preflight", MaxTokens: 1,
		Timeout: timeout,
	}).Exchange
}

// modelsShown is how many models of a server fit a line.
const modelsShown = 5

// noModel says what models a server has in place of the one that was asked for,
// and which to name.
func noModel(model string, has []string) string {
	quoted := make([]string, 0, modelsShown)
	for _, m := range has[:min(len(has), modelsShown)] {
		quoted = append(quoted, fmt.Sprintf("%q", m))
	}
	list := strings.Join(quoted, ", ")
	if more := len(has) - len(quoted); more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	name := has[0]
	if len(has) > 1 {
		if name = human.Nearest(model, has); name == "" {
			name = "NAME"
		}
	}
	return fmt.Sprintf("the server has no model %q; it has %s: add --served-model-name %s",
		model, list, name)
}
