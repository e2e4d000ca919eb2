package cmd_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// canary is in every secret of these tests, and in nothing else.
const canary = "canary7f3a"

// echoes are servers that repeat all that they were sent, each in its own way.
var echoes = map[string]func(w http.ResponseWriter, r *http.Request, said string){
	// in the names that a server has, and in all the strings of an answer but its text
	"names": func(w http.ResponseWriter, r *http.Request, said string) {
		text, _ := json.Marshal(said)
		switch r.URL.Path {
		case "/v1/models":
			fmt.Fprintf(w, `{"data":[{"id":"m","owned_by":%[1]s},{"id":%[1]s}]}`, text)
		case "/metrics":
			label, _ := json.Marshal(strings.ReplaceAll(said, "\n", " "))
			fmt.Fprintf(w, "vllm:prompt_tokens_total{engine=%s} 1\n", label)
		case "/v1/chat/completions":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, `data: {"id":%[1]s,"model":%[1]s,"system_fingerprint":%[1]s,"choices":`+
				`[{"delta":{"content":"a"},"finish_reason":%[1]s}],"timings":{"prompt_n":1,"x":%[1]s},`+
				`"usage":{"prompt_tokens":9,"completion_tokens":1,"x":%[1]s},`+
				`"sglext":{"cached_tokens_details":{%[1]s:1}}}`+"\n\ndata: [DONE]\n\n", text)
		default:
			fmt.Fprintf(w, `{"version":%[1]s,"success":false,"error":{"message":%[1]s}}`, text)
		}
	},
	// in errors: an event, a page of metrics that is none, a target of redirects
	"errors": func(w http.ResponseWriter, r *http.Request, said string) {
		text, _ := json.Marshal(said)
		switch r.URL.Path {
		case "/v1/models":
			fmt.Fprint(w, `{"data":[{"id":"m","owned_by":"vllm"}]}`)
		case "/metrics":
			fmt.Fprintf(w, "vllm:prompt_tokens_total 1\n%s", said)
		case "/v1/chat/completions":
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n"+
				"data: {\"error\":{\"message\":%[1]s,\"type\":%[1]s}}\n\n", text)
		default:
			w.Header().Set("Location", "http://elsewhere.invalid/"+strings.ReplaceAll(said, "\n", "/"))
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	},
	// in pages of a status that is none of an answer
	"pages": func(w http.ResponseWriter, _ *http.Request, said string) {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, "<html><title>%s</title></html>", html.EscapeString(said))
	},
}

// echo returns a server, which is a proxy, too.
func echo(t *testing.T, answer func(http.ResponseWriter, *http.Request, string)) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var said strings.Builder
		fmt.Fprintln(&said, r.URL.RawQuery)
		for name, values := range r.Header {
			fmt.Fprintln(&said, name, values)
		}
		for _, kind := range []string{"Authorization", "Proxy-Authorization"} {
			_, login, _ := strings.Cut(r.Header.Get(kind), " ")
			plain, _ := base64.StdEncoding.DecodeString(login)
			fmt.Fprintf(&said, "%s\n", plain)
		}
		said.Write(body)
		answer(w, r, said.String())
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

// A secret is in no output, whichever way it was given and whatever the server
// makes of it: not in records, tables, errors, or the files of a report.
func TestSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	for how, answer := range echoes {
		for i := range ways("") {
			t.Run(fmt.Sprint(how, i), func(t *testing.T) {
				t.Parallel()
				w := ways(echo(t, answer))[i]
				dir := t.TempDir()
				write := func(name, text string) {
					if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				write("one.json", `[{"id": "a", "messages": [{"role": "user", "content": "Hello?"}]}]`)
				write("key.txt", canary+"-key\n")
				write("flags.json", `{"header": ["X-Token: `+canary+`-config"]}`)
				run := []string{"-i", "one.json", "-m", "m", "--records", "r.jsonl", "--log-level", "debug",
					"--excel-file", "r.xlsx", "--stats-json-output", "s.json", "--check-prefix"}
				outputs(t, dir, w.env, append(run, w.flags...)...)
				if _, err := os.Stat(filepath.Join(dir, "r.jsonl")); err == nil {
					for _, format := range []string{"text", "json", "csv", "md"} {
						outputs(t, dir, nil, "report", "r.jsonl", "--full", "--format", format)
					}
				}
				files, _ := filepath.Glob(filepath.Join(dir, "*"))
				for _, name := range files {
					if base := filepath.Base(name); base != "key.txt" && base != "flags.json" {
						check(t, base, content(t, name))
					}
				}
			})
		}
	}
}

// way is a way to give secrets.
type way struct{ env, flags []string }

func ways(host string) []way {
	local := []string{"--tokenizer", "o200k_base"}
	proxy := "http://me:" + canary + "-proxy@" + host
	return []way{
		{nil, append(local, "--api-key", canary+"-flag", "--header", "X-Token: "+canary+"-header",
			"--header", "X-S: "+canary+"-a{session}"+canary+"-b", "--transport", "reactor",
			"--body-field", "client_secret="+canary+"-field", "--body-field",
			`extra={"on":[{"password":"`+canary+`-\"deep"}]}`, "-u",
			"http://me:"+canary+"-password@"+host+"/?key="+canary+"-query")},
		{nil, append(local, "--api-key-file", "key.txt", "--config", "flags.json", "--proxy", proxy, "-u",
			"http://server.invalid", "--transport", "net/http")},
		{[]string{"OPENAI_API_KEY=" + canary + "-openai", "HTTP_PROXY=" + proxy},
			append(local, "--proxy", "env", "-u", "http://server.invalid", "--identify=false")},
		{[]string{"MTBENCH_HEADER=X-Key: " + canary + "-env"},
			append(local, "-u", "http://"+canary+"-user@"+host, "--tokenizer", "server")},
		{[]string{"HF_TOKEN=" + canary + "-hub", "HF_HUB_CACHE=hub",
			"HF_ENDPOINT=http://me:" + canary + "-hubs@" + host, "ALL_PROXY=" + proxy},
			[]string{"--tokenizer", "org/model", "-u", host}},
		{[]string{"HTTPS_PROXY=http://me:" + canary + "-proxy@h:x", "HF_ENDPOINT=https://hub.invalid"},
			[]string{"--tokenizer", "org/model", "-u", host}},
		{nil, append(local, "-u", "http://me:"+canary+"@"+host+":x")},
		{[]string{"MTBENCH_API_KEY=" + canary + "\r"}, append(local, "-u", host)},
	}
}

// outputs runs mtbench and checks what it says.
func outputs(t *testing.T, dir string, env []string, args ...string) {
	t.Helper()
	cmd := exec.Command("mtbench", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if len(out) == 0 {
		t.Errorf("mtbench %s: no output, %v", args, err)
	}
	check(t, "the output of mtbench "+strings.Join(args[:2], " "), out)
}

// check reports the lines of a text that have the canary, or basic authentication
// with it.
func check(t *testing.T, what string, text []byte) {
	t.Helper()
	for line := range bytes.Lines(text) {
		if bytes.Contains(line, []byte(canary)) || bytes.Contains(line, []byte("bWU6Y2FuYXJ5")) {
			t.Errorf("%s: %s", what, line)
		}
	}
}

// content returns what a file has, unpacked if it is a workbook.
func content(t *testing.T, name string) []byte {
	t.Helper()
	if info, err := os.Stat(name); err != nil || info.IsDir() {
		return nil
	}
	if filepath.Ext(name) != ".xlsx" {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	book, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	var all []byte
	for _, f := range book.File {
		part, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bytes.ReplaceAll(text, []byte("<"), []byte("\n<"))...)
	}
	return all
}
