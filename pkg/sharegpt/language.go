package sharegpt

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// languages has the codes of ISO 639 by the names and the other codes that
// datasets use.
var languages = func() map[string]string {
	all := map[string]string{}
	for code, names := range map[string]string{
		"af": "afrikaans afr", "ar": "arabic ara", "az": "azerbaijani aze", "be": "belarusian bel",
		"bg": "bulgarian bul", "bn": "bengali bangla ben", "bs": "bosnian bos", "ca": "catalan cat",
		"cs": "czech ces cze", "cy": "welsh cym", "da": "danish dan", "de": "german deu ger",
		"el": "greek ell gre", "en": "english eng", "eo": "esperanto epo", "es": "spanish castilian spa",
		"et": "estonian est", "eu": "basque eus", "fa": "persian farsi fas per", "fi": "finnish fin",
		"fr": "french fra fre", "ga": "irish gle", "gl": "galician glg", "gu": "gujarati guj",
		"he": "hebrew heb iw", "hi": "hindi hin", "hr": "croatian hrv", "hu": "hungarian hun",
		"hy": "armenian hye", "id": "indonesian ind", "is": "icelandic isl", "it": "italian ita",
		"ja": "japanese jpn", "ka": "georgian kat", "kk": "kazakh kaz", "km": "khmer khm",
		"kn": "kannada kan", "ko": "korean kor", "la": "latin lat", "lt": "lithuanian lit",
		"lv": "latvian lav", "mk": "macedonian mkd", "ml": "malayalam mal", "mn": "mongolian mon",
		"mr": "marathi mar", "ms": "malay msa may", "my": "burmese mya", "nb": "bokmål nob",
		"ne": "nepali nep", "nl": "dutch flemish nld dut", "nn": "nynorsk nno", "no": "norwegian nor",
		"pa": "punjabi pan", "pl": "polish pol", "ps": "pashto pus", "pt": "portuguese por",
		"ro": "romanian moldovan ron rum", "ru": "russian rus", "si": "sinhala sin",
		"sk": "slovak slk", "sl": "slovenian slovene slv", "so": "somali som", "sq": "albanian sqi",
		"sr": "serbian srp", "sv": "swedish swe", "sw": "swahili swa", "ta": "tamil tam",
		"te": "telugu tel", "th": "thai tha", "tl": "tagalog filipino tgl fil", "tr": "turkish tur",
		"uk": "ukrainian ukr", "ur": "urdu urd", "uz": "uzbek uzb", "vi": "vietnamese vie",
		"xh": "xhosa xho", "yo": "yoruba yor", "zh": "chinese mandarin cantonese zho chi cmn yue",
		"zu": "zulu zul",
	} {
		all[code] = code
		for name := range strings.FieldsSeq(names) {
			all[name] = code
		}
	}
	return all
}()

// languageCode returns the code of a language field: English, en, en-US and eng
// are all en. A language that is not known stands for itself.
func languageCode(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	if code, ok := languages[name]; ok {
		return code
	}
	if i := strings.IndexAny(name, "-_ ("); i > 0 {
		if code, ok := languages[name[:i]]; ok {
			return code
		}
	}
	return name
}

// ParseLanguage reads a filter of languages: any, ascii or non-ascii, or codes
// such as zh,en.
func ParseLanguage(text string) (Language, error) {
	if slices.Contains(Languages, Language(text)) {
		return Language(text), nil
	}
	var codes []string
	for code := range strings.SplitSeq(text, ",") {
		code = strings.ToLower(strings.TrimSpace(code))
		switch known := languages[code]; {
		case known != "" && len(code) > 3:
			return "", fmt.Errorf("is no code: that of %s is %s", code, known)
		case known != "":
			code = known
		case len(code) < 2 || len(code) > 3 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz") != "":
			return "", errors.New("is not any, ascii, non-ascii, or codes such as zh,en")
		}
		codes = append(codes, code)
	}
	return Language(strings.Join(codes, ",")), nil
}

// LanguageNames returns all filters and codes that are known.
func LanguageNames() []string {
	var names []string
	for _, l := range Languages {
		names = append(names, string(l))
	}
	codes := slices.Sorted(maps.Values(languages))
	return append(names, slices.Compact(codes)...)
}

// codes returns the codes of a filter, nil for any, ascii and non-ascii.
func (l Language) codes() []string {
	if l == "" || slices.Contains(Languages, l) {
		return nil
	}
	return strings.Split(string(l), ",")
}

// foreign returns why an item is not in one of the languages.
func (o *Options) foreign(b *beside) (Reason, string) {
	switch {
	case o.codes == nil:
		return "", ""
	case b.language == "":
		return Foreign, "it has no language field"
	case !slices.Contains(o.codes, languageCode(b.language)):
		return Foreign, "it is in " + clip(b.language)
	}
	return "", ""
}
