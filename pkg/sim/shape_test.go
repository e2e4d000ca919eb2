package sim

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

var (
	stringValue = regexp.MustCompile(`:"(?:[^"\\]|\\.)*"`)
	numberValue = regexp.MustCompile(`:-?[0-9][0-9.eE+-]*`)
	idList      = regexp.MustCompile(`\[[0-9, ]+\]`)
)

// shapes returns the different forms of a stream's events, without values, in
// order of first occurrence.
func shapes(t *testing.T, events []string) []string {
	t.Helper()
	var list []string
	for _, e := range events {
		if e != done {
			if !json.Valid([]byte(e)) {
				t.Fatalf("not JSON: %s", e)
			}
			e = stringValue.ReplaceAllString(e, `:"s"`)
			e = numberValue.ReplaceAllString(idList.ReplaceAllString(e, "[0]"), ":0")
		}
		if !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	return list
}

// A plain stream has the events of a real vLLM, key by key and in the same
// order.
func TestShapeOfVLLM(t *testing.T) {
	t.Parallel()
	shared := os.Getenv("SHARED")
	if shared == "" {
		t.Skip("SHARED does not name the folder of recorded streams")
	}
	for _, tc := range []struct{ file, request, faults string }{
		{"vllm-plain", `"max_tokens":24`, ""},
		{"vllm-usage", `"max_tokens":24,"stream_options":{"include_usage":true}`, ""},
		{"vllm-continuous", `"max_tokens":12,"stream_options":{"include_usage":true,` +
			`"continuous_usage_stats":true}`, ""},
		{"vllm-stop", `"max_tokens":12,"stream_options":{"include_usage":true}`, "eos=1"},
		{"vllm-token-ids",
			`"max_tokens":6,"return_token_ids":true,"stream_options":{"include_usage":true}`, ""},
		{"vllm-metrics", `"max_tokens":8,"stream_options":{"include_usage":true}`,
			"reasoning=9,usage=forced,timings=vllm,usage=continuous"},
	} {
		raw, err := os.ReadFile(filepath.Join(shared, "data", "streams", tc.file+".http"))
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(raw)), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		recorded := &wire{body: string(body)}
		synctest.Test(t, func(t *testing.T) {
			_, c := start(t, Options{})
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost,
				"http://sim/v1/chat/completions",
				strings.NewReader(`{"messages":[{"role":"user","content":"x"}],"stream":true,`+
					tc.request+`}`))
			if tc.faults != "" {
				req.Header.Set(FaultHeader, tc.faults)
			}
			res, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			got, want := shapes(t, (&wire{body: string(body)}).data()), shapes(t, recorded.data())
			if !slices.Equal(got, want) {
				t.Errorf("%s:\n%s\nwant\n%s", tc.file, strings.Join(got, "\n"),
					strings.Join(want, "\n"))
			}
		})
	}
}
