package kvcache

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// modelsJSON has the keys of each public model's config.json that decide the
// size of its KV cache. The Hugging Face hub has the complete files under the
// names given.
//
//go:embed models.json
var modelsJSON []byte

type builtinModel struct {
	Names  []string        `json:"names"`  // the model's own name first
	Config json.RawMessage `json:"config"` // for ParseModel
}

var builtinModels = sync.OnceValue(func() []builtinModel {
	var models []builtinModel
	if err := json.Unmarshal(modelsJSON, &models); err != nil {
		panic("kvcache: models.json: " + err.Error())
	}
	return models
})

// ModelNames returns the names of the built-in models.
func ModelNames() []string {
	var names []string
	for _, m := range builtinModels() {
		names = append(names, m.Names[0])
	}
	return names
}

// ModelByName returns a built-in model. The name may lack the organisation, may
// be in any case, and may have endings that do not change the cache, such as
// -Instruct. ModelNames lists the models.
func ModelByName(name string) (m *Model, ok bool) {
	want := plainName(name)
	for _, b := range builtinModels() {
		if slices.ContainsFunc(b.Names, func(n string) bool { return plainName(n) == want }) {
			m, err := ParseModel(b.Config)
			if err != nil {
				panic("kvcache: models.json: " + b.Names[0] + ": " + err.Error())
			}
			m.Name = b.Names[0]
			return m, true
		}
	}
	return nil, false
}

// variants are endings of model names that do not change the shape of the
// cache.
var variants = []string{
	"-instruct", "-chat", "-it", "-base", "-hf", "-pt", "-thinking",
	"-fp8", "-awq", "-gptq", "-bf16",
	"-0324", "-0528", "-2501", "-2503", "-2506", "-2507", "-0905", // releases
}

// plainName returns the part of a model's name that decides its cache.
func plainName(name string) string {
	name = strings.ToLower(name[strings.LastIndexByte(name, '/')+1:])
again:
	for _, v := range variants {
		if short, ok := strings.CutSuffix(name, v); ok {
			name = short
			goto again
		}
	}
	return name
}
