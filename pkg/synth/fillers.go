package synth

import (
	"strconv"
	"strings"

	"multiturn/internal/field"
)

// Fillers are the texts of a user message that come neither from the text files
// nor from a distribution. In Salt and Prefix, Number stands for the number of
// the conversation.
type Fillers struct {
	// Salt begins every user message (behind the common text in the first one),
	// so that no two conversations share more than the common text.
	Salt string `json:"salt"`
	// Prefix stands before the conversation's own prefix, if it has one.
	Prefix string `json:"prefix"`
	// Instruction stands before the text that is cut for the message.
	Instruction string `json:"instruction"`
}

// Number stands for the number of the conversation in fillers.
const Number = "{number}"

// ReferenceFillers are the reference's, and those of a config that has none.
var ReferenceFillers = Fillers{
	Salt:        Number + " is a nice number... ",
	Prefix:      Number + ", ",
	Instruction: "Please rewrite the following text and add more content: ",
}

// parse reads the fillers of a config. Those that it does not have stay.
func (f *Fillers) parse(config *field.Object) {
	o := config.Object("fillers", "an object with salt, prefix and instruction, all optional")
	if o == nil {
		return
	}
	o.Only("salt", "prefix", "instruction")
	for _, filler := range []struct {
		key string
		to  *string
	}{{"salt", &f.Salt}, {"prefix", &f.Prefix}, {"instruction", &f.Instruction}} {
		if text, ok := o.Text(filler.key); ok {
			*filler.to = text
		} else if o.Has(filler.key) {
			o.Refuse(filler.key, "a text")
		}
	}
}

// fill puts the number of a conversation into a filler.
func fill(filler string, number int) string {
	return strings.ReplaceAll(filler, Number, strconv.Itoa(number))
}
