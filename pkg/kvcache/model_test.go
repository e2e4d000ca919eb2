package kvcache

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// The built-in models have their published sizes, to the digits printed.
func TestBuiltinModels(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, kib, gibMillion string }{
		{"Llama-3.1-8B", "128", "122"},
		{"meta-llama/Llama-3.1-8B-Instruct", "128", "122"},
		{"Qwen3-8B", "144", "137"},
		{"qwen/qwen3-32b-fp8", "256", "244"},
		{"Llama-3.3-70B-Instruct", "320", "305"},
		{"gpt-oss-120b", "36", "34"},
		{"deepseek-ai/DeepSeek-V3-0324", "68.6", "65"},
	} {
		m, ok := ModelByName(test.name)
		if !ok {
			t.Errorf("%s is not built in", test.name)
			continue
		}
		per := m.BytesPerToken(Serving{})
		kib := strings.TrimSuffix(fmt.Sprintf("%.1f", float64(per)/1024), ".0")
		million := fmt.Sprintf("%.0f", float64(per)*1e6/GiB)
		if kib != test.kib || million != test.gibMillion {
			t.Errorf("%s: %s KiB a token, %s GiB a million; want %s, %s", test.name, kib, million,
				test.kib, test.gibMillion)
		}
	}
	if _, ok := ModelByName("no-such-model"); ok {
		t.Error("found a model that is not built in")
	}
	seen := map[string]string{}
	for _, b := range builtinModels() {
		m, ok := ModelByName(b.Names[0])
		if !ok || m.Name != b.Names[0] || m.BytesPerToken(Serving{}) < 1024 || len(m.Notes) > 0 {
			t.Errorf("%s: %+v", b.Names[0], m)
		}
		for _, name := range b.Names {
			if other, twice := seen[plainName(name)]; twice && other != b.Names[0] {
				t.Errorf("%s is %s and %s", name, other, b.Names[0])
			}
			seen[plainName(name)] = b.Names[0]
		}
	}
	if len(ModelNames()) != len(builtinModels()) {
		t.Error("names are missing")
	}
}

func TestParseModel(t *testing.T) {
	t.Parallel()
	const gqa = `"num_hidden_layers": 4, "num_attention_heads": 8, "num_key_value_heads": 2, "hidden_size": 512`
	for name, test := range map[string]struct {
		config      string
		serving     Serving
		perToken    int64
		tokens      int
		forSequence int64
	}{
		"grouped query": {`{` + gqa + `}`, Serving{}, 4 * 2 * 2 * 64 * 2, 10, 10 * 2048},
		"multi head": {`{"num_hidden_layers": 4, "num_attention_heads": 8, ` +
			`"hidden_size": 512}`, Serving{}, 4 * 2 * 8 * 64 * 2, 1, 8192},
		"kv heads null": {`{"num_hidden_layers": 4, "num_attention_heads": 8, ` +
			`"num_key_value_heads": null, "hidden_size": 512}`, Serving{}, 8192, 1, 8192},
		"multi query": {`{"n_layer": 4, "n_head": 8, "n_embd": 512, "multi_query": true}`,
			Serving{}, 4 * 2 * 64 * 2, 1, 1024},
		"head_dim given": {`{` + gqa + `, "head_dim": 128}`, Serving{}, 4096, 1, 4096},
		"value size given": {`{` + gqa + `, "head_dim": 192, "v_head_dim": 128}`, Serving{},
			4 * 2 * 320 * 2, 1, 5120},
		"nested": {`{"model_type": "x_vl", "hidden_size": 99, "text_config": {` +
			gqa + `}, "vision_config": {"num_hidden_layers": 99}}`, Serving{}, 2048, 1, 2048},
		"nested, type outside": {`{"torch_dtype": "float32", "text_config": {` + gqa + `}}`,
			Serving{}, 4096, 1, 4096},
		"new dtype key": {`{"dtype": "float32", ` + gqa + `}`, Serving{}, 4096, 1, 4096},
		"float16": {`{"torch_dtype": "float16", ` + gqa + `}`, Serving{},
			2048, 1, 2048},
		"fp8 asked for": {`{` + gqa + `}`, Serving{KVBits: 8}, 1024, 1, 1024},
		"fp8 by checkpoint": {`{"quantization_config": {"kv_cache_scheme": {"num_bits": 8, ` +
			`"type": "float"}}, ` + gqa + `}`, Serving{}, 1024, 1, 1024},
		"weights fp8, not kv": {`{"quantization_config": {"quant_method": "fp8"}, ` + gqa + `}`,
			Serving{}, 2048, 1, 2048},
		"two ranks":          {`{` + gqa + `}`, Serving{TP: 2}, 1024, 1, 1024},
		"more ranks than kv": {`{` + gqa + `}`, Serving{TP: 8}, 1024, 1, 1024},
		"heads not divisible": {`{"num_hidden_layers": 1, "num_attention_heads": 40, ` +
			`"num_key_value_heads": 10, "hidden_size": 2560}`, Serving{TP: 4},
			3 * 2 * 64 * 2, 1, 768},
		"latent": {`{"num_hidden_layers": 10, "num_attention_heads": 128, ` +
			`"kv_lora_rank": 512, "qk_rope_head_dim": 64, "v_head_dim": 128}`, Serving{},
			11520, 1, 11520},
		"latent, eight ranks": {`{"num_hidden_layers": 10, "num_attention_heads": 128, ` +
			`"kv_lora_rank": 512, "qk_rope_head_dim": 64}`, Serving{TP: 8}, 11520, 1, 11520},
		"latent with indexer": {`{"num_hidden_layers": 10, "kv_lora_rank": 512, ` +
			`"qk_rope_head_dim": 64, "index_head_dim": 128}`, Serving{}, 11520 + 1320, 1, 12840},
		"window": {`{"sliding_window": 100, ` + gqa + `}`, Serving{}, 0,
			1000, 100 * 2048},
		"window switched off": {`{"sliding_window": 100, "use_sliding_window": false, ` + gqa +
			`}`, Serving{}, 2048, 1000, 1000 * 2048},
		"window in upper half": {`{"sliding_window": 100, "use_sliding_window": true, ` +
			`"max_window_layers": 3, ` + gqa + `}`, Serving{}, 3 * 512, 1000, 1000*1536 + 100*512},
		"window null": {`{"sliding_window": null, ` + gqa + `}`, Serving{}, 2048, 1, 2048},
		"layer types": {`{"sliding_window": 100, "layer_types": ["sliding_attention", ` +
			`"full_attention", "sliding_attention", "full_attention"], ` + gqa + `}`, Serving{},
			1024, 150, 150*1024 + 100*1024},
		"pattern by class": {`{"model_type": "gpt_oss", "sliding_window": 100, ` + gqa + `}`,
			Serving{}, 1024, 150, 150*1024 + 100*1024},
		"pattern given": {`{"sliding_window_pattern": 4, "sliding_window": 100, ` + gqa +
			`}`, Serving{}, 512, 50, 50 * 2048},
		"chunks": {`{"model_type": "llama4_text", "attention_chunk_size": 64, ` +
			gqa + `, "head_dim": 64}`, Serving{}, 512, 100, 100*512 + 64*1536},
		"shared layers": {`{"num_kv_shared_layers": 2, ` + gqa + `}`, Serving{},
			1024, 1, 1024},
		"wider full attention": {`{"global_head_dim": 128, "num_global_key_value_heads": 1, ` +
			`"sliding_window": 10, "layer_types": ["sliding_attention", "full_attention", ` +
			`"full_attention", "full_attention"], ` + gqa + `}`, Serving{}, 3 * 2 * 128 * 2, 10,
			10*1536 + 10*512},
		"defaults of gemma3": {`{"model_type": "gemma3", "text_config": {"model_type": ` +
			`"gemma3_text", "num_hidden_layers": 6, "hidden_size": 2560, "sliding_window": 1024}}`,
			Serving{}, 2 * 4 * 256 * 2, 1, 6 * 4096},
		"delta rule": {`{"full_attention_interval": 2, "linear_num_key_heads": 2, ` +
			`"linear_num_value_heads": 4, "linear_key_head_dim": 8, "linear_value_head_dim": ` +
			`16, "linear_conv_kernel_dim": 4, ` + gqa + `}`,
			Serving{}, 1024, 10, 10*1024 + 2*2*(4*8*16+(2*2*8+4*16)*3)},
		"delta rule, 32-bit state, two ranks": {`{"mamba_ssm_dtype": "float32", ` +
			`"full_attention_interval": 2, "linear_num_key_heads": 2, "linear_num_value_heads": ` +
			`4, "linear_key_head_dim": 8, "linear_value_head_dim": 16, "linear_conv_kernel_dim": 4, ` + gqa + `}`,
			Serving{TP: 2}, 512, 10, 10*512 + 2*(4*4*8*16+2*(2*2*8+4*16)*3)/2},
		"mamba": {`{"num_hidden_layers": 5, "num_attention_heads": 8, "num_key_value_heads": 2, ` +
			`"head_dim": 64, "hybrid_override_pattern": "M-M*-", "mamba_num_heads": 4, ` +
			`"mamba_head_dim": 8, "ssm_state_size": 16, "n_groups": 1, "conv_kernel": 4}`,
			Serving{}, 512, 10, 10*512 + 2*2*(4*8*16+(32+32)*3)},
		"mamba by period": {`{"attn_layer_period": 4, "attn_layer_offset": 2, "mamba_n_heads": ` +
			`4, "mamba_d_head": 8, "mamba_d_state": 16, "mamba_n_groups": 1, "mamba_d_conv": 4, ` +
			gqa + `}`,
			Serving{}, 512, 10, 10*512 + 3*2*(4*8*16+(32+32)*3)},
		// Jamba-v0.1's config: 28 layers with the state of Mamba-1.
		"mamba-1": {`{"model_type": "jamba", "hidden_size": 4096, "num_hidden_layers": 32, ` +
			`"num_attention_heads": 32, "num_key_value_heads": 8, "attn_layer_offset": 4, ` +
			`"attn_layer_period": 8, "mamba_d_conv": 4, "mamba_d_state": 16, "mamba_expand": 2}`,
			Serving{}, 4 * 2 * 8 * 128 * 2, 1, 16384 + 28*2*8192*(16+3)},
		"attention beside a state": {`{"model_type": "falcon_h1", "mamba_n_heads": 4, ` +
			`"mamba_d_head": 8, "mamba_d_state": 16, "mamba_n_groups": 1, "mamba_d_conv": 4, ` +
			gqa + `}`, Serving{}, 2048, 10, 10*2048 + 4*2*(4*8*16+(32+32)*3)},
		"attention at indices": {`{"attn_layer_indices": [0, 3], "mamba_n_heads": 4, ` +
			`"mamba_d_head": 8, "mamba_d_state": 16, "mamba_n_groups": 1, "mamba_d_conv": 4, ` +
			gqa + `}`, Serving{}, 1024, 10, 10*1024 + 2*2*(4*8*16+(32+32)*3)},
		"short convolutions": {`{"conv_L_cache": 3, "layer_types": ["conv", "conv", ` +
			`"full_attention", "conv"], ` + gqa + `}`, Serving{}, 512, 10, 5120 + 3*2*512*2},
	} {
		m, err := ParseModel([]byte(test.config))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got := m.BytesPerToken(test.serving); got != test.perToken {
			t.Errorf("%s: %d bytes a token, want %d", name, got, test.perToken)
		}
		if got := m.SequenceBytes(test.tokens, test.serving); got != test.forSequence {
			t.Errorf("%s: %d bytes for %d tokens, want %d", name, got, test.tokens,
				test.forSequence)
		}
	}
	for name, test := range map[string]struct{ config, want string }{
		"no json": {`{`, "not a JSON object"},
		"a list":  {`[]`, "not a JSON object"},
		"empty":   {`{}`, "num_hidden_layers is missing"},
		"no heads": {`{"num_hidden_layers": 2, "hidden_size": 4}`,
			"num_attention_heads is missing"},
		"no size": {`{"num_hidden_layers": 2, "num_attention_heads": 4}`,
			"hidden_size is missing"},
		"text for number": {`{"num_hidden_layers": "2"}`,
			"num_hidden_layers must be a whole number"},
		"half a layer": {`{"num_hidden_layers": 2.5}`,
			"num_hidden_layers must be a whole number"},
		"too many layers": {`{"num_hidden_layers": 200000, "num_attention_heads": 1, ` +
			`"hidden_size": 4}`, "layers are beyond any model"},
		"too wide": {`{"num_hidden_layers": 100, "num_attention_heads": 1000000, ` +
			`"head_dim": 1000000}`, "are beyond any model"},
		"types miscounted": {`{"layer_types": ["full_attention"], ` + gqa + `}`,
			"1 layer types for 4 layers"},
		"unknown type": {`{"layer_types": ["new", "new", "new", "new"], ` + gqa + `}`,
			`unknown layer type "new"`},
	} {
		if _, err := ParseModel([]byte(test.config)); err == nil ||
			!strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error %v, want %q", name, err, test.want)
		}
	}
	m, err := ParseModel([]byte(`{"layer_types": ["linear_attention", "linear_attention", ` +
		`"full_attention", "full_attention"], ` + gqa + `}`))
	if err != nil || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "2 layers") {
		t.Errorf("unknown state: %+v, %v", m, err)
	}
}

// The layers of models that do not keep every token in all of them, with the
// sizes that follow from their config.json.
func TestLayers(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		layers []Layers
		hybrid string
	}{
		"Llama-3.1-8B": {[]Layers{{FullAttention, 32, 131072, 0, 0}}, ""},
		"gpt-oss-20b": {[]Layers{{SlidingWindow, 12, 24576, 128, 128 * 24576},
			{FullAttention, 12, 24576, 0, 0}}, "12 have a sliding window of 128 tokens"},
		"gemma-3-27b": {[]Layers{{SlidingWindow, 52, 52 * 8192, 1024, 52 * 8192 * 1024},
			{FullAttention, 10, 81920, 0, 0}}, "52 have a sliding window of 1024 tokens"},
		"Qwen3-Next-80B-A3B": {[]Layers{{State, 36, 0, 0, 36 * 2 * (32*128*128 + 8192*3)},
			{FullAttention, 12, 24576, 0, 0}}, "36 have a state of constant size"},
		"Llama-4-Scout": {[]Layers{{Chunks, 36, 36 * 4096, 8192, 36 * 4096 * 8192},
			{FullAttention, 12, 12 * 4096, 0, 0}}, "36 have chunks of 8192 tokens"},
		"Jamba-v0.1": {[]Layers{{State, 28, 0, 0, 28 * 2 * 8192 * 19},
			{FullAttention, 4, 16384, 0, 0}}, "28 have a state of constant size"},
	} {
		m, ok := ModelByName(name)
		if !ok {
			t.Errorf("%s is not built in", name)
			continue
		}
		if got := m.Layers(Serving{}); !slices.Equal(got, want.layers) {
			t.Errorf("%s: %+v\nwant %+v", name, got, want.layers)
		}
		if got := m.Hybrid(); !strings.HasSuffix(got, want.hybrid) || (got == "") != (want.hybrid == "") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestBlocks(t *testing.T) {
	t.Parallel()
	m, _ := ModelByName("Llama-3.1-8B")
	if n := m.Blocks(10*GiB, 16, Serving{}); n != 10*GiB/(16*128*1024) {
		t.Errorf("%d blocks in 10 GiB", n)
	}
	if n := m.Blocks(10*GiB, 16, Serving{TP: 4, KVBits: 8}); n != 8*10*GiB/(16*128*1024) {
		t.Errorf("%d blocks in 10 GiB on each of 4 ranks in fp8", n)
	}
	for bytes, want := range map[float64]int{0: 0, -5: 0, 1e300: maxBlocks} {
		if n := m.Blocks(bytes, 16, Serving{}); n != want {
			t.Errorf("%g bytes hold %d blocks, want %d", bytes, n, want)
		}
	}
	for name, want := range map[string]int{"auto": 0, "fp8_e4m3": 8, "BF16": 16, "float32": 32} {
		if bits, err := ParseKVBits(name); bits != want || err != nil {
			t.Errorf("%s: %d bits, %v", name, bits, err)
		}
	}
	if _, err := ParseKVBits("int3"); err == nil {
		t.Error("accepted the cache type int3")
	}
}

func FuzzParseModel(f *testing.F) {
	for _, b := range builtinModels() {
		f.Add([]byte(b.Config))
	}
	f.Add([]byte(`{"text_config": {"num_hidden_layers": 3, "layers_block_type": ["mlp", "moe", ` +
		`"mamba"], "num_attention_heads": 1, "head_dim": 1}}`))
	f.Add([]byte(`{"num_hidden_layers": 3, "attn_type_list": [0, 1, 1], "num_attention_heads": 1, "head_dim": 1}`))
	f.Add([]byte(`{"num_hidden_layers": 3, "linear_attn_config": {"full_attn_layers": [3]}, ` +
		`"num_attention_heads": 1, "head_dim": 1}`))
	f.Fuzz(func(t *testing.T, config []byte) {
		m, err := ParseModel(config)
		if err != nil {
			return
		}
		for _, s := range []Serving{{}, {KVBits: 8, TP: 8}, {KVBits: 32}} {
			one, many := m.SequenceBytes(1, s), m.SequenceBytes(1<<30, s)
			if one < 0 || many < one || m.BytesPerToken(s) < 0 || m.Blocks(GiB, 16, s) < Unlimited {
				t.Fatalf("%s: %d bytes for a token, %d for a sequence, %d for 2^30", config,
					m.BytesPerToken(s), one, many)
			}
		}
		if !json.Valid(config) {
			t.Error("accepted a config that is not JSON")
		}
	})
}
