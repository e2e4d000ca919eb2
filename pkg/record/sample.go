package record

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// Sample is the measurement of one successful request as the reference defines and keeps it: what its
// --stats-json-output holds, an array of these objects. Numbers are the reference's (see package report for how they
// follow from a Turn); TPOTMS is NaN, null in JSON, where it does not exist. The reference has 0 there.
type Sample struct {
	TTFTMS    float64
	TPOTMS    float64
	LatencyMS float64
	// StartMS is on a monotonic clock of any origin.
	StartMS float64
	// InputTurns is how many messages were sent.
	InputTurns   int
	InputTokens  int
	OutputTokens int
	// OutputChunks does not count the first one.
	OutputChunks     int
	FirstChunkTokens int
	// ApproxCachedPercent is the share of the input that was sent before, not what a cache did.
	ApproxCachedPercent float64
	Conversation        string
	Client              int
}

// sampleJSON is a sample as it is read: what is needed can be told from what is 0.
type sampleJSON struct {
	TTFT         *float64 `json:"ttft_ms"`
	TPOT         *float64 `json:"tpot_ms"`
	Latency      *float64 `json:"latency_ms"`
	Start        *float64 `json:"start_time_ms"`
	Turns        float64  `json:"input_num_turns"`
	Input        float64  `json:"input_num_tokens"`
	Output       float64  `json:"output_num_tokens"`
	Chunks       float64  `json:"output_num_chunks"`
	First        float64  `json:"output_num_first_chunk_tokens"`
	Cached       float64  `json:"approx_cached_percent"`
	Conversation string   `json:"conversation_id"`
	Client       float64  `json:"client_id"`
}

// UnmarshalJSON reads an item of the reference's array. Times must be there; other keys may be missing or more.
func (s *Sample) UnmarshalJSON(b []byte) error {
	var in sampleJSON
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	if in.TTFT == nil || in.Latency == nil || in.Start == nil {
		return errors.New("not a measurement of a request: ttft_ms, latency_ms and start_time_ms are needed")
	}
	tpot := math.NaN()
	if in.TPOT != nil {
		tpot = *in.TPOT
	}
	*s = Sample{
		TTFTMS: *in.TTFT, TPOTMS: tpot, LatencyMS: *in.Latency, StartMS: *in.Start,
		InputTurns: int(in.Turns), InputTokens: int(in.Input), OutputTokens: int(in.Output),
		OutputChunks: int(in.Chunks), FirstChunkTokens: int(in.First),
		ApproxCachedPercent: in.Cached, Conversation: in.Conversation, Client: int(in.Client),
	}
	return nil
}

// AppendSample appends s as one item of the reference's array, byte for byte as Python's json.dump(indent=2) writes it.
func AppendSample(dst []byte, s *Sample) []byte {
	float := func(key string, f float64) {
		dst = append(append(append(dst, "    \""...), key...), "\": "...)
		dst = append(AppendPythonFloat(dst, f), ",\n"...)
	}
	integer := func(key string, n int) {
		dst = append(append(append(dst, "    \""...), key...), "\": "...)
		dst = append(strconv.AppendInt(dst, int64(n), 10), ",\n"...)
	}
	dst = append(dst, "  {\n"...)
	float("ttft_ms", s.TTFTMS)
	float("tpot_ms", s.TPOTMS)
	float("latency_ms", s.LatencyMS)
	float("start_time_ms", s.StartMS)
	integer("input_num_turns", s.InputTurns)
	integer("input_num_tokens", s.InputTokens)
	integer("output_num_tokens", s.OutputTokens)
	integer("output_num_chunks", s.OutputChunks)
	integer("output_num_first_chunk_tokens", s.FirstChunkTokens)
	float("approx_cached_percent", s.ApproxCachedPercent)
	dst = append(dst, "    \"conversation_id\": "...)
	dst = appendASCII(dst, s.Conversation)
	dst = append(dst, ",\n    \"client_id\": "...)
	dst = strconv.AppendInt(dst, int64(s.Client), 10)
	return append(dst, "\n  }"...)
}

// WriteSamples writes the whole array, as the reference's --stats-json-output: no line end after it.
func WriteSamples(w io.Writer, samples []Sample) error {
	buf := []byte("[")
	for i := range samples {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = AppendSample(append(buf, '\n'), &samples[i])
		if len(buf) >= flushSize {
			if _, err := w.Write(buf); err != nil {
				return err
			}
			buf = buf[:0]
		}
	}
	if len(samples) > 0 {
		buf = append(buf, '\n')
	}
	_, err := w.Write(append(buf, ']'))
	return err
}

// AppendPythonFloat appends f as Python's repr does: the shortest decimal that reads back, with a point or an exponent.
// What is not a number is null, so that the result is JSON.
func AppendPythonFloat(dst []byte, f float64) []byte {
	if !finite(f) {
		return append(dst, "null"...)
	}
	abs := math.Abs(f)
	if abs != 0 && (abs < 1e-4 || abs >= 1e16) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	n := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	for _, c := range dst[n:] {
		if c == '.' {
			return dst
		}
	}
	return append(dst, ".0"...)
}

// appendASCII appends s as Python's json does by default: everything beyond ASCII escaped.
func appendASCII(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\b':
			dst = append(dst, `\b`...)
		case r == '\f':
			dst = append(dst, `\f`...)
		case r < ' ' || r >= 0x7f && r < 0x10000:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		case r >= 0x10000:
			r -= 0x10000
			dst = fmt.Appendf(dst, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			dst = append(dst, byte(r))
		}
	}
	return append(dst, '"')
}
