package server

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"multiturn/internal/limits"
)

// Identity is what a server says of itself.
type Identity struct {
	// Name is that of an entry, or the server's own word for itself (owned_by);
	// "" if it has none.
	Name string
	// Version is "" if the server does not report it.
	Version string
	// Models are the ids of its models, in its order.
	Models []string
	// MaxModelLen is the most tokens of a prompt and its answer, of the model
	// that is asked for or else of the first; 0 if that is not known.
	MaxModelLen int
}

// Page is an answer of a server. Its JSON is empty if the page is not there or
// is not JSON.
type Page struct {
	Header http.Header
	JSON   gjson.Result
}

// Identify finds out what a server is. host is its name, without a port. get
// returns the page at a path; it returns an empty Page for one that the server
// does not have. model is the model that is asked for.
func Identify(host string, get func(path string) Page, model string) Identity {
	pages := map[string]Page{}
	a := asked{get: func(path string) Page {
		if _, ok := pages[path]; !ok {
			pages[path] = get(path)
		}
		return pages[path]
	}}
	models := a.get("/v1/models")
	id := readModels(models.JSON, model)
	s := a.find(host, models.Header, id.Name)
	if s == nil {
		id.Version = a.text(Field{"/version", "version"})
		return id
	}
	id.Name = s.Name
	for _, f := range append(slices.Clone(s.Version), Field{"/version", "version"}) {
		if id.Version = a.text(f); id.Version != "" {
			break
		}
	}
	if f := s.MaxModelLen; f.Path != "" {
		if n := a.get(f.Path).JSON.Get(f.Name).Int(); n > 0 && n <= limits.Tokens {
			id.MaxModelLen = int(n)
		}
	}
	return id
}

// asked is a server whose pages are kept.
type asked struct {
	get func(path string) Page
}

func (a asked) text(f Field) string { return a.get(f.Path).JSON.Get(f.Name).String() }

// find returns the entry of a server, nil if it has none. The package comment has
// the order.
func (a asked) find(host string, header http.Header, owner string) *Server {
	for _, is := range []func(*Server) bool{
		func(s *Server) bool { return s.isHost(host) },
		func(s *Server) bool { return s.Shares != nil && s.hasHeader(header) },
		func(s *Server) bool { return slices.Contains(s.Shares, owner) && a.signed(s, false) },
		func(s *Server) bool { return slices.Contains(s.Owners, owner) },
		func(s *Server) bool { return s.hasHeader(header) },
		func(s *Server) bool { return a.signed(s, false) },
		// Signs of unowned servers are the weakest.
		func(s *Server) bool { return owner == "" && a.signed(s, true) },
	} {
		for i := range servers {
			if is(&servers[i]) {
				return &servers[i]
			}
		}
	}
	return nil
}

func (s *Server) isHost(host string) bool {
	return slices.ContainsFunc(s.Hosts, func(h string) bool {
		return host == h || strings.HasPrefix(h, ".") && strings.HasSuffix(host, h)
	})
}

// hasHeader reports whether one of the server's headers is in an answer.
func (s *Server) hasHeader(header http.Header) bool {
	for _, h := range s.Headers {
		prefix, star := strings.CutSuffix(http.CanonicalHeaderKey(h.Name), "*")
		for name, values := range header {
			if (name == prefix || star && strings.HasPrefix(name, prefix)) && len(values) > 0 &&
				strings.HasPrefix(values[0], h.Prefix) {
				return true
			}
		}
	}
	return false
}

// signed reports whether the server has one of an entry's pages.
func (a asked) signed(s *Server, unowned bool) bool {
	return slices.ContainsFunc(s.Signs, func(sign Sign) bool {
		return sign.Unowned == unowned && a.has(sign)
	})
}

func (a asked) has(s Sign) bool {
	exists := func(name string) bool { return a.get(s.Path).JSON.Get(name).Exists() }
	missing := func(name string) bool { return !exists(name) }
	return !slices.ContainsFunc(s.All, missing) &&
		(len(s.Any) == 0 || slices.ContainsFunc(s.Any, exists))
}

// lengths are the fields of a model in /v1/models that hold its longest prompt
// and answer: vLLM's and SGLang's, llama.cpp's, and those of routers.
var lengths = []string{
	"max_model_len", "meta.n_ctx", "context_length", "max_context_length", "context_window",
}

// readModels reads the answer of /v1/models.
func readModels(v gjson.Result, model string) (id Identity) {
	models, first := v.Get("data"), true
	if !models.IsArray() {
		return id
	}
	models.ForEach(func(_, m gjson.Result) bool {
		name, mine := m.Get("id").String(), first
		if first = false; name == "" {
			return true
		}
		id.Models = append(id.Models, name)
		if !mine && name != model {
			return true
		}
		id.Name, id.MaxModelLen = m.Get("owned_by").String(), 0
		for _, path := range lengths {
			if n := m.Get(path).Int(); n > 0 && n <= limits.Tokens {
				id.MaxModelLen = int(n)
				break
			}
		}
		return true
	})
	return id
}
