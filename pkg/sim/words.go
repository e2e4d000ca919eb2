package sim

import (
	"encoding/json"
	"errors"
	"strings"
)

// An answer is a sequence of words with a leading space. Each is one token,
// alone and in any sequence, so the text that a client sends back as history
// has the tokens that were generated, and hits their blocks.

// common are the candidates. Those that are one token of the tokenizer are
// used.
const common = `
the and you that was for are with his they one have this from had hot but some what there we can
out other were all your when use word how said each she which their time will way about many
then them would write like these her long make thing see him two has look more day could come
did sound most number who over know water than call first people may down side been now find any
new work part take get place made live where after back little only round man year came show
every good me give our under name very through just form much great think say help low line
before turn cause same mean move right boy old too does tell set three want air well also play
small end put home read hand large add even land here must big high such follow act why ask men
change went light kind off need house picture try us again animal point mother world near build
self earth father head stand own page should found country answer school grow study still learn
plant cover food sun four thought let keep eye never last door between city tree cross since
hard start might story saw far sea draw left late run while press close night real life few stop
open seem together next white children begin got walk example ease paper often always music
those both mark book letter until mile river car feet care second group carry took rain eat room
friend began idea fish mountain north once base hear horse cut sure watch color face wood main
enough plain girl usual young ready above ever red list though feel talk bird soon body dog
family direct pose leave song measure state product black short numeral class wind question
happen complete ship area half rock order fire south problem piece told knew pass farm top whole
king size heard best hour better true during hundred am remember step early hold west ground
interest reach fast five sing listen six table travel less morning ten simple several toward war
lay against pattern slow center love person money serve appear road map science rule govern pull
cold notice voice fall power town fine certain fly unit lead cry dark machine note wait plan
figure star box noun field rest correct able pound done beauty drive stood contain front teach
week final gave green oh quick develop sleep warm free minute strong special mind behind clear
tail produce fact street inch lot nothing course stay wheel full force blue object decide
surface deep moon island foot yet busy test record boat common gold possible plane age dry
wonder laugh thousand ago ran check game shape yes cool miss brought heat snow bed bring sit
perhaps fill east weight language among
`

// words are the tokens of answers.
type words struct {
	text   []string // " word"
	quoted [][]byte // the same inside a JSON string
	ids    []int32
}

// minWords is how many different tokens answers need, so that different prompts
// get different answers.
const minWords = 32

func newWords(t Tokenizer) (*words, error) {
	w := &words{}
	var ids []int32
	for _, word := range strings.Fields(common) {
		text := " " + word
		ids = t.Append(ids[:0], text+text+text)
		if len(ids) != 3 || ids[0] != ids[1] || ids[1] != ids[2] {
			continue
		}
		quoted, err := json.Marshal(text)
		if err != nil {
			return nil, err
		}
		w.text = append(w.text, text)
		w.quoted = append(w.quoted, quoted[1:len(quoted)-1])
		w.ids = append(w.ids, ids[0])
	}
	if len(w.ids) < minWords {
		return nil, errors.New("sim: the tokenizer has too few common English words that are " +
			"single tokens to write answers")
	}
	return w, nil
}
