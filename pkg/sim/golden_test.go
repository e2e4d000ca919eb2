package sim

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/pkg/chat/template"
	"multiturn/pkg/kvcache"
	"multiturn/pkg/sim/engine"
)

var batchSpeeds = engine.BatchOptions{MaxSequences: 256, MaxStepTokens: 2048,
	Step: 8 * time.Millisecond, PerSequence: 20 * time.Microsecond,
	PerPrefillToken: 50 * time.Microsecond}

// completion is the part of an answer that tests look at.
type completion struct {
	ID      string
	Choices []struct {
		Text    string
		Message struct {
			Content   string
			Reasoning string
		}
		FinishReason string `json:"finish_reason"`
	}
	Usage struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Details    struct {
			Cached  int `json:"cached_tokens"`
			Created int `json:"created_cache_tokens"`
		} `json:"prompt_tokens_details"`
	}
}

func complete(t *testing.T, c *http.Client, path, body string) completion {
	t.Helper()
	res := post(t, c, path, body, nil)
	defer res.Body.Close()
	var out completion
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || res.StatusCode != 200 ||
		len(out.Choices) != 1 {
		t.Fatalf("status %d, %+v, error %v", res.StatusCode, out, err)
	}
	return out
}

// For requests that a real vLLM got, token by token, the server reports the
// same cached tokens.
func TestRealVLLM(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../kvcache/testdata/vllm_lru.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		BlockSize    int `json:"block_size"`
		UsableBlocks int `json:"usable_blocks"`
		Generated    int
		Requests     []struct{ Conv, Prompt, Cached int }
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	for name, batch := range map[string]*engine.BatchOptions{"fixed": nil, "batch": &batchSpeeds} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := Options{Batch: batch, Cache: kvcache.Config{BlockSize: golden.BlockSize}}
				o.Cache.Tiers[kvcache.GPU].Blocks = golden.UsableBlocks
				_, c := start(t, o)
				history := map[int]string{}
				for i, r := range golden.Requests {
					prompt := history[r.Conv]
					for len(prompt) < 4*r.Prompt { // a token is four bytes
						prompt += "c" + strconv.Itoa(r.Conv) + string(rune('a'+len(prompt)/4%26)) +
							string(rune('a'+len(prompt)/104%26))
					}
					got := complete(t, c, "/v1/completions",
						`{"prompt":"`+prompt+`","max_tokens":`+strconv.Itoa(golden.Generated)+`}`)
					if got.Usage.Prompt != r.Prompt || got.Usage.Details.Cached != r.Cached {
						t.Errorf("request %d: %d of %d tokens are cached, a real vLLM says %d of %d",
							i, got.Usage.Details.Cached, got.Usage.Prompt, r.Cached, r.Prompt)
					}
					history[r.Conv] = prompt + got.Choices[0].Text
				}
			})
		})
	}
}

// chatTurn requests the next answer of a chat and appends it.
func chatTurn(t *testing.T, c *http.Client, messages []string, user string, extra string) ([]string,
	completion) {
	t.Helper()
	messages = append(messages, `{"role":"user","content":`+string(marshal(user))+`}`)
	got := complete(t, c, "/v1/chat/completions",
		`{"messages":[`+strings.Join(messages, ",")+`],"max_tokens":40`+extra+`}`)
	m := map[string]string{"role": "assistant", "content": got.Choices[0].Message.Content}
	if r := got.Choices[0].Message.Reasoning; r != "" {
		m["reasoning"] = r
	}
	return append(messages, string(marshal(m))), got
}

// The next turn of a chat hits the whole last turn, answer included, except for
// its last token and the partial block.
func TestChatCache(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, c := start(t,
			Options{Cache: kvcache.Config{BlockSize: 4,
				Tiers: [kvcache.NumTiers]kvcache.TierConfig{{Blocks: 1000}}}})
		messages := []string{`{"role":"system","content":"be brief"}`}
		known := 0
		for turn := range 4 {
			var got completion
			messages, got = chatTurn(t, c, messages, strings.Repeat("more ", 10+turn), "")
			if want := known / 4 * 4; got.Usage.Details.Cached != want {
				t.Errorf("turn %d: %d of %d tokens cached, want %d", turn, got.Usage.Details.Cached,
					got.Usage.Prompt, want)
			}
			if want := got.Usage.Prompt/4*4 - got.Usage.Details.Cached; got.Usage.Details.Created != want {
				t.Errorf("turn %d: %d tokens of new blocks, want %d", turn,
					got.Usage.Details.Created, want)
			}
			known = got.Usage.Prompt + got.Usage.Completion - 1
		}
		// Another salt shares nothing.
		_, got := chatTurn(t, c, messages[:1], strings.Repeat("more ", 10), `,"cache_salt":"x"`)
		if got.Usage.Details.Cached != 0 {
			t.Errorf("%d tokens cached under another salt", got.Usage.Details.Cached)
		}
	})
}

// The chain of a prompt is the same whether or not its beginning is remembered.
func TestPrompterMemory(t *testing.T) {
	t.Parallel()
	r := &request{}
	p := newPrompter(Quad{}, template.ChatML, 4)
	for i := range 12 {
		role := "user"
		if i%2 == 1 {
			role = "assistant"
		}
		r.messages = append(r.messages,
			message{role: role, text: strings.Repeat("word", i) + strconv.Itoa(i)})
		got, want := p.chain(r), newPrompter(Quad{}, template.ChatML, 4).chain(r)
		if got.Tokens() != want.Tokens() || len(got.Hashes()) != len(want.Hashes()) ||
			got.Tokens() != len(p.ids(r, true)) {
			t.Fatalf("%d messages: %d tokens, want %d", i+1, got.Tokens(), want.Tokens())
		}
		for k, h := range want.Hashes() {
			if got.Hashes()[k] != h {
				t.Fatalf("%d messages: block %d differs", i+1, k)
			}
		}
	}
	if len(p.known) != 12 {
		t.Errorf("%d prompts remembered, want 12", len(p.known))
	}
}

// The memory of prompts is bounded, and forgotten chains are made anew.
func TestPrompterForgets(t *testing.T) {
	t.Parallel()
	p := newPrompter(Quad{}, template.ChatML, 4)
	p.memory = 1000
	for i := range 500 {
		r := &request{
			messages: []message{{role: "user", text: strings.Repeat(strconv.Itoa(i), 30)}}}
		if got := p.chain(r).Tokens(); got != len(p.ids(r, true)) {
			t.Fatalf("%d tokens", got)
		}
		if p.size > 1000 || len(p.known) != len(p.order)-p.gone || len(p.order) > 200 {
			t.Fatalf("%d hashes in %d prompts, %d in order", p.size, len(p.known), len(p.order))
		}
	}
}

// A template that drops earlier reasoning breaks the prefix where the reasoning
// began; one that keeps it does not.
func TestStripReasoning(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		template *template.Template
		whole    bool
	}{{template.ChatML, true}, {template.StripReasoning, false}} {
		synctest.Test(t, func(t *testing.T) {
			faults, err := ParseFaults("reasoning=16")
			if err != nil {
				t.Fatal(err)
			}
			_, c := start(t, Options{Template: tc.template, Faults: faults,
				Cache: kvcache.Config{BlockSize: 4,
					Tiers: [kvcache.NumTiers]kvcache.TierConfig{{Blocks: 1000}}}})
			messages, first := chatTurn(t, c, nil, "a question of some length", "")
			if first.Choices[0].Message.Reasoning == "" {
				t.Fatal("no reasoning")
			}
			_, second := chatTurn(t, c, messages, "another", "")
			got := second.Usage.Details.Cached
			begin := first.Usage.Prompt / 4 * 4
			if end := (first.Usage.Prompt + first.Usage.Completion - 1) / 4 * 4; tc.whole &&
				got < begin+16 || !tc.whole && got > begin || got > end {
				t.Errorf("%s: %d tokens cached; the reasoning began at %d",
					tc.template.Name, got, begin)
			}
		})
	}
}
