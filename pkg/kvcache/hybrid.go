package kvcache

import (
	"cmp"
	"fmt"
	"strings"
)

// Layers is the layers of a model that keep the same, on one rank.
type Layers struct {
	Kind  LayerKind `json:"kind"`
	Count int       `json:"layers"`
	// BytesPerToken is what a token adds to all of them together, up to Window
	// tokens; Window 0 is no limit.
	BytesPerToken int64 `json:"bytes_per_token"`
	Window        int   `json:"window,omitempty"`
	// BytesPerSequence is the most that a sequence has in layers of bounded size; 0 if
	// they grow with the context.
	BytesPerSequence int64 `json:"bytes_per_sequence,omitempty"`
}

// LayerKind is what a layer keeps of a sequence.
type LayerKind string

// Kinds of layers.
const (
	FullAttention LayerKind = "full attention" // every token
	SlidingWindow LayerKind = "sliding window" // the last tokens
	Chunks        LayerKind = "chunks"         // the tokens of the current chunk
	State         LayerKind = "state"          // a constant: linear attention, Mamba
)

var layerKinds = map[layerKind]LayerKind{
	fullLayer: FullAttention, slidingLayer: SlidingWindow, chunkedLayer: Chunks, linearLayer: State,
}

// Layers returns the layers of the model by what they keep. A layer with attention
// and a state side by side is in two of them.
func (m *Model) Layers(s Serving) []Layers {
	var out []Layers
	for _, g := range m.layers {
		l := Layers{
			Kind: layerKinds[g.kind], Count: g.count, Window: g.window,
			BytesPerToken: (int64(g.count)*m.tokenBits(g, s) + 7) / 8,
		}
		if l.Kind != FullAttention {
			l.BytesPerSequence = (m.sequenceBits(g, g.window, s) + 7) / 8
		}
		out = append(out, l)
	}
	return out
}

// Hybrid returns a sentence on what a Cache leaves out of the model: layers that
// keep less than every token. Servers can hit more in them, since old blocks of a
// window are not needed, or less, since a state is there only where it was saved.
// It returns "" if all layers have full attention.
func (m *Model) Hybrid() string {
	var parts []string
	for _, l := range m.Layers(Serving{}) {
		switch l.Kind {
		case SlidingWindow:
			parts = append(parts, fmt.Sprintf("%d have a sliding window of %d tokens", l.Count, l.Window))
		case Chunks:
			parts = append(parts, fmt.Sprintf("%d have chunks of %d tokens", l.Count, l.Window))
		case State:
			parts = append(parts, fmt.Sprintf("%d have a state of constant size", l.Count))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return fmt.Sprintf("hits are modelled as if all %d layers of %s had full attention: %s",
		m.count, cmp.Or(m.Name, "the model"), strings.Join(parts, ", "))
}
