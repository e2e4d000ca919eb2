package tokenizer

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// isRanks reports whether a file begins like one of tiktoken: a token in base64
// and its rank.
func isRanks(b []byte) bool {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	_, _, err := readRank(nil, line)
	return err == nil
}

// readRank reads a line of a tiktoken file.
func readRank(buf, line []byte) (token []byte, rank uint32, err error) {
	text, number, ok := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	if !ok {
		return nil, 0, fmt.Errorf("%.100q is not a token in base64, a space and its rank", line)
	}
	n, err := strconv.ParseUint(string(number), 10, 32)
	if err != nil || n >= maxIDs {
		return nil, 0, fmt.Errorf("rank %.40q, want a whole number below %d", number, maxIDs)
	}
	token, err = base64.StdEncoding.AppendDecode(buf[:0], text)
	if err != nil {
		return nil, 0, fmt.Errorf("the token %.100q is not base64: %w", text, err)
	}
	return token, uint32(n), nil
}

// parseTiktoken makes the tokenizer of a tiktoken file. It is an error if neither
// the file nor what lies beside it shows which pattern the model uses: the file
// has none, and another one would give other counts.
func parseTiktoken(b []byte, beside *folder) (*Tokenizer, error) {
	sum := sha256.Sum256(b)
	digest := hex.EncodeToString(sum[:])
	e, err := encodingOf(digest, beside)
	if err != nil {
		return nil, err
	}
	t, err := newRanked(e.pattern, bytes.Count(b, []byte("\n"))+1)
	if err != nil {
		return nil, err
	}
	var token []byte
	ranks := 0
	for n := 1; len(b) > 0; n++ {
		var line []byte
		line, b, _ = bytes.Cut(b, []byte("\n"))
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		var rank uint32
		if token, rank, err = readRank(token, line); err == nil {
			err = t.addRanked(token, rank)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		ranks++
	}
	if err := t.finishRanked(); err != nil {
		return nil, err
	}
	special, err := beside.named(e.special(ranks))
	if err == nil {
		err = t.addTokens(special)
	}
	if err != nil {
		return nil, fmt.Errorf("special tokens: %w", err)
	}
	t.digest = digest
	t.ready()
	return t, nil
}

var errNoPattern = errors.New("it is not known which model's pattern splits text for it: " +
	"put the model's tokenizer_config.json (or its tokenization_*.py or config.json) beside it, " +
	"or look for a tokenizer.json of this model")
