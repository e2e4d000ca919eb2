package tokenizer

import (
	"fmt"

	"github.com/dlclark/regexp2/v2"
)

// coversText holds the known patterns whose matches leave no text out.
var coversText = map[string]bool{
	patternGPT2:         true,
	patternCL100k:       true,
	patternCL100kDigits: true,
	patternO200k:        true,
}

// compile returns the matches of a regular expression that has no splitter.
func compile(expr string) (matcher, error) {
	re, err := regexp2.Compile(expr, regexp2.None)
	if err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", expr, err)
	}
	return func(s string, match func(from, to int)) {
		all, err := re.FindAllStringIndex(s, -1)
		if err != nil {
			return
		}
		for _, m := range all {
			match(m[0], m[1])
		}
	}, nil
}
