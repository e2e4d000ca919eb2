package main

import (
	"encoding/json"
	"testing"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
)

// The header of a run gives back the flags that it was started with.
func TestStatedCache(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(f *cacheFlags){
		"defaults": func(*cacheFlags) {},
		"sizes": func(f *cacheFlags) {
			f.blockSize, f.exclusive, f.kvDtype, f.tp = 64, true, "fp8", 2
			f.tiers[kvcache.GPU].blocks, f.tiers[kvcache.CPU].gib = 1000, 40.5
			f.store[kvcache.GPU] = kvcache.PromptOnly
		},
		"built-in model": func(f *cacheFlags) { f.kvModel = "Llama-3.1-8B" },
		"model config": func(f *cacheFlags) {
			f.modelConfig, f.config = "config.json", `{"num_hidden_layers":2}`
		},
	} {
		want := newCacheFlags()
		change(&want)
		line, err := json.Marshal(record.Run{Cache: want.stated()})
		if err != nil {
			t.Fatal(err)
		}
		var header record.Run
		if err := json.Unmarshal(line, &header); err != nil {
			t.Fatal(err)
		}
		if got := statedFlags(header.Cache); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	if statedFlags(nil) != newCacheFlags() {
		t.Error("an unknown cache is not the default")
	}
}
