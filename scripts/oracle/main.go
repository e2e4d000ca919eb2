// Command oracle compares pkg/tokenizer with Hugging Face's tokenizers library,
// mistral-common and tiktoken over a corpus and prints how many texts have equal
// ids, counts and decoded text. scripts/oracle.sh runs it. It exits with 1 if a
// result differs.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"multiturn/pkg/tokenizer"
)

const batch = 2000 // texts sent at once

func main() {
	dir := flag.String("oracle", "out/oracle", "`folder` with the installed oracle")
	data := flag.String("components", "pkg/tokenizer/testdata/components",
		"`folder` of the component tests")
	only := flag.String("only", "", "compare only these comma-separated `tokenizers`; none for "+
		"the components only")
	component := flag.String("component", "", "compare only components whose `name` contains this")
	update := flag.Bool("update", false, "write the golden files of the small tests")
	recut := flag.Bool("cut", false, "cut the component tests' bases from the real tokenizers, "+
		"and stop")
	retrain := flag.Bool("train", false, "train the small vocabulary of the tests, and stop")
	flag.Parse()
	err := func() error {
		if *retrain {
			return train(filepath.Join(filepath.Dir(*data), "ranks"))
		}
		if *recut {
			return cut(*dir, *data)
		}
		return run(*dir, *data, *only, *component, *update)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

func run(dir, data, only, component string, update bool) error {
	start := time.Now()
	shared, own, err := corpus(os.Getenv("SHARED"))
	if err != nil {
		return err
	}
	groups := append(shared, own...)
	wrong := 0
	for _, l := range libraries(dir) {
		subjects, err := l.subjects()
		if err != nil {
			return err
		}
		subjects = slices.DeleteFunc(subjects, func(s subject) bool {
			return only != "" && !slices.Contains(strings.Split(only, ","), s.name)
		})
		if len(subjects) == 0 {
			continue
		}
		results := make([][]result, len(subjects))
		for i, s := range subjects {
			if results[i], err = compareFile(s, groups, nil); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
		wrong += print(l.name, subjects, groups, results)
	}
	err = errors.Join(components(dir, data, sample(own), update, component),
		ranked(dir, filepath.Join(filepath.Dir(data), "ranks"), sample(own), update, component))
	fmt.Printf("\n%.0f s\n", time.Since(start).Seconds())
	if wrong > 0 {
		return fmt.Errorf("%d results differ: want none", wrong)
	}
	return err
}

// result is of one tokenizer on one group: how many texts are equal in each
// respect.
type result struct{ ids, counts, decoded int }

func print(library string, subjects []subject, groups []group,
	results [][]result) (wrong int) {
	fmt.Printf("ids equal to those of %s, in %%; differing counts and decoded texts are noted\n\n",
		library)
	fmt.Printf("%-18s %8s %7s", "group", "texts", "MB")
	for _, s := range subjects {
		fmt.Printf(" %13s", s.name)
	}
	fmt.Println()
	for g, group := range groups {
		bytes := 0
		for _, s := range group.texts {
			bytes += len(s)
		}
		fmt.Printf("%-18s %8d %7.2f", group.name, len(group.texts), float64(bytes)/1e6)
		n := len(group.texts)
		notes := ""
		for i, s := range subjects {
			r := results[i][g]
			fmt.Printf(" %13s", percent(r.ids, n))
			if r.counts < n || r.decoded < n {
				notes += fmt.Sprintf("  %s: counts %s, decoded %s", s.name, percent(r.counts, n),
					percent(r.decoded, n))
			}
			wrong += 3*n - r.ids - r.counts - r.decoded
		}
		fmt.Println(notes)
	}
	fmt.Println()
	return wrong
}

// percent returns a share in percent, rounded down: 100 means all.
func percent(k, n int) string {
	if k == n {
		return "100"
	}
	return fmt.Sprintf("%.3f", float64(k*100000/n)/1000)
}

// compareFile compares a tokenizer on the groups. It calls each, if not nil, with
// the oracle's answers.
func compareFile(subject subject, groups []group,
	each func(group string, ids []int32, whole, middle string)) ([]result, error) {
	started := time.Now()
	name := subject.name
	tok, err := tokenizer.Load(subject.file)
	if err != nil {
		return nil, err
	}
	if each == nil {
		fmt.Fprintf(os.Stderr, "%s: loaded in %.2f s\n", name, time.Since(started).Seconds())
	}
	o, err := startOracle(subject.command)
	if err != nil {
		return nil, err
	}
	var all []result
	for _, g := range groups {
		var r result
		shown := 0
		for texts := range slices.Chunk(g.texts, batch) {
			err := o.ask(texts, func(i int, ids []int32, whole, middle string) {
				have := tok.Encode(texts[i])
				n := len(ids)
				part := ids[n/3 : n-n/4]
				if each != nil {
					each(g.name, ids, whole, middle)
				}
				same := slices.Equal(have, ids)
				counted := tok.Count(texts[i]) == n
				decoded := tok.Decode(ids, false) == whole && tok.Decode(part, true) == middle
				r.ids += one(same)
				r.counts += one(counted)
				r.decoded += one(decoded)
				if !(same && counted && decoded) && shown < 3 {
					shown++
					fmt.Fprintf(os.Stderr, "%s, %s: %.200q\n\thave %.300s\n\twant %.300s\n"+
						"\tdecoded %.200q\n\twant    %.200q\n",
						name, g.name, texts[i], fmt.Sprint(have), fmt.Sprint(ids),
						tok.Decode(ids, false), whole)
				}
			})
			if err != nil {
				return nil, err
			}
		}
		all = append(all, r)
	}
	return all, o.stop()
}

func one(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

// oracle is a running oracle.js or oracle.py.
type oracle struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	w   *bufio.Writer
	r   *bufio.Reader
}

func startOracle(command []string) (*oracle, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &oracle{cmd, in, bufio.NewWriter(in), bufio.NewReaderSize(out, 1<<20)}, cmd.Start()
}

// ask calls answer for each text, in order.
func (o *oracle) ask(texts []string, answer func(i int, ids []int32, whole, middle string)) error {
	var n [4]byte
	for _, s := range texts {
		binary.LittleEndian.PutUint32(n[:], uint32(len(s)))
		o.w.Write(n[:])
		o.w.WriteString(s)
	}
	o.w.Write([]byte{0xff, 0xff, 0xff, 0xff})
	if err := o.w.Flush(); err != nil {
		return err
	}
	for i := range texts {
		b, err := o.read(4)
		if err != nil {
			return err
		}
		ids := make([]int32, len(b)/4)
		for k := range ids {
			ids[k] = int32(binary.LittleEndian.Uint32(b[4*k:]))
		}
		whole, err := o.read(1)
		if err != nil {
			return err
		}
		middle, err := o.read(1)
		if err != nil {
			return err
		}
		answer(i, ids, string(whole), string(middle))
	}
	return nil
}

// read reads a number n and then n items of the given size.
func (o *oracle) read(size int) ([]byte, error) {
	var n [4]byte
	if _, err := io.ReadFull(o.r, n[:]); err != nil {
		return nil, fmt.Errorf("the oracle ended early: %w", err)
	}
	b := make([]byte, size*int(binary.LittleEndian.Uint32(n[:])))
	_, err := io.ReadFull(o.r, b)
	return b, err
}

func (o *oracle) stop() error {
	if err := o.in.Close(); err != nil {
		return err
	}
	return o.cmd.Wait()
}
