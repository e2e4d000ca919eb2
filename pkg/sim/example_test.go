package sim_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"multiturn/pkg/sim"
)

// A server in memory, for tests of a client: it needs no port and, in a
// synctest bubble, no waiting.
func Example() {
	s, err := sim.New(sim.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{DialContext: s.Dial}}
	req, _ := http.NewRequest(http.MethodPost, "http://sim/v1/chat/completions", strings.NewReader(
		`{"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 5, "stream": true}`))
	req.Header.Set(sim.FaultHeader, "cut=3")
	res, err := client.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	fmt.Println(res.StatusCode, strings.Count(string(body), `"content":" `), err)
	// Output: 200 3 unexpected EOF
}

// Faults are parsed and printed.
func ExampleParseFaults() {
	list, err := sim.ParseFaults("stall=5/2s, cut=20@0.1")
	fmt.Println(list, err)
	for _, f := range list {
		fmt.Println(sim.FaultForm(f.Name), "-", sim.FaultUsage(f.Name))
	}
	// Output:
	// stall=5/2s,cut=20@0.1 <nil>
	// stall=N/TIME - nothing is sent for TIME before chunk N
	// cut=N - the connection is closed after N chunks; 0: before the head
}
