package main

import (
	"errors"
	"fmt"
	"strings"

	"multiturn/internal/field"
	"multiturn/pkg/openai"
	"multiturn/pkg/record"
)

// advise adds to an error what may mend the failure of a turn.
func (s *setup) advise(err error, x *record.Exchange) error {
	if x == nil {
		return err
	}
	if e := openai.NotReady(x); e != nil {
		return s.waiting.explain(err, e)
	}
	advice := s.clients[0].Advise(x) // the options are those of all
	if advice == nil {
		return err
	}
	about := (*field.Error)(nil)
	switch {
	case !errors.As(advice, &about):
	case about.Field == "MinTokens": // a request's, which --output-length decides
		advice = fmt.Errorf("--output-length %s sends no min_tokens and no ignore_eos", lengthCap)
	case about.Field == "Fields" && s.cacheSalt == saltField &&
		strings.HasPrefix(about.Problem, saltFieldName+" "):
		advice = fmt.Errorf("--cache-salt %s is for servers that refuse %s", saltText, saltFieldName)
	default:
		advice = s.keyAdvice(advice)
	}
	return fmt.Errorf("%w; %w", err, advice)
}
