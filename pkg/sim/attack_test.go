package sim

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multiturn/pkg/sim/hostile"
)

// silent are the attacks that send no byte.
var silent = map[string]bool{
	"late-nothing": true, "late-answer": true, "late-read": true, "late-models": true,
	"reset-accept": true, "reset-request": true, "reset-sent": true,
}

// Every attack begins, and ends when its client goes. A connection that is kept
// serves the next request, and nothing is left behind.
func TestAttacks(t *testing.T) {
	t.Parallel()
	for _, name := range hostile.Names() {
		a := hostile.Find(name)
		synctest.Test(t, func(t *testing.T) {
			var truth bytes.Buffer
			o := Options{Truth: &truth}
			if a.Phase == hostile.Accept {
				o.Faults = Faults{{Name: "hostile", Word: name, Share: 1}}
			}
			s, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			meet(t, s, a)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
			recorded := strings.Contains(truth.String(),
				`"outcome":"hostile","faults":"hostile=`+name+`"`)
			if want := a.Path == "" && a.Phase != hostile.Accept; recorded != want {
				t.Errorf("%s is recorded: %v, want %v\n%s", name, recorded, want, &truth)
			}
		})
	}
}

// meet makes the request that an attack waits for, and reads some of it.
func meet(t *testing.T, s *Server, a *hostile.Attack) {
	t.Helper()
	nc, err := s.Dial(t.Context(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	path, body := a.Path, `{"messages":[{"role":"user","content":"hello"}],"max_tokens":3}`
	if path == "" {
		path = "/v1/chat/completions"
	}
	go func() {
		_, _ = fmt.Fprintf(nc, "POST %s HTTP/1.1\r\nHost: sim\r\nX-Key: secret\r\n"+
			"X-Sim-Fault: hostile=%s\r\nContent-Length: %d\r\n\r\n%s", path, name(a), len(body), body)
	}()
	_ = nc.SetReadDeadline(time.Now().Add(90 * time.Second))
	n, err := io.Copy(io.Discard, io.LimitReader(nc, 1<<20))
	if (n > 0) == silent[a.Name] {
		t.Errorf("%s: %d bytes (%v)", a.Name, n, err)
	}
	if echoes := strings.HasPrefix(a.Name, "odd-echo"); echoes && n < 100 {
		t.Errorf("%s: only %d bytes", a.Name, n)
	}
	if !a.Quick {
		return
	}
	// The server ended it: the connection is closed, or serves another request.
	go func() { _, _ = io.WriteString(nc, "GET /health HTTP/1.1\r\nHost: sim\r\n\r\n") }()
	_ = nc.SetReadDeadline(time.Now().Add(time.Minute))
	rest, err := io.ReadAll(nc)
	if kept := bytes.HasPrefix(rest, []byte("HTTP/1.1 200 OK\r\n")); !kept && n < 1<<20 &&
		(len(rest) > 0 || isTimeout(err)) {
		t.Errorf("%s: the connection neither ends nor serves (%v): %.100s", a.Name, err, rest)
	}
}

// name is how the request asks for an attack. A connection's cannot be asked for.
func name(a *hostile.Attack) string {
	if a.Phase == hostile.Accept {
		return "endless"
	}
	return a.Name
}

func isTimeout(err error) bool {
	ne, ok := err.(interface{ Timeout() bool })
	return ok && ne.Timeout()
}

// A group stands for its attacks on the endpoint, each has its share, other
// endpoints are served, and a connection's attack is no request's.
func TestAttackShares(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		faults, err := ParseFaults("hostile=huge-retry-after@0.25,hostile=huge-count")
		if err != nil {
			t.Fatal(err)
		}
		s, c := start(t, Options{Faults: faults})
		count := map[int]int{}
		for range 400 {
			res := post(t, c, "/v1/chat/completions",
				`{"messages":[{"role":"user","content":"x"}],"max_tokens":1}`, nil)
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			count[res.StatusCode]++
		}
		if n := count[429]; n < 70 || n > 130 || count[200] != 400-n {
			t.Errorf("%v of 400, want 100 with 429", count)
		}
		res := post(t, c, "/tokenize", `{"prompt":"abcd"}`, nil)
		text, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if !bytes.HasPrefix(text, []byte(`{"count":9223372036854775807,`)) {
			t.Errorf("/tokenize: %s", text)
		}
		res = post(t, c, "/v1/chat/completions", `{}`,
			http.Header{FaultHeader: {"hostile=reset-accept"}})
		text, _ = io.ReadAll(res.Body)
		res.Body.Close()
		if !strings.Contains(string(text), "is a fault of the whole server") {
			t.Errorf("reset-accept of a request: %s", text)
		}
		drawn := map[string]bool{}
		hr := &http.Request{Header: http.Header{FaultHeader: {"hostile=huge"}}}
		hr.URL = res.Request.URL
		for range 500 {
			drawn[s.attack(hr).Name] = true
		}
		for _, a := range hostile.Of("huge", "", hostile.Request) {
			if !drawn[a.Name] {
				t.Errorf("%s is never drawn of its group", a.Name)
			}
		}
		if drawn["huge-metrics"] {
			t.Error("a chat meets an attack on metrics")
		}
	})
}

// The plain parts of attacks are plain: their events are JSON, and a client takes
// an answer for whole.
func TestAttacksArePlain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := start(t, Options{})
		w := exchange(t, s, "hostile=huge-usage", "")
		if w.bad != nil || w.count(finished) != 1 || w.count(done) != 1 || w.end != nil ||
			w.count(`"cached_tokens":9223372036854775807`) != 1 {
			t.Errorf("%v, %v: %s", w.bad, w.end, w.body)
		}
		for _, d := range w.data() {
			if d != done && !json.Valid([]byte(d)) {
				t.Errorf("no JSON: %s", d)
			}
		}
		if w = exchange(t, s, "hostile=odd-echo", ""); w.bad != nil ||
			!json.Valid([]byte(w.body)) || w.count("X-Sim-Fault: hostile=odd-echo") != 1 {
			t.Errorf("%v: %s", w.bad, w.body)
		}
	})
}

// The table of attacks is in order.
func TestAttackNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, g := range hostile.Groups {
		for _, a := range g.Attacks {
			if !strings.HasPrefix(a.Name, g.Name+"-") || a.About == "" || seen[a.Name] {
				t.Errorf("%s of %s: %s", a.Name, g.Name, a.About)
			}
			seen[a.Name] = true
			list, err := ParseFaults("hostile=" + a.Name + "@0.05")
			if err != nil || list.String() != "hostile="+a.Name+"@0.05" {
				t.Errorf("%s, %v", list, err)
			}
		}
		if list, err := ParseFaults("hostile=" + g.Name); err != nil || len(list) != 1 {
			t.Errorf("%s, %v", list, err)
		}
	}
	_, err := ParseFaults("hostile=endless-anser")
	if err == nil || !strings.HasSuffix(err.Error(), "did you mean endless-answer?") {
		t.Error(err)
	}
}

var update = flag.Bool("update", false, "rewrite docs/simulator.md")

const (
	page     = "../../docs/simulator.md"
	pageMark = "<!-- From here on by `go test ./pkg/sim -run TestPage -update`, out of the tables " +
		"of the package. -->\n"
)

// The page of the simulator has all faults.
func TestPage(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, _, found := strings.Cut(string(text), pageMark)
	if !found {
		t.Fatalf("%s lacks the line %s", page, pageMark)
	}
	var b strings.Builder
	b.WriteString(head + pageMark)
	for _, g := range FaultGroups() {
		fmt.Fprintf(&b, "\n### %s\n\n%s:\n\n| fault | |\n|---|---|\n", g.Name, sentence(g.About))
		for _, f := range g.Faults {
			fmt.Fprintf(&b, "| `%s` | %s |\n", f.Form, strings.ReplaceAll(f.About, "<think>", "`<think>`"))
		}
	}
	switch want := b.String(); {
	case want == string(text):
	case !*update:
		t.Errorf("%s differs from the tables; go test ./pkg/sim -run TestPage -update rewrites it", page)
	default:
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Error(err)
		}
	}
}

// sentence begins a text with a capital.
func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
