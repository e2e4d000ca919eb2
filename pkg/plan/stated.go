package plan

import (
	"cmp"
	"fmt"

	"multiturn/pkg/kvcache"
	"multiturn/pkg/record"
)

// Sizes turns blocks into bytes. The zero value knows none.
type Sizes struct {
	Model   *kvcache.Model
	Serving kvcache.Serving
}

// block returns the bytes of a block on one GPU; 0 = not known.
func (s Sizes) block(size int) int64 {
	if s.Model == nil {
		return 0
	}
	return s.Model.BlockBytes(size, s.Serving)
}

// sizes returns the sizes of the stated model, else of the model of that name if
// it is built in.
func sizes(stated *record.StatedCache, model string) (s Sizes, err error) {
	bits, err := kvcache.ParseKVBits(cmp.Or(stated.KVDtype, "auto"))
	if err != nil {
		return s, err
	}
	s.Serving = kvcache.Serving{KVBits: bits, TP: max(1, stated.TP)}
	switch {
	case stated.ModelConfig != nil:
		if s.Model, err = kvcache.ParseModel(stated.ModelConfig); err != nil {
			return s, fmt.Errorf("%s: %w", stated.Model, err)
		}
		s.Model.Name = cmp.Or(s.Model.Name, stated.Model)
	case stated.Model != "":
		found := false
		if s.Model, found = kvcache.ModelByName(stated.Model); !found {
			return s, fmt.Errorf("the model %q is not built in", stated.Model)
		}
	default:
		s.Model, _ = kvcache.ModelByName(model)
	}
	return s, nil
}

// DefaultStores are what the tiers of vLLM keep: offloading keeps prompts only.
var DefaultStores = [kvcache.NumTiers]kvcache.Store{
	kvcache.GPU: kvcache.PromptAndOutput, kvcache.CPU: kvcache.PromptOnly,
	kvcache.Disk: kvcache.PromptOnly,
}

// Stores returns what each tier keeps: as stated, else as in DefaultStores.
func Stores(stated *record.StatedCache) ([kvcache.NumTiers]kvcache.Store, error) {
	stores := DefaultStores
	for t := range stores {
		policy := statedTier(stated, kvcache.Tier(t)).Store
		if policy == "" {
			continue
		}
		store, err := kvcache.ParseStore(policy)
		if err != nil {
			return stores, fmt.Errorf("the %v tier: %w", kvcache.Tier(t), err)
		}
		stores[t] = store
	}
	return stores, nil
}

// statedTier returns what is stated of a tier.
func statedTier(stated *record.StatedCache, tier kvcache.Tier) record.StatedTier {
	for _, t := range stated.Tiers {
		if t.Tier == tier.String() {
			return t
		}
	}
	return record.StatedTier{}
}
