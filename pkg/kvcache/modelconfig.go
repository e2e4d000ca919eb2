package kvcache

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/tidwall/gjson"
)

// ParseModel reads a model's config.json as the Hugging Face hub has it. It
// understands grouped-query, multi-query and multi-head attention, an explicit
// head_dim or value size, multi-head latent attention, language models inside
// multimodal ones, sliding windows and chunks, layers of several kinds, the
// states of linear attention and Mamba, layers that have attention and a state
// side by side, layers that share another layer's cache, and a cache quantised by
// the checkpoint. It does not count the layers of speculative heads.
func ParseModel(config []byte) (*Model, error) {
	if !json.Valid(config) || !gjson.ParseBytes(config).IsObject() {
		return nil, errors.New("model config is not a JSON object")
	}
	c := newModelConfig(gjson.ParseBytes(config))
	m := &Model{Name: c.text("_name_or_path")}
	layers := c.need("num_hidden_layers", "n_layer", "n_layers", "num_layers")
	full := c.attention()
	if c.err == nil && layers == 0 {
		c.err = errors.New("model config: num_hidden_layers is 0")
	}
	if c.err != nil {
		return nil, c.err
	}
	m.kvBits, m.stateBits = c.bits()
	kinds, err := c.kinds(layers)
	if err != nil {
		return nil, err
	}
	unknown := 0
	for _, kind := range kinds {
		if kind == noCache {
			continue
		}
		m.count++
		if kind == bothLayer {
			m.add(c.layer(fullLayer, full))
			kind = linearLayer
		}
		g := c.layer(kind, full)
		if g == (layerGroup{kind: linearLayer}) {
			unknown++
		}
		m.add(g)
	}
	if c.err != nil {
		return nil, c.err
	}
	if unknown > 0 {
		m.Notes = append(m.Notes, fmt.Sprintf("the state of %d layers without attention is "+
			"unknown and not counted", unknown))
	}
	if err := m.checkSize(); err != nil {
		return nil, err
	}
	if m.BytesPerToken(Serving{}) == 0 {
		m.Notes = append(m.Notes, "no layer grows with the context")
	}
	return m, nil
}

// modelConfig is a config.json and the object in it that describes the language
// model.
type modelConfig struct {
	levels []gjson.Result // the innermost first
	kind   string         // model_type
	err    error          // the first
}

func newModelConfig(top gjson.Result) *modelConfig {
	c := &modelConfig{levels: []gjson.Result{top}}
	for _, path := range []string{"thinker_config.text_config", "text_config", "llm_config", "language_config"} {
		if inner := top.Get(path); inner.IsObject() {
			c.levels = []gjson.Result{inner, top}
			break
		}
	}
	c.kind = c.text("model_type")
	return c
}

// get returns the value of the first of the names that is present and not null.
func (c *modelConfig) get(names ...string) gjson.Result {
	for _, level := range c.levels {
		for _, name := range names {
			if v := level.Get(name); v.Exists() && v.Type != gjson.Null {
				return v
			}
		}
	}
	for _, d := range classDefaults {
		if c.kind == "" || !strings.HasPrefix(c.kind, d.kind) {
			continue
		}
		for _, name := range names {
			if v, ok := d.values[name]; ok {
				return gjson.Result{Type: gjson.Number, Num: v}
			}
		}
	}
	return gjson.Result{}
}

// classDefaults are the defaults of model classes in transformers whose config
// files leave out values that equal the default.
var classDefaults = []struct {
	kind   string
	values map[string]float64
}{
	{"gemma2", map[string]float64{
		"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
		"sliding_window": 4096, "sliding_window_pattern": 2,
	}},
	{"gemma3", map[string]float64{
		"num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
		"sliding_window": 4096, "sliding_window_pattern": 6,
	}},
	{"cohere2", map[string]float64{"sliding_window_pattern": 4}},
	{"gpt_oss", map[string]float64{"head_dim": 64, "sliding_window_pattern": 2}},
	{"llama4", map[string]float64{
		"num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128,
		"attention_chunk_size": 8192, "no_rope_layer_interval": 4,
	}},
}

func (c *modelConfig) text(names ...string) string {
	if v := c.get(names...); v.Type == gjson.String {
		return v.Str
	}
	return ""
}

// number returns the value of the first of the names that is present; 0 if none
// is.
func (c *modelConfig) number(names ...string) int {
	v := c.get(names...)
	if !v.Exists() {
		return 0
	}
	const most = 1 << 20 // so that the product of three numbers fits into 64 bits
	if v.Type != gjson.Number || v.Num != math.Trunc(v.Num) || v.Num < 0 || v.Num > most {
		if c.err == nil {
			c.err = fmt.Errorf("model config: %s must be a whole number", names[0])
		}
		return 0
	}
	return int(v.Num)
}

// need is number for a value that must be present.
func (c *modelConfig) need(names ...string) int {
	n := c.number(names...)
	if n == 0 && c.err == nil {
		c.err = fmt.Errorf("model config: %s is missing", names[0])
	}
	return n
}

// bits returns the sizes of an element of the cache and of a recurrent state.
func (c *modelConfig) bits() (kv, state int) {
	kv = 16
	if bits, err := ParseKVBits(c.text("dtype", "torch_dtype")); err == nil && bits > 16 {
		kv = bits
	}
	if bits := c.number("quantization_config.kv_cache_scheme.num_bits"); bits > 0 {
		kv = bits
	}
	state = max(16, kv)
	if bits, err := ParseKVBits(c.text("mamba_ssm_dtype")); err == nil && bits > 0 {
		state = bits
	}
	return kv, state
}

// layer returns a layer of the given kind, made from a full-attention layer. It
// has nothing but its kind if its state is unknown.
func (c *modelConfig) layer(kind layerKind, full layerGroup) layerGroup {
	g := full
	g.kind = kind
	switch kind {
	case fullLayer:
		// Models with windows may have wider full-attention layers.
		if g.kvHeads == 0 {
			break
		}
		if heads := c.number("num_global_key_value_heads"); heads > 0 {
			g.kvHeads = heads
		}
		if dim := c.number("global_head_dim"); dim > 0 {
			g.dim = 2 * dim
		}
	case slidingLayer:
		g.window = c.number("sliding_window", "sliding_window_size")
	case chunkedLayer:
		g.window = c.number("attention_chunk_size")
	case linearLayer:
		g = c.linear()
	}
	return g
}

// attention returns a full-attention layer.
func (c *modelConfig) attention() layerGroup {
	if rank := c.number("kv_lora_rank"); rank > 0 {
		g := layerGroup{dim: rank + c.number("qk_rope_head_dim")}
		if n := c.number("index_head_dim"); n > 0 {
			g.indexBytes = n + n/128*4 // a 32-bit scale for every 128 elements
		}
		return g
	}
	heads := c.need("num_attention_heads", "n_head", "n_heads")
	g := layerGroup{
		kvHeads: c.number("num_key_value_heads", "num_kv_heads", "n_head_kv",
			"multi_query_group_num"),
	}
	if g.kvHeads == 0 {
		g.kvHeads = heads
		if c.get("multi_query").Bool() {
			g.kvHeads = 1
		}
	}
	dim := c.number("head_dim", "kv_channels", "attention_head_dim")
	if dim == 0 {
		dim = c.need("hidden_size", "n_embd", "d_model") / max(1, heads)
	}
	g.dim = 2 * dim
	if v := c.number("v_head_dim"); v > 0 {
		g.dim = dim + v
	}
	return g
}

// linear returns a layer of constant size: the gated delta rule (Qwen3-Next),
// Mamba-2, Mamba-1 (Jamba) or a short convolution (LFM2). The shapes are those of
// vLLM's MambaStateShapeCalculator.
func (c *modelConfig) linear() layerGroup {
	var state, width, kernel int // width: channels of the convolution
	if values := c.number("linear_num_value_heads"); values > 0 {
		keys := c.number("linear_num_key_heads")
		kd, vd := c.number("linear_key_head_dim"), c.number("linear_value_head_dim")
		state, width = values*kd*vd, 2*keys*kd+values*vd
		kernel = c.number("linear_conv_kernel_dim")
	} else if heads := c.number("mamba_num_heads", "mamba_n_heads"); heads > 0 {
		dim := c.number("mamba_head_dim", "mamba_d_head")
		n := c.number("ssm_state_size", "mamba_d_state")
		groups := c.number("n_groups", "mamba_n_groups")
		state, width = heads*dim*n, heads*dim+2*groups*n
		kernel = c.number("conv_kernel", "mamba_d_conv")
	} else if n := c.number("mamba_d_state"); n > 0 {
		width = c.number("mamba_expand") * c.number("hidden_size")
		state, kernel = width*n, c.number("mamba_d_conv")
	} else if kernel = c.number("conv_L_cache"); kernel > 0 {
		width = c.number("conv_dim", "hidden_size")
	}
	return layerGroup{
		kind: linearLayer, stateElements: state, convElements: width * max(0, kernel-1),
	}
}
